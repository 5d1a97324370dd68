"""Which code path of the engine runs: it is chosen at run time, and the environment can choose another."""

from __future__ import annotations

import os
from pathlib import Path

from alogd import _engine

VARIABLE = "ALOGD_CPU"
FLAGS = {"plain": "", "sse2": "sse2", "avx2": "avx2", "avx512": "avx512vbmi2"}  # of /proc/cpuinfo, by path


def known() -> bool:
    """Whether the engine that is built has more than one path: then its binary knows the variable."""
    return VARIABLE.encode() in Path(_engine.__file__).read_bytes()


def supported(path: str) -> bool:
    """Whether this processor can run a path."""
    return FLAGS[path] in _processor().get("flags", "").split() if FLAGS[path] else True


def chosen() -> str:
    """The path taken when nothing else is asked for."""
    if not known():
        return "plain"
    if asked := os.environ.get(VARIABLE):
        return asked
    return "avx2" if supported("avx2") else "plain"


def machine() -> str:
    """The processor in a line: model, cores, instruction set."""
    model = _processor().get("model name", "unknown processor")
    sets = [name for name in ("sse4_2", "avx2", "bmi2", "avx512vbmi2") if name in _processor().get("flags", "").split()]
    return f"{model}, {os.cpu_count()} cores, {' '.join(sets) or 'no wide instructions'}"


def _processor() -> dict[str, str]:
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8").split("\n\n")[0]
    except OSError:
        return {}
    return {key.strip(): value.strip() for key, _, value in (line.partition(":") for line in text.splitlines())}
