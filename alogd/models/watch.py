"""Notices while the daemon runs that another model was promoted, and lets the streams that use it begin with it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path

from alogd.config.tree import Config
from alogd.daemon.members import Plan
from alogd.daemon.plans import model_directories, plans
from alogd.logs import get_logger
from alogd.models.bundle import in_service

LOOK_EVERY = 2.0  # seconds

log = get_logger("models")


async def watch(config: Callable[[], Config], apply: Callable[[Sequence[Plan]], Awaitable[None]]) -> None:
    """Never returns. A stream with another model stops, committed, and goes on from there: nothing is read twice."""
    before = _links(config())
    while True:
        await asyncio.sleep(LOOK_EVERY)
        now = _links(config())
        changed = [where for where, led in before.items() if now.get(where, led) != led]
        before = now
        if not changed:
            continue
        try:
            await apply(plans(config()))
        except (ValueError, OSError) as error:
            log.error("the promoted model cannot be used; the one before stays in service", error=str(error))
            continue
        log.info("another model is in service", models=", ".join(changed))


def _links(config: Config) -> dict[str, Path | None]:
    """Where each models directory's link leads."""
    return {models: in_service(models) for stream in config.streams for models in model_directories(stream)}
