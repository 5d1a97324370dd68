"""What `alog-detect parse` goes on from: the engine's learned state and the vocabulary of its templates, side by side.

A template keeps its number for good: what is parsed later adds templates behind those that were there.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from alogd.cli.failures import BadData
from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig
from alogd.engine.template_name import fingerprint
from alogd.models.bundle import VOCABULARY
from alogd.models.vocabulary import MOST_TEMPLATES, Vocabulary, mining
from alogd.offline import atomic

STATE = "engine.alog"


@dataclass(frozen=True, slots=True)
class Place:
    """A directory, with engine.alog and vocab.json in it; or a file of any name, with vocab.json beside it."""

    state: Path

    @classmethod
    def of(cls, path: str | Path) -> Place:
        """What is no directory and has a suffix is a file."""
        given = Path(path)
        is_file = given.is_file() or (bool(given.suffix) and not given.is_dir())
        return cls(given if is_file else given / STATE)

    @property
    def vocabulary(self) -> Path:
        """Of the templates in it."""
        return self.state.with_name(VOCABULARY)


def load(place: Place, config: EngineConfig) -> bytes:
    """The engine's state, checked against the vocabulary; b"" where there is none yet.

    Raises BadData when it is damaged, was mined under other settings, or the two do not belong together.
    """
    if not place.state.exists():
        if place.vocabulary.exists() and place.state.name == STATE:
            raise BadData(f"{place.vocabulary} stands without {place.state.name}; name another --drain-state")
        return b""
    try:
        data = place.state.read_bytes()
        engine = Engine.load(data, config)
        before = Vocabulary.from_json(place.vocabulary.read_bytes())
    except FileNotFoundError as error:
        raise BadData(f"{error.filename}: no such file, and {place.state} needs it") from None
    except ValueError as error:
        raise BadData(
            f"{place.state}: {error}; name another --drain-state, or parse with the settings it has"
        ) from None
    now = vocabulary_of(engine, config)
    if now.templates != before.templates:
        raise BadData(f"{place.vocabulary} does not belong to {place.state}; name another --drain-state")
    return data


def vocabulary_of(engine: Engine, config: EngineConfig, state: str = STATE) -> Vocabulary:
    """Its templates in order of id, by the text they had at first; the first MOST_TEMPLATES where there are more."""
    texts = [engine.first_text(slot) for slot in engine.slots()]
    once = {fingerprint(text): text for text in texts}
    return Vocabulary.of(list(once.items())[:MOST_TEMPLATES], mining(config), state)


def save(place: Place, engine: bytes, vocabulary: Vocabulary) -> None:
    """Both files, each whole; the engine's last, so that a state is never without its vocabulary."""
    atomic.write(place.vocabulary, vocabulary.to_json())
    atomic.write(place.state, engine)
