"""Prometheus' text format (version 0.0.4), written; what is in it is metrics.py's business."""

from __future__ import annotations

import math
import os
import resource
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"


@dataclass(frozen=True, slots=True)
class Sample:
    """One line: the family's name and `suffix`, labels, value."""

    labels: Sequence[tuple[str, str]]
    value: float
    suffix: str = ""


@dataclass(frozen=True, slots=True)
class Family:
    """One metric."""

    name: str  # as exposed, `_total` included
    kind: str  # counter, gauge, histogram
    text: str
    samples: list[Sample] = field(default_factory=list)

    def add(self, labels: Sequence[tuple[str, str]], value: float, suffix: str = "") -> None:
        self.samples.append(Sample(labels, value, suffix))


def render(families: Iterable[Family]) -> bytes:
    """The exposition of these metrics, in their order."""
    lines: list[str] = []
    for family in families:
        text = family.text.replace("\\", r"\\").replace("\n", r"\n")
        lines += [f"# HELP {family.name} {text}", f"# TYPE {family.name} {family.kind}"]
        lines += [f"{family.name}{one.suffix}{_labels(one.labels)} {_number(one.value)}" for one in family.samples]
    return ("\n".join(lines) + "\n").encode("utf-8", "backslashreplace")


def process() -> list[Family]:
    """The process_* metrics every Prometheus client has."""
    with open("/proc/self/stat", "rb") as stat:
        fields = stat.read().rpartition(b")")[2].split()
    ticks, page = os.sysconf("SC_CLK_TCK"), os.sysconf("SC_PAGE_SIZE")
    values = (
        ("cpu_seconds_total", "counter", "CPU time, user and system.", (int(fields[11]) + int(fields[12])) / ticks),
        ("start_time_seconds", "gauge", "Start, in seconds since 1970.", _boot_time() + int(fields[19]) / ticks),
        ("virtual_memory_bytes", "gauge", "Virtual memory.", int(fields[20])),
        ("resident_memory_bytes", "gauge", "Resident memory.", int(fields[21]) * page),
        ("open_fds", "gauge", "Open file descriptors.", len(os.listdir("/proc/self/fd"))),
        ("max_fds", "gauge", "Most file descriptors it may open.", resource.getrlimit(resource.RLIMIT_NOFILE)[0]),
    )
    return [Family(f"process_{name}", kind, text, [Sample((), value)]) for name, kind, text, value in values]


def _boot_time() -> float:
    with open("/proc/stat", "rb") as stat:
        return next((float(line.split()[1]) for line in stat if line.startswith(b"btime ")), 0.0)


def _labels(labels: Sequence[tuple[str, str]]) -> str:
    if not labels:
        return ""
    return "{" + ",".join(f'{name}="{_value(value)}"' for name, value in sorted(labels)) + "}"


def _value(text: str) -> str:
    return text.replace("\\", r"\\").replace("\n", r"\n").replace('"', r"\"")


def _number(value: float) -> str:
    if math.isnan(value):
        return "NaN"
    if math.isinf(value):
        return "+Inf" if value > 0 else "-Inf"
    return repr(float(value))
