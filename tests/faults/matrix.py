"""The fault matrix: what may go wrong, by id. Tests in this folder are named after the ids (`test_f3_...`)."""

from __future__ import annotations

import re

ROWS = {
    # files
    "F1": "rotated by rename, new file at once",
    "F2": "rotated by rename, new file late",
    "F3": "copytruncate, the new content is shorter",
    "F4": "copytruncate, grown past the old offset before the next look",
    "F5": "lines between the last look and a truncation",
    "F6": "truncated to nothing again and again",
    "F7": "deleted and created anew with the same inode",
    "F8": "inode used again while alogd is down",
    "F9": "rotated while down",
    "F10": "a chain of renames while running",
    "F11": "a symbolic link switched",
    "F12": "a symbolic link swapped to lead out of the allowed roots",
    "F13": "two globs, or two links, for one file",
    "F14": "half a line, completed later",
    "F15": "half a line, then a restart",
    "F16": "rotated with a last line that has no newline",
    "F17": "a line of 100 MB",
    "F18": "NUL bytes, and holes of them",
    "F19": "bytes that are no UTF-8",
    "F20": "CRLF, lone CR, U+2028",
    "F21": "empty lines",
    "F22": "a FIFO whose writer goes and returns",
    "F23": "a directory, a device, a socket",
    "F24": "a packed file among the logs, a bomb",
    "F25": "permission denied, later granted",
    "F26": "ESTALE, EIO",
    "F27": "10,000 files, 100 of them active",
    "F28": "no more inotify watches, or its queue overflows",
    "F29": "a deleted file held open",
    "F30": "random histories of a file against a model",
    # crash and state
    "C1": "kill -9 at every crash point",
    "C2": "kill -9 at random under live writing and rotation",
    "C3": "power loss",
    "C4": "damaged state",
    "C5": "state of a newer version",
    "C6": "leftovers of a write",
    "C7": "disk full",
    "C8": "state directory read-only or missing",
    "C9": "two daemons on one state directory",
    "C10": "the wall clock leaps",
    "C11": "the host slept",
    "C12": "stamps of 1970 or 2100, or out of order",
    # Kafka
    "K1": "no broker at the start",
    "K2": "a broker hangs or dies, and returns",
    "K3": "other readers join and leave",
    "K4": "stopped while messages are in work",
    "K5": "a message that is no text",
    "K6": "kill -9",
    "K7": "an offset that is gone",
    "K8": "a pipeline that is slower than a group allows",
    # journald
    "J1": "a cursor that no longer exists",
    "J2": "journalctl dies; entries that are none",
    "J3": "rotation and vacuum while following",
    # engine
    "E1": "fuzzed input, blocks cut anywhere",
    "E2": "random words: an explosion of templates",
    "E3": "each line another number of tokens",
    "E4": "the memory for templates is full",
    "E5": "templates evicted by an attacker",
    "E6": "damaged snapshots",
    "E7": "hash flooding",
    "E8": "every allocation may fail",
    "E9": "two threads in one engine",
    "E10": "the C engine against its Python reference",
    # models
    "M1": "a model's file is cut or has another bit",
    "M3": "a pickle in place of weights",
    "M4": "a graph that takes data from elsewhere",
    # webhook
    "N1": "the receiver fails, throttles, hangs, resets, is unknown",
    "N2": "the reply trickles, or never ends",
    "N3": "redirects and names that lead inside",
    "N4": "secrets in output",
    "N5": "a storm of alerts",
    "N6": "the receiver is away for an hour",
    # HTTP
    "H1": "an explosion of label values",
    "H2": "half-open connections",
    "H3": "malformed requests",
    "H4": "a flood of requests",
    "H5": "verbs that change something, from strangers",
    "H6": "names that climb out of their directory",
    # hostile content
    "X1": "escape sequences, bidirectional controls",
    "X2": "forged log lines and JSON",
    "X3": "format strings, templates, shell words",
    "X4": "markup of HTML, Markdown, Slack; spreadsheet formulas",
    "X5": "patterns that never end",
    "X6": "text that looks like another host's",
    "X7": "alert text that reaches a command",
    "X8": "secrets in lines",
    # lifecycle
    "L1": "SIGTERM under full load",
    "L2": "SIGTERM twice, SIGINT, a stuck sink",
    "L3": "SIGHUP with a broken configuration",
    "L4": "SIGHUP a hundred times",
    "L5": "configurations that are wrong",
    "L6": "the event loop stalls",
    "L7": "READY too early",
    "L8": "standard output closed or full",
    # resources
    "R1": "little memory under mixed load",
    "R2": "few descriptors",
    "R3": "a day's soak",
    "R4": "a core taken by another process",
    "R5": "no writable code",
    "R6": "the unit's exposure",
    "R7": "no network, no /proc, no HOME",
}

_NAME = re.compile(r"test_([a-z])(\d+)_")


def row_of(test_name: str) -> str:
    """The id a test is named after, or ""."""
    found = _NAME.match(test_name)
    return f"{found[1].upper()}{found[2]}" if found else ""
