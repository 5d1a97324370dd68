"""Which paths a file collector looks at: include and exclude patterns, and the walk that applies them.

Invariant: a walk visits a bounded number of entries, never descends through a symbolic link by `**`, and reads no file.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple

MAX_ENTRIES = 500_000  # directory entries looked at in one walk
MAX_DEPTH = 64  # directories below a pattern's root

_WILD = re.compile(r"[*?\[]")
# What logrotate and its kin append: a number, a date, "old", then perhaps a compressor's ending.
_ROTATED = re.compile(
    r"""^(.+?)(?:
        [.-]\d{4}-?\d\d-?\d\d(?:[-_.T]?\d+)*(?:\.(?:gz|bz2|xz|zst|lz4|lzma|Z))?
      | (?:\.\d{1,4}|\.old|~)(?:\.(?:gz|bz2|xz|zst|lz4|lzma|Z))?
      | \.(?:gz|bz2|xz|zst|lz4|lzma|Z)
    )$""",
    re.VERBOSE,
)


_COMPRESSED = (".gz", ".bz2", ".xz", ".zst", ".lz4", ".lzma", ".Z")


def is_compressed(name: str) -> bool:
    """Whether a file name ends as compressors have it."""
    return name.endswith(_COMPRESSED)


def unrotated(name: str) -> str | None:
    """The name a file had before log rotation gave it this one; None when it does not look rotated."""
    match = _ROTATED.match(name)
    return match[1] if match else None


def home_of(path: str) -> str:
    """The name a rotated file had before; its own when it is not rotated."""
    directory, name = os.path.split(path)
    return os.path.join(directory, unrotated(name) or name)


class Found(NamedTuple):
    """One path that matched."""

    path: str
    inode: int  # of the directory entry: the link's own for a symbolic link
    symlink: bool
    explicit: bool  # the pattern names it without wildcards
    rotated: bool  # the name is one that rotation gives: yesterday's file of a name that matched


@dataclass(frozen=True, slots=True)
class Pattern:
    """An include pattern cut at its first wildcard."""

    root: str  # directory; no wildcards
    segments: tuple[str, ...]  # below the root; "**" = any number of directories
    explicit: bool

    @property
    def recursive(self) -> bool:
        return len(self.segments) > 1


def parse(pattern: str) -> Pattern:
    """Cuts an include pattern. A pattern that ends in `**` means every file below."""
    segments = os.path.abspath(pattern).split("/")[1:]
    if segments[-1] == "**":
        segments.append("*")
    wild = next((i for i, segment in enumerate(segments) if _WILD.search(segment)), len(segments))
    cut = min(wild, len(segments) - 1)
    return Pattern("/" + "/".join(segments[:cut]), tuple(segments[cut:]), wild == len(segments))


def _segment(text: str) -> str:
    out, i = [], 0
    while i < len(text):
        char, end = text[i], text.find("]", i + 2)
        i += 1
        if char == "*":
            out.append("[^/]*")
        elif char == "?":
            out.append("[^/]")
        elif char == "[" and end > 0:
            body = "".join(char if char == "-" else re.escape(char) for char in text[i:end].removeprefix("!"))
            out.append(f"[^/{body}]" if text[i] == "!" else f"[{body}]")
            i = end + 1
        else:
            out.append(re.escape(char))
    return "".join(out)


@lru_cache(maxsize=1024)
def _segment_regex(text: str) -> re.Pattern[str]:
    return re.compile(_segment(text) + r"\Z", re.DOTALL)


def _exclude_regex(pattern: str) -> str:
    if "/" not in pattern:  # a bare name is excluded wherever it stands
        return f"(?:.*/)?{_segment(pattern)}(?:/.*)?"
    parts = os.path.abspath(pattern).split("/")[1:]
    tail = ""
    if parts[-1] == "**":  # the directory itself too, so that the walk need not enter it
        parts, tail = parts[:-1], "(?:/.*)?"
    return "".join("(?:/[^/]+)*" if part == "**" else "/" + _segment(part) for part in parts) + tail


class Walk:
    """Include and exclude patterns, applied to the file system as it stands."""

    def __init__(self, include: Sequence[str], exclude: Sequence[str], follow_symlinks: bool) -> None:
        self.patterns = [parse(pattern) for pattern in include]
        joined = "|".join(_exclude_regex(pattern) for pattern in exclude)
        self._excluded = re.compile(f"(?:{joined})\\Z", re.DOTALL) if exclude else None
        self._follow = follow_symlinks
        self._left = MAX_ENTRIES
        self._listings: dict[str, list[os.DirEntry[str]]] = {}
        self.complete = True

    def excluded(self, path: str) -> bool:
        return self._excluded is not None and self._excluded.match(path) is not None

    def run(self) -> dict[str, Found]:
        """All matching paths, in a stable order. `complete` tells afterwards whether the bounds cut it short."""
        self._left, self._listings, self.complete = MAX_ENTRIES, {}, True
        found: dict[str, Found] = {}
        for pattern in self.patterns:
            for entry in self._descend(pattern.root, pattern.segments, 0):
                named = pattern.explicit and entry.name == pattern.segments[-1]
                known = found.get(entry.path)
                if known is None or named:
                    rotated = not named and unrotated(entry.name) is not None
                    found[entry.path] = Found(entry.path, entry.inode(), entry.is_symlink(), named, rotated)
        self._listings = {}
        return found

    def _list(self, directory: str) -> list[os.DirEntry[str]]:
        listing = self._listings.get(directory)
        if listing is None:
            try:
                with os.scandir(directory) as entries:
                    listing = sorted(entries, key=lambda entry: entry.name)
            except OSError:  # gone or forbidden meanwhile: the next walk looks again
                listing = []
            self._left -= len(listing)
            self._listings[directory] = listing
        return listing

    def _descend(self, directory: str, segments: tuple[str, ...], depth: int) -> Iterator[os.DirEntry[str]]:
        if self._left <= 0 or depth > MAX_DEPTH:
            self.complete = False
            return
        head, rest = segments[0], segments[1:]
        if head == "**":
            yield from self._descend(directory, rest, depth)
        for entry in self._list(directory):
            if head == "**":
                if not entry.name.startswith(".") and self._enter(entry, False):
                    yield from self._descend(entry.path, segments, depth + 1)
            elif rest:
                if self._matches(head, entry.name) and self._enter(entry, self._follow):
                    yield from self._descend(entry.path, rest, depth + 1)
            elif self._is_file(head, entry) and not self.excluded(entry.path):
                yield entry

    def _is_file(self, segment: str, entry: os.DirEntry[str]) -> bool:
        """Whether the name matches, or did before rotation. A directory only when it is named without wildcards."""
        if not self._matches(segment, entry.name):
            before = unrotated(entry.name)
            if before is None or not self._matches(segment, before):
                return False
        return not _WILD.search(segment) or not _is_directory(entry, self._follow)

    def _matches(self, segment: str, name: str) -> bool:
        if name.startswith(".") and not segment.startswith("."):  # as in a shell
            return False
        return _segment_regex(segment).match(name) is not None

    def _enter(self, entry: os.DirEntry[str], follow: bool) -> bool:
        return _is_directory(entry, follow) and not self.excluded(entry.path)


def _is_directory(entry: os.DirEntry[str], follow: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow)
    except OSError:
        return False
