"""Every code path of the engine, each in a process of its own, against Drain3 and `wc -l`."""

from __future__ import annotations

from functools import partial

from tests.bench import code_path
from tests.bench.contestants import engine_process
from tests.bench.corpus import Corpus
from tests.bench.rows.core import OF_WC, TIMES_DRAIN3
from tests.bench.table import Maker, Row
from tests.bench.timing import Absent, Contestant


def _engine(path: str, corpus: Corpus) -> Contestant:
    if not code_path.known():
        raise Absent(f"the engine that is built has one code path, and does not know {code_path.VARIABLE}")
    if (taken := code_path.asked_for(path)) != path:
        raise Absent(f"no such path in this engine, or on this processor: asked for {path}, it takes {taken}")
    return engine_process(corpus, {code_path.VARIABLE: path})


MAKERS: dict[str, Maker] = {f"engine, {path}": partial(_engine, path) for path in code_path.PATHS}

ROWS = tuple(
    row
    for path in code_path.PATHS
    for row in (
        Row(
            f"engine, {path} / Drain3 with its masks",
            f"engine, {path}",
            "drain3 masked",
            form="{:.0f}",
            target=TIMES_DRAIN3[path],
        ),
        Row(f"engine, {path} / wc -l", f"engine, {path}", "wc", form="{:.3f}", target=OF_WC[path]),
    )
)
