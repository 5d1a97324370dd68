"""Writes model bundles and puts them into service: whole directories, by one rename and one link."""

from __future__ import annotations

import hashlib
import os
import secrets
import shutil
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec

from alogd import __version__
from alogd.models.bundle import (
    IN_SERVICE,
    KIND,
    MANIFEST,
    SCHEMA,
    VOCABULARY,
    BadBundle,
    FileFacts,
    Manifest,
    Quality,
    TrainedOn,
    in_service,
    read_manifest,
)
from alogd.models.vocabulary import Vocabulary
from alogd.offline.models import history
from alogd.state.crashpoint import crashpoint
from alogd.state.durable import sync_directory


def write(
    models: Path,
    files: Mapping[str, bytes],
    *,
    vocabulary: Vocabulary,
    windows: Mapping[str, Any],
    thresholds: Mapping[str, float],
    trained_on: TrainedOn,
    quality: Quality,
    name: str | None = None,
) -> Path:
    """A new bundle in the directory `models`, of that name or a new one. Durable when it returns."""
    everything = {**files, VOCABULARY: vocabulary.to_json()}
    now = datetime.now(UTC)
    manifest = Manifest(
        schema=SCHEMA,
        kind=KIND,
        created=now.isoformat(timespec="seconds"),
        alogd=__version__,
        vocabulary=vocabulary.hash,
        files={n: FileFacts(sha256=hashlib.sha256(d).hexdigest(), bytes=len(d)) for n, d in everything.items()},
        windows=dict(windows),
        thresholds=dict(thresholds),
        trained_on=trained_on,
        quality=quality,
    )
    everything[MANIFEST] = msgspec.json.format(msgspec.json.encode(manifest), indent=1) + b"\n"
    models.mkdir(parents=True, exist_ok=True)
    name = name or new_name()
    unfinished = models / f".{name}"
    if unfinished.exists():
        shutil.rmtree(unfinished)  # of a process that was killed
    try:
        unfinished.mkdir()
        for file, data in everything.items():
            _write(unfinished / file, data)
            crashpoint("bundle_file")
        sync_directory(unfinished)
        crashpoint("bundle_written")
        unfinished.rename(models / name)
    except BaseException:
        shutil.rmtree(unfinished, ignore_errors=True)
        raise
    sync_directory(models)
    crashpoint("bundle_named")
    return models / name


def new_name() -> str:
    """Of a bundle: it begins with the moment, so that names are in order of time."""
    return f"{datetime.now(UTC):%Y%m%dT%H%M%S.%fZ}-{secrets.token_hex(2)}"


def promote(bundle: Path, by: history.By, why: str, quality: float | None = None) -> None:
    """Put a bundle into service, in one step: whoever looks sees the old one or the new one. Told in history.jsonl.

    Raises OSError; the one in service then stays.
    """
    models = bundle.parent
    before = in_service(models)
    if before is not None and before.name == bundle.name:
        return
    history.note(models, bundle.name, before.name if before else None, by, why, quality)
    crashpoint("promotion_noted")
    link = models / f".{IN_SERVICE}-{secrets.token_hex(3)}"
    link.symlink_to(bundle.name)
    crashpoint("promotion_linked")
    try:
        link.replace(models / IN_SERVICE)
    except BaseException:
        link.unlink()
        raise
    crashpoint("promotion_moved")
    sync_directory(models)


def prune(models: Path, keep: int) -> list[str]:
    """Removes all bundles but the newest `keep`, the one in service and the one before it; their names.

    What is no bundle of this program stays.
    """
    current = in_service(models)
    spared = {current.name, *history.predecessors(history.read(models), current.name)[:1]} if current else set()
    found = sorted(path for path in models.iterdir() if path.is_dir() and not path.is_symlink())
    ours = [path for path in found if path.name[0] != "." and _is_bundle(path)]
    gone = [path for path in ours[: max(0, len(ours) - keep)] if path.name not in spared]
    for path in gone:
        hidden = path.rename(models / f".{path.name}")  # whole or gone, never half of one
        shutil.rmtree(hidden)
    return [path.name for path in gone]


def _is_bundle(path: Path) -> bool:
    try:
        read_manifest(path)
    except BadBundle:
        return False
    return True


def _write(path: Path, data: bytes) -> None:
    with path.open("xb") as file:
        file.write(data)
        file.flush()
        os.fsync(file.fileno())
