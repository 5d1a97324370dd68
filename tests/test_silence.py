"""What should come and does not: told once, with what is usual, over when it comes again; never of what is bursty."""

import gzip
import random
import time
from pathlib import Path

import numpy as np
import pytest

from alogd.alerts import as_json as alert_json
from alogd.collectors.base import Data, Idle, Opened
from alogd.config.tree import Alerts, Risk, Silence, StreamOptions
from alogd.daemon.runner import Runner
from alogd.event import NO_TIME, Alert, Batch
from alogd.silence.alerts import span
from alogd.silence.log_time import LogClock
from alogd.silence.rhythm import DAY, HOUR, Beat, Source
from alogd.silence.watch import Silences
from alogd.stream import Stream

START = 1_760_054_400  # midnight UTC
MINUTE_S, HOUR_S, DAY_S = 60, 3600, 86_400
DATA = Path(__file__).parents[1].parent / "shared/data"


class Logs:
    """A stream over logs held in memory, by number of their source."""

    def __init__(self, logs: dict[int, bytes], **silence: object) -> None:
        self.logs = logs
        self.options = Silence(**silence)  # type: ignore[arg-type]
        self.told: list[Alert] = []
        self.stream = self.make()
        for number in logs:
            self.stream.open(number)

    def make(self) -> Stream:
        return Stream(
            StreamOptions(name="host", collect=({"kind": "file", "include": ["x"]},)),
            alerts=Alerts(silence=self.options),
            risk=Risk(),
            budget_per_day=5.0,
            text=lambda number, offset, length: self.logs[number][offset : offset + length],
            names=lambda number: f"/var/log/{number}.log",
        )

    def feed(self, cut: int = 1 << 18, number: int = 1) -> "Logs":
        data = self.logs[number]
        for at in range(0, len(data), cut):
            self.told += self.stream.feed(number, data[at : at + cut])
        self.told += self.stream.settle(number)
        return self

    def tick(self, second: float) -> "Logs":
        """Twice: what is found at a moment is told after it."""
        for more in (0, 1):
            self.told += self.stream.tick(int((START + second + more) * 1e9))
        return self

    @property
    def silences(self) -> list[Alert]:
        return [alert for alert in self.told if "silence" in alert.detectors]

    def moments(self) -> list[tuple[str, int]]:
        """(status, seconds after the start) of what was told of silence."""
        return [(alert.status, alert.updated_ns // 10**9 - START) for alert in self.silences]


def line(second: float, text: str) -> bytes:
    stamp = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(START + second))
    return f"{stamp} host app[1]: {text}\n".encode()


def steady(begin: float, end: float, every: float = 30, seed: int = 1) -> list[tuple[float, str]]:
    """Lines that come at random, so many seconds apart in the mean."""
    chance, now, lines = random.Random(seed), begin, []
    while (now := now + chance.expovariate(1 / every)) < end:
        lines.append((now, f"request {chance.randrange(10**6)} answered in {chance.randrange(900)} ms"))
    return lines


def beats(begin: float, end: float, every: float, text: str = "heartbeat of the scheduler") -> list[tuple[float, str]]:
    return [(begin + n * every, text) for n in range(int((end - begin) / every))]


def log(*parts: list[tuple[float, str]]) -> bytes:
    return b"".join(line(second, text) for second, text in sorted(one for part in parts for one in part))


# Sources


def test_a_source_that_stops_is_told_once_and_over_when_it_comes_again():
    stopped, again = 5.5 * DAY_S, 5.5 * DAY_S + 9 * HOUR_S
    logs = Logs({1: log(steady(0, stopped))}).feed()
    assert not logs.silences
    for hours in range(8):
        logs.tick(stopped + hours * HOUR_S)
    (alert,) = logs.silences
    assert (alert.status, alert.level, alert.lines_seen) == ("firing", "HIGH", 0)
    assert 10 * MINUTE_S <= alert.opened_ns / 1e9 - START - stopped < HOUR_S
    assert alert.title.startswith("nothing from /var/log/1.log for ")
    assert alert.lines[0].text.encode() == logs.logs[1].splitlines()[-1]
    assert alert.detectors == {"silence": 1.0}
    logs.logs[2] = log(steady(again, again + HOUR_S))
    logs.logs[1] += logs.logs.pop(2)
    begin = logs.stream.consumed(1)
    logs.told += logs.stream.feed(1, logs.logs[1][begin:])
    over = logs.silences[-1]
    assert (over.status, over.id, len(logs.silences)) == ("resolved", alert.id, 2)
    assert 0 <= over.resolved_ns / 1e9 - START - again < 5 * MINUTE_S


def test_a_replay_tells_the_same_without_a_clock():
    stopped, again = 5.5 * DAY_S, 5.5 * DAY_S + 9 * HOUR_S
    lines = log(steady(0, stopped), steady(again, again + HOUR_S, seed=2))
    live = Logs({1: lines})
    split = len(log(steady(0, stopped)))
    live.told += live.stream.feed(1, lines[:split]) + live.stream.settle(1)
    for minutes in range(0, 9 * 60, 7):
        live.tick(stopped + minutes * MINUTE_S)
    live.told += live.stream.feed(1, lines[split:])
    replayed = Logs({1: lines}).feed()
    assert [(alert.id, *moment) for alert, moment in zip(live.silences, live.moments(), strict=True)] == [
        (alert.id, *moment) for alert, moment in zip(replayed.silences, replayed.moments(), strict=True)
    ]
    assert [status for status, _ in replayed.moments()] == ["firing", "resolved"]


def test_nothing_is_told_while_it_learns():
    logs = Logs({1: log(steady(0, 2.9 * DAY_S))}).feed().tick(4 * DAY_S)
    assert not logs.silences


@pytest.mark.parametrize("switch", ["enabled", "sources"])
def test_it_can_be_switched_off(switch):
    logs = Logs({1: log(steady(0, 5 * DAY_S))}, **{switch: False}).feed().tick(6 * DAY_S)
    assert not logs.silences


@pytest.mark.parametrize("seed", range(4))
def test_a_source_that_comes_in_bursts_is_left_alone(seed):
    chance, now, lines = random.Random(seed), 0.0, []
    while now < 40 * DAY_S:
        now += HOUR_S * chance.paretovariate(0.8)  # no mean: the longest is always to come
        lines += [(now + n, f"job {n} of {chance.randrange(1000)} done") for n in range(chance.randrange(5, 50))]
        now += 60
    assert not Logs({1: log(lines)}).feed().silences


@pytest.mark.parametrize("pause", [5, 40])
def test_so_is_one_that_is_written_for_a_minute_every_so_many_days(pause):
    """As alternatives.log is, whenever something is installed."""
    days = range(0, 12 * pause, pause)
    told = Logs({1: log(*(steady(day * DAY_S, day * DAY_S + 90, every=5, seed=day) for day in days))}).feed()
    assert told.tick((days[-1] + 1) * DAY_S).silences == []


def test_nights_are_not_silences():
    days = [steady(day * DAY_S + 7 * HOUR_S, day * DAY_S + 22 * HOUR_S, seed=day) for day in range(20)]
    assert not Logs({1: log(*days)}).feed().silences


def test_what_is_away_for_a_week_is_gone_and_learned_anew():
    logs = Logs({1: log(steady(0, 5 * DAY_S))}).feed().tick(6 * DAY_S).tick(13 * DAY_S)
    assert [status for status, _ in logs.moments()] == ["firing", "resolved"]
    assert not logs.stream.silences.sources


def test_a_source_that_ends_is_not_silent():
    logs = Logs({1: log(steady(0, 5 * DAY_S))}).feed()
    logs.told += logs.stream.close(1)
    assert not logs.tick(6 * DAY_S).silences


def test_a_rotated_file_goes_on_as_what_it_was():
    logs = Logs({1: log(steady(0, 5 * DAY_S))})
    logs.stream.names = lambda number: "/var/log/app.log"
    logs.stream.open(1)
    logs.feed()
    logs.stream.open(2)
    logs.told += logs.stream.close(1)
    (alert,) = logs.tick(6 * DAY_S).silences
    assert "nothing from /var/log/app.log" in alert.title


def test_those_that_stop_together_are_one_alert():
    last = [(5 * DAY_S, "the last one")]
    logs = Logs({n: log(steady(0, 5 * DAY_S, every=180, seed=n), last) for n in (1, 2, 3)})
    lines = sorted((one, number) for number, data in logs.logs.items() for one in data.splitlines(keepends=True))
    for one, number in lines:  # side by side, as they come
        logs.told += logs.stream.feed(number, one)
    for hours in (1, 2, 3):
        logs.tick(5 * DAY_S + hours * HOUR_S)
    last = logs.silences[-1]
    assert {alert.id for alert in logs.silences} == {last.id}
    assert (len(last.reasons), last.windows) == (3, 3)
    assert {reason.split(" ")[2] for reason in last.reasons} == {f"/var/log/{n}.log" for n in (1, 2, 3)}


def test_the_daemon_s_clock_goes_on_where_a_stream_is_quiet():
    data = log(steady(0, 5 * DAY_S))
    logs = Logs({1: data})
    running = Runner("host", lambda text, names: logs.make(), None)
    running.handle("file#0", Opened("a", "/var/log/a.log", 0, 2025, None, False), 0.0)
    running.handle("file#0", Data("a", data), 0.0)
    running.handle("file#0", Idle("a"), 0.0)
    for seconds in range(0, HOUR_S, 15):
        running.tick(float(seconds), 0.0)
        if running.alerts and running.alerts[-1].detectors == {"silence": 1.0}:
            break
    alert = running.alerts[-1]
    assert alert.status == "firing"
    assert alert.opened_ns <= running.core.watermark_ns
    assert 600 < seconds < HOUR_S


# Heartbeats


def test_a_heartbeat_that_stops_amid_other_lines():
    stopped = 4.5 * DAY_S
    lines = log(steady(0, 5 * DAY_S), beats(0, stopped, 300), beats(4.7 * DAY_S, 5 * DAY_S, 300))
    logs = Logs({1: lines}).feed()
    fired, over = logs.silences
    assert fired.title.startswith('no more "heartbeat of the scheduler" for 12 min 30 s; it came every 5 min')
    assert fired.level == "MEDIUM"
    (template,) = fired.templates
    assert (template.text, template.seen, template.expected) == ("heartbeat of the scheduler", 0.0, 2.5)
    assert fired.lines[0].text.endswith("heartbeat of the scheduler")
    assert (over.status, over.id) == ("resolved", fired.id)
    assert logs.moments() == [("firing", int(stopped) - 300 + 750), ("resolved", int(4.7 * DAY_S))]


def test_a_heartbeat_is_not_missed_while_its_source_is_away_nor_when_that_comes_back():
    lines = log(
        *(
            part
            for begin, end in ((0, 5), (5.5, 7))
            for part in (steady(begin * DAY_S, end * DAY_S, seed=int(end)), beats(begin * DAY_S, end * DAY_S, 3600))
        )
    )
    logs = Logs({1: lines}).feed()
    assert [(a.status, a.title[:7]) for a in logs.silences] == [("firing", "nothing"), ("resolved", "nothing")]


def test_a_job_that_reports_steadily_once_a_night_is_no_heartbeat():
    nights = [beats(day * DAY_S + 3 * HOUR_S, day * DAY_S + 4 * HOUR_S, 20, "copied a part") for day in range(12)]
    assert not Logs({1: log(steady(0, 12 * DAY_S, every=120), *nights)}).feed().silences


def test_a_heartbeat_that_takes_another_pace_is_told_a_few_times_at_most():
    lines = log(steady(0, 12 * DAY_S, every=120), beats(0, 4 * DAY_S, 300), beats(4 * DAY_S, 12 * DAY_S, 3600))
    fired = [alert for alert in Logs({1: lines}).feed().silences if alert.status == "firing"]
    assert 1 <= len(fired) <= 3


def test_a_template_in_the_place_of_another_is_another():
    beat = Beat(0, 0, "a", (1, 0, 1, 0))
    moments = [n * 60 * 10**9 for n in range(1, 20)]
    assert all(beat.beat(moment, 0) for moment in moments)
    assert beat.allowed == 150 * 10**9
    assert not beat.beat(moments[-1] + HOUR, 0)


# Rates


def test_a_rate_that_halves():
    fallen = 9 * DAY_S + 13 * HOUR_S
    usual, less = steady(0, fallen, every=9), steady(fallen, fallen + 3.5 * HOUR_S, every=30, seed=2)
    again = steady(fallen + 3.5 * HOUR_S, 10 * DAY_S, every=9, seed=3)
    logs = Logs({1: log(usual, less, again)}).feed()
    assert [status for status, _ in logs.moments()] == ["firing", "resolved"]
    fired = logs.silences[0]
    assert fired.opened_ns / 1e9 - START == fallen + HOUR_S
    assert "writes less: " in fired.title
    assert (fired.level, fired.lines_seen) == ("MEDIUM", 0)


@pytest.mark.parametrize("options", [{"rates": False}, {"share": 0.1}])
def test_a_rate_that_halves_as_configured(options):
    lines = log(steady(0, 9.5 * DAY_S, every=9), steady(9.5 * DAY_S, 10 * DAY_S, every=30, seed=2))
    assert not Logs({1: lines}, **options).feed().silences


def test_quiet_weekends_are_known_after_two():
    days = [steady(d * DAY_S, (d + 1) * DAY_S, every=40 if d % 7 > 4 else 9, seed=d) for d in range(35)]
    logs = Logs({1: log(*days)}).feed()
    assert [second for _, second in logs.moments() if second > 14 * DAY_S] == []


# Cuts, restarts, damage


def eventful() -> bytes:
    parts = [steady(0, 5 * DAY_S, every=120), steady(5.4 * DAY_S, 7 * DAY_S, every=120, seed=2)]
    parts += [beats(0, 4.5 * DAY_S, 600), beats(5.4 * DAY_S, 7 * DAY_S, 600)]
    parts += [[(6.2 * DAY_S, "kernel: Out of memory: Kill process 4711 (java) score 900 or sacrifice child")]]
    return log(*parts)


@pytest.mark.parametrize("cut", [1, 2, 3])
def test_cuts_change_nothing_not_even_the_order(cut):
    lines, chance = eventful(), random.Random(cut)
    whole = Logs({1: lines}).feed()
    other = Logs({1: lines})
    at = 0
    while at < len(lines):
        end = at + chance.choice([1, 40, 700, 20_000])
        other.told += other.stream.feed(1, lines[at:end])
        at = end
    other.told += other.stream.settle(1)
    assert len(whole.silences) >= 4
    assert other.told == whole.told
    assert other.stream.silences.save() == whole.stream.silences.save()


@pytest.mark.parametrize("share", [0.3, 0.64, 0.7, 0.9])
def test_a_restart_changes_nothing(share):
    lines = eventful()
    whole = Logs({1: lines}).feed()
    first = Logs({1: lines})
    first.told += first.stream.feed(1, lines[: int(share * len(lines))])
    parts, begin = first.stream.save(), first.stream.consumed(1)
    first.stream = first.make()
    first.stream.load(parts)
    first.stream.open(1, offset=begin)
    first.told += first.stream.feed(1, lines[begin:]) + first.stream.settle(1)
    assert [*map(alert_json.encode, first.told)] == [*map(alert_json.encode, whole.told)]


WILD = (2**63 - 1, 1 - 2**63, NO_TIME)
STEPS, OFTEN = (0, 1, 60, 600, 3700, 90_000, 700_000), (9, 9, 9, 9, 9, 0.5, 0.1)  # seconds


def wild_records(chance: random.Random) -> list[tuple[int, int, int, bool]]:
    """(source, stamp, slot, is new): clocks that leap, stamps out of order, templates that take others' slots."""
    now, rare, records = chance.choice([10**18, -(10**17), 0]), chance.choice([0.02, 0.002, 0]), []
    for _ in range(1200):
        now += int(chance.choices(STEPS, OFTEN)[0] * 1e9 * chance.random())
        stamp = now if chance.random() > rare else chance.choice([*WILD, now + 10**16, now - 10**16])
        records.append((chance.randrange(2), stamp, chance.randrange(6), chance.random() < 0.01))
    return records


def watched(records: list[tuple[int, int, int, bool]], chance: random.Random) -> Silences:
    """A watch over records in batches of any size, saved and loaded now and then."""
    watch, at = blank(), 0
    while at < len(records):
        end = at + 1
        most = at + chance.choice([1, 3, 50])
        while end < min(most, len(records)) and records[end][0] == records[at][0]:
            end += 1
        source, stamps, slots, new = zip(*records[at:end], strict=True)
        none = np.zeros(end - at, np.uint32)
        offset = np.arange(at, end, dtype=np.uint64)
        columns = (none.astype(np.uint8), none, np.array(slots, np.uint32), np.array(new, bool), offset)
        watch.add(Batch(source[0], offset, none, np.array(stamps, np.int64), *columns))
        if chance.random() < 0.2:
            saved, watch = watch.save(), blank()
            watch.load(saved)
            assert watch.save() == saved
        at = end
    return watch


def blank() -> Silences:
    watch = Silences(Silence(learn=3600.0, after=60.0, share=0.9))
    watch.open(0, "a")
    watch.open(1, "b")
    return watch


def test_cuts_and_restarts_change_nothing_whatever_the_stamps():
    found = 0
    for seed in range(25):
        records = wild_records(random.Random(seed))
        one, other = (watched(records, random.Random(cuts)) for cuts in (seed, -seed - 1))
        assert one.save() == other.save(), seed
        found += len(one.pending)
    assert found >= 5  # so that those are compared too


def test_state_of_before_there_were_silences_is_taken():
    logs = Logs({1: eventful()}).feed()
    parts = logs.stream.save()
    del parts["silences"], parts["away"]
    logs.make().load(parts)


@pytest.mark.parametrize("part", ["silences", "away"])
@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"\xff"])
def test_damaged_state_is_refused(part, damage):
    logs = Logs({1: eventful()[:5000]}).feed()
    with pytest.raises(ValueError):  # noqa: PT011 - whatever it says
        logs.make().load({**logs.stream.save(), part: damage})


