"""Levels in log lines as OpenTelemetry severity numbers: the plain twin of engine_c/header_level.c."""

import re
from typing import Final

WORDS: Final = {
    **dict.fromkeys((b"trace", b"trc", b"finest"), 1),
    b"verbose": 2,
    **dict.fromkeys((b"debug", b"dbg", b"dbug", b"finer", b"debug1", b"debug2", b"debug3", b"debug4", b"debug5"), 5),
    b"fine": 6,
    b"config": 7,
    **dict.fromkeys((b"info", b"inf", b"information"), 9),
    **dict.fromkeys((b"log", b"note", b"system", b"hint", b"detail", b"context", b"statement", b"query"), 9),
    b"notice": 10,
    **dict.fromkeys((b"warn", b"warning", b"wrn"), 13),
    **dict.fromkeys((b"err", b"error", b"eror", b"severe"), 17),  # codespell:ignore eror
    **dict.fromkeys((b"crit", b"critical", b"failure"), 18),
    b"alert": 19,
    **dict.fromkeys((b"fatal", b"ftl", b"emerg", b"emergency", b"panic"), 21),
}
# Common words: a level only with its punctuation ("LOG:", "[Note]").
WEAK: Final = frozenset(b"failure fine config log note system hint detail context statement query".split())
LETTERS: Final = {86: 1, 68: 5, 73: 9, 78: 10, 87: 13, 69: 17, 67: 18, 65: 19, 70: 21}  # V D I N W E C A F
SYSLOG: Final = (21, 19, 18, 17, 13, 10, 9, 5)
PINO: Final = {10: 1, 20: 5, 30: 9, 40: 13, 50: 17, 60: 21}

_BRACKETED = (
    re.compile(rb"\[[ \t]*(?:(?P<module>[A-Za-z0-9_.]{0,33}+):)?(?P<word>[A-Za-z0-9]{3,11})[ \t]*\]"),
    re.compile(rb"<[ \t]*(?P<word>[A-Za-z0-9]{3,11})[ \t]*>"),
    re.compile(rb"\([ \t]*(?P<word>[A-Za-z0-9]{3,11})[ \t]*\)"),
)
_BARE = re.compile(rb"[A-Za-z][A-Za-z0-9]{2,10}+(?![A-Za-z0-9])")


def of_word(word: bytes) -> int:
    """Severity number of a word in any case; 0 when it is none."""
    return WORDS.get(word.lower(), 0)


def of_number(number: int) -> int:
    """0..7 are syslog's, 10..60 those of bunyan and pino."""
    return SYSLOG[number] if number < 8 else PINO.get(number, 0)


def level_at(text: bytes, at: int) -> tuple[int, int, bytes]:
    """Severity number, end and module of a level at `at`; the number is 0 when there is none."""
    for pattern in _BRACKETED:
        if found := pattern.match(text, at):
            otel = of_word(found["word"])
            return otel, found.end(), (found.groupdict().get("module") or b"") if otel else b""
    found = _BARE.match(text, at)
    if not found or not (otel := of_word(found.group())):
        return 0, at, b""
    word, end = found.group(), found.end()
    upper = word == word.upper()
    after = text[end : end + 2]
    if after[:1] == b":":
        return (otel if upper or after[1:] in (b"", b" ", b"\t") else 0), end + 1, b""
    if word.lower() in WEAK:
        return 0, end, b""
    if after == b"":
        return (otel if upper else 0), end, b""
    if after[:1] == b"|":
        return otel, end, b""
    column = after[:1] == b"\t" or (after[:1] == b" " and after[1:] in (b" ", b"\t"))
    return (otel if column or (upper and after[:1] == b" ") else 0), end, b""


def severity_of(otel: int) -> int:
    """0-100 of an OpenTelemetry severity number."""
    for least, severity in ((21, 100), (18, 90), (17, 80), (13, 60), (9, 20), (5, 10), (1, 5)):
        if otel >= least:
            return severity
    return 0
