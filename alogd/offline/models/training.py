"""One model trained by itself on the toolbox's files: sequences or window counts in, KIND.pth and KIND.onnx out."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from alogd.cli.failures import BadData, Failed
from alogd.models.vocabulary import Vocabulary
from alogd.offline import tables
from alogd.offline.models import model_files
from alogd.offline.models.sessions import Sessions
from alogd.offline.verdicts.evaluation import read_sessions
from alogd.offline.windows.counting import read_counts

try:
    import torch
except ModuleNotFoundError as error:
    raise Failed(f"training needs {error.name}: pip install torch==2.13.0, then pip install 'alogd[train]'") from None

from alogd.detectors._in_service import of_kind
from alogd.offline.models import quality
from alogd.offline.models.kinds import HELD_BACK, Trained, trainer


def on_sequences(kind: str, seq: Path, vocab: Path | None, out: Path, chosen: Any) -> tuple[Trained, float]:
    """What was trained, and its threshold. Raises BadData when there is too little to learn from."""
    sessions, vocabulary, _ = read_sessions(seq, vocab)
    return _train(kind, sessions, vocabulary, out, chosen, seq)


def on_counts(kind: str, path: Path, vocab: Path | None, out: Path, chosen: Any) -> tuple[Trained, float]:
    """The same, on window_counts.parquet."""
    place = tables.at(path, tables.WINDOW_COUNTS)
    vocabulary = model_files.read_vocabulary(vocab or place.with_name("vocab.json"))
    counts = read_counts(path, len(vocabulary))
    return _train(kind, Sessions.counted(counts), vocabulary, out, chosen, place)


def _train(
    kind: str, sessions: Sessions, vocabulary: Vocabulary, out: Path, chosen: Any, source: Path
) -> tuple[Trained, float]:
    torch.set_num_threads(1)  # of small networks more are slower; and with one the sums are the same each time
    model_files.beside_vocabulary(out, vocabulary)  # refused before the work, not after it
    fit = trainer(kind)
    try:
        done = fit.train(sessions, len(vocabulary), chosen, _told)
    except ValueError as error:
        raise BadData(f"{source}: {error}") from None
    finally:
        _told(0, 0, 0.0)
    _, held = sessions.held_back(HELD_BACK)
    graph = fit.graph(done.net, held, vocabulary, chosen)
    limit = quality.threshold_of(of_kind(kind)(graph), sessions)
    model_files.write(out, kind, done.net, model_files.with_threshold(graph, limit), vocabulary)
    return done, limit


def _told(epoch: int, of: int, loss: float) -> None:
    if sys.stderr.isatty():
        line = f"epoch {epoch} of {of}, loss {loss:.3f}" if of else ""
        print(f"\r\x1b[K{line}", end="", file=sys.stderr, flush=True)
