"""Which code path of the engine runs: it is chosen at run time, and the environment can choose another."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from alogd import _engine
from tests.bench.corpus import ROOT

VARIABLE = "ALOGD_CPU"
PATHS = ("plain", "sse2", "avx2", "avx512")


def known() -> bool:
    """Whether the engine that is built has more than one path."""
    return hasattr(_engine, "cpu")


def chosen() -> str:
    """The path taken when nothing else is asked for; that of an engine with one path is its plain one."""
    return str(_engine.cpu()) if known() else "plain"


def asked_for(path: str) -> str:
    """The path that an engine takes when it is asked for one: what it does not have it passes over."""
    if not known():
        return chosen()
    command = [sys.executable, "-c", "from alogd import _engine; print(_engine.cpu())"]
    return subprocess.check_output(command, env={**os.environ, VARIABLE: path}, cwd=ROOT, text=True).strip()


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
