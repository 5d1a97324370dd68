"""JSON lines and logfmt: the plain twin of engine_c/header_fields.c, header_json.c and header_logfmt.c."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Final

from alogd.reference.header_levels import LETTERS, of_number, of_word
from alogd.reference.header_line import BLANKS, Line, end_of, trimmed
from alogd.reference.header_times import epoch_ns

ROLES: Final = {
    "time": (
        "@timestamp timestamp time ts t t.$date datetime asctime time_iso8601 time_local eventTime"
        " _SOURCE_REALTIME_TIMESTAMP __REALTIME_TIMESTAMP"
    ),
    "level": "level severity lvl log.level levelname loglevel PRIORITY s",
    "host": "host hostname _HOSTNAME host.name host.hostname",
    "program": (
        "SYSLOG_IDENTIFIER logger service service.name app component program logger_name log.logger name target c"
    ),
    "pid": "pid _PID SYSLOG_PID process.pid",
    "message": "message msg MESSAGE @message fields.message short_message log event body",
    "stream": "stream",
}
NAMES: Final = {
    name.encode(): (role, rank) for role, names in ROLES.items() for rank, name in enumerate(names.split(), 1)
}
ESCAPES: Final = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"b": b"\b", b"f": b"\f", b'"': b'"', b"\\": b"\\", b"/": b"/"}
DOTTED_BYTES: Final = 48

_SPACE = re.compile(rb"[ \t\n\r]*")
_STRING = re.compile(rb'"((?:[^"\\]|\\.)*+)"', re.S)
_SCALAR = re.compile(rb"[A-Za-z0-9.+-]+")
_NESTED = re.compile(rb'"(?:[^"\\]|\\.)*+"|[\[{}\]"]', re.S)
_ESCAPE = re.compile(rb"\\(?:u(?P<hex>[0-9A-Fa-f]{4})|(?P<code>.))", re.S)
_KEY = re.compile(rb"([A-Za-z0-9_.@/-]+)=")
_QUOTED = re.compile(rb'"((?:[^"\\]|\\.)*+\\?)"?', re.S)
_BARE = re.compile(rb"[^ \t]*")


@dataclass(frozen=True)
class Pair:
    """A key and its scalar; `at` is where the value stands."""

    parent: bytes
    key: bytes
    value: bytes
    at: int
    is_string: bool


@dataclass
class Pairs:
    """For each role the value of its best-known name."""

    line: Line
    found: dict[str, tuple[int, Pair]] = field(default_factory=dict)
    time_ns: int | None = None
    otel: int = 0
    key: Pair | None = None

    def take(self, pair: Pair) -> None:
        """Look at one pair."""
        name = pair.parent + b"." + pair.key if pair.parent else pair.key
        if pair.parent and len(name) > DOTTED_BYTES:
            return
        if name and name == self.line.source.key_field and self.key is None:
            self.key = pair
        role, rank = NAMES.get(name, ("", 0))
        if role and (role not in self.found or self.found[role][0] > rank) and self._fits(role, pair):
            self.found[role] = (rank, pair)

    def _fits(self, role: str, pair: Pair) -> bool:
        if role == "time":
            ns = self._time(pair)
            self.time_ns = self.time_ns if ns is None else ns
            return ns is not None
        if role == "level":
            otel = level_of(pair)
            self.otel = otel or self.otel
            return otel != 0
        return pair.is_string or (role == "pid" and pair.value[:1] in b"-0123456789")

    def _time(self, pair: Pair) -> int | None:
        ns = epoch_ns(pair.value)
        if ns is not None or not pair.is_string:
            return ns
        stamp = self.line.stamp(pair.at, end=pair.at + len(pair.value))
        if not stamp or stamp.length != len(pair.value):
            return None
        if not self.line.wrapped:
            self.line.source.calendar.keep(stamp)
        return stamp.ns

    def value(self, role: str) -> bytes:
        """The value of a role, escapes kept; empty when it was not found."""
        return self.found[role][1].value if role in self.found else b""

    def taken(self, pair: Pair) -> bool:
        """Whether the pair is header: time, level, host, program or pid."""
        return any(role in self.found and self.found[role][1].at == pair.at for role in list(ROLES)[:5])

    def give(self) -> None:
        """Fill the line's fields, all but the message."""
        out = self.line.out
        out.timestamp_ns, out.otel = self.time_ns, self.otel
        out.host, out.program, out.pid = (self.value(role) for role in ("host", "program", "pid"))
        out.key = self.key.value if self.key else b""

    def give_message(self) -> None:
        """The message, escapes undone."""
        pair = self.found["message"][1]
        quoted = self.line.text[pair.at - 1 : pair.at] == b'"'  # bare values of logfmt have no escapes
        message = unescaped(pair.value) if quoted else pair.value
        if self.line.in_place and self.key and self.key.at == pair.at:
            self.line.out.key = message
        self.line.out.message = trimmed(message)


