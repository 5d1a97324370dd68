"""The whole core on made-up logs: what is told, that cuts and restarts change nothing, and that evidence is true."""

import random
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from alogd.alerts import as_json as alert_json
from alogd.config.tree import Alerts, DetectorOptions, EngineOptions, Multiline, Risk, StreamOptions, WindowOptions
from alogd.event import Alert
from alogd.stream import Stream

START = datetime(2026, 3, 1, tzinfo=UTC)
CRASH = (
    "kernel: Out of memory: Killed process {} (java) total-vm:8123456kB",
    "systemd[1]: shop.service: Main process exited, code=killed, status=9/KILL",
    "systemd[1]: shop.service: Failed with result 'oom-kill'.",
)


def shop(lines: int, *, seed: int = 1, crash_at: int | None = None) -> bytes:
    """A host's syslog: a web shop, ssh and cron, about two lines a second, with a crash where asked for."""
    rng = random.Random(seed)
    now, out = START, []
    usual = (
        lambda: f"shop[812]: order {rng.randint(1000, 99999)} paid by customer {rng.randint(1, 5000)}",
        lambda: f"shop[812]: cart {rng.randint(1, 9999)} updated: {rng.randint(1, 9)} items",
        lambda: f"sshd[{rng.randint(300, 999)}]: Accepted publickey for deploy from 10.0.0.{rng.randint(1, 200)}",
        lambda: f"CRON[{rng.randint(300, 999)}]: (root) CMD (/usr/local/bin/backup --quick)",
    )
    for number in range(lines):
        now += timedelta(seconds=rng.expovariate(2))
        texts = [rng.choices(usual, (60, 30, 7, 3))[0]()]
        if number == crash_at:
            texts = [text.format(rng.randint(1000, 9999)) for text in CRASH]
        out += [f"{now:%Y-%m-%dT%H:%M:%S.%f}+00:00 web1 {text}\n" for text in texts]
    return "".join(out).encode()


def stream(data: bytes, *, budget: float = 5.0, **options: object) -> Stream:
    return Stream(
        StreamOptions(name="shop", collect=({"kind": "file", "include": ["x"]},), **options),  # type: ignore[arg-type]
        alerts=Alerts(),
        risk=Risk(),
        budget_per_day=budget,
        text=lambda source, offset, length: data[offset : offset + length],
        names=lambda source: "/var/log/shop.log",
    )


def play(
    core: Stream, data: bytes, *, begin: int = 0, end: int | None = None, cut: int = 1 << 20, seed: int = 0
) -> list[Alert]:
    rng = random.Random(seed)
    alerts, at, end = [], begin, len(data) if end is None else end
    while at < end:
        step = min(end - at, rng.randint(1, cut))
        alerts += core.feed(0, data[at : at + step])
        at += step
    return alerts


def finish(core: Stream) -> list[Alert]:
    return core.settle(0) + core.tick((core.watermark_ns or 0) + 3600 * 10**9)


def told(alerts: list[Alert]) -> list[bytes]:
    return [alert_json.encode(alert) for alert in alerts]


@pytest.fixture(scope="module")
def crashing() -> bytes:
    return shop(12_000, crash_at=10_000)


@pytest.fixture(scope="module")
def expected(crashing: bytes) -> list[Alert]:
    core = stream(crashing)
    core.open(0)
    return play(core, crashing) + finish(core)


def the_crash(alerts: list[Alert]) -> Alert:
    found = [alert for alert in alerts if any("Out of memory" in line.text for line in alert.lines)]
    assert found, [alert.title for alert in alerts]
    return found[0]


def test_a_crash_is_one_alert_that_says_why(expected: list[Alert], crashing: bytes) -> None:
    alert = the_crash(expected)
    assert alert.level in ("HIGH", "CRITICAL")
    assert alert.severity == 100
    assert alert.risk == pytest.approx(0.6 * alert.anomaly + 0.4 * alert.severity, abs=0.1)
    assert any("Out of memory: Kill" in reason for reason in alert.reasons)
    new = [template for template in alert.templates if template.is_new]
    assert any("Out of memory" in template.text for template in new)
    assert sum(template.share for template in alert.templates) <= 1.001
    assert len({each.id for each in expected if each.stream == "shop" and each.opened_ns == alert.opened_ns}) == 1


def test_evidence_lines_stand_where_it_says(expected: list[Alert], crashing: bytes) -> None:
    alert = the_crash(expected)
    assert any(line.marked for line in alert.lines)
    assert alert.hosts == ("web1",)
    for line in alert.lines:
        assert crashing[line.offset :].startswith(line.text.encode())
        assert line.source == "/var/log/shop.log"
        assert line.offset == 0 or crashing[line.offset - 1 : line.offset] == b"\n"
    assert [line.offset for line in alert.lines] == sorted({line.offset for line in alert.lines})


def test_incidents_resolve_with_the_same_id(expected: list[Alert]) -> None:
    alert = the_crash(expected)
    last = [each for each in expected if each.id == alert.id][-1]
    assert last.status == "resolved"
    assert last.resolved_ns is not None
    assert last.resolved_ns >= last.updated_ns


def test_a_quiet_log_stays_within_its_budget() -> None:
    data = shop(40_000, seed=3)
    core = stream(data, budget=5.0)
    core.open(0)
    alerts = play(core, data) + finish(core)
    days = 40_000 / 2 / 86400
    assert len({alert.id for alert in alerts}) <= max(1, 2 * 5.0 * days + 1)


@pytest.mark.parametrize("cut", [97, 5000, 100_000])
def test_cutting_the_blocks_changes_nothing(crashing: bytes, expected: list[Alert], cut: int) -> None:
    core = stream(crashing)
    core.open(0)
    assert told(play(core, crashing, cut=cut, seed=cut) + finish(core)) == told(expected)


