"""Jobs that run every day: learned within days, and nothing hides behind them."""

import dataclasses

import pytest

from alogd.alerts.daily import DAY, MAX_ROWS, MAX_TIMES, MINUTE, Daily
from alogd.alerts.incidents import WELL_KNOWN, Finding
from alogd.event import Alert, TemplateEvidence
from tests import daily_log
from tests.alerts import alert
from tests.daily_log import JOB, NIGHTLY, TROUBLE
from tests.test_stream import finish, play, stream, told

HOUR = 60 * MINUTE
NIGHT = 20_700 * DAY + 4 * HOUR + 2 * MINUTE


def odd(at: int, *causes: str, risk: float = 50.0, alarm: str = "", group: int = 7) -> Finding:
    templates = [TemplateEvidence(text, f"{text:>016}", False, 3, 0, 0.9 / len(causes)) for text in causes]
    templates.append(TemplateEvidence("usual", f"{'usual':>016}", False, 3, 3, 0.05))
    found = dataclasses.replace(alert(1), risk=risk, level="MEDIUM", opened_ns=at, updated_ns=at, templates=templates)
    return Finding(found, group, [one.fingerprint for one in templates], alarm)


def days(daily: Daily, *numbers: float, causes: tuple[str, ...] = ("rotating",)) -> list[bool]:
    return [daily.holds(odd(NIGHT + round(number * DAY), *causes)) for number in numbers]


@pytest.fixture
def known() -> Daily:
    """That knows of a job, on day 5."""
    daily = Daily()
    assert days(daily, 0, 1, 2, 3, 4) == [False, False, False, True, True]
    return daily


def test_what_comes_on_three_days_is_daily_and_some_minutes_do_not_matter(known: Daily) -> None:
    assert known.holds(odd(NIGHT + 5 * DAY - 9 * MINUTE, "rotating"))
    assert known.held_back == 3
    known.holds(odd(NIGHT + 5 * DAY, "rotating"))
    assert known.held_back == 3  # the same run


@pytest.mark.parametrize("at", [HOUR, -HOUR, 12 * HOUR, 11 * MINUTE])
def test_at_another_time_it_is_news(known: Daily, at: int) -> None:
    assert not known.holds(odd(NIGHT + 5 * DAY + at, "rotating"))


def test_something_else_something_worse_and_what_is_critical_or_real_are_news(known: Daily) -> None:
    at = NIGHT + 5 * DAY
    assert not known.holds(odd(at, "cannot reach database"))
    assert not known.holds(odd(at, "rotating", "cannot reach database"))
    assert not known.holds(odd(at, "rotating", risk=61.0))
    assert not known.holds(odd(at, "rotating", alarm="f" * 16))
    assert not known.holds(odd(at))
    assert known.holds(odd(at, "rotating", risk=55.0))


def test_working_days_are_most_days_and_weekly_is_not_daily() -> None:
    daily = Daily()
    weeks = [7 * week + day for week in range(2) for day in range(5)]
    assert days(daily, *weeks) == [False] * 3 + [True] * 7
    assert not any(days(Daily(), *range(0, 70, 7)))
    assert not any(days(Daily(), *[n / 24 for n in range(240)]))  # every hour: it is for calibration to know


def test_what_goes_on_for_hours_is_no_job() -> None:
    daily = Daily()
    for day in range(4):
        for minute in range(0, 180, 5):
            assert not daily.holds(odd(NIGHT + day * DAY + minute * MINUTE, "down"))


def test_the_last_alert_says_so() -> None:
    daily = Daily()
    said = []
    for day in range(3):
        finding = odd(NIGHT + day * DAY, "rotating")
        daily.holds(finding)
        said.append(daily.foretold(finding).alert.reasons)
    assert said[0] == said[1] == ["a template never seen before"]
    assert "from now on it counts as a daily job" in said[2][-1]


def test_a_job_of_many_windows_is_not_looked_into_again_and_again(known: Daily) -> None:
    at = NIGHT + 5 * DAY
    for second in range(WELL_KNOWN):
        assert not known.is_routine(7, 50.0, at)
        assert known.holds(odd(at + second * 10**9, "rotating"))
    assert known.is_routine(7, 50.0, at + MINUTE)
    assert not known.is_routine(8, 50.0, at + MINUTE)
    assert not known.is_routine(7, 50.1, at + MINUTE)
    assert not known.is_routine(7, 50.0, at + 11 * MINUTE)


def test_it_is_bounded_and_saved(known: Daily) -> None:
    for number in range(2 * MAX_ROWS):
        known.holds(odd(NIGHT + number * HOUR, "often", f"once {number}"))
    assert len(known.times) == MAX_ROWS
    assert max(map(len, known.times.values())) == MAX_TIMES
    again = Daily()
    again.load(known.save())
    assert again.save() == known.save()
    for bad in (b"{}", b'{"times":{"a":[]},"running":{},"held_back":0}'):
        with pytest.raises(ValueError, match=r"missing|bounds"):
            again.load(bad)


# -- with a whole stream


def play_all(data: bytes) -> list[Alert]:
    core = stream(data)
    core.open(0)
    return play(core, data) + finish(core)


def about(alerts: list[Alert], words: str, since_day: float) -> set[str]:
    since = (daily_log.START + since_day * daily_log.DAY) * 1e9
    return {one.id for one in alerts if one.opened_ns > since and any(words in of.text for of in one.templates)}


@pytest.fixture(scope="module")
def log() -> bytes:
    """Eight nights, with trouble during the job of the last but one and a job in the afternoon of the last."""
    trouble = {6 * daily_log.DAY + JOB + 20: TROUBLE, 7 * daily_log.DAY + 15 * 3600: NIGHTLY}
    return daily_log.daily_log(8, more=trouble)


@pytest.fixture(scope="module")
def alerts(log: bytes) -> list[Alert]:
    return play_all(log)


def test_logrotate_is_learned_and_trouble_at_that_time_is_told(alerts: list[Alert]) -> None:
    assert about(alerts, "reopening log files", 0) - about(alerts, "reopening log files", 3)  # the first nights
    [trouble] = about(alerts, "cannot reach database", 0)
    nightly = about(alerts, "reopening log files", 3) - {trouble}
    [afternoon] = [one for one in alerts if one.id in nightly and one.status == "resolved"]
    assert (afternoon.opened_ns // 10**9 - daily_log.START) % daily_log.DAY > 14 * 3600


def test_cuts_and_restarts_change_nothing(log: bytes, alerts: list[Alert]) -> None:
    core = stream(log)
    core.open(0)
    at = len(log) * 6 // 8
    found = play(core, log, end=at, cut=400_000, seed=5)
    saved, at = core.save(), core.consumed(0)
    again = stream(log)
    again.load(saved)
    again.open(0, offset=at)
    assert told(found + play(again, log, begin=at, cut=90_000, seed=6) + finish(again)) == told(alerts)
    assert again.status()["daily_jobs"] >= 3
