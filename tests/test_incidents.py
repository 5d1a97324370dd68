"""Incidents open, join, tell, resolve and survive a restart, all in log time."""

from dataclasses import replace

import pytest

from alogd.alerts.incidents import AGAIN, MAX_OPEN, WELL_KNOWN, Finding, Incidents
from alogd.config.tree import Alerts
from alogd.event import Alert, TemplateEvidence

SECOND = 10**9
HOUR = 3600


def alert(now: int, *, risk: float = 50.0, name: str = "") -> Alert:
    return Alert(
        id=name or f"{now:016x}",
        status="firing",
        stream="s",
        key="",
        title="t",
        risk=risk,
        level="HIGH" if risk >= 60 else "MEDIUM",
        anomaly=risk,
        severity=0.0,
        opened_ns=now,
        updated_ns=now,
        resolved_ns=None,
        windows=1,
        lines_seen=10,
    )


def finding(
    second: float, *, risk: float = 50.0, group: int = 1, causes: tuple[str, ...] = ("a",), alarm: str = ""
) -> Finding:
    return Finding(alert(round(second * SECOND), risk=risk), group, causes, alarm)


def offer(incidents: Incidents, it: Finding) -> list[Alert]:
    now = it.alert.updated_ns
    told = incidents.expire(now)
    incident = incidents.match(it, now)
    return told + (incidents.extend(incident, it) if incident else incidents.begin(it))


@pytest.fixture
def incidents() -> Incidents:
    return Incidents(Alerts(resolve_after=900.0, join_within=120.0), 5.0)


def test_one_cause_is_one_incident_told_when_its_windows_double(incidents: Incidents) -> None:
    told = [offer(incidents, finding(second)) for second in range(0, 160, 10)]
    assert [bool(alerts) for alerts in told] == [n in (1, 2, 4, 8, 16) for n in range(1, 17)]
    assert {a.id for alerts in told for a in alerts} == {told[0][0].id}
    assert told[-1][0].windows == 16
    assert told[-1][0].lines_seen == 160


def test_a_higher_level_is_told_at_once_with_its_evidence(incidents: Incidents) -> None:
    for second in range(3):
        offer(incidents, finding(second))
    worse = finding(3, risk=70.0)
    (told,) = offer(incidents, replace(worse, alert=replace(worse.alert, title="worse")))
    assert (told.level, told.risk, told.title) == ("HIGH", 70.0, "worse")
    assert told.opened_ns == 0


def test_resolves_after_quiet_in_log_time(incidents: Incidents) -> None:
    offer(incidents, finding(10))
    assert incidents.expire(909 * SECOND) == []
    (resolved,) = incidents.expire(2000 * SECOND)
    assert (resolved.status, resolved.resolved_ns) == ("resolved", 910 * SECOND)
    assert incidents.open == []


def test_other_cause_other_group_much_later_is_another_incident(incidents: Incidents) -> None:
    offer(incidents, finding(0))
    offer(incidents, finding(300, group=2, causes=("b",)))
    assert len(incidents.open) == 2


def test_other_cause_at_the_same_time_is_the_same_trouble(incidents: Incidents) -> None:
    offer(incidents, finding(0))
    offer(incidents, finding(60, group=2, causes=("b",)))
    assert len(incidents.open) == 1
    assert incidents.open[0].causes == ["a", "b"]


def test_what_has_gone_on_for_long_draws_nothing_else_in(incidents: Incidents) -> None:
    for second in range(0, 3600, 100):
        offer(incidents, finding(second))
    assert offer(incidents, finding(3590, group=2, causes=("b",))) == []  # within the hour: the same trouble
    (other,) = offer(incidents, finding(3650, group=3, causes=("c",)))
    assert (other.status, len(incidents.open)) == ("firing", 2)


def test_what_comes_again_and_again_draws_nothing_else_in(incidents: Incidents) -> None:
    for time in range(0, 4 * HOUR, HOUR):
        offer(incidents, finding(time))
    assert incidents.open[0].comes_again
    (other,) = offer(incidents, finding(3 * HOUR + 60, group=2, causes=("b",)))
    assert (other.status, len(incidents.open)) == ("firing", 2)


def test_what_calls_itself_critical_never_hides_in_another_incident(incidents: Incidents) -> None:
    offer(incidents, finding(0, risk=70.0))
    (opened,) = offer(incidents, finding(60, group=2, causes=("b",), alarm="panic"))
    assert (opened.status, len(incidents.open)) == ("firing", 2)
    assert offer(incidents, finding(70, group=3, causes=("c",), alarm="panic"))  # the same cause: two windows
    assert offer(incidents, finding(80, group=3, causes=("d",), alarm="panic")) == []
    assert len(incidents.open) == 2


def test_a_critical_line_in_an_open_incident_of_its_program_is_told_at_once(incidents: Incidents) -> None:
    for second in range(5):
        offer(incidents, finding(second, risk=70.0))
    crash = finding(5, causes=("b",), alarm="panic")
    (told,) = offer(incidents, replace(crash, alert=replace(crash.alert, title="panic")))
    assert (told.title, told.risk, told.level, told.windows) == ("panic", 70.0, "HIGH", 6)
    assert offer(incidents, finding(6, causes=("b",), alarm="panic")) == []


def test_what_calls_itself_critical_is_told_whatever_the_budget(incidents: Incidents) -> None:
    incidents.options = Alerts(resolve_after=1.0, join_within=0.0)
    for second in range(0, 20_000, 1000):
        offer(incidents, finding(second, causes=(f"c{second}",)))
    assert len(incidents.opened) == 10
    assert offer(incidents, finding(30_000, causes=("b",), alarm="panic"))[-1].status == "firing"