@pytest.mark.parametrize("at", [0, 1, 77_777, 600_001, 820_000])
def test_saved_and_loaded_anywhere_tells_the_same(crashing: bytes, expected: list[Alert], at: int) -> None:
    first, second = stream(crashing), stream(crashing)
    first.open(0)
    before = play(first, crashing, end=at)
    second.load(first.save())
    second.open(0, offset=second.consumed(0), resumed=True)
    after = play(second, crashing, begin=first.consumed(0)) + finish(second)
    assert told(before + after) == told(expected)


def test_saving_twice_gives_the_same_bytes_and_changes_nothing(crashing: bytes) -> None:
    core = stream(crashing)
    core.open(0)
    play(core, crashing, end=500_000)
    assert core.save() == core.save()


def test_state_of_another_configuration_is_refused_and_the_stream_goes_on(crashing: bytes) -> None:
    core = stream(crashing)
    core.open(0)
    play(core, crashing, end=300_000)
    saved = core.save()
    other = stream(crashing, engine=EngineOptions(depth=6))
    with pytest.raises(ValueError, match="depth"):
        other.load(saved)
    fewer = stream(crashing, detectors=(DetectorOptions(name="ewma"),))
    with pytest.raises(ValueError, match="saved state"):
        fewer.load(saved)
    other.open(0)
    assert the_crash(play(other, crashing) + finish(other))


@pytest.mark.parametrize("part", ["engine", "windows", "judge", "incidents"])
@pytest.mark.parametrize("damage", ["gone", "empty", "cut", "flipped"])
def test_damaged_state_is_refused(crashing: bytes, part: str, damage: str) -> None:
    core = stream(crashing)
    core.open(0)
    play(core, crashing, end=200_000)
    saved = core.save()
    if damage == "gone":
        del saved[part]
    else:
        data = bytearray(saved[part])
        data = {"empty": bytearray(), "cut": data[:-5], "flipped": data}[damage]
        if damage == "flipped":
            data[0] ^= 0x10
        saved[part] = bytes(data)
    with pytest.raises(ValueError):  # noqa: PT011 - each part words it its own way
        stream(crashing).load(saved)


def test_a_slow_source_is_judged_by_ticks_without_a_next_line() -> None:
    data = shop(3000) + b"2026-03-01T01:00:00+00:00 web1 kernel: Kernel panic - not syncing: Fatal exception\n"
    core = stream(data)
    core.open(0)
    play(core, data)
    assert core.settle(0) == []
    alerts = core.tick((core.watermark_ns or 0) + 40 * 10**9)
    assert [alert.level for alert in alerts] == ["CRITICAL"]


def test_the_same_log_twice_gives_the_same_ids(crashing: bytes, expected: list[Alert]) -> None:
    core = stream(crashing)
    core.open(0)
    again = play(core, crashing) + finish(core)
    assert [alert.id for alert in again] == [alert.id for alert in expected]


def test_a_stack_trace_is_one_record_and_gives_its_severity() -> None:
    line = "2026-03-01 01:00:{:02d},000 ERROR [main] shop.Cart: checkout failed\n"
    trace = (
        "java.lang.OutOfMemoryError: Java heap space\n\tat shop.Cart.add(Cart.java:12)\n\tat shop.Main.run(M.java:3)\n"
    )
    data = (
        "2026-03-01 00:59:00,000 INFO [main] shop.Cart: started\n" + line.format(1) + trace + line.format(9)
    ).encode()
    core = stream(data, engine=EngineOptions(header="log4j", multiline=Multiline()))
    core.open(0)
    batch = core.engine.feed(data)
    assert len(batch) == 2
    assert batch.severity.tolist() == [20, 100]


def test_evidence_survives_lines_that_are_gone(crashing: bytes) -> None:
    core = stream(crashing)
    core.text = lambda source, offset, length: None
    core.open(0)
    alerts = play(core, crashing) + finish(core)
    assert alerts
    assert all(alert.lines == [] for alert in alerts)
    assert any("Out of memory" in template.text for alert in alerts for template in alert.templates)


def test_session_windows_by_mask(crashing: bytes) -> None:
    core = stream(crashing, windows=WindowOptions(kind="session", key={"field": "order"}, idle=30.0))
    core.open(0)
    play(core, crashing)
    assert core.status()["windows"] > 0


def test_status_counts_every_line(crashing: bytes) -> None:
    core = stream(crashing)
    core.open(0)
    play(core, crashing)
    finish(core)
    status = core.status()
    assert status["engine"]["lines"] == crashing.count(b"\n")
    assert status["warmup"] == 1.0
    assert sum(template.count for template in core.templates()) == status["engine"]["records"]


def test_alerts_survive_their_json(expected: list[Alert]) -> None:
    for alert in expected:
        assert told([alert_json.decode(alert_json.encode(alert))]) == told([alert])
        assert replace(alert) == alert


def test_without_the_c_engine_the_same_is_told(crashing: bytes) -> None:
    data = crashing[:300_000] + crashing[crashing.index(b"Out of memory") - 60 :][:2000]
    alerts = []
    for kind in ("c", "drain3"):
        core = stream(data, engine=EngineOptions(kind=kind))
        core.open(0)
        alerts.append(told(play(core, data) + finish(core)))
        assert {template.fingerprint for template in core.templates()}
    assert alerts[0] == alerts[1]
    assert alerts[0]


def test_fingerprints_of_evidence_are_those_of_templates(crashing: bytes) -> None:
    core = stream(crashing)
    core.open(0)
    alert = the_crash(play(core, crashing) + finish(core))
    known = {template.fingerprint for template in core.templates()}
    assert {template.fingerprint for template in alert.templates} & known
