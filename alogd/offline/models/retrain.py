"""Logs in, a judged model bundle out: read, train, export, prove, judge, compare, and only then promote."""

from __future__ import annotations

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
import torch

from alogd import __version__
from alogd.amounts import size
from alogd.cli.inputs import Input
from alogd.config.tree import Alerts, StreamOptions
from alogd.detectors._in_service import kinds, of_kind
from alogd.detectors._network import Network
from alogd.models import bundle
from alogd.models.bundle import Bundle, Quality, TrainedOn
from alogd.offline.models import bundle as bundles
from alogd.offline.models import corpus, int8, quality, work
from alogd.offline.models import origin as from_where
from alogd.offline.models.epochs import enough
from alogd.offline.models.kinds import HELD_BACK, Start, Trained, trainer
from alogd.offline.models.sessions import Sessions
from alogd.state.crashpoint import crashpoint

WORSE = 1.0  # points of quality a new model may lose and still be promoted: chance, not decline


@dataclass(frozen=True, slots=True)
class Result:
    """What came of it."""

    bundle: Path
    quality: Quality
    trained: dict[str, Trained]  # by kind of model
    corpus: corpus.Corpus
    before: Quality | None  # of the same kinds in service, judged on the same sessions
    promoted: bool
    why: str


def _nothing(*_: object) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Tell:
    """How progress is shown."""

    reading: Callable[[int], None]  # lines so far
    training: Callable[[str, int, int, float], None]  # kind of model, epoch, of how many, loss
    stage: Callable[[str, int, int], None] = _nothing  # what else is done: its name, steps done, of how many
    said: Callable[[str], None] = _nothing  # something a person should know


@dataclass(frozen=True, slots=True)
class Begin:
    """What a training goes on from."""

    base: Path | None = None  # a bundle, whose weights and vocabulary are continued
    stream: str | None = None  # whose files the inputs are: rotation may rename them between two runs
    fresh: bool = False  # forget what an earlier run that was stopped has done
    int8: bool = False  # weights as 8-bit integers, of each model that then still ranks as it did


def retrain(
    inputs: Sequence[Input],
    options: StreamOptions,
    alerts: Alerts,
    models: Path,
    chosen: Mapping[str, Any],
    tell: Tell,
    *,
    seed: int = 1,
    force: bool = False,
    begin: Begin = Begin(),
) -> Result:
    """Trains, writes the bundle, and promotes it when it is not worse than the one in service (or `force`).

    chosen: options of each kind of model that is wanted (kinds.py). Killed at any instant and called again, it goes on
    from the last epoch and gives what it would have given. Raises ValueError when there is too little to learn from,
    BadBundle for a base that cannot be gone on from, NotTheSame when an export failed its proof, Busy when another
    training works below `models`, NoRoom when the disk is full.
    """
    base = bundle.read(begin.base) if begin.base else None
    job = _Job(inputs, options, alerts, models, chosen, tell, seed, force, begin.stream, base, begin.int8)
    starts = job.starts()
    with work.opened(models, job.key(), fresh=begin.fresh) as kept:
        result = job.run(kept, starts)
        kept.done()
    return result


