"""Syslog and kernel lines: the plain twin of engine_c/header_syslog.c."""

import re
from typing import Final

from alogd.reference.header_levels import SYSLOG
from alogd.reference.header_line import BLANKS, WORD, Line, end_of

_PRIORITY = re.compile(rb"<(\d{1,3})>")
_KERNEL_STAMP: Final = re.compile(rb"\[[ \t]*\d{1,9}\.\d+\]")
_CALLER = re.compile(rb" ?\[[ \t]*([TC])(\d+)\]")
_TAG = re.compile(
    rb"(?P<program>[^\x00-\x20:\[\]]+)(?:\[(?P<pid>[^\x00-\x20\]]{1,32})\]:|(?P<version> \d[\d.]*)?:(?=[ \t]|\Z))"
)
_HEADER_5424 = re.compile(rb"1 (\S+) (\S+) (\S+) (\S+) (\S+) ".replace(rb"\S", rb"[^ ]"))
_STRUCTURED = re.compile(rb'-|(?:\[(?:[^"\]]|"(?:[^"\\]|\\.)*+")*+\])+(?=[ ]|\Z)', re.S)


def _priority(text: bytes) -> tuple[int, int | None]:
    """The end and the value of <PRI>."""
    found = _PRIORITY.match(text)
    return (found.end(), int(found[1])) if found and int(found[1]) <= 191 else (0, None)


def _host_and_tag(line: Line, at: int) -> tuple[int, re.Match[bytes] | None]:
    tag = _TAG.match(line.text, at)
    if tag and not tag["version"]:
        return at, tag
    host_end = end_of(WORD, line.text, at)
    line.out.host = line.text[at:host_end]
    start = line.skip(host_end)
    if line.text.startswith(b"-- ", start):
        start += 3
    return host_end, _TAG.match(line.text, start)


def read_syslog(line: Line) -> str:
    """RFC 3164 in its many forms."""
    start, pri = _priority(line.text)
    iso = line.text[start : start + 1].isdigit()
    if len(line.text) - start < 14 or (iso and line.text[start + 10 : start + 11] != b"T"):
        return ""
    stamp = line.stamp(start, "iso" if iso else "month")
    if not stamp:
        return ""
    at = start + stamp.length
    at += line.text[at : at + 1] == b":"
    if line.text[at : at + 1] not in (b"", b" ", b"\t"):
        return ""
    end, tag = _host_and_tag(line, line.skip(at))
    if iso and stamp.zone != "offset" and (stamp.zone == "none" or not (tag and tag["pid"] and line.out.host)):
        return ""
    if iso and not (tag and line.out.host) and line.source.kind != "rfc3164":
        return ""
    line.use(stamp)
    if pri is not None:
        line.out.otel = SYSLOG[pri % 8]
    if tag:
        line.out.program, line.out.pid, end = tag["program"], tag["pid"] or b"", tag.end()
    if line.out.program == b"kernel":
        end = end_of(_KERNEL_STAMP, line.text, line.skip(end))
    line.message(end)
    return "rfc3164"


def read_rfc5424(line: Line) -> str:
    """RFC 5424."""
    start, pri = _priority(line.text)
    found = _HEADER_5424.match(line.text, start)
    if pri is None or not found:
        return ""
    at = found.end()
    end = end_of(_STRUCTURED, line.text, at)
    if end == at or line.text[end : end + 1] not in (b"", b" "):
        return ""
    stamp = None
    if found[1] != b"-":
        stamp = line.stamp(found.start(1), "iso", found.end(1))
        if not stamp or stamp.length != len(found[1]):
            return ""
    if stamp:
        line.use(stamp)
    host, program, pid = (b"" if value == b"-" else value for value in found.group(2, 3, 4))
    line.out.host, line.out.program, line.out.pid, line.out.otel = host, program, pid, SYSLOG[pri % 8]
    end = end_of(BLANKS, line.text, end)
    line.message(end + 3 if line.text.startswith(b"\xef\xbb\xbf", end) else end)
    return "rfc5424"


def read_dmesg(line: Line) -> str:
    """The kernel's ring buffer: seconds since a boot the line does not name."""
    start, pri = _priority(line.text)
    found = _KERNEL_STAMP.match(line.text, start)
    if not found:
        return ""
    at = found.end()
    if caller := _CALLER.match(line.text, at):
        at = caller.end()
        line.out.pid = caller[2] if caller[1] == b"T" else b""
    if pri is not None:
        line.out.otel = SYSLOG[pri % 8]
    line.message(at)
    return "dmesg"
