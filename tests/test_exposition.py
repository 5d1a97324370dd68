"""Prometheus' text format as its specification has it."""

import math
import os

from alogd.exposition import Family, process, render


def test_values_and_labels_as_the_format_wants_them():
    family = Family("a_total", "counter", "back\\slash and\nline")
    family.add([("stream", 'q"\\\n'), ("reason", "x")], 3)
    family.add([], math.inf)
    family.add([], math.nan)
    assert render([family]).decode().splitlines() == [
        "# HELP a_total back\\\\slash and\\nline",
        "# TYPE a_total counter",
        'a_total{reason="x",stream="q\\"\\\\\\n"} 3.0',
        "a_total +Inf",
        "a_total NaN",
    ]


def test_the_process_is_this_one():
    found = {family.name: family.samples[0].value for family in process()}
    assert found["process_resident_memory_bytes"] < found["process_virtual_memory_bytes"]
    assert 0 < found["process_cpu_seconds_total"] < os.times().elapsed
    assert abs(found["process_open_fds"] - len(os.listdir("/proc/self/fd"))) <= 2
    assert 1_600_000_000 < found["process_start_time_seconds"] < 5_000_000_000
