"""An application's line from its start to its stamp and beyond: the plain twin of engine_c/header_lead.c."""

import re
from typing import Final

from alogd.reference.header_app import (
    AppLine,
    after_level,
    level_later,
    name_end,
    separator,
    set_level,
    trailing_logger,
)
from alogd.reference.header_levels import LETTERS, WEAK, level_at, of_word
from alogd.reference.header_line import Line
from alogd.reference.header_times import Stamp

INNER_BYTES: Final = 96

_REDIS = re.compile(rb"(\d+):[MSCX] (?=.)", re.S)
_RUBY = re.compile(rb"([VDINWECAF])(?:, \[| \[)")
_TORNADO = re.compile(rb"\[([VDINWECAF]) ")
_WORD_LEAD = re.compile(rb"([A-Za-z/][^ \t]{0,127}) (?=.{4}-.{14})", re.S)
_PYTHON_NAME = re.compile(rb"([A-Za-z0-9._]+):")
_INNER = re.compile(rb"[ \t:,]*(?P<rest>.*)", re.S)
_INNER_PID = re.compile(rb"#(\d+)")
_INNER_LEVEL = re.compile(rb"(?P<word>[A-Za-z]+)(?=[/ \t]|\Z)[/ \t]*(?P<name>.*)", re.S)
_PIPED = re.compile(rb"\|(\d+)\|")
_PHP = re.compile(rb"(PHP) (Notice|Deprecated|Warning|Parse error|Fatal error):")
_PHP_LEVELS: Final = {b"Notice": 10, b"Deprecated": 10, b"Warning": 13, b"Parse error": 17, b"Fatal error": 21}
_PROXIED = re.compile(rb"(?: \*64)? - ")
_REDIS_LEVEL = re.compile(rb"([.*#-])(?=[ \t]|\Z)")
_REDIS_LEVELS: Final = {b".": 5, b"-": 5, b"*": 10, b"#": 13}


def _letter_lead(line: Line, app: AppLine) -> bool:
    found = _TORNADO.match(line.text) or _RUBY.match(line.text)
    if not found or len(line.text) < 6:
        return False
    set_level(line, app, LETTERS[found[1][0]], found.end())
    app.in_bracket = True
    return True


def _word_lead(line: Line, app: AppLine) -> Stamp | None:
    found = _WORD_LEAD.match(line.text)
    stamp = line.stamp(found.end()) if found else None
    if found and stamp:
        line.out.program, app.at = found[1], found.end()
    return stamp


def _level_lead(line: Line, app: AppLine, otel: int, after: int) -> Stamp | None:
    at = separator(line.text, after)
    bracket = line.text[at : at + 1] == b"["
    stamp = line.stamp(at + bracket)
    if stamp:
        set_level(line, app, otel, at + bracket)
        app.in_bracket = bracket
    return stamp


def _level_only(line: Line, otel: int, after: int) -> str:
    closer = line.text[after - 1 : after]
    if closer not in (b":", b"]"):
        return ""
    line.out.otel = otel
    name = _PYTHON_NAME.match(line.text, after)
    if closer == b":" and name:
        line.out.program, after = name[1], name.end()
    line.message(after)
    return "log4j"


def _close_bracket(line: Line, app: AppLine, layout: str) -> bool:
    close = line.text.find(b"]", app.at, app.at + INNER_BYTES)
    if close < 0:
        return False
    found = _INNER.fullmatch(line.text[app.at : close])
    inner = found["rest"] if found else b""
    app.at = close + 1
    if not inner or inner.startswith(b"#"):
        if pid := _INNER_PID.match(inner):
            line.out.pid = pid[1]
        return True
    name = inner
    level = _INNER_LEVEL.fullmatch(inner)
    if level and (otel := of_word(level["word"])) and level["word"].lower() not in WEAK:
        set_level(line, app, otel, app.at)
        name = level["name"]
    name = name.rstrip(b" \t")
    if name and layout != "dashed":
        line.out.program = name
    return True


def _piped(line: Line, app: AppLine) -> None:
    end = name_end(line.text, app.at)
    found = _PIPED.match(line.text, end)
    if end > app.at and found:
        line.out.program, line.out.pid, app.at = line.text[app.at : end], found[1], found.end()


def _proxied(line: Line, app: AppLine) -> None:
    end = name_end(line.text, app.at)
    found = _PROXIED.match(line.text, end)
    if end > app.at and found:
        line.out.program, app.at = line.text[app.at : end], found.end()


def _php(line: Line, app: AppLine) -> bool:
    found = _PHP.match(line.text, app.at)
    if found:
        line.out.program = found[1]
        set_level(line, app, _PHP_LEVELS[found[2]], found.end())
    return found is not None


def _rest_of_line(line: Line, app: AppLine, layout: str, bracketed: bool) -> None:
    if app.redis:
        if found := _REDIS_LEVEL.match(line.text, line.skip(app.at)):
            set_level(line, app, _REDIS_LEVELS[found[1]], found.end())
        return
    app.at = separator(line.text, app.at)
    otel, after, module = level_at(line.text, app.at)
    if module:
        line.out.program = module
    if otel:
        set_level(line, app, otel, after)
    if app.level_found:
        after_level(line, app)
    elif level_later(line, app) or _php(line, app):
        return
    elif layout == "health":
        _piped(line, app)
    elif layout == "dotted" and bracketed:
        _proxied(line, app)


def _lead(line: Line, app: AppLine) -> tuple[Stamp | None, int, int]:
    """The stamp, with app.at before it; else the number and end of a level that stands alone."""
    first = line.text[:1]
    if first.isdigit():
        if found := _REDIS.match(line.text):
            line.out.pid, app.at, app.redis = found[1], found.end(), True
        return line.stamp(app.at), 0, 0
    if _letter_lead(line, app):
        if stamp := line.stamp(app.at):
            return stamp, 0, 0
        app.at, app.level_found, app.in_bracket, line.out.otel = 0, False, False, 0
    if first == b"[" and (stamp := line.stamp(1)):
        app.at, app.in_bracket = 1, True
        return stamp, 0, 0
    if first != b"[" and not (b"A" <= first <= b"Z"):
        return _word_lead(line, app), 0, 0
    otel, after, _ = level_at(line.text, 0)
    if otel and (first == b"[" or b"A" <= line.text[1:2] <= b"Z"):
        return _level_lead(line, app, otel, after), otel, after
    if first == b"[":
        return None, 0, 0
    if (stamp := line.stamp(0)) and stamp.layout != "month":
        return stamp, 0, 0
    return _word_lead(line, app), 0, 0


def read_app(line: Line) -> str:
    """log4j and its kin, or a bare ISO stamp."""
    if len(line.text) < 6:
        return ""
    app = AppLine()
    stamp, otel, after = _lead(line, app)
    if not stamp:
        return _level_only(line, otel, after) if otel else ""
    bracketed = app.in_bracket
    app.at += stamp.length
    follows = line.text[app.at : app.at + 1]
    if bracketed:
        if not _close_bracket(line, app, stamp.layout):
            return ""
    elif follows not in (b"", b" ", b"\t", b",", b":", b"|", b";"):
        return ""
    else:
        app.columns = follows == b","
    _rest_of_line(line, app, stamp.layout, bracketed)
    line.use(stamp)
    line.message(app.at)
    if bracketed and app.level_found:
        trailing_logger(line)
    return "log4j" if app.level_found else "iso8601"
