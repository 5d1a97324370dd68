"""AMiner and logparser3, each in a process of its own: they must not meet the packages of the project."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from tests.bench.corpus import Corpus
from tests.bench.drain3_masks import MASKS
from tests.bench.peers.place import aminer as aminer_folder
from tests.bench.peers.place import python
from tests.bench.peers.shapes import shapes
from tests.bench.timing import Contestant

HERE = Path(__file__).parent
LOGPARSER_LINES = 3_000  # its Drain goes through a DataFrame line by line


def aminer(corpus: Corpus) -> Contestant:
    """Its parser with a branch for each shape, in process: no files, no detectors, no output."""
    folder, found = aminer_folder(), shapes(corpus)
    model = corpus.path.with_suffix(".aminer.json")
    model.write_text(json.dumps({"header": found.header, "messages": found.messages}))
    command = (sys.executable, str(HERE / "aminer_child.py"), str(folder), str(model), str(corpus.head_path))
    _, matched = _figures(command)
    note = f"{len(found.messages)} branches, {matched / len(corpus.head):.0%} of the lines match"
    return Contestant(lambda: _figures(command)[0], len(corpus.head), slow=True, note=note)


def logparser3(corpus: Corpus) -> Contestant:
    """Its Drain with the masks that Drain3 is given, on messages; `parse` as a whole, which is its only face."""
    binary = str(python())
    folder = corpus.path.with_suffix(".logparser")
    folder.mkdir(exist_ok=True)
    texts = [text for text in corpus.messages[:LOGPARSER_LINES] if text.strip()]
    (folder / "in.log").write_text("".join(text + "\n" for text in texts), encoding="utf-8", errors="replace")
    (folder / "masks.json").write_text(json.dumps([pattern for pattern, _ in MASKS]))
    command = (binary, str(HERE / "logparser_child.py"), str(folder))
    _, templates = _figures(command)
    note = f"Drain with Drain3's masks, {templates:.0f} templates"
    return Contestant(lambda: _figures(command)[0], len(texts), slow=True, note=note)


def _figures(command: tuple[str, ...]) -> tuple[float, float]:
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    seconds, figure = done.stdout.split()[-2:]
    return float(seconds), float(figure)
