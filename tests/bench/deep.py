"""What trained models tell of HDFS sessions, beside the statistical detectors: `make bench-deep`.

Trained on the normal blocks of the training half, judged on the test half, one block a session; with --in-time
trained on the first 30 % of the blocks, whatever is in them, and judged on the others. Every threshold is fixed on
the sessions trained on alone, by one rule for all (alogd/offline/models/thresholds.py). F1 is given at the sample's
prevalence and at that of the full data set (16,838 of 570,204 sessions anomalous), from the measured rates; of
several seeds the median, and below it the range.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
import sys
from dataclasses import replace
from itertools import compress
from pathlib import Path

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from alogd.config.tree import Alerts, DetectorOptions, EngineOptions, StreamOptions, UserMask, WindowOptions
from alogd.detectors.deeplog import UNSEEN
from alogd.detectors.ewma import Ewma, EwmaOptions
from alogd.detectors.loganomaly import LogAnomaly, LogAnomalyOptions
from alogd.engine.native import Engine
from alogd.event import F64, IDLE, Bool, WindowBatch
from alogd.offline.models.kinds import TRAINERS
from alogd.offline.models.thresholds import threshold
from alogd.reference.batches import window_batch
from alogd.stream import engine_config
from tests.bench.deep_models import Learned, Lists, Task, in_int8, learned
from tests.bench.detection import DATA

FIRST = 0.3  # of the log, with --in-time
FULL_NORMAL, FULL_ANOMALOUS = 553_366, 16_838
BLOCK = re.compile(rb"blk_-?\d+")
HEADS = ("AUROC", "FPR", "recall", "precision", "F1", "at full:", "F1")

Scores = tuple[F64, F64]  # of what was trained on, of what is judged


def blocks() -> tuple[Lists, list[bool], list[bool]]:
    """(template slots of every block in log order, whether it is anomalous, whether it is of the training half)."""
    log = gzip.decompress((DATA / "hdfs/hdfs_dev.log.gz").read_bytes())
    rows = csv.DictReader(io.StringIO((DATA / "hdfs/hdfs_dev_labels.csv").read_text()))
    label = {row["BlockId"].encode(): (row["Label"] != "Normal", row["Split"] == "train") for row in rows}
    options = StreamOptions(
        name="bench",
        collect=({"kind": "file", "include": ["log"]},),
        engine=EngineOptions(user_masks=(UserMask(name="BLOCK", pattern=r"blk_-?[0-9]+"),)),
        windows=WindowOptions(kind="session", key={"mask": "BLOCK"}),
        detectors=(DetectorOptions(name="ewma"),),
    )
    engine = Engine(engine_config(options, Alerts()))
    sessions: dict[bytes, list[int]] = {}
    for batch in (engine.feed(log), engine.flush()):
        for offset, length, slot in zip(batch.offset.tolist(), batch.length.tolist(), batch.slot.tolist(), strict=True):
            found = BLOCK.search(log, offset, offset + length)
            if found:
                sessions.setdefault(found.group(), []).append(slot)
    return list(sessions.values()), [label[one][0] for one in sessions], [label[one][1] for one in sessions]


def windows(sessions: Lists) -> WindowBatch:
    """As the daemon's session windows, each closed because it fell quiet."""
    made = window_batch(sessions, group=0)
    return replace(made, reason=np.full(len(made), IDLE, np.uint8))


def figures(name: str, scores: Scores, truth: Bool) -> F64:
    """What HEADS says, of one run."""
    calm, found = scores
    odd = found > threshold(calm, most=UNSEEN if name in ("deeplog", "logbert") else np.inf)
    false, recall = float(odd[~truth].mean()), float(odd[truth].mean())
    told = [float(roc_auc_score(truth, found)), false, recall]
    for normal, anomalous in ((int((~truth).sum()), int(truth.sum())), (FULL_NORMAL, FULL_ANOMALOUS)):
        hits, alarms = recall * anomalous, false * normal
        told += [hits / max(1e-9, hits + alarms), 2 * hits / max(1e-9, hits + alarms + anomalous)]
    return np.array(told)


def statistical(normal: Lists, judged: Lists) -> dict[str, Scores]:
    """The detectors that need no training, after what the models are trained on."""
    found = {}
    for name, detector in (("ewma", Ewma(EwmaOptions())), ("loganomaly", LogAnomaly(LogAnomalyOptions()))):
        for at in range(0, len(normal), 64):
            part = windows(normal[at : at + 64])
            detector.learn(part, np.ones(len(part), bool))
        found[name] = (detector.score(windows(normal)), detector.score(windows(judged)))
    return found


