"""What a person would write rules from: the usual shapes of a corpus's lines, as literal text and variable words.

Made from the templates that the engine mines, so that every corpus has a rule set, and every peer the same one.
"""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass

from alogd.engine.native import Engine, EngineConfig
from tests.bench.corpus import Corpus
from tests.bench.timing import Absent

MOST = 100  # shapes of a corpus
VARIABLE = re.compile(r"<[A-Z*]+>")


@dataclass(frozen=True, slots=True)
class Shapes:
    """`header` words come before every message; a piece of a message that is None is a variable word."""

    header: int
    messages: tuple[tuple[str | None, ...], ...]  # the most frequent first


def shapes(corpus: Corpus) -> Shapes:
    """Raises Absent when lines carry their message within a structure (JSON): such rules are written otherwise."""
    lines = [line.decode("utf-8", "replace") for line in corpus.head]
    pairs = list(zip(lines, corpus.messages, strict=True))
    headers = Counter(len(line[: -len(text)].split()) for line, text in pairs if text and line.endswith(text))
    if sum(headers.values()) < len(pairs) / 2:
        raise Absent(f"no rules for {corpus.name}: its messages stand within a structure")
    header = headers.most_common(1)[0][0]
    return Shapes(header, tuple(pieces for pieces, _ in _messages(corpus.messages).most_common(MOST) if any(pieces)))


def _messages(messages: list[str]) -> Counter[tuple[str | None, ...]]:
    miner = Engine(EngineConfig(header=None, multiline=False, seed=1))
    batch = miner.feed(b"".join(text.encode("utf-8", "replace") + b"\n" for text in messages))
    texts = {template.id: template.text for template in miner.templates()}
    found: Counter[tuple[str | None, ...]] = Counter()
    for text, template in zip([text for text in messages if text], batch.template_id.tolist(), strict=False):
        if pieces := _pieces(text, texts.get(template, "")):
            found[pieces] += 1
    return found


def _pieces(text: str, template: str) -> tuple[str | None, ...]:
    """The text with its own spacing, variable where its template is; nothing when the two do not fit."""
    cut = re.split(r"(\s+)", text.strip())
    words, tokens = cut[::2], template.split(" ")
    if len(words) != len(tokens):
        return ()
    cut[::2] = ["\0" if VARIABLE.search(token) else word for word, token in zip(words, tokens, strict=True)]
    merged = re.split("(\0)", "".join(cut))
    return tuple(None if piece == "\0" else piece for piece in merged if piece)