# The clock


def test_a_stamp_that_leaps_ahead_makes_nothing_overdue():
    lines = steady(0, 5 * DAY_S)
    lines.append((4.5 * DAY_S + 0.5, "leap"))
    raw = log(lines).replace(line(4.5 * DAY_S + 0.5, "leap"), line(4.8 * DAY_S, "of another clock"))
    assert not Logs({1: raw}).feed().silences


def test_far_is_never_behind_and_both_go_forward_alone():
    chance, clock = random.Random(1), LogClock()
    before = (-(2**63), -(2**63))
    for _ in range(300):
        stamps = [int(chance.choice([1, HOUR, 3 * DAY, 30 * DAY]) * chance.random()) + clock.far for _ in range(5)]
        stamps = [stamp if clock.far > 0 else 10**18 for stamp in stamps]
        clock.see(np.array(stamps, np.int64), chance.randrange(3))
        assert clock.sure <= clock.far
        assert (clock.sure, clock.far) >= before
        before = (clock.sure, clock.far)


# Bounds, and words


def test_many_sources_and_templates_stay_within_bounds():
    chance = random.Random(1)
    words = ["".join(chance.choices("abcdefghijklmnop", k=8)) for _ in range(900)]
    logs = Logs({n: log([(n + 60 * k, f"{words[(n * 9 + k) % 900]} happened") for k in range(9)]) for n in range(100)})
    for number in logs.logs:
        logs.feed(number=number)
    assert len(logs.stream.silences.sources) <= 64
    assert len(logs.stream.silences.beats) <= 256
    assert len(logs.stream.silences.save()) < 200_000


