"""Between the engine and the detectors: gathers the records of a stream into windows, each key on its own.

The work is done in C (engine_c/window.h); where the extension was not built, by its plain Python reference.
Pure and deterministic: the windows depend on the records alone, never on how they were cut into batches.
"""

from __future__ import annotations

from alogd.reference.windows import Windows

__all__ = ["Windows"]
