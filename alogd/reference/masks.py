"""The meaning of the engine's masks: engine_c/mask.c must give this text and these tokens on every input.

One alternation over bytes, applied by a single `re.sub`: leftmost wins, then the order below. No mask but a bracketed
list crosses white space, every look-around is bounded, and white space (Unicode's included) is never masked.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import lru_cache

NAMES = ("path", "hex", "ip", "mac", "uuid", "pid", "device", "num")

# White space of str.split() beyond ASCII, in UTF-8.
_WIDE_SPACE = rb"\xc2[\x85\xa0]|\xe1\x9a\x80|\xe2\x80[\x80-\x8a\xa8\xa9\xaf]|\xe2\x81\x9f|\xe3\x80\x80"
_HIGH = rb"(?!" + _WIDE_SPACE + rb")[\x80-\xff]"  # a byte of a character that is not white space
_HEX = rb"[0-9A-Fa-f]"
_ALONE = rb"(?<![0-9A-Za-z])", rb"(?![0-9A-Za-z])"

_UUID = _ALONE[0] + _HEX + rb"{8}(?:-" + _HEX + rb"{4}){3}-" + _HEX + rb"{12}" + _ALONE[1]

# Six octets, all joined by ':' or all by '-'.
_MAC = rb"(?<![\w:-])" + _HEX + rb"{2}(?:(?::" + _HEX + rb"{2}){5}|(?:-" + _HEX + rb"{2}){5})(?!\w|[:-]\w)"

# One address or a comma-joined list of them (X-Forwarded-For); /10.0.0.1:80, 10.0.0.1:80, 10.0.0.0/8.
_IP4 = rb"(?:[0-9]{1,3}\.){3}[0-9]{1,3}"
_PORT = rb"(?:[:/][0-9]{1,5}(?![0-9]))?"
_IPV4 = rb"(?<![\w.])/?" + _IP4 + _PORT + rb"(?:,/?" + _IP4 + _PORT + rb")*(?!\w|\.[0-9])"
# Eight groups, or some around one '::' with a digit among them (so that C++ names and a bare '::' stay).
_GROUP = _HEX + rb"{1,4}"
_GROUPS = _GROUP + rb"(?::" + _GROUP + rb"){0,6}"
_IPV6 = (
    rb"(?<![\w:.])(?=[A-Fa-f:]{0,39}[0-9])(?:(?:" + _GROUP + rb":){7}" + _GROUP + rb"|(?:" + _GROUPS + rb")?::"
    rb"(?:(?:" + _GROUP + rb":){0,5}" + _IP4 + rb"|" + _GROUPS + rb")?)(?:%[0-9A-Za-z]{1,15})?(?!\w|:[\w:]|\.[0-9])"
)
# A host and its port: under a well-known domain, or three labels or more that end in a country (no file's suffix).
_LABEL = rb"[\w-]+\."
_DOMAIN = rb"(?:com|net|org|edu|gov|io|info|dev|app|cloud|local|lan|corp|internal|svc|localdomain)"
_COUNTRY = rb"(?!cc|go|hh|hs|js|ml|mm|pl|py|rb|rs|sh|so|ts)[a-z]{2}"
_HOST = (
    rb"(?<![\w.-])[0-9A-Za-z][\w-]*\.(?:(?:" + _LABEL + rb")*" + _DOMAIN + rb"|(?:" + _LABEL + rb")+" + _COUNTRY + rb")"
    rb":[0-9]{1,5}(?!\w)"
)

# Names the kernel gives to disks, interfaces and terminals, with their number; anything under /dev.
_DEVICE = (
    rb"(?<![\w.-])(?:"
    rb"/dev(?:/[\w.+-]+)+"
    rb"|(?:(?:eth|wlan|bond|team|tun|tap|ppp|ib|br|virbr|docker|loop|sr|vcsa?|tty[A-Z]{0,3}|dm-|pts/)[0-9]{1,4}"
    rb"|(?:[hsv]d|xvd)[a-z]{1,2}[0-9]{1,3}"
    rb"|(?:nvme[0-9]{1,3}n|mmcblk)[0-9]{1,3}(?:p[0-9]{1,3})?"
    rb"|(?:en|wl)(?:o|s|p[0-9]{1,3}s)[0-9]{1,4}(?:f[0-9]{1,3})?)(?!\w))"
)

# A URL; an absolute path of two components or more; a Windows path with a drive or a server.
_PART = rb"(?:[\w.%@~#$*+=?&!-]|" + _HIGH + rb")"
_REST = rb"(?:[^\x00-\x20\x7f-\xff\"'<>|,;()\[\]{}]|" + _HIGH + rb")+"
_PATH = (
    rb"(?<![\w+.-])[A-Za-z][0-9A-Za-z+.-]{1,15}://" + _REST
    + rb"|(?<![\w.)\]}>/~*%$-])/" + _PART + rb"+(?:/" + _PART + rb"*)+"
    + rb"|(?<!\w)(?:[A-Za-z]:|\\\\[\w.$-]+)\\" + _REST
)  # fmt: skip

# 0x..., six hex digits or more of one case among them a digit and a letter, or zero-padded to eight or more.
_HEXADECIMAL = (
    _ALONE[0] + rb"(?:0[xX]" + _HEX + rb"+|(?=[a-f]*[0-9])(?=[0-9]*[a-f])[0-9a-f]{6,}"
    rb"|(?=[A-F]*[0-9])(?=[0-9]*[A-F])[0-9A-F]{6,}|0[0-9]{7,})" + _ALONE[1]
)

# name[123], pid=123, pid:123, "pid":123.
_PID = rb"(?:(?<=[\w)]\[)[0-9]{1,10}(?=\])|(?:(?<=[Pp][Ii][Dd][=:])|(?<=[Pp][Ii][Dd]\"[=:]))[0-9]{1,10}(?![\w.]))"

# From the first digit of a word to its last, and on over joined numbers (2005-07-15, 10:05:25, 1,234, 9.8e-05):
# 'blk_-12' is 'blk_<NUM>', '126MB' is '<NUM>MB', 'attempt_14_m_02' is 'attempt_<NUM>'. All of '[0, 1, 2]' is one.
_SIGN = rb"(?:(?<![0-9A-Za-z)\]])[+-])?"
_RUN = rb"[0-9](?:\w*[0-9])?"
_NUMBER = _SIGN + _RUN + rb"(?:(?:[-+.:,/]|[eE][-+])" + _RUN + rb")*"
_PLAIN = rb"[+-]?[0-9]+(?:\.[0-9]+)?"
_LIST = rb"(?:(?<=[\[({])|(?<=[\[({] ))" + _PLAIN + rb"(?:(?:, ?| )" + _PLAIN + rb")+(?= ?[\])}])"
_NUM = _LIST + rb"|" + _NUMBER

# main.c:1052, db.example.org:5432: a place names itself, digits and all; Drain makes it a wildcard where it varies.
_PLACE = rb"(?<![\w.-])[A-Za-z][\w-]*(?:\.[\w-]+)*\.[A-Za-z]+:[0-9]+(?!\w)"

# (mask, shown as, pattern) by priority.
ALTERNATIVES: tuple[tuple[str, bytes, bytes], ...] = (
    ("uuid", b"<UUID>", _UUID),
    ("mac", b"<MAC>", _MAC),
    ("ip", b"<IP>", _IPV4),
    ("ip", b"<IP>", _IPV6),
    ("ip", b"<IP>", _HOST),
    ("device", b"<DEVICE>", _DEVICE),
    ("path", b"<PATH>", _PATH),
    ("hex", b"<HEX>", _HEXADECIMAL),
    ("pid", b"<PID>", _PID),
    ("num", b"", _PLACE),  # kept as it is
    ("num", b"<NUM>", _NUM),
)


# Shown as <NAME>, and what finds it: (text, begin, end) to the (begin, end) of its matches, as Automaton.finditer.
UserMask = tuple[str, Callable[[bytes, int, int], Iterable[tuple[int, int]]]]


@lru_cache
def pattern(masks: frozenset[str]) -> re.Pattern[bytes]:
    """The alternation of these masks; group i+1 is ALTERNATIVES[i]."""
    return re.compile(b"|".join(b"(" + (regex if name in masks else b"(?!)") + b")" for name, _, regex in ALTERNATIVES))


def _pieces(text: bytes, user: Sequence[UserMask]) -> Iterator[tuple[int, int, bytes]]:
    """Cut the text at what the users' masks find: (begin, end, wildcard), the wildcard empty where nothing was found.

    Masks go in order, each over what is left. What an earlier mask found ends the text for the later ones ('$' and
    look-ahead stop there), while looking back sees the text as it was.
    """
    pieces = [(0, len(text), b"")]
    for name, find in user:
        cut: list[tuple[int, int, bytes]] = []
        for begin, end, wildcard in pieces:
            if wildcard:
                cut.append((begin, end, wildcard))
                continue
            at = begin
            for first, last in find(text, begin, end):
                cut += [(at, first, b""), (first, last, b"<" + name.encode() + b">")]
                at = last
            cut.append((at, end, b""))
        pieces = [piece for piece in cut if piece[0] < piece[1]]
    yield from pieces


def mask(text: bytes, masks: Iterable[str] = NAMES, user: Sequence[UserMask] = ()) -> bytes:
    """Replace what varies by its wildcard, what the users' own masks find before all else."""
    alternation = pattern(frozenset(masks))
    out: list[bytes] = []
    for begin, end, wildcard in _pieces(text, user):
        if wildcard:
            out.append(wildcard)
            continue
        at = begin
        for match in alternation.finditer(text, begin, end):
            out += [text[at : match.start()], ALTERNATIVES[(match.lastindex or 1) - 1][1] or match[0]]
            at = match.end()
        out.append(text[at:end])
    return b"".join(out)


def tokens(masked: bytes, delimiters: Sequence[str] = ()) -> list[bytes]:
    """Cut as Drain3 does: strip, each delimiter to a space in its order, split. What is not UTF-8 is content."""
    text = masked.decode("utf-8", "surrogateescape").strip()
    for delimiter in delimiters:
        text = text.replace(delimiter, " ")
    return [token.encode("utf-8", "surrogateescape") for token in text.split()]


def has_digit(token: bytes) -> bool:
    """Whether Drain3 takes the token for a parameter."""
    return any(character.isdigit() for character in token.decode("utf-8", "surrogateescape"))
