"""One model trained by itself on the toolbox's files: sequences or window counts in, KIND.pth and KIND.onnx out."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from alogd.cli.failures import BadData, Failed
from alogd.models.vocabulary import Vocabulary
from alogd.offline import atomic, tables
from alogd.offline.models import model_files
from alogd.offline.models.sessions import Sessions
from alogd.offline.verdicts.evaluation import read_sessions
from alogd.offline.windows.counting import read_counts

try:
    import torch
    from torch import nn
except ModuleNotFoundError as error:
    raise Failed(f"training needs {error.name}: pip install torch==2.13.0, then pip install 'alogd[train]'") from None

from alogd.detectors._in_service import of_kind
from alogd.offline.models import quality
from alogd.offline.models.kinds import HELD_BACK, Each, Trained, trainer


@dataclass(frozen=True, slots=True)
class Place:
    """Where a model goes, and where those of its epochs do if they are wanted."""

    out: Path  # KIND.pth
    epochs: Path | None = None  # a directory


def on_sequences(kind: str, seq: Path, vocab: Path | None, place: Place, chosen: Any) -> tuple[Trained, float]:
    """What was trained, and its threshold. Raises BadData when there is too little to learn from."""
    sessions, vocabulary, _ = read_sessions(seq, vocab)
    return _Training(kind, sessions, vocabulary, chosen).into(place, seq)


def on_counts(kind: str, path: Path, vocab: Path | None, place: Place, chosen: Any) -> tuple[Trained, float]:
    """The same, on window_counts.parquet."""
    source = tables.at(path, tables.WINDOW_COUNTS)
    vocabulary = model_files.read_vocabulary(vocab or source.with_name("vocab.json"))
    counts = read_counts(path, len(vocabulary))
    return _Training(kind, Sessions.counted(counts), vocabulary, chosen).into(place, source)


class _Training:
    """One training, from sessions to files."""

    def __init__(self, kind: str, sessions: Sessions, vocabulary: Vocabulary, chosen: Any) -> None:
        self._fit = trainer(kind)
        self._sessions, self._vocabulary, self._chosen = sessions, vocabulary, chosen

    def into(self, place: Place, source: Path) -> tuple[Trained, float]:
        """source: what errors name. Raises BadData."""
        torch.set_num_threads(1)  # of small networks more are slower; and with one the sums are the same each time
        model_files.beside_vocabulary(place.out, self._vocabulary)  # refused before the work, not after it
        each = self._kept_in(place.epochs) if place.epochs else None
        try:
            done = self._fit.train(self._sessions, len(self._vocabulary), self._chosen, _told, each=each)
        except ValueError as error:
            raise BadData(f"{source}: {error}") from None
        finally:
            _told(0, 0, 0.0)
        graph, limit = self._exported(done.net)
        model_files.write(place.out, self._fit.name, done.net, graph, self._vocabulary)
        return done, limit

    def _kept_in(self, folder: Path) -> Each:
        """Keeps the model of each epoch there, numbered, in place of those of an earlier training."""
        folder.mkdir(parents=True, exist_ok=True)
        model_files.beside_vocabulary(folder / self._fit.name, self._vocabulary)
        for old in folder.glob(f"{self._fit.name}-epoch-*{model_files.GRAPH}"):
            old.unlink()

        def each(epoch: int, net: nn.Module) -> None:
            place = folder / f"{self._fit.name}-epoch-{epoch:03d}{model_files.GRAPH}"
            atomic.write(place, self._exported(net)[0])

        return each

    def _exported(self, net: nn.Module) -> tuple[bytes, float]:
        """The graph with its threshold, and that."""
        _, held = self._sessions.held_back(HELD_BACK)
        graph = self._fit.graph(net, held, self._vocabulary, self._chosen)
        limit = quality.threshold_of(of_kind(self._fit.name)(graph), self._sessions)
        return model_files.with_threshold(graph, limit), limit


def _told(epoch: int, of: int, loss: float) -> None:
    if sys.stderr.isatty():
        line = f"epoch {epoch} of {of}, loss {loss:.3f}" if of else ""
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
