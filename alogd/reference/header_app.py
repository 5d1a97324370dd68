"""An application's lines, around their level: the plain twin of engine_c/header_app.c."""

import re
from dataclasses import dataclass
from typing import Final

from alogd.reference.header_levels import LETTERS, level_at
from alogd.reference.header_line import Line, end_of

NAME_BYTES: Final = 96
BRACKET_BYTES: Final = 256

_NB = rb"[A-Za-z0-9_.$/@#-]"
_NAME = re.compile(rb"[A-Za-z_$](?:" + _NB + rb"|::?(?=" + _NB + rb"))*+")
_SEPARATOR = re.compile(rb"[ \t]*(?:\|[ \t]*|(?:-{1,3}|[:,])(?=[ \t]|\Z)[ \t]*)?")
_APACHE_PID = re.compile(rb"\[pid (\d+)(?=[:\]])")
_NGINX_PID = re.compile(rb"(\d+)#\d+:[ \t]*(?:\*\d+ )?")
_SPRING_PID = re.compile(rb"(\d+)[ \t]+---(?=[ \t])[ \t]*")
_TRAILING = re.compile(rb" \((" + _NB + rb"{1,96})\)\Z")
_ANDROID = re.compile(rb"(\d+)[ \t]+\d+[ \t]+([VDINWECAF]) [ \t]*")
_ANDROID_TAG = re.compile(rb"(.{0,96}?):(?= |\Z)", re.S)
_NUMBER = re.compile(rb"(\d+)(?=[ \t])")
_PID_IN_BRACKET = re.compile(rb"(\d+)(?:-.*)?", re.S)
_MONGODB = re.compile(rb"(?=.{6})(D\d|[VDINWECAF]) [ \t]*([A-Z_-]+)[ \t]+(?=\[)", re.S)
_BRACKETED_PID = re.compile(rb"\[(\d+)\]:?[ \t]*")
_DASH = re.compile(rb"[ \t]+-[ \t]+")
_EXCEPTIONS: Final = (b"Exception", b"Error", b"Throwable")


@dataclass
class AppLine:
    """Where a line's reading stands."""

    at: int = 0
    level_found: bool = False
    in_bracket: bool = False
    columns: bool = False
    redis: bool = False


def name_end(text: bytes, at: int) -> int:
    """The end of a logger's or program's name; `at` when there is none."""
    end = end_of(_NAME, text, at)
    return end if end - at <= NAME_BYTES else at


def separator(text: bytes, at: int) -> int:
    """Blanks with at most one separator among them."""
    return end_of(_SEPARATOR, text, at)


def is_dotted(name: bytes) -> bool:
    """Whether a name looks like a class or a module."""
    return any(mark in name for mark in (b".", b"$", b":", b"/"))


def bracket_end(text: bytes, at: int) -> int:
    """The end of the bracket that opens at `at`, nested ones included; 0 when it is not closed within bounds."""
    depth = 0
    for i, byte in enumerate(text[at : at + BRACKET_BYTES], at):
        depth += (byte == ord("[")) - (byte == ord("]"))
        if depth == 0:
            return i + 1
    return 0


def set_level(line: Line, app: AppLine, otel: int, at: int) -> None:
    """Take a level that ends at `at`."""
    line.out.otel, app.level_found, app.at = otel, True, at


def _blank_or_end(text: bytes, at: int) -> bool:
    return text[at : at + 1] in (b"", b" ", b"\t")


def _late_pid(line: Line, app: AppLine) -> None:
    if found := _APACHE_PID.match(line.text, app.at):
        if close := bracket_end(line.text, app.at):
            line.out.pid, app.at = found[1], line.skip(close)
        return
    found = _NGINX_PID.match(line.text, app.at) or _SPRING_PID.match(line.text, app.at)
    if found:
        line.out.pid, app.at = found[1], found.end()


def _logger(line: Line, at: int, thread: bool, columns: bool) -> int:
    """Where the message begins after a logger at `at`; 0 when it is none."""
    text, end = line.text, name_end(line.text, at)
    name = text[at:end]
    dotted = is_dotted(name)
    if not name or name.endswith(_EXCEPTIONS) or not (dotted or thread or columns):
        return 0
    after = line.skip(end)
    message = 0
    if text[end : end + 1] == b":" and _blank_or_end(text, end + 1):
        message = end + 1
    elif after > end and text[after : after + 1] in (b":", b"-") and _blank_or_end(text, after + 1):
        message = after + 1
    elif after > end and text[after : after + 1] == b"[" and dotted:
        close = bracket_end(text, after)
        message = close if _blank_or_end(text, close) else 0
    elif (text[end : end + 1] == b"\t" and dotted) or (columns and after > end + 1):
        message = after
    if message:
        line.out.program = name
    return message