def level_of(pair: Pair) -> int:
    """Severity number of a level's value: a number, a letter, a word."""
    value = pair.value
    if value[:1].isdigit():
        return of_number(int(value)) if len(value) < 3 and value.isdigit() else 0
    if len(value) == 1 or (len(value) == 2 and value[:1] == b"D" and value[1:].isdigit()):
        return LETTERS.get(value[0], 0)
    return of_word(value) if pair.is_string else 0


def unescaped(text: bytes) -> bytes:
    """JSON escapes undone; lone surrogates become U+FFFD, unknown escapes stay."""
    out, at = [], 0
    while found := _ESCAPE.search(text, at):
        out.append(text[at : found.start()])
        at = found.end()
        if not found["hex"]:
            out.append(ESCAPES.get(found["code"], found.group()))
            if found["code"] not in ESCAPES:
                out[-1], at = b"\\", found.start() + 1
            continue
        point = int(found["hex"], 16)
        low = _ESCAPE.match(text, at)
        if 0xD800 <= point < 0xDC00 and low and low["hex"] and 0xDC00 <= int(low["hex"], 16) <= 0xDFFF:
            point, at = 0x10000 + ((point - 0xD800) << 10) + int(low["hex"], 16) - 0xDC00, low.end()
        out.append(chr(0xFFFD if 0xD800 <= point <= 0xDFFF else point).encode())
    return b"".join(out) + text[at:]


# ---- JSON ------------------------------------------------------------------------------------------------


def nested_end(text: bytes, at: int) -> int:
    """The end of the object or array that opens at `at`; 0 when it is not closed."""
    depth = 0
    for found in _NESTED.finditer(text, at):
        mark = found.group()
        if mark == b'"':
            return 0
        depth += (mark in (b"{", b"[")) - (mark in (b"}", b"]"))
        if depth == 0:
            return found.end()
    return 0


@dataclass(frozen=True)
class Event:
    """What walking an object meets: "pair", "skipped" (value is {} or []), "open", "close", "end"."""

    what: str
    pair: Pair


def walk(text: bytes) -> Iterator[Event]:
    """An object two levels deep; "end" comes only when it was whole, with the end in `at`."""
    at, parent, comma = 1, b"", False
    while True:
        at = end_of(_SPACE, text, at)
        if text[at : at + 1] == b"}" and not comma:
            at += 1
            yield Event("close" if parent else "end", Pair(b"", b"", b"", at, False))
            if not parent:
                return
            parent = b""
        else:
            key = _STRING.match(text, at)
            colon = end_of(_SPACE, text, key.end()) if key else at
            if not key or text[colon : colon + 1] != b":":
                return
            at = end_of(_SPACE, text, colon + 1)
            if text[at : at + 1] == b"{" and not parent and key[1]:
                parent, at, comma = key[1], at + 1, False
                yield Event("open", Pair(b"", parent, b"", at, False))
                continue
            event, at = _value(text, at, parent, key[1])
            if not event:
                return
            yield event
        at = end_of(_SPACE, text, at)
        comma = text[at : at + 1] == b","
        at += comma
        if not comma and text[at : at + 1] != b"}":
            return


