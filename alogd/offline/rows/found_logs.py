"""The logs in a directory tree, as commands take them that are given a directory: text only, oldest first, bounded."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator
from pathlib import Path

from alogd.cli.failures import BadData, Failed, Usage
from alogd.cli.output import count, safe

LEFT_OUT = 5  # files left out that are named


def add_walk(parser: argparse.ArgumentParser) -> None:
    """`--max-depth`, `--max-files`."""
    parser.add_argument("--max-depth", metavar="N", type=int, default=3, help="directories deep, LOGDIR being 1 (3)")
    parser.add_argument("--max-files", metavar="N", type=int, default=50, help="at most so many, the newest (50)")


def find(place: Path, max_depth: int, max_files: int) -> list[str]:
    """A log itself, or those in a directory, oldest first; what is left out is said on standard error.

    Raises BadData when there is none, Usage for bounds that allow none.
    """
    if max_depth < 1 or max_files < 1:
        raise Usage("--max-depth and --max-files: 1 or more")
    if not place.exists():
        raise BadData(f"{place}: no such file or directory")
    if not place.is_dir():
        return [str(place)]
    kept, odd = [], []
    for path in _files(place, max_depth):
        why = _unusable(path)
        if why:
            odd.append(f"{path} {why}")
        else:
            kept.append(path)
    kept.sort(key=lambda path: (os.stat(path).st_mtime_ns, path))
    odd += [f"{path}: older, and {max_files} are taken (--max-files)" for path in kept[:-max_files]]
    for line in odd[:LEFT_OUT]:
        print(f"left out: {safe(line)}", file=sys.stderr)
    if odd[LEFT_OUT:]:
        print(f"left out: {count(len(odd) - LEFT_OUT, 'more file')}", file=sys.stderr)
    if not kept:
        raise BadData(f"{place}: no log in it within --max-depth {max_depth}")
    return kept[-max_files:]


def _files(place: Path, depth: int) -> Iterator[str]:
    """Names of plain files, links left alone, in order of name."""
    for entry in sorted(os.scandir(place), key=lambda one: one.name):
        if entry.is_dir(follow_symlinks=False) and depth > 1:
            yield from _files(Path(entry.path), depth - 1)
        elif entry.is_file(follow_symlinks=False):
            yield entry.path


def _unusable(path: str) -> str | None:
    from alogd.cli.inputs import Input

    try:
        if not os.path.getsize(path):
            return "is empty"
        Input(path).close()
    except Failed as error:
        return str(error).partition(path)[2].strip() or str(error)
    except OSError as error:
        return f"cannot be read: {(error.strerror or str(error)).lower()}"
    return None
