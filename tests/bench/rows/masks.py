"""What masks of the user's own cost."""

from __future__ import annotations

from tests.bench import contestants
from tests.bench.table import Maker, Row

FIVE = (
    ("BLOCK", r"blk_-?[0-9]+"),
    ("EMAIL", r"[A-Za-z0-9._-]+@[A-Za-z0-9.-]+"),
    ("SESSION", r"(session|sess)[-_=:][0-9a-f]+"),
    ("DURATION", r"[0-9]+(\.[0-9]+)?(ns|us|ms|s)"),
    ("USER", r"(user|uid|rhost)=[^ ,;]*"),
)

MAKERS: dict[str, Maker] = {
    "engine, 5 user masks": lambda corpus: contestants.engine(corpus, user_masks=FIVE),
}

ROWS = (Row("5 user masks / none", "engine, 5 user masks", "engine", target=0.4),)
