"""What a deep model knows: the templates it was trained with, each a number, and where any other template belongs.

Frozen with the model. A stream's own templates are found in it by fingerprint, else by likeness, else they are
`<unk>`: whatever a log says, there is a number for it.
"""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import msgspec

from alogd.config.tree import Strict
from alogd.engine import dfa
from alogd.engine.settings import EngineConfig

PAD, UNK, MASK, DIST = range(4)  # filler, unknown, hidden from the model, and LogBERT's summary; also DeepLog's end
END = DIST
SPECIAL = ("<pad>", "<unk>", "<mask>", "<dist>")
MOST_TEMPLATES = 100_000
LARGEST_FILE = 256 * 2**20  # bytes of a vocab.json
LEAST_ALIKE = 0.5  # share of equal tokens from which a template counts as one of the vocabulary's


# Of an engine's settings, those that decide which templates a log has.
_MATTER = ("depth", "max_children", "extra_delimiters", "parametrize_numeric_tokens", "masks", "user_masks")


def mining(config: EngineConfig) -> dict[str, Any]:
    """What a stream and a model trained for it must have in common, as plain JSON values."""
    meaning = config.meaning()
    return {name: meaning[name] for name in _MATTER} | {"sim_th": config.sim_th}


class KnownTemplate(Strict, frozen=True, kw_only=True):
    """One entry of vocab.json; its number is 4 + its place in the list."""

    fingerprint: str
    text: str


class _File(Strict, frozen=True, kw_only=True):
    schema: int
    special: tuple[str, ...]
    templates: tuple[KnownTemplate, ...]
    engine: dict[str, Any]
    state: str | None = None
    mask_tables: tuple[str, ...] = ()  # of the user masks, as engine_c/dfa.h has them, base64: alog-infer compiles none


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Templates in order of number; `engine`: the settings they were mined with, as `mining` gives them.

    >>> from alogd.models.vocabulary import Vocabulary
    >>> known = Vocabulary.of([("00aa", "disk <NUM> is full"), ("00bb", "disk <NUM> is back")], {})
    >>> len(known), known.number("00bb", "disk <NUM> is back"), known.number("00cc", "disk sda is full")
    (6, 5, 4)
    >>> known.number("00dd", "nothing like it")
    1
    """

    templates: tuple[KnownTemplate, ...]
    engine: Mapping[str, Any]
    state: str | None = None  # name of the file beside it that holds the engine's state
    _numbers: dict[str, int] = field(init=False, repr=False)
    _by_length: dict[int, list[tuple[int, list[str]]]] = field(init=False, repr=False)

    def __post_init__(self) -> None:
        if len(self.templates) > MOST_TEMPLATES:
            raise ValueError(f"{len(self.templates)} templates; a vocabulary holds {MOST_TEMPLATES} at most")
        numbers = {one.fingerprint: len(SPECIAL) + i for i, one in enumerate(self.templates)}
        if len(numbers) != len(self.templates):
            raise ValueError("a fingerprint stands twice in the vocabulary")
        by_length: dict[int, list[tuple[int, list[str]]]] = {}
        for one in self.templates:
            tokens = one.text.split(" ")
            by_length.setdefault(len(tokens), []).append((numbers[one.fingerprint], tokens))
        object.__setattr__(self, "_numbers", numbers)
        object.__setattr__(self, "_by_length", by_length)

    @classmethod
    def of(
        cls, templates: Iterable[tuple[str, str]], engine: Mapping[str, Any], state: str | None = None
    ) -> Vocabulary:
        """From (fingerprint, text) pairs; a fingerprint counts once. Raises ValueError when there are too many."""
        once = dict(templates)
        return cls(tuple(KnownTemplate(fingerprint=f, text=t) for f, t in once.items()), engine, state)

    def __len__(self) -> int:
        return len(SPECIAL) + len(self.templates)

    def number(self, fingerprint: str, text: str) -> int:
        """Of a template: its own, that of the most similar one of as many tokens, or UNK."""
        known = self._numbers.get(fingerprint)
        return known if known is not None else self._nearest(text.split(" "))

    def _nearest(self, tokens: Sequence[str]) -> int:
        best, most = UNK, LEAST_ALIKE * len(tokens)
        for number, others in self._by_length.get(len(tokens), ()):
            equal = sum(a == b for a, b in zip(tokens, others, strict=True))
            if equal > most or (equal == most and best == UNK):
                best, most = number, float(equal)
        return best

    def text(self, number: int) -> str:
        """Of a number; the special ones have names in angle brackets."""
        return SPECIAL[number] if number < len(SPECIAL) else self.templates[number - len(SPECIAL)].text

    @property
    def hash(self) -> str:
        """sha256, hex, of what gives numbers their meaning: special entries, fingerprints in order, settings."""
        what = [SPECIAL, [one.fingerprint for one in self.templates], self.engine]
        return hashlib.sha256(msgspec.json.encode(what, order="sorted")).hexdigest()

    # -- vocab.json

    def to_json(self) -> bytes:
        """The file."""
        tables = [base64.b64encode(dfa.compile(pattern)).decode() for _, pattern in self.engine.get("user_masks", ())]
        file = _File(
            schema=1,
            special=SPECIAL,
            templates=self.templates,
            engine=dict(self.engine),
            state=self.state,
            mask_tables=tuple(tables),
        )
        return msgspec.json.format(msgspec.json.encode(file), indent=1) + b"\n"

    @classmethod
    def from_json(cls, data: bytes) -> Vocabulary:
        """Raises ValueError that says what is wrong with the file."""
        if len(data) > LARGEST_FILE:
            raise ValueError(f"vocabulary: {len(data)} bytes; {LARGEST_FILE} at most")
        try:
            file = msgspec.json.decode(data, type=_File)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise ValueError(f"vocabulary: {error}") from None
        if file.schema != 1 or file.special != SPECIAL:
            raise ValueError(f"vocabulary: schema {file.schema} with {list(file.special)}; this alogd reads schema 1")
        if file.state is not None and ("/" in file.state or file.state in ("", ".", "..")):
            raise ValueError(f"vocabulary: state {file.state!r} is no name of a file beside it")
        return cls(file.templates, file.engine, file.state)