def test_a_well_known_incident_is_counted_and_not_looked_into(incidents: Incidents) -> None:
    for second in range(WELL_KNOWN - 1):
        offer(incidents, finding(second, risk=70.0))
    assert incidents.routine(1, 70.0, 70 * SECOND) is None
    offer(incidents, finding(70, risk=70.0))
    (known,) = incidents.open
    assert incidents.routine(1, 70.0, 500 * SECOND) is known  # its own group
    assert incidents.routine(9, 70.0, 71 * SECOND) is known  # another, close in time
    assert incidents.routine(9, 70.0, 500 * SECOND) is None
    assert incidents.routine(1, 70.1, 71 * SECOND) is None  # worse: to be looked into
    assert incidents.routine(9, 70.0, 71 * SECOND, is_new=True) is known
    told = [incidents.count(known, (71 + n) * SECOND, 5) for n in range(64)]
    assert [alert.windows for alerts in told for alert in alerts] == [128]
    assert (known.alert.lines_seen, known.last_ns) == (64 * 10 + 64 * 5, 134 * SECOND)
    incidents.count(known, 3690 * SECOND, 5)
    assert incidents.routine(9, 70.0, 3700 * SECOND) is known
    assert incidents.routine(9, 70.0, 3700 * SECOND, is_new=True) is None  # it has gone on for long


def test_a_shared_template_joins_across_groups(incidents: Incidents) -> None:
    offer(incidents, finding(0, causes=("a", "x")))
    offer(incidents, finding(500, group=2, causes=("x",)))
    assert len(incidents.open) == 1


def test_the_days_budget_is_never_passed_twice_over(incidents: Incidents) -> None:
    incidents.options = Alerts(resolve_after=1.0, join_within=0.0)
    for second in range(0, 40_000, 1000):
        offer(incidents, finding(second, causes=(f"c{second}",)))
    assert len(incidents.opened) == 10
    assert incidents.suppressed == 30
    offer(incidents, replace(finding(50_000), alert=replace(finding(50_000).alert, level="CRITICAL")))
    assert len(incidents.opened) == 11


def test_goes_on_for_a_day_is_the_new_normal(incidents: Incidents) -> None:
    offer(incidents, finding(0))
    (incident,) = incidents.open
    assert not incidents.adopted(incident, 86_399 * SECOND)
    assert incidents.adopted(incident, 86_400 * SECOND)


def test_what_lasts_is_asked_about_once(incidents: Incidents) -> None:
    told = [one for minute in range(0, 180, 2) for one in offer(incidents, finding(60 * minute))]
    asked = [one for one in told if one.is_lasting]
    assert asked[0].updated_ns == 3600 * SECOND
    assert len({one.id for one in told}) == 1
    assert all(sum("new normal" in reason for reason in one.reasons) == 1 for one in asked)
    assert [one.windows for one in asked] == [31, 62]  # then as ever, when they double
    (higher,) = offer(incidents, finding(60 * 181, risk=70.0))
    assert (higher.level, higher.is_lasting) == ("HIGH", True)


def test_what_comes_again_and_again_is_asked_about_once(incidents: Incidents) -> None:
    told = [one for hour in range(24) for one in offer(incidents, finding(3600 * hour, causes=("a", f"b{hour}")))]
    assert len({one.id for one in told}) == AGAIN + 1
    assert [one.windows for one in told if one.is_lasting] == [1, 2, 4, 8, 16]
    offer(incidents, finding(3600 * 23.5, causes=("b7",)))  # a cause it had beside, long after: news
    assert len(incidents.open) == 2
    new = TemplateEvidence("x", "f" * 16, is_new=True, seen=1, expected=0, share=0.4)
    never = finding(3600 * 24.2, causes=("a", "x"))
    offer(incidents, replace(never, alert=replace(never.alert, templates=[new])))  # never seen before: news
    assert [one.alert.id for one in incidents.open] == [told[-1].id, never.alert.id]
    (over,) = [one for one in incidents.expire(3600 * 30 * SECOND) if one.is_lasting]
    assert over.resolved_ns == (23 + 6) * 3600 * SECOND


def test_what_is_accepted_is_learned_and_not_asked_about(incidents: Incidents) -> None:
    offer(incidents, finding(0))
    (incident,) = incidents.open
    assert incidents.accept([incident.alert.id, "other"])
    assert not incidents.accept([incident.alert.id])
    assert incidents.adopted(incident, 10 * SECOND)
    told = [one for minute in range(2, 100, 2) for one in offer(incidents, finding(60 * minute))]
    assert not any(one.is_lasting for one in told)
    assert incidents.accept([])
    assert not incidents.adopted(incident, 6000 * SECOND)
    again = Incidents(incidents.options, 5.0)
    again.load(incidents.save())
    assert again.save() == incidents.save()


def test_open_incidents_are_bounded() -> None:
    incidents = Incidents(Alerts(resolve_after=1e6, join_within=0.0), 1e5)
    for n in range(MAX_OPEN + 50):
        offer(incidents, finding(n * 1000, group=n + 1, causes=(f"c{n}",)))
    assert len(incidents.open) == MAX_OPEN


def test_saved_and_loaded(incidents: Incidents) -> None:
    for second in range(5):
        offer(incidents, finding(second))
    other = Incidents(incidents.options, 5.0)
    other.load(incidents.save())
    assert other.save() == incidents.save()
    assert offer(other, finding(6)) == offer(incidents, finding(6))


def test_damaged_state_is_refused(incidents: Incidents) -> None:
    offer(incidents, finding(0))
    data = incidents.save()
    for damaged in (b"", b"{}", data[:-3], data.replace(b"50.0", b'"x"')):
        with pytest.raises(ValueError):  # noqa: PT011 - msgspec words it
            Incidents(incidents.options, 5.0).load(damaged)
