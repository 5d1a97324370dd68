"""A models directory with a small model of every kind in service, as `alogd retrain` makes it."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import torch

from alogd.cli.inputs import open_all
from alogd.config.tree import Alerts, UserMask
from alogd.offline.models.retrain import retrain
from alogd.offline.models.train_deeplog import Training
from tests import deep_models, logbert_models, mscred_models
from tests.scratch import scratch

DEEPLOG = Training(window=6, k=3, epochs=6, embedding=16, hidden=16, batch=32, rate=1e-2)


@cache
def models(*masks: UserMask) -> Path:
    """Trained on 400 requests."""
    torch.set_num_threads(1)
    place = scratch("alogd-models-")
    log = place / "web.log"
    log.write_bytes(b"".join(deep_models.workflow_log(400)))
    chosen = {"deeplog": DEEPLOG, "logbert": logbert_models.SMALL, "mscred": mscred_models.SMALL}
    inputs = open_all([str(log)])
    try:
        retrain(inputs, deep_models.stream(*masks), Alerts(), place, chosen, deep_models.SILENT)
    finally:
        for one in inputs:
            one.close()
    return place
