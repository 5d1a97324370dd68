"""Saved state is refused when it is damaged, whatever the damage; bounds hold whatever the log."""

from __future__ import annotations

import random
import resource

import pytest

from alogd.engine.native import Engine, fingerprint, token_difference
from alogd.engine.settings import EngineConfig

SMALL = EngineConfig(header="rfc3164", max_clusters=3, depth=5, seed=1, key="program")
TEXT = b"".join(
    f"Jun  3 10:00:0{n} web{n % 2} p[{n}]: {said}\n  more\n".encode()
    for n, said in enumerate(["open file x", "open file y", "", "close it", "one two three four", "open door z q"])
)


def small() -> Engine:
    engine = Engine(SMALL)
    engine.open(4, offset=17, year=2024)
    engine.feed(TEXT, 4)
    engine.feed(b"a line without", 9)
    return engine


def use(engine: Engine) -> None:
    """Everything a loaded engine is asked for."""
    engine.feed(TEXT, 4)
    engine.flush(4)
    engine.templates()
    engine.nearest("open file x")
    engine.explain(TEXT, 4)
    Engine.load(engine.save(), engine.config)


def test_a_round_trip_keeps_everything() -> None:
    engine = small()
    again = Engine.load(engine.save(), SMALL)
    assert again.save() == engine.save()
    assert again.templates() == engine.templates()
    assert [again.first_text(slot) for slot in range(5)] == [engine.first_text(slot) for slot in range(5)]
    assert [again.consumed(source) for source in (4, 9, 1)] == [engine.consumed(source) for source in (4, 9, 1)]
    use(again)


@pytest.mark.parametrize(
    "change",
    [{"depth": 6}, {"max_children": 7}, {"masks": ()}, {"key": None}, {"header": None}, {"extra_delimiters": ("=",)}],
    ids=str,
)
def test_other_settings_are_named(change: dict[str, object]) -> None:
    values = {name: getattr(SMALL, name) for name in SMALL.__dataclass_fields__} | change
    with pytest.raises(ValueError, match=next(iter(change))):
        Engine.load(small().save(), EngineConfig(**values))


def test_caps_may_be_changed_while_it_fits() -> None:
    data = small().save()
    values = {name: getattr(SMALL, name) for name in SMALL.__dataclass_fields__}
    assert len(Engine.load(data, EngineConfig(**values | {"max_clusters": 50, "sim_th": 0.7})).templates()) == 3
    with pytest.raises(ValueError, match="does not fit"):
        Engine.load(data, EngineConfig(**values | {"max_clusters": 2}))
    with pytest.raises(ValueError, match="does not fit"):
        Engine.load(data, EngineConfig(**values | {"max_sources": 1}))


@pytest.mark.parametrize(
    "bad",
    [
        {"depth": 2}, {"sim_th": 1.5}, {"max_children": 0}, {"max_clusters": 0}, {"masks": ("ipp",)},
        {"header": "syslog"}, {"key": "user"}, {"key": {"mask": "X"}}, {"key": {"field": ""}}, {"key": {}},
        {"max_line_bytes": 1},
        {"severity_rules": (("x", 101),)}, {"user_masks": (("A", "("),)}, {"user_masks": (("A", "x*"),)},
    ],
    ids=str,
)  # fmt: skip
def test_bad_settings_are_refused(bad: dict[str, object]) -> None:
    with pytest.raises(ValueError):  # noqa: PT011
        Engine(EngineConfig(**bad))  # type: ignore[arg-type]


# -- hostile logs


def random_words(rng: random.Random, count: int) -> bytes:
    letters = "abcdefghijklmnopqrstuvwxyz"
    words = [["".join(rng.choices(letters, k=6)) for _ in range(rng.randint(3, 12))] for _ in range(count)]
    return b"".join(" ".join(line).encode() + b"\n" for line in words)


def test_slots_are_dense_and_used_again() -> None:
    engine = Engine(EngineConfig(header=None, masks=(), multiline=False, max_clusters=20, seed=1))
    batch = engine.feed(random_words(random.Random(4), 2000))
    assert set(batch.slot.tolist()) == set(range(1, 21))
    assert batch.is_new.sum() == engine.counters()["created"] == batch.template_id.max()
    assert engine.counters()["clusters"] == 20


def test_memory_is_given_back() -> None:
    def peak() -> int:
        return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def once() -> None:
        engine = Engine(EngineConfig(header=None, masks=(), seed=1))
        engine.feed(random_words(random.Random(6), 3000))
        Engine.load(engine.save(), engine.config)

    once()
    before = peak()
    for _ in range(20):
        once()
    assert peak() - before < 10_000  # KiB; each round takes about 2 MiB


# -- names and neighbours


def test_fingerprints_are_those_of_b2sum() -> None:
    """printf %s 'user <*> logged in' | b2sum -l 64"""
    from hashlib import blake2b

    for text in ("", "a", "user <*> logged in", "ü" * 100, "x" * 127, "x" * 128, "x" * 129, "x" * 5000):
        assert fingerprint(text) == blake2b(text.encode(), digest_size=8).hexdigest()


def test_nearest_templates() -> None:
    engine = Engine(EngineConfig(header=None, masks=(), multiline=False, seed=1, sim_th=0.9))
    first, others = (
        b"open file alpha now\nopen door alpha now\n",
        b"quite other words\nclose\nopen file beta now please\n",
    )
    slots = engine.feed(first + others).slot.tolist()
    assert engine.nearest_older(slots[0]) is None
    assert engine.nearest_older(slots[1]) == ("open file alpha now", [("file", "door")])
    assert engine.nearest_older(slots[2]) is None
    assert engine.nearest_older(slots[4]) == (
        "open file alpha now",
        [("alpha", "beta"), ("", "please")],
    )
    found = engine.nearest("open file gamma now")
    assert found is not None
    assert (found[0].id, found[1]) == (1, [("alpha", "gamma")])
    assert engine.nearest("nothing alike") is None
    own = engine.nearest(slots[0])
    assert own is not None
    assert own[0].id == 2
    assert token_difference(["a", "b"], ["a", "c"]) == [("b", "c")]


def test_first_texts_stay() -> None:
    engine = Engine(EngineConfig(header=None, masks=(), multiline=False, seed=1))
    engine.feed(b"user root logged in\nuser eve logged in\n")
    again = Engine.load(engine.save(), engine.config)
    for one in (engine, again):
        template = one.template(1)
        assert template is not None
        assert (template.text, template.count, one.first_text(1)) == ("user <*> logged in", 2, "user root logged in")