def together(scores: dict[str, Scores]) -> Scores:
    """The root of the sum of squares of all, each in units of its own spread on what was trained on."""
    ranks = [(_rank(calm, calm), _rank(calm, found)) for calm, found in scores.values()]
    calm, found = (np.sqrt(np.sum([part**2 for part in column], axis=0)) for column in zip(*ranks, strict=True))
    return calm, found


def _rank(calm: F64, scores: F64) -> F64:
    """How far beyond the usual, in units of the usual spread above the median, so that detectors may be added."""
    middle, high = np.quantile(calm, [0.5, 0.99])
    return np.asarray(np.maximum(0.0, (scores - middle) / max(1e-9, high - middle)))


def main() -> int:
    """Print the table."""
    args = _parser().parse_args()
    torch.set_num_threads(1)
    sessions, bad, training = blocks()
    first = round(FIRST * len(sessions))
    fit = [at < first if args.in_time else training[at] and not bad[at] for at in range(len(sessions))]
    rest = [at >= first if args.in_time else not training[at] for at in range(len(sessions))]
    epochs = {kind: int(number) for kind, _, number in (one.partition("=") for one in args.epochs.split(",") if one)}
    name = "time" if args.in_time else "halves"
    task = Task(list(compress(sessions, fit)), list(compress(sessions, rest)), name, epochs, args.keep)
    truth = np.array(list(compress(bad, rest)))
    unlabelled = f"the first sessions ({sum(compress(bad, fit))} of them anomalous)"
    what = unlabelled if args.in_time else "normal sessions"
    print(f"HDFS dev: trained on {len(task.normal)} {what}, judged {len(task.judged)}, {truth.sum()} of them anomalous")
    seeds = [int(seed) for seed in args.seeds.split(",")]
    kinds = [kind for kind in args.models.split(",") if kind]
    models = {seed: {kind: learned(kind, seed, task) for kind in kinds} for seed in seeds}
    for kind in kinds:
        print(_costs(kind, [models[seed][kind] for seed in seeds]))
    fixed = statistical(task.normal, task.judged)
    rounds = [{kind: (one.calm, one.found) for kind, one in models[seed].items()} | fixed for seed in seeds]
    rounds = [scores | {"ensemble": together(scores)} for scores in rounds]
    print(f"{'':12}" + "".join(f"{head:>10}" for head in HEADS))
    for name in rounds[0]:
        _line(name, np.array([figures(name, scores[name], truth) for scores in rounds]))
    for kind in kinds if args.int8 else ():
        one = models[seeds[0]][kind]
        small, alike, before = in_int8(kind, one, task)
        print(f"{kind} in int8, seed {seeds[0]}: rank correlation {alike:.4f} on held back; ", end="")
        print(f"{len(small.graph) / len(one.graph):.0%} of its size, {before:.1f} us a record, now {small.each:.1f}")
        _line("  float", figures(kind, (one.calm, one.found), truth)[None])
        _line("  int8", figures(kind, (small.calm, small.found), truth)[None])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seeds", default="1", help="one training of every model with each")
    parser.add_argument("--models", default=",".join(TRAINERS), help="which to train")
    parser.add_argument("--epochs", default="", metavar="KIND=N,...", help="at most, where not the default of a kind")
    parser.add_argument("--in-time", action="store_true", help="train on the first 30 %%, judge the rest")
    parser.add_argument("--int8", action="store_true", help="beside each model of the first seed its weights in 8 bits")
    parser.add_argument("--keep", type=Path, metavar="DIR", help="keep what was trained; go on from it when stopped")
    return parser


def _costs(kind: str, runs: list[Learned]) -> str:
    losses, seconds = [one.loss for one in runs], [one.seconds for one in runs]
    each, epochs = np.median([one.each for one in runs]), [one.epoch for one in runs]
    return (
        f"{kind}: loss on held back {min(losses):.4f} to {max(losses):.4f}, "
        f"best epochs {min(epochs)} to {max(epochs)}, "
        f"{np.median(seconds):.0f} s of one core a seed, {each:.1f} us a record"
    )


def _line(name: str, rows: F64) -> None:
    print(f"{name:12}" + "".join(f"{value:10.4f}" for value in np.median(rows, axis=0)))
    if (np.ptp(rows, axis=0) > 0).any():
        low, high = rows.min(axis=0), rows.max(axis=0)
        print(f"{'':12}" + "".join(f" {_short(a)}-{_short(b)}" for a, b in zip(low, high, strict=True)))


def _short(value: float) -> str:
    return f"{value:.3f}".lstrip("0") if value < 1 else "1.00"


if __name__ == "__main__":
    sys.exit(main())
