"""What trained models cost the whole core on real HDFS lines, and where the time goes: `make bench-deep-speed`.

Models of every kind there is are trained on the first half of HDFS dev, in order, and run over the second half: the
engine, windows, detectors, alerts, one thread, processor time. What the daemon asks on another thread is asked here in
turn, so a line's cost is what one core bears.
"""

from __future__ import annotations

import argparse
import gzip
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import torch

from alogd.cli.inputs import open_all
from alogd.config.tree import Alerts, DetectorOptions, EngineOptions, Risk, StreamOptions, UserMask, WindowOptions
from alogd.offline.models.kinds import TRAINERS, trainer
from alogd.offline.models.retrain import Tell, retrain
from alogd.stream import Stream
from tests.bench.detection import DATA

QUICK = ("ewma", "loganomaly")
BLOCK = UserMask(name="BLOCK", pattern=r"blk_-?[0-9]+")
WINDOWS = {
    "count by program": WindowOptions(),
    "one a block": WindowOptions(kind="session", key={"mask": "BLOCK"}, max_keys=100_000),
}
PIECE = 1 << 18  # bytes fed at once, as the daemon does
TARGET = 100_000  # lines/s


def options(windows: WindowOptions, detectors: list[str], models: Path) -> StreamOptions:
    """A stream over HDFS with these detectors."""
    chosen = [
        DetectorOptions(name=name, options={} if name in QUICK else {"models": str(models)}) for name in detectors
    ]
    return StreamOptions(
        name="hdfs",
        collect=({"kind": "file", "include": ["log"]},),
        engine=EngineOptions(user_masks=(BLOCK,)),
        windows=windows,
        detectors=tuple(chosen),
    )


def trained(log: bytes, windows: WindowOptions, kinds: list[str], epochs: int, place: Path) -> Path:
    """A models directory."""
    path = place / "first.log"
    path.write_bytes(log)
    inputs = open_all([str(path)])
    stream = msgspec.structs.replace(options(windows, list(QUICK), place))
    chosen = {kind: trainer(kind).options(epochs=epochs) for kind in kinds}
    try:
        retrain(inputs, stream, Alerts(), place / "models", chosen, Tell(_nothing, _nothing), force=True)
    finally:
        for one in inputs:
            one.close()
    return place / "models"


def _nothing(*_: object) -> None:
    """No progress is shown."""


class Clocked:
    """Processor time by stage: functions of a stream and its parts, replaced by ones that are timed."""

    def __init__(self) -> None:
        self.seconds: Counter[str] = Counter()
        self._inner = [0.0]

    def put(self, owner: Any, name: str, stage: str) -> None:
        """Book what this function takes, less what those it calls are booked for."""
        plain: Callable[..., Any] = getattr(owner, name)

        def timed(*args: Any, **more: Any) -> Any:
            began = time.process_time()
            self._inner.append(0.0)
            try:
                return plain(*args, **more)
            finally:
                took = time.process_time() - began
                self.seconds[stage] += took - self._inner.pop()
                self._inner[-1] += took

        setattr(owner, name, timed)


def run(log: bytes, stream: StreamOptions, *, stages: bool = False) -> tuple[float, Clocked, Stream]:
    """Seconds of processor time for the second half, once the first was read."""
    core = Stream(
        stream,
        alerts=Alerts(),
        risk=Risk(),
        budget_per_day=5.0,
        text=lambda source, offset, length: log[offset : offset + length],
        names=lambda source: "hdfs.log",
    )
    core.open(0)
    half = log.index(b"\n", len(log) // 2) + 1
    _feed(core, log[:half])
    clocked = Clocked()
    if stages:
        _clock(core, clocked)
    began = time.process_time()
    _feed(core, log[half:])
    return time.process_time() - began, clocked, core


def _clock(core: Stream, clocked: Clocked) -> None:
    clocked.put(core.engine, "feed", "engine")
    clocked.put(core.windows, "push", "windows")
    clocked.put(core, "_report", "incidents and evidence")
    clocked.put(core.judge, "judge", "calibration and verdicts")
    clocked.put(core.judge, "_learn", "learning")
    for name, detector in core.judge.detectors.items():
        clocked.put(detector, "score", name)
        if name in QUICK:
            continue
        for asks in {"ask", "ask_among"} & {*dir(detector)}:
            clocked.put(detector, asks, f"{name}: slots, histories, memory")
        clocked.put(detector, "explain", f"{name}: evidence")
        clocked.put(detector.model.answers, "ask", f"{name}: rows and probabilities")  # type: ignore[attr-defined]
        clocked.put(detector.model._network, "run", f"{name}: network")  # type: ignore[attr-defined]


def _feed(core: Stream, log: bytes) -> None:
    for at in range(0, len(log), PIECE):
        core.feed(0, log[at : at + PIECE])


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--epochs", type=int, default=3)
    parser.add_argument("--rounds", type=int, default=3)
    args = parser.parse_args()
    torch.set_num_threads(1)
    log = gzip.decompress((DATA / "hdfs/hdfs_dev.log.gz").read_bytes())
    half = log.index(b"\n", len(log) // 2) + 1
    lines = log[half:].count(b"\n")
    print(f"HDFS dev: {lines} lines of its second half, processor time of one thread; target {TARGET} lines/s")
    for title, windows in WINDOWS.items():
        with tempfile.TemporaryDirectory() as place:
            models = trained(log[:half], windows, list(TRAINERS), args.epochs, Path(place))
            _table(title, windows, models, log, lines, args.rounds)
    return 0


def _table(title: str, windows: WindowOptions, models: Path, log: bytes, lines: int, rounds: int) -> None:
    chosen = {"quick detectors": list(QUICK), **{f"and {kind}": [*QUICK, kind] for kind in TRAINERS}}
    chosen["all"] = [*QUICK, *TRAINERS]
    print(f"\nwindows: {title}")
    least = {
        name: min(run(log, options(windows, detectors, models))[0] for _ in range(rounds))
        for name, detectors in chosen.items()
    }
    for name, seconds in least.items():
        ratio = seconds / least["quick detectors"]
        print(f"  {name:24}{lines / seconds:12,.0f} lines/s{ratio:8.2f} times the quick detectors' time")
    seconds, clocked, core = run(log, options(windows, chosen["all"], models), stages=True)
    for stage, took in clocked.seconds.most_common():
        print(f"    {stage:42}{1e6 * took / lines:8.2f} us a line{took / seconds:8.1%}")
    for name, told in core.status()["models"].items():
        known = told["hits"] / max(1, told["hits"] + told["misses"])
        print(f"    {name}: {known:.1%} of its rows were in memory; windows asked about: {told['asked']}")


if __name__ == "__main__":
    sys.exit(main())
