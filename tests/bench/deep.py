"""What DeepLog tells of HDFS sessions, beside the statistical detectors: `make bench-deep`.

Trained on the normal blocks of the training half, judged on the test half, one block a session. Every threshold is
fixed on the training sessions alone: at most one in 500 of them exceeds it. F1 is given at the
sample's prevalence and at that of the full data set (16,838 of 570,204 sessions anomalous), from the measured rates.
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

import numpy as np
import torch
from sklearn.metrics import roc_auc_score

from alogd.config import Alerts, DetectorOptions, EngineOptions, StreamOptions, UserMask, WindowOptions
from alogd.detectors.deeplog import NextTemplate
from alogd.detectors.ewma import Ewma, EwmaOptions
from alogd.detectors.loganomaly import LogAnomaly, LogAnomalyOptions
from alogd.engine import Engine
from alogd.event import F64, IDLE, WindowBatch
from alogd.offline.export import export
from alogd.offline.quality import threshold
from alogd.offline.sessions import Sessions, examples
from alogd.offline.train_deeplog import Training, train
from alogd.reference.batches import window_batch
from alogd.stream import engine_config
from alogd.vocabulary import UNK
from tests.bench.detection import DATA

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
    parser.add_argument("--epochs", type=int, default=60)
    parser.add_argument("--window", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    torch.set_num_threads(1)
    sessions, bad, training = blocks()
    normal = [one for one, wrong, train_half in zip(sessions, bad, training, strict=True) if train_half and not wrong]
    judged = [one for one, train_half in zip(sessions, training, strict=True) if not train_half]
    truth = np.array([wrong for wrong, train_half in zip(bad, training, strict=True) if not train_half])
    print(
        f"HDFS dev: trained on {len(normal)} normal sessions, judged {len(judged)}, {truth.sum()} of them anomalous; "
    )
    print(f"seed {args.seed}; every threshold is exceeded by at most one in 500 of the sessions trained on")
    scores = {"deeplog": _deeplog(normal, judged, args)} | _statistical(normal, judged)
    print(f"{'':12}{'AUROC':>7}{'FPR':>9}{'recall':>8}{'precision':>10}{'F1':>8}{'at full prevalence':>20}")
    for name, (calm, found) in scores.items():
        print(f"{name:12}{roc_auc_score(truth, found):7.4f} {rates(found > threshold(calm), truth)}")
    ranks = [(_rank(calm, calm), _rank(calm, found)) for calm, found in scores.values()]
    calm, found = (np.sqrt(sum(part**2 for part in column)) for column in zip(*ranks, strict=True))
    print(f"{'ensemble':12}{roc_auc_score(truth, found):7.4f} {rates(found > threshold(calm), truth)}")
    return 0


def _rank(calm: F64, scores: F64) -> F64:
    """How far beyond the usual, in units of the usual spread above the median, so that detectors may be added."""
    middle, high = np.quantile(calm, [0.5, 0.99])
    return np.maximum(0.0, (scores - middle) / max(1e-9, high - middle))


def _deeplog(normal: list[list[int]], judged: list[list[int]], args: argparse.Namespace) -> tuple[F64, F64]:
    known = sorted({slot for one in normal for slot in one})
    number = {slot: 4 + at for at, slot in enumerate(known)}
    chosen = Training(epochs=args.epochs, window=args.window, seed=args.seed)

    def told(sessions: list[list[int]]) -> Sessions:
        return Sessions.of([[number.get(slot, UNK) for slot in one] for one in sessions])

    begun = time.process_time()
    trained = train(told(normal), 4 + len(known), chosen, _progress)
    seconds = time.process_time() - begun
    print(f"deeplog: {seconds:.0f} s of one core, best epoch {trained.epoch}, loss {trained.loss:.4f} nats an event")
    example = torch.from_numpy(examples(told(judged), chosen.window, ends=True).before[:256]).long()
    facts = {"window": chosen.window, "k": chosen.k, "ends": 1, "size": 4 + len(known), "vocabulary": ""}
    graph = export(trained.net, example, name="sequence", outputs=["logits"], kind="deeplog", facts=facts)
    model = NextTemplate(graph)

    def score(sessions: list[list[int]]) -> F64:
        these = told(sessions)
        return model.judge(these.tokens, these.start, these.fresh, these.ends).largest(len(these))

    found = score(normal), score(judged)
    for k in (1, 5, 9):
        these = told(judged)
        missed = model.judge(these.tokens, these.start, these.fresh, these.ends).misses(len(these), k)
        print(f"         top {k}: {(missed > 0).sum()} sessions with a miss")
    answers = model.answers
    print(f"         {answers.hits / (answers.hits + answers.misses):.1%} of the events were answered from memory")
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
