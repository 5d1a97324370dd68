"""What DeepLog and LogBERT tell of HDFS sessions, beside the statistical detectors: `make bench-deep`.

Trained on the normal blocks of the training half, judged on the test half, one block a session; with --in-time trained
on the first 30 % of the blocks, whatever is in them, and judged on the others. Every threshold is fixed on the sessions
trained on alone, by one rule for all (alogd/offline/quality.py). F1 is given at the sample's prevalence and at that of
the full data set (16,838 of 570,204 sessions anomalous), from the measured rates.
"""

from __future__ import annotations

import argparse
import csv
import gzip
import io
import re
import sys
import time
from dataclasses import replace
from itertools import compress

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from alogd.config import Alerts, DetectorOptions, EngineOptions, StreamOptions, UserMask, WindowOptions
from alogd.detectors._in_service import of_kind
from alogd.detectors.deeplog import UNSEEN
from alogd.detectors.ewma import Ewma, EwmaOptions
from alogd.detectors.loganomaly import LogAnomaly, LogAnomalyOptions
from alogd.engine import Engine
from alogd.event import F64, IDLE, WindowBatch
from alogd.offline.kinds import HELD_BACK, TRAINERS, trainer
from alogd.offline.quality import scorer, threshold
from alogd.offline.sessions import Sessions
from alogd.reference.batches import window_batch
from alogd.stream import engine_config
from alogd.vocabulary import UNK, Vocabulary
from tests.bench.detection import DATA

FIRST = 0.3  # of the log, with --in-time
FULL_NORMAL, FULL_ANOMALOUS = 553_366, 16_838
BLOCK = re.compile(rb"blk_-?\d+")


def blocks() -> tuple[list[list[int]], list[bool], list[bool]]:
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


def windows(sessions: list[list[int]]) -> WindowBatch:
    """As the daemon's session windows, each closed because it fell quiet."""
    made = window_batch(sessions, group=0)
    return replace(made, reason=np.full(len(made), IDLE, np.uint8))


def rates(odd: F64, truth: F64) -> str:
    """Precision, recall and F1, here and at the full prevalence."""
    false, recall = float(odd[~truth].mean()), float(odd[truth].mean())
    told = []
    for normal, anomalous in (((~truth).sum(), truth.sum()), (FULL_NORMAL, FULL_ANOMALOUS)):
        hits, alarms = recall * anomalous, false * normal
        told += [hits / max(1e-9, hits + alarms), 2 * hits / max(1e-9, hits + alarms + anomalous)]
    return f"{false:8.4f} {recall:7.3f} {told[0]:9.3f} {told[1]:7.3f} {told[2]:9.3f} {told[3]:7.3f}"


def main() -> int:
    """Print the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--models", default="deeplog,logbert", help="which to train")
    parser.add_argument("--in-time", action="store_true", help="train on the first 30 %%, judge the rest")
    args = parser.parse_args()
    torch.set_num_threads(1)
    sessions, bad, training = blocks()
    first = round(FIRST * len(sessions))
    fit = [at < first if args.in_time else training[at] and not bad[at] for at in range(len(sessions))]
    rest = [at >= first if args.in_time else not training[at] for at in range(len(sessions))]
    normal, judged = (list(compress(sessions, which)) for which in (fit, rest))
    truth = np.array(list(compress(bad, rest)))
    what = "the first sessions, unlabelled" if args.in_time else "normal sessions"
    print(f"HDFS dev: trained on {len(normal)} {what}, judged {len(judged)}, {truth.sum()} of them anomalous; ")
    print(f"seed {args.seed}; one in 500 of sessions like those trained on exceeds a threshold, by their Pareto tail")
    scores = {kind: _deep(kind, normal, judged, args.seed) for kind in args.models.split(",")}
    scores |= _statistical(normal, judged)
    print(f"{'':12}{'AUROC':>7}{'FPR':>9}{'recall':>8}{'precision':>10}{'F1':>8}{'at full prevalence':>20}")
    ranks = [(_rank(calm, calm), _rank(calm, found)) for calm, found in scores.values()]
    calm, found = (np.sqrt(sum(part**2 for part in column)) for column in zip(*ranks, strict=True))
    for name, (usual, seen) in {**scores, "ensemble": (calm, found)}.items():
        limit = threshold(usual, most=np.inf if name not in scores or name not in TRAINERS else UNSEEN)
        print(f"{name:12}{roc_auc_score(truth, seen):7.4f} {rates(seen > limit, truth)}")
    return 0


def _rank(calm: F64, scores: F64) -> F64:
    """How far beyond the usual, in units of the usual spread above the median, so that detectors may be added."""
    middle, high = np.quantile(calm, [0.5, 0.99])
    return np.maximum(0.0, (scores - middle) / max(1e-9, high - middle))


def _deep(kind: str, normal: list[list[int]], judged: list[list[int]], seed: int) -> tuple[F64, F64]:
    """Scores of both, by the model as it would stand in a bundle."""
    known = Vocabulary.of(((f"{slot:04x}", f"template {slot}") for slot in sorted({x for s in normal for x in s})), {})
    number = {int(one.fingerprint, 16): 4 + at for at, one in enumerate(known.templates)}
    told = [Sessions.of([[number.get(x, UNK) for x in one] for one in some]) for some in (normal, judged)]
    fit = trainer(kind)
    chosen = fit.options(seed=seed)
    begun = time.process_time()
    trained = fit.train(told[0], len(known), chosen, _progress)
    seconds = time.process_time() - begun
    print(f"{kind}: {seconds:.0f} s of one core, best epoch {trained.epoch}, loss {trained.loss:.4f} nats an event")
    model = of_kind(kind)(fit.graph(trained.net, told[0].held_back(HELD_BACK)[1], known, chosen))
    score, begun = scorer(model), time.process_time()
    found = score(told[0]), score(told[1])
    events = sum(len(one.tokens) for one in told)
    print(
        f"         {(time.process_time() - begun) / events * 1e6:.1f} us an event, those answered from memory counted"
    )
    return found


def _statistical(normal: list[list[int]], judged: list[list[int]]) -> dict[str, tuple[F64, F64]]:
    found = {}
    for name, detector in (("ewma", Ewma(EwmaOptions())), ("loganomaly", LogAnomaly(LogAnomalyOptions()))):
        for at in range(0, len(normal), 64):
            part = windows(normal[at : at + 64])
            detector.learn(part, np.ones(len(part), bool))
        found[name] = (detector.score(windows(normal)), detector.score(windows(judged)))
    return found


def _progress(epoch: int, epochs: int, loss: float) -> None:
    if sys.stderr.isatty():
        print(f"\r\x1b[Kepoch {epoch}/{epochs} {loss:.4f}", end="\n" if epoch == epochs else "", file=sys.stderr)


if __name__ == "__main__":
    sys.exit(main())
