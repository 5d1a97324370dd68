"""Small LogBERTs for tests: on six templates by hand, and on a log of workflows as `alogd retrain` makes them."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from alogd.cli.inputs import open_all
from alogd.config.tree import Alerts
from alogd.offline.models.retrain import Result, retrain
from alogd.offline.models.sessions import Sessions
from alogd.offline.models.train_logbert import Training, exported, train
from tests import deep_models
from tests.scratch import scratch

SMALL = Training(
    hidden_size=16, num_layers=1, num_heads=2, length=24, k=2, epochs=12, batch_size=32, rate=5e-3, dropout=0.0
)


def usual() -> Sessions:
    """4 5 6 7 8 9, sometimes 4 5 6 8 7 9."""
    return Sessions.of([[4, 5, 6, 7, 8, 9]] * 60 + [[4, 5, 6, 8, 7, 9]] * 30)


@cache
def graph() -> bytes:
    """LogBERT on `usual`."""
    torch.set_num_threads(1)
    return exported(train(usual(), 10, SMALL).net, usual(), 10, "none", SMALL)


def trained(directory: Path, log: Path) -> Result:
    """`alogd retrain --models logbert` on a log."""
    torch.set_num_threads(1)
    inputs = open_all([str(log)])
    try:
        return retrain(inputs, deep_models.stream(), Alerts(), directory, {"logbert": SMALL}, deep_models.SILENT)
    finally:
        for one in inputs:
            one.close()


@cache
def models() -> Path:
    """A models directory with a LogBERT in service, trained on 300 requests."""
    place = scratch("alogd-models-")
    log = place / "web.log"
    log.write_bytes(b"".join(deep_models.workflow_log(300)))
    trained(place, log)
    return place