def _thread_and_logger(line: Line, app: AppLine) -> None:
    text = line.text
    if text[app.at : app.at + 1] != b"[":
        app.at = _logger(line, app.at, False, app.columns) or app.at
        return
    close = bracket_end(text, app.at)
    if not close or text[close : close + 1] not in (b" ", b"\t") or text.startswith(b"[client ", app.at):
        return
    after = line.skip(close)
    if text[after : after + 1] == b"-" and _blank_or_end(text, after + 1):
        line.out.program, app.at = text[app.at + 1 : close - 1], after + 1
        return
    app.at = _logger(line, after, True, False) or app.at


def trailing_logger(line: Line) -> None:
    """A logger in parentheses at the end of the message."""
    found = _TRAILING.search(line.out.message)
    if found and is_dotted(found[1]):
        line.out.program, line.out.message = found[1], line.out.message[: found.start()].rstrip(b" \t")


def after_level(line: Line, app: AppLine) -> None:
    """Pid, thread and logger behind a level."""
    app.at = separator(line.text, app.at)
    _late_pid(line, app)
    app.at = separator(line.text, app.at)
    _thread_and_logger(line, app)


def _android(line: Line, app: AppLine) -> bool:
    found = _ANDROID.match(line.text, app.at)
    if not found:
        return False
    line.out.pid = found[1]
    set_level(line, app, LETTERS[found[2][0]], found.end(2) + 1)
    tag = _ANDROID_TAG.match(line.text, found.end())
    if tag and tag[1]:
        line.out.program, app.at = tag[1].rstrip(b" \t"), tag.end()
    return True


def _level_behind_pid(line: Line, at: int, pid: bytes) -> tuple[int, int]:
    otel, after, _ = level_at(line.text, at)
    if otel or not pid:
        return otel, after
    end = at
    while end < len(line.text) and line.text[end] not in b" \t":
        end += 1
    if b"@" not in line.text[at:end] or line.skip(end) == at:
        return 0, at
    otel, after, _ = level_at(line.text, line.skip(end))
    return otel, after


def _number_or_bracket(line: Line, app: AppLine) -> bool:
    at, pid, name = app.at, b"", b""
    for part in range(2):
        if line.text[at : at + 1] == b"[":
            close = bracket_end(line.text, at)
            if not close:
                return False
            inner, at = line.text[at + 1 : close - 1], close + (line.text[close : close + 1] == b":")
        else:
            number = None if part else _NUMBER.match(line.text, at)
            if not number:
                return False
            inner, at = number[1], number.end()
        if found := _PID_IN_BRACKET.fullmatch(inner):
            pid = found[1]
        else:
            name = inner
        at = line.skip(at)
        otel, after = _level_behind_pid(line, at, pid)
        if otel:
            line.out.pid, line.out.program = pid, name
            set_level(line, app, otel, after)
            return True
    return False


def _name_first(line: Line, app: AppLine) -> bool:
    text, end = line.text, name_end(line.text, app.at)
    if end == app.at:
        return False
    otel, after, pid, start = 0, 0, b"", line.skip(end)
    if dash := _DASH.match(text, end):
        otel, after, _ = level_at(text, dash.end())
    elif found := _BRACKETED_PID.match(text, start):
        pid = found[1]
        otel, after, _ = level_at(text, found.end())
    elif text[start : start + 1] == b"[" and start == end:
        otel, after, _ = level_at(text, end)
        otel = otel if text[after : after + 1] == b":" else 0
    if not otel:
        return False
    line.out.program, line.out.pid = text[app.at : end], pid
    set_level(line, app, otel, after)
    return True


def _mongodb(line: Line, app: AppLine) -> bool:
    found = _MONGODB.match(line.text, app.at)
    close = bracket_end(line.text, found.end()) if found else 0
    if not found or not close:
        return False
    line.out.program = found[2]
    set_level(line, app, LETTERS[found[1][0]], close)
    return True


def level_later(line: Line, app: AppLine) -> bool:
    """A level that is not the first thing after the stamp, and what follows it."""
    if _mongodb(line, app):
        return True
    if not (_android(line, app) or _number_or_bracket(line, app) or _name_first(line, app)):
        return False
    after_level(line, app)
    return True