@dataclass(frozen=True, slots=True)
class _Job:
    """Everything one training is asked for."""

    inputs: Sequence[Input]
    options: StreamOptions
    alerts: Alerts
    models: Path
    chosen: Mapping[str, Any]
    tell: Tell
    seed: int
    force: bool
    stream: str | None
    base: Bundle | None
    int8: bool

    def key(self) -> str:
        """The same for all runs that may go on from each other."""
        names = [f"stream:{self.stream}"] if self.stream else [one.name for one in self.inputs]
        how = {name: asdict(options) for name, options in self.chosen.items()}
        settings = [msgspec.to_builtins(self.options), msgspec.to_builtins(self.alerts.severity_rules)]
        base = self.base.id if self.base else None
        return work.key([__version__, str(torch.__version__), names, settings, how, self.seed, base, self.int8])

    def starts(self) -> dict[str, Start]:
        """What each kind goes on from, before any work is done. Raises BadBundle where it is not there."""
        if self.base is None:
            return {}
        return {name: _start(self.base, name) for name in self.chosen}

    def run(self, kept: work.Work, starts: Mapping[str, Start]) -> Result:
        """Read, trained, judged, written, compared, put into service."""
        read = self.read(kept)
        _, held = read.sessions.held_back(HELD_BACK)
        trained, thresholds, parts = {}, {}, {}
        files = {corpus.STATE: read.engine}
        for name, how in self.chosen.items():
            trained[name] = done = self.train(name, read, kept, starts.get(name))
            self.tell.stage(f"{name}: exporting", 0, 1)
            graph = trainer(name).graph(done.net, held, read.vocabulary, how)
            files[f"{name}.onnx"] = graph = self.small(name, graph, held) if self.int8 else graph
            files[f"{name}.pth"] = _weights(done)
            self.tell.stage(f"{name}: judging", 0, 2)
            model = of_kind(name)(graph)
            thresholds[name] = limit = quality.threshold_of(model, read.sessions)
            self.tell.stage(f"{name}: judging", 1, 2)
            parts[name] = quality.judge_model(model, held, len(read.vocabulary), limit, self.seed)
            self.tell.stage(f"{name}: judging", 2, 2)
        found = quality.joined(parts)
        place = self.models / _name(kept)
        if not _is_whole(place):
            self.write(place.name, files, read, thresholds, found)
        if bundle.in_service(self.models) == place:  # killed after the promotion
            return Result(place, found, trained, read, None, True, "the run before did it")
        self.tell.stage("judging the model in service", 0, 1)
        before, gone = _in_service(self.models, read, held, self.seed, set(self.chosen))
        promoted, why = _decide(found, before, gone, self.force)
        if promoted:
            bundles.promote(place, "retrain", why, found.total)
        return Result(place, found, trained, read, before, promoted, why)

    def read(self, kept: work.Work) -> corpus.Corpus:
        """What the logs say, as an earlier run that was stopped has read it, or read now."""
        origin, data = kept.load("origin"), kept.load("corpus")
        if origin is not None and data is not None and (self.stream or from_where.fits(origin, self.inputs)):
            more = from_where.grown(origin, self.inputs)
            self.tell.said("goes on with what an earlier run has read and learned (--fresh begins anew)")
            if more > 0 and not self.stream:
                self.tell.said(f"the {size(more)} written since then are left for the next training")
            return corpus.unpack(data)
        kept.done()
        before = from_where.pack(self.inputs)
        read = corpus.read(self.inputs, self.options, self.alerts, self.tell.reading, self.base)
        enough(read.sessions)
        kept.keep("corpus", corpus.pack(read))
        kept.keep("origin", before)
        crashpoint("corpus_kept")
        return read

    def train(self, name: str, read: corpus.Corpus, kept: work.Work, start: Start | None) -> Trained:
        """One kind of model, from where it stands."""
        fit = trainer(name)
        tell = partial(self.tell.training, name)
        size, keep = len(read.vocabulary), work.Piece(kept, name)
        return fit.train(read.sessions, size, self.chosen[name], tell, keep, start)

    def small(self, name: str, graph: bytes, held: Sessions) -> bytes:
        """The graph in int8 where that ranks as it does; it is told which."""
        self.tell.stage(f"{name}: int8", 0, 1)
        chosen, why = int8.choose(graph, lambda one: quality.scores_of(of_kind(name)(one), held))
        self.tell.said(f"{name}: {why}")
        return chosen

    def write(
        self, name: str, files: Mapping[str, bytes], read: corpus.Corpus, limits: Mapping[str, float], found: Quality
    ) -> None:
        """The bundle, under its name."""
        paths = tuple(one.name for one in self.inputs)
        base = self.base.path.resolve().name if self.base else None
        bundles.write(
            self.models,
            files,
            vocabulary=read.vocabulary,
            windows=msgspec.to_builtins(self.options.windows),
            thresholds=limits,
            trained_on=TrainedOn(paths=paths, lines=read.lines, sessions=len(read.sessions), seed=self.seed, base=base),
            quality=found,
            name=name,
        )


def _start(base: Bundle, kind: str) -> Start:
    """Raises BadBundle when it has no such model that can be read; nothing in the file is run."""
    try:
        data, graph = base.files[f"{kind}.pth"], base.files[f"{kind}.onnx"]
        return Start(torch.load(io.BytesIO(data), weights_only=True), Network(graph, kind=kind).facts)
    except (KeyError, pickle.UnpicklingError, RuntimeError, EOFError, ValueError):
        raise bundle.BadBundle(f"{base.path}: no weights of {kind} to go on from; train anew, without it") from None


def _name(kept: work.Work) -> str:
    """Of the bundle, decided once, so that a run that was killed leaves no second one."""
    if (decided := kept.load("name")) is not None:
        return decided.decode()
    name = bundles.new_name()
    kept.keep("name", name.encode())
    return name


def _is_whole(place: Path) -> bool:
    try:
        bundle.read(place)
    except bundle.BadBundle:
        return False
    return True


def _weights(trained: Trained) -> bytes:
    """As torch.save writes them; read back with weights_only=True alone."""
    buffer = io.BytesIO()
    torch.save(trained.net.state_dict(), buffer)
    return buffer.getvalue()


def _in_service(
    models: Path, read: corpus.Corpus, held: Sessions, seed: int, new: set[str]
) -> tuple[Quality | None, set[str]]:
    """How the model in service does on the sessions the new one was judged by, and which kinds only it has.

    None where there is none that can be judged.
    """
    place = bundle.in_service(models)
    if place is None:
        return None, set()
    try:
        old = bundle.read(place)
        theirs = set(kinds(old))
        return quality.of_bundle(old, read.vocabulary, held, seed, theirs & new), theirs - new
    except bundle.BadBundle:
        return None, set()


def _decide(new: Quality, old: Quality | None, gone: set[str], force: bool) -> tuple[bool, str]:
    if gone and not force:
        missing = ", ".join(sorted(gone))
        return False, f"the one in service has {missing} too, on which streams may rely; train that as well (--force)"
    if old is None:
        return True, "no usable model was in service"
    if new.total >= old.total - WORSE:
        return True, f"quality {new.total:g}, the one before {old.total:g} on the same sessions"
    if force:
        return True, f"quality {new.total:g}, worse than the one before ({old.total:g}); promoted by --force"
    return (
        False,
        f"quality {new.total:g}, the one in service has {old.total:g} on the same sessions; it stays (--force)",
    )
