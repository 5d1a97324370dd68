"""Routes: which incidents a sink is for, by stream, level and time."""

import time

import pytest

from alogd.config.load import load_config
from alogd.config.nodes import ConfigError
from alogd.sinks.base import build
from tests.alerts import SECOND, alert

MONDAY = 1_700_438_400  # 2023-11-20 00:00 UTC
CONFIG = "streams: [{name: web, collect: [{kind: file, include: [/x]}]}]\nsinks: [{kind: log, when: %s}]\n"


@pytest.fixture
def utc(monkeypatch):
    monkeypatch.setenv("TZ", "UTC")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


def wants(when, **changes):
    return build({"kind": "log", "when": when}).wants(alert(**changes))


def at(day, hour):
    return (MONDAY + day * 86400 + int(hour * 3600)) * SECOND


def test_by_stream_and_level():
    assert wants({})
    assert wants({"streams": ["sshd", "web"]})
    assert not wants({"streams": ["web"]})
    assert wants({"levels": ["CRITICAL"]}, level="CRITICAL")
    assert not wants({"levels": ["CRITICAL"]}, level="HIGH")
    assert not wants({"streams": ["sshd"], "levels": ["LOW"]}, level="HIGH")


def test_the_end_is_told_to_whom_the_beginning_was():
    low = {"levels": ["LOW"]}
    assert wants(low, level="LOW")
    assert wants(low, level="HIGH", status="resolved")  # it may have begun as LOW
    assert not wants({"levels": ["CRITICAL"]}, level="HIGH", status="resolved")  # it never was
    assert not wants({"levels": ["HIGH"]}, level="LOW", status="resolved")


@pytest.mark.parametrize(
    ("hours", "inside", "outside"),
    [("08:00-18:00", (8, 12, 17.99), (7.99, 18, 23)), ("22:00-06:00", (22, 0, 5.99), (6, 12, 21.99))],
)
def test_by_the_hour_it_began(utc, hours, inside, outside):
    assert all(wants({"hours": hours}, opened_ns=at(0, hour)) for hour in inside)
    assert not any(wants({"hours": hours}, opened_ns=at(0, hour)) for hour in outside)


def test_by_the_day_it_began(utc):
    weekdays = {"days": ["mon", "tue", "wed", "thu", "fri"]}
    assert [wants(weekdays, opened_ns=at(day, 12)) for day in range(7)] == [True] * 5 + [False] * 2


def test_in_this_host_s_time_zone(monkeypatch):
    monkeypatch.setenv("TZ", "XXX-05:30")  # east of Greenwich
    time.tzset()
    assert wants({"hours": "05:30-06:00"}, opened_ns=at(0, 0))
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("{streams: [wbe]}", 'sinks[0].when.streams[0]: no stream named "wbe"'),
        ("{levels: [high]}", "sinks[0].when.levels[0]"),
        ("{hours: 8-18}", "sinks[0].when.hours"),
        ("{hours: 08:00-24:00}", "sinks[0].when.hours"),
        ("{days: [monday]}", "sinks[0].when.days[0]"),
        ("{week: 1}", "sinks[0].when.week: unknown key"),
    ],
)
def test_the_configuration_is_strict(when, message):
    with pytest.raises(ConfigError) as caught:
        load_config(CONFIG % when)
    assert message in str(caught.value)


def test_what_is_loaded_routes(utc):
    config = load_config(CONFIG % "{streams: [web], levels: [HIGH, CRITICAL], hours: '08:00-18:00', days: [mon]}")
    sink = build(config.sinks[0])
    assert not sink.wants(alert())
    assert sink.wants(alert(stream="web", level="HIGH", opened_ns=at(0, 12)))
    assert not sink.wants(alert(stream="web", level="HIGH", opened_ns=at(1, 12)))
