"""Small trained models for tests: a log of a few workflows, and DeepLog trained on it in a second or two."""

from __future__ import annotations

import random
import time
from functools import cache
from pathlib import Path
from typing import TypeVar

import torch

from alogd.cli.inputs import open_all
from alogd.config.tree import Alerts, EngineOptions, StreamOptions, UserMask, WindowOptions
from alogd.detectors.deeplog import DeepLog, NextTemplate
from alogd.detectors.logbert import LogBert
from alogd.models.vocabulary import Vocabulary, mining
from alogd.offline.models.export import export
from alogd.offline.models.retrain import Result, Tell, retrain
from alogd.offline.models.sessions import Sessions, examples
from alogd.offline.models.train_deeplog import Training, train
from alogd.stream import engine_config
from tests.scratch import scratch

Known = TypeVar("Known", DeepLog, LogBert)
SILENT = Tell(lambda lines: None, lambda kind, epoch, epochs, loss: None)
STEPS = (
    "request accepted from 10.0.0.{n} port {n}",
    "parser took {n} ms",
    "stored as row {n} of table orders",
    "answered with {n} bytes",
    "connection closed",
)


def workflow_log(requests: int, *, seed: int = 1, start: int = 1_760_000_000) -> list[bytes]:
    """Requests served one after the other, five lines each, always in the same order but for a seldom retry."""
    chance, lines, now = random.Random(seed), [], start
    for _ in range(requests):
        for step in STEPS[: 3 if chance.random() < 0.02 else 5]:
            now += chance.random() < 0.3
            stamp = time.strftime("%b %e %H:%M:%S", time.gmtime(now))
            lines.append(f"{stamp} host web[7]: {step.format(n=chance.randrange(1, 250))}\n".encode())
    return lines


def stream(*masks: UserMask) -> StreamOptions:
    """Windows of 20 records, 10 of them fresh."""
    return StreamOptions(
        name="host",
        collect=({"kind": "file", "include": ["x"]},),
        engine=EngineOptions(user_masks=masks),
        windows=WindowOptions(size=20, stride=10),
    )


def trained(
    directory: Path, log: Path, *masks: UserMask, epochs: int = 12, seed: int = 1, force: bool = False
) -> Result:
    """`alogd retrain` on a log, with a small network."""
    torch.set_num_threads(1)
    inputs = open_all([str(log)])
    chosen = Training(window=6, k=3, epochs=epochs, seed=seed, embedding=16, hidden=16, batch=32, rate=1e-2)
    try:
        return retrain(inputs, stream(*masks), Alerts(), directory, {"deeplog": chosen}, SILENT, seed=seed, force=force)
    finally:
        for one in inputs:
            one.close()


@cache
def models(*masks: UserMask) -> Path:
    """A models directory with a bundle in service, trained on 400 requests."""
    place = scratch("alogd-models-")
    log = place / "web.log"
    log.write_bytes(b"".join(workflow_log(400)))
    trained(place, log, *masks)
    return place


@cache
def graph() -> bytes:
    """DeepLog on sessions 4 5 6 7 8 9, sometimes 4 5 6 8 7 9."""
    torch.set_num_threads(1)
    chosen = Training(window=4, k=2, epochs=8, embedding=8, hidden=8, batch=32, rate=1e-2)
    sessions = Sessions.of([[4, 5, 6, 7, 8, 9]] * 60 + [[4, 5, 6, 8, 7, 9]] * 30)
    net = train(sessions, 10, chosen).net
    example = torch.from_numpy(examples(sessions, 4, ends=True).before).long()
    facts = {"window": 4, "k": 2, "ends": 1, "size": 10, "vocabulary": "none"}
    return export(net, example, name="sequence", outputs=["logits"], kind=NextTemplate.KIND, facts=facts)


def settings() -> dict[str, object]:
    """How the streams of these tests mine their templates."""
    return mining(engine_config(stream(), Alerts()))


def vocabulary() -> Vocabulary:
    """Two templates, and the settings they were mined with."""
    known = [("00aa", "disk <NUM> is full"), ("00bb", "disk <NUM> is back")]
    return Vocabulary.of(known, settings())


def attached(detector: Known) -> Known:
    """Slots from 1 on are its vocabulary's templates, and 9 is none of them."""
    texts = {slot: one.text for slot, one in enumerate(detector.bundle.vocabulary.templates, 1)} | {9: "what is this"}
    detector.attach(lambda slot: texts.get(slot, ""), settings())
    return detector
