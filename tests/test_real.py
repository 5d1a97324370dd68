"""What people say of incidents that changes what is learned: real, and the new normal."""

import pytest

from alogd.event import TemplateEvidence
from alogd.feedback.mute import Mute, Mutes, said_of
from alogd.feedback.protected import Part, Pattern, Said, pattern_of
from tests.alerts import alert
from tests.test_stream import finish, play, shop, stream, told

HOUR = 3600.0
NOW = 1_700_438_400.0


def lagging() -> tuple[bytes, int, int]:
    """A log in which a line comes once, then for hours, then once again; where those end that come first and often."""
    lines = shop(16_000, seed=3).splitlines(keepends=True)
    out, marks = [], []
    for number, line in enumerate(lines):
        out.append(line)
        if number in (7000, 15_500) or (7700 <= number < 12_500 and number % 30 == 0):
            out.append(line[:38] + b"shop[812]: replica 7 lags behind by 250 s\n")
        if number in (7400, 15_000):
            marks.append(sum(map(len, out)))
    return b"".join(out), *marks


@pytest.fixture(scope="module")
def log() -> tuple[bytes, int, int]:
    return lagging()


def judged(data: bytes, upto: int):
    core = stream(data, budget=50.0)
    core.open(0)
    first = play(core, data, end=upto)
    found = [one for one in first if any("lags" in of.text for of in one.templates)]
    assert found
    return core, first, pattern_of(found[-1], "shop")


def lag_alerts(alerts, since_ns):
    return {one.id for one in alerts if one.opened_ns > since_ns and any("lags" in of.text for of in one.templates)}


def test_what_is_real_is_not_learned(log):
    data, once, often = log
    core, _, _ = judged(data, once)
    play(core, data, begin=once, end=often)
    since = core.watermark_ns
    assert not lag_alerts(play(core, data, begin=often) + finish(core), since)  # it is usual by now

    core, _, pattern = judged(data, once)
    assert core.heed(Said((pattern,), ()))
    assert not core.heed(Said((pattern,), ()))
    play(core, data, begin=once, end=often)
    later = play(core, data, begin=often) + finish(core)
    assert lag_alerts(later, since)
    [last] = [
        one for one in later if one.opened_ns > since and one.status == "resolved" and pattern.reason in one.reasons
    ]
    assert last.risk >= pattern.risk


def test_what_is_real_alerts_though_it_was_learned(log):
    data, once, often = log
    core, _, pattern = judged(data, once)
    play(core, data, begin=once, end=often)
    since = core.watermark_ns
    core.heed(Said((pattern,), ()))
    later = play(core, data, begin=often) + finish(core)
    assert lag_alerts(later, since)
    assert {one.risk >= pattern.risk for one in later if pattern.reason in one.reasons} == {True}


def test_it_is_undone(log):
    data, once, _ = log
    core, _, pattern = judged(data, once)
    core.heed(Said((pattern,), ()))
    core.heed(Said((), ()))
    assert "protected" not in core.save()
    plain, _, _ = judged(data, once)
    assert told(play(core, data, begin=once)) == told(play(plain, data, begin=once))


def test_cuts_and_restarts_change_nothing(log):
    data, once, often = log
    core, _, pattern = judged(data, once)
    core.heed(Said((pattern,), ()))
    saved, at = core.save(), core.consumed(0)
    whole = told(play(core, data, begin=once) + finish(core))

    again = stream(data, budget=50.0)
    again.load(saved)
    again.open(0, offset=at)
    assert not again.heed(Said((pattern,), ()))
    alerts = play(again, data, begin=at, end=often, cut=900, seed=5)
    saved, at = again.save(), again.consumed(0)
    third = stream(data, budget=50.0)
    third.load(saved)
    third.open(0, offset=at)
    assert told(alerts + play(third, data, begin=at, cut=5000) + finish(third)) == whole


def test_neither_baselines_nor_calibrations_learn_it(log):
    data, once, often = log
    core, _, pattern = judged(data, once)
    core.heed(Said((pattern,), ()))
    judge = core.judge
    learned, held, counted = [], [], []

    def looking(learn):
        def look(windows, keep):
            real = judge.protected.match(windows)
            learned.append(int((real & keep).sum()))
            held.append(int(real.sum()))
            learn(windows, keep)

        return look

    detector = judge.detectors["ewma"]
    detector.learn = looking(detector.learn)
    judge.fusion.add = lambda scores, add=judge.fusion.add: (counted.append(len(scores)), add(scores))
    before = judge.seen
    play(core, data, begin=once, end=often)
    assert sum(learned) == 0
    assert sum(held) > 100
    assert sum(counted) <= judge.seen - before - sum(held)


