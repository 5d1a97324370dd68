"""Lines in fixed columns: the plain twin of engine_c/header_columns.c."""

import re
from typing import Final

from alogd.reference.header_levels import LETTERS, of_word
from alogd.reference.header_line import Line, end_of, trimmed
from alogd.reference.header_syslog import read_syslog
from alogd.reference.header_times import epoch_ns

CLF_LEAD_BYTES: Final = 512
_STATUS: Final = {
    b"1": b"informational",
    b"2": b"success",
    b"3": b"redirect",
    b"4": b"client-error",
    b"5": b"server-error",
}

_KLOG = re.compile(rb"[ \t]*(\d+) ((?=.{0,94}\])[^\] ]+):\d+\]", re.S)
_CLF_REQUEST = re.compile(rb'\] "((?:[^"\\]|\\.)*+)" (\d{3})(?!\d)', re.S)
_VHOST = re.compile(rb"(?P<vhost>[^ \t]+)[ \t](?P<client>[^ \t]*)[ \t]- ")
_CLIENT = re.compile(rb"[^ \t]+")
_AUDIT = re.compile(rb"(type=[^ \t]{0,59}) msg=audit\(([^:]{0,63}):\d*\):")
_LABELLED = re.compile(rb"([^ \t]{1,32})[ \t](\d{9,10})[ \t][^ \t]{4}\.[^ \t]{2}\.[^ \t]{2}[ \t]")
_RAS = re.compile(rb"([^ \t]+)[ \t](?=.{4}-.{5}-)[^ \t]{20,}[ \t][^ \t]+[ \t][^ \t]+[ \t]([^ \t]+)[ \t]", re.S)
_LEVEL = re.compile(rb"([^ \t]*)([ \t]?)")
_NODE = re.compile(rb"([^ \t]+)[ \t](?=[A-Za-z])")
_NUMBERED = re.compile(rb"\d+[ \t]([^ \t]+)[ \t]([^ \t]+)[ \t][^ \t]+[ \t](\d{9,10})[ \t]-?\d[ \t]")


def read_klog(line: Line) -> str:
    """klog and glog."""
    text = line.text
    if len(text) < 16 or text[0] not in b"IWEF":
        return ""
    stamp = line.stamp(1, "klog" if text[5:6] == b" " else "klog_y")
    found = _KLOG.match(text, 1 + stamp.length) if stamp else None
    if not stamp or not found:
        return ""
    line.use(stamp)
    line.out.program, line.out.pid, line.out.otel = found[2], found[1], LETTERS[text[0]]
    line.message(found.end())
    return "klog"


def read_clf(line: Line) -> str:
    """Access logs; the message is what the status means, the request and the status."""
    text = line.text
    opening = text.find(b"[", 0, CLF_LEAD_BYTES)
    if opening < 4 or text[opening - 1 : opening] != b" ":
        return ""
    stamp = line.stamp(opening + 1, "clf")
    found = _CLF_REQUEST.match(text, opening + 1 + stamp.length) if stamp else None
    client = _CLIENT.match(text)
    if not stamp or not found or not client or client.end() >= opening:
        return ""
    vhost = _VHOST.match(text)
    line.out.host = vhost["client"] if vhost and vhost.end() < opening else client.group()
    line.out.otel = 17 if found[2].startswith(b"5") else 9
    line.use(stamp)
    line.out.message = b" ".join((_STATUS.get(found[2][:1], b"status"), found[1], found[2]))
    return "clf"


def read_audit(line: Line) -> str:
    """The Linux audit trail."""
    found = _AUDIT.match(line.text)
    ns = epoch_ns(found[2]) if found else None
    if not found or ns is None:
        return ""
    line.out.timestamp_ns, line.out.program = ns, b"audit"
    rest = trimmed(line.text[found.end() :])
    line.out.message = rest if line.in_place else found[1] + (b" " + rest if rest else b"")
    return "iso8601"


def _ras(line: Line, at: int) -> str:
    found = _RAS.match(line.text, at)
    if not found:
        return ""
    line.out.host, line.out.program = found[1], found[2]
    level = _LEVEL.match(line.text, found.end())
    line.message(found.end())
    if level:
        line.out.otel = of_word(level[1])
        whole = level[1] and level[2]
        if whole:
            line.message(level.end())
        elif line.out.otel:
            line.out.message = b""
    return "log4j"


def _in_syslog(line: Line, at: int) -> str:
    found = _NODE.match(line.text, at)
    if not found:
        return ""
    rest = Line(line.source, line.text[found.end() :], wrapped=True, out=line.out)
    if not read_syslog(rest):
        return ""
    line.out.host = found[1]
    return "log4j"


def _labelled(line: Line) -> str:
    found = _LABELLED.match(line.text)
    ns = epoch_ns(found[2]) if found else None
    if not found or ns is None:
        return ""
    kind = _ras(line, found.end()) or _in_syslog(line, found.end())
    if kind:
        line.out.timestamp_ns = ns
    return kind


def _numbered(line: Line) -> str:
    found = _NUMBERED.match(line.text)
    ns = epoch_ns(found[3]) if found else None
    if not found or ns is None:
        return ""
    line.out.timestamp_ns, line.out.host, line.out.program = ns, found[1], found[2]
    line.message(end_of(_NUMBERED, line.text, 0))
    return "log4j"


def read_columns(line: Line) -> str:
    """Supercomputers' logs, whose time is an epoch in a column."""
    if len(line.text) < 30:
        return ""
    return _numbered(line) if line.text[:1].isdigit() else _labelled(line)
