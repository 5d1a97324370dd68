"""E6, E7: snapshots that were damaged or forged are refused; hashes are keyed by a seed nobody can know."""

from __future__ import annotations

import random
import struct

import pytest

from alogd import _engine
from alogd.engine.native import Engine
from alogd.engine.settings import EngineConfig
from tests.engine_logs import log
from tests.faults.conftest import Tally
from tests.test_engine_state import SMALL, small, use


def test_e6_every_flipped_bit_is_refused(tally: Tally) -> None:
    data = small().save()
    for at in range(len(data)):
        for bit in range(8):
            damaged = bytearray(data)
            damaged[at] ^= 1 << bit
            with pytest.raises(ValueError, match="damaged"):
                Engine.load(bytes(damaged), SMALL)
            tally.add()


def test_e6_every_cut_is_refused(tally: Tally) -> None:
    data = small().save()
    for length in range(len(data)):
        with pytest.raises(ValueError, match="damaged"):
            Engine.load(data[:length], SMALL)
    with pytest.raises(ValueError, match="damaged"):
        Engine.load(data + b"\0", SMALL)
    tally.add(rounds=len(data))


def test_e6_forged_payloads_are_refused_or_harmless(tally: Tally) -> None:
    """With a checksum that is right: every byte changed in turn, and every aligned number made large."""
    data = small().save()
    payload, refused = data[28:], 0
    forged = [
        payload[:at] + bytes([value]) + payload[at + 1 :] for at in range(len(payload)) for value in (0, 1, 3, 255)
    ]
    forged += [payload[:at] + struct.pack("<I", 2**32 - 1) + payload[at + 4 :] for at in range(len(payload) - 4)]
    for changed in forged:
        try:
            engine = Engine.load(_engine.snapshot_seal(changed), SMALL)
        except ValueError:
            refused += 1
            continue
        use(engine)
    assert len(forged) // 3 < refused < len(forged)
    tally.add(rounds=len(forged))


COLUMNS = ("template_id", "slot", "is_new", "severity", "timestamp_ns", "offset", "length")


@pytest.mark.parametrize("seed", range(8))
def test_e7_the_seed_changes_hashes_and_nothing_that_is_told(seed: int, tally: Tally) -> None:
    """Two engines with other seeds: keys of windows have other numbers, templates and their ids are the same."""
    text = log(random.Random(seed), 400)
    first, second = (Engine(EngineConfig(seed=number, key="program")) for number in (2 * seed + 1, 2 * seed + 2))
    ours, theirs = first.feed(text), second.feed(text)
    for name in COLUMNS:
        assert getattr(ours, name).tolist() == getattr(theirs, name).tolist(), name
    assert first.templates() == second.templates()
    known = ours.key != 0
    assert (known == (theirs.key != 0)).all()
    if known.any():
        assert set(ours.key[known].tolist()).isdisjoint(theirs.key[known].tolist())
    tally.add(lines=text.count(b"\n"))


def test_e7_each_engine_draws_a_seed_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ALOGD_HASH_SEED", raising=False)
    seeds = {Engine()._raw.seed for _ in range(20)}
    assert len(seeds) == 20
    assert 0 not in seeds


@pytest.mark.parametrize("seed", [0, 1, 255, 1 << 31])
def test_e7_a_seed_given_by_hand_is_as_good_as_a_drawn_one(seed: int, tally: Tally) -> None:
    """With 0 taken as it is every short text had one hash, that of the wildcard: the fuzzer saw two words with the
    template of one."""
    engine = Engine(EngineConfig(seed=seed, header="none", multiline=False))
    text = b"up\ndown\n\0J 0\0\nup now\nno way\nup\n"
    assert engine.feed(text).template_id.tolist() == [1, 2, 3, 4, 5, 1]
    assert Engine.load(engine.save(), engine.config)._raw.seed == engine._raw.seed
    tally.add(lines=text.count(b"\n"))


def test_e7_a_seed_is_kept_with_what_was_learned() -> None:
    """Keys in saved windows mean the same after a restart, whatever the new process would have drawn."""
    engine = Engine(EngineConfig(key="program"))
    assert Engine.load(engine.save(), EngineConfig(key="program"))._raw.seed == engine._raw.seed


def colliding(seed: int, wanted: int, buckets: int = 1 << 12) -> list[str]:
    """Programs whose keys fall into one of so many buckets under a seed that was found out."""
    engine = Engine(EngineConfig(seed=seed, key="program", header="rfc3164", multiline=False))
    names = [f"p{number:x}" for number in range(60_000)]
    keys = engine.feed(lines_of(names)).key.tolist()
    chosen = [name for name, key in zip(names, keys, strict=True) if key % buckets == keys[0] % buckets]
    assert len(chosen) >= wanted
    return chosen[:wanted]


def lines_of(names: list[str]) -> bytes:
    return b"".join(f"Jun  3 10:00:00 web {name}: done\n".encode() for name in names)


def test_e7_what_collides_under_one_seed_does_not_under_another() -> None:
    names = colliding(7, 10)
    other = Engine(EngineConfig(seed=8, key="program", header="rfc3164", multiline=False))
    keys = other.feed(lines_of(names)).key.tolist()
    assert len({key % (1 << 12) for key in keys}) >= 9