def test_damage_is_refused(log):
    data, once, _ = log
    core, _, pattern = judged(data, once)
    core.heed(Said((pattern,), ()))
    saved = core.save()
    for bad in (b"{", b'{"patterns":[],"slots":{"3":"ff"}}'):
        with pytest.raises(ValueError, match=r"\S"):
            stream(data, budget=50.0).load(saved | {"protected": bad})


def evidence(**changes):
    values = {"text": "a", "fingerprint": "a" * 16, "is_new": False, "seen": 5.0, "expected": 0.0, "share": 0.5}
    return TemplateEvidence(**(values | changes))


@pytest.mark.parametrize(
    ("changes", "least"),
    [
        ({"is_new": True}, 1),
        ({"seen": 1.0, "expected": 0.02}, 1),
        ({"seen": 300.0, "expected": 2.0}, 151),
        ({"seen": 1.0, "expected": 0.5}, None),  # in every other window
        ({"seen": 5.0, "expected": 4.0}, None),  # chance
        ({"seen": 0.0, "expected": 20.0}, None),  # missing
    ],
)
def test_what_tells_an_alert_from_ordinary_windows(changes, least):
    one = alert(templates=[evidence(**changes)])
    if least is None:
        with pytest.raises(ValueError, match="nothing to protect"):
            pattern_of(one, "sshd")
    else:
        assert [part.least for part in pattern_of(one, "sshd").parts] == [least]


def real_in(*of):
    return said_of(*of).real


def pattern(**changes):
    return Pattern(**({"alert": "a1", "stream": "sshd", "risk": 80.0, "parts": (Part("f" * 16, 1, 1.0),)} | changes))


def test_the_later_judgement_of_an_alert_ends_the_earlier_and_a_real_one_holds_nothing_back():
    def judgement(number, kind, **more):
        about = {"matchers": ("stream=sshd",), "begins": NOW, "ends": NOW + HOUR, "alert": "a1", "by": "ann"}
        return Mute(id=f"{number:016x}", kind=kind, **about, **more)

    mutes = Mutes()
    mutes.mutes = mutes.with_added(judgement(1, "expected"), NOW)
    assert mutes.keeps(alert(), NOW)
    mutes.mutes = mutes.with_added(judgement(2, "real", pattern=pattern()), NOW + 1)
    assert [(one.state(NOW + 2), one.undone_by) for one in mutes.mutes] == [("undone", "ann"), ("active", "")]
    assert not mutes.keeps(alert(2), NOW + 2)
    assert real_in(mutes.mutes, "sshd", NOW + 2) == (pattern(),)
    assert real_in(mutes.mutes, "web", NOW + 2) == ()
    assert real_in(mutes.mutes, "sshd", NOW + HOUR) == ()
    mutes.mutes = mutes.with_added(judgement(3, "expected"), NOW + 3)
    assert real_in(mutes.mutes, "sshd", NOW + 3) == ()


def test_the_new_normal_is_asked_about_once_and_learned_when_it_is_accepted():
    lines = shop(24_000, seed=4).splitlines(keepends=True)
    more = [(line[:38] + b"shop[812]: queue of 3000 orders waits\n") * 2 for line in lines]
    data = b"".join(line if at < 8000 or at % 20 else line + more[at] for at, line in enumerate(lines))
    upto = sum(map(len, lines[:8000])) + sum(
        len(lines[at]) + (0 if at % 20 else len(more[at])) for at in range(8000, 17_000)
    )

    def asked():
        core = stream(data, budget=200.0)
        core.open(0)
        asking = [one for one in play(core, data, end=upto) if one.is_lasting]
        assert len({one.id for one in asking}) == 1
        return core, asking[-1].id

    core, number = asked()
    left = play(core, data, begin=upto)
    assert [one.alert.id for one in core.incidents.open] == [number]  # it would go on for a day
    assert not any(one.status == "resolved" and one.id == number for one in left)

    core, number = asked()
    assert core.heed(Said((), (number,)))
    assert not core.heed(Said((), (number,)))
    saved, at = core.save(), core.consumed(0)
    left = play(core, data, begin=upto)
    assert [one.id for one in left if one.status == "resolved"] == [number]
    assert core.incidents.open == []

    again = stream(data, budget=200.0)
    again.load(saved)
    again.open(0, offset=at)
    assert not again.heed(Said((), (number,)))
    assert told(play(again, data, begin=at, cut=3000, seed=2)) == told(left)