def _value(text: bytes, at: int, parent: bytes, key: bytes) -> tuple[Event | None, int]:
    if text[at : at + 1] in (b"{", b"["):
        end = nested_end(text, at)
        both = b"{}" if text[at : at + 1] == b"{" else b"[]"
        return (Event("skipped", Pair(parent, key, both, at, False)) if end else None), end
    if found := _STRING.match(text, at):
        return Event("pair", Pair(parent, key, found[1], found.start(1), True)), found.end()
    if found := _SCALAR.match(text, at):
        return Event("pair", Pair(parent, key, found.group(), at, False)), found.end()
    return None, at


def _render(events: list[Event], pairs: Pairs) -> bytes:
    out = b""
    for event in events:
        if event.what == "close":
            out += b"}"
        elif event.what in ("skipped", "open") or (event.what == "pair" and not pairs.taken(event.pair)):
            gap = b" " if out and not out.endswith(b"{") else b""
            out += gap + event.pair.key + b"=" + (b"{" if event.what == "open" else event.pair.value)
    return out


def read_json(line: Line) -> tuple[str, bytes]:
    """The kind found, and for docker's json-file the text it wrapped."""
    text = line.text
    if len(text) < 7 or text[:1] != b"{":
        return "", b""
    events, pairs = list(walk(text)), Pairs(line)
    for event in events:
        if event.what == "pair":
            pairs.take(event.pair)
    ended = bool(events) and events[-1].what == "end"
    complete = ended and end_of(_SPACE, text, events[-1].pair.at) == len(text)
    any_pair = any(event.what in ("pair", "skipped") for event in events)
    if not any_pair or not (complete or "time" in pairs.found or "message" in pairs.found):
        return "", b""
    pairs.give()
    is_log = "message" in pairs.found and pairs.found["message"][0] == NAMES[b"log"][1]
    if is_log and "stream" in pairs.found and "time" in pairs.found and not line.wrapped:
        return "docker", unescaped(pairs.value("message"))
    if "message" in pairs.found:
        pairs.give_message()
    elif complete and not line.in_place:
        line.out.message = _render(events, pairs)
    else:
        line.message(0)
    return "json", b""


# ---- logfmt ----------------------------------------------------------------------------------------------


def _words(text: bytes) -> Iterator[tuple[int, bytes, Pair | None]]:
    """Where each word begins, the word, and what it is as a pair."""
    at = end_of(BLANKS, text, 0)
    while at < len(text):
        start, pair = at, None
        if key := _KEY.match(text, at):
            quoted = _QUOTED.match(text, key.end())
            value = quoted or _BARE.match(text, key.end())
            at = value.end() if value else key.end()
            content = quoted[1] if quoted else text[key.end() : at]
            pair = Pair(b"", key[1], content, key.end() + (quoted is not None), True)
        else:
            at = end_of(_BARE, text, at)
        yield start, text[start:at], pair
        at = end_of(BLANKS, text, at)


def _without_header(words: list[tuple[int, bytes, Pair | None]], pairs: Pairs) -> bytes:
    """One blank between words, but none where there was none: the message is never longer than the line."""
    message, end = b"", 0
    for start, word, pair in words:
        if pair and pairs.taken(pair):
            continue
        message += (b" " if message and start > end else b"") + word
        end = start + len(word)
    return message


def read_logfmt(line: Line) -> str:
    """key=value lines that name their time or level."""
    pairs = Pairs(line)
    words: list[tuple[int, bytes, Pair | None]] = []
    for start, word, pair in _words(line.text):
        if pair is None and not words:
            return ""
        words.append((start, word, pair))
        if pair:
            pairs.take(pair)
    if sum(pair is not None for _, _, pair in words) < 2 or not {"time", "level"} & pairs.found.keys():
        return ""
    pairs.give()
    if "message" in pairs.found:
        pairs.give_message()
    elif line.in_place:
        line.message(0)
    else:
        line.out.message = _without_header(words, pairs)
    return "logfmt"
