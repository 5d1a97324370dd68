"""Which lines without a header go on the record before them: the plain twin of engine_c/record.c."""

import re
from typing import Final

MOST_INDENTED: Final = 500
MOST_JOINED: Final = 65536

_TRACEBACK = re.compile(rb"Traceback \(most recent call last\)")
_CHAIN = re.compile(rb"During handling of the above exception|The above exception was the direct cause")
_EXCEPTION = re.compile(rb"(?P<name>[A-Za-z_.$][A-Za-z0-9_.$]*)(?=:|\Z)")
_GOROUTINE = re.compile(rb"goroutine \d+ \[")
_GO_FRAME = re.compile(rb"(?=.{3})[A-Za-z][^ (]*\(.*\)\Z", re.S)
_GO_OTHER = re.compile(rb"created by |\[signal |exit status ")
_GO_BEGINS = re.compile(rb"panic: |fatal error: ")
_RUST = re.compile(rb"thread '[^']*' panicked at ", re.S)
_RUST_NOTE = re.compile(rb"note: run with |stack backtrace:")
_JAVA = re.compile(rb"Caused by:|Suppressed:|\.\.\. \d|at [^\x00-\x20(]+\(")
_CLOSER = re.compile(rb"[}\])]+[,;]?\Z")


class Body:
    """The block a source is inside, line by line."""

    def __init__(self) -> None:
        self.mode = "plain"
        self.indented = 0
        self.seen_plain = False
        self.joins = False

    def begins(self) -> None:
        """A line with a header begins a record."""
        self.mode, self.indented, self.seen_plain, self.joins = "headed", 0, True, False

    def note(self, line: bytes) -> bool:
        """Whether a line without a header goes on the record before it."""
        line = line.rstrip(b" \t\r")
        if not line:
            self.joins = self._empty()
        elif line[:1] in b" \t":
            self.joins = self._indented()
        else:
            self.joins = self._unindented(line)
        return self.joins

    def _empty(self) -> bool:
        if self.mode == "traceback_end":
            self.mode = "traceback_gap"
        if self.mode in ("traceback_gap", "chain", "go"):
            return True
        self.mode = "plain"
        return False

    def _indented(self) -> bool:
        if not self.seen_plain or self.indented >= MOST_INDENTED:
            return False
        self.indented += 1
        return True

    def _unindented(self, line: bytes) -> bool:
        if self._block_goes_on(line):
            return True
        if self.seen_plain and (_JAVA.match(line) or (self.indented and _CLOSER.match(line))):
            return True
        self.mode, self.indented, self.seen_plain = self._begun_by(line), 0, True
        return False

    def _block_goes_on(self, line: bytes) -> bool:
        exception = _EXCEPTION.match(line)
        named = exception is not None and exception["name"].endswith((b"Exception", b"Error", b"Throwable"))
        traceback, chain = _TRACEBACK.match(line) is not None, _CHAIN.match(line) is not None
        frame = _GOROUTINE.match(line) or _GO_FRAME.match(line) or _GO_OTHER.match(line)
        goes_on, after = {
            "headed": (traceback or named, "traceback" if traceback else "headed"),
            "traceback": (exception is not None, "traceback_end"),
            "traceback_end": (chain, "chain"),
            "traceback_gap": (chain, "chain"),
            "chain": (traceback, "traceback"),
            "go": (frame is not None, "go"),
            "rust": (True, "rust_end"),
            "rust_end": (_RUST_NOTE.match(line) is not None, "rust_end"),
        }.get(self.mode, (False, self.mode))
        if goes_on:
            self.mode = after
        return goes_on

    def _begun_by(self, line: bytes) -> str:
        if _TRACEBACK.match(line):
            return "traceback"
        if _GO_BEGINS.match(line) or _GOROUTINE.match(line):
            return "go"
        if not _RUST.match(line):
            return "plain"
        return "rust" if line.endswith(b":") else "rust_end"
