"""The engine and the whole core, against Drain3, `wc -l`, plain C and each other."""

from __future__ import annotations

from tests.bench import contestants
from tests.bench.code_path import chosen
from tests.bench.table import Maker, Row

# What is to be reached, by code path; sse2 is what every x86-64 has.
TIMES_DRAIN3 = {"plain": 100.0, "sse2": 100.0, "avx2": 180.0, "avx512": 300.0}
OF_WC = {"plain": 0.12, "sse2": 0.12, "avx2": 0.18, "avx512": 0.30}

MAKERS: dict[str, Maker] = {
    "engine": contestants.engine,
    "engine, head": lambda corpus: contestants.engine_on(b"".join(line + b"\n" for line in corpus.head)),
    "drain3 masked": lambda corpus: contestants.drain3(corpus, masked=True),
    "drain3": lambda corpus: contestants.drain3(corpus, masked=False),
    "wc": contestants.wc,
    "c program": contestants.c_program,
    "replay": contestants.replay,
}

ROWS = (
    Row(
        "engine / Drain3 with its example masks",
        "engine",
        "drain3 masked",
        form="{:.0f}",
        target=TIMES_DRAIN3[chosen()],
    ),
    Row("the same, the engine on those 20,000 lines too", "engine, head", "drain3 masked", form="{:.0f}"),
    Row("engine / Drain3 without masks", "engine", "drain3", form="{:.0f}"),
    Row("engine / wc -l", "engine", "wc", form="{:.3f}", target=OF_WC[chosen()]),
    Row("engine from Python, numpy columns / the same in C", "engine", "c program", target=0.9),
    Row("replay (the whole core) / engine alone", "replay", "engine", target=0.5),
    Row("engine, 1000 lines/s", "engine", form="{:.0f}"),
    Row("replay, 1000 lines/s", "replay", form="{:.0f}"),
    Row("wc -l, 1000 lines/s", "wc", form="{:.0f}"),
    Row("Drain3 with its example masks, 1000 lines/s", "drain3 masked", form="{:.1f}"),
)