def test_a_source_s_memory_is_bounded():
    source = Source(0, 0)
    for n in range(40_000):
        source.silence(n * HOUR, 2 * HOUR)
        source.last, source.hour, source.count = n * HOUR, n, 7
        source.end_hour()
        source.was_told(n, n + 1)
    assert len(source.days) <= 15
    assert {len(counts) for counts in source.hours.values()} == {14}
    assert len(source.told) == 64


@pytest.mark.parametrize(
    ("seconds", "text"), [(0, "0 s"), (59, "59 s"), (750, "12 min 30 s"), (86_400, "1 d"), (90_061, "1 d 1 h")]
)
def test_spans_in_words(seconds, text):
    assert span(seconds * 10**9) == text


# Real logs, in time order


def real(path: str) -> bytes:
    file = DATA / path
    if not file.is_file():
        pytest.skip(f"no {file}: real logs were not tried")
    return gzip.decompress(file.read_bytes())


@pytest.mark.parametrize(
    ("path", "most"),
    [
        ("linux/linux_quiet.log.gz", 0),
        ("elastic/auth.log.gz", 0),
        ("apache/apache_error.log.gz", 2),
        ("hdfs/hdfs_dev.log.gz", 0),
        ("elastic/apache_access.log.gz", 0),
    ],
)
def test_real_logs_are_rarely_silent(path, most):
    fired = [alert for alert in Logs({1: real(path)}).feed().silences if alert.status == "firing"]
    assert len(fired) <= most


def test_a_real_log_of_which_two_days_are_missing():
    raw = real("elastic/auth.log.gz").splitlines(keepends=True)
    kept = [one for one in raw if not one.startswith((b"Apr 14", b"Apr 15"))]
    assert len(raw) - len(kept) > 100
    fired, over = Logs({1: b"".join(kept)}).feed().silences
    assert "nothing from /var/log/1.log" in fired.title
    assert over.status == "resolved"
