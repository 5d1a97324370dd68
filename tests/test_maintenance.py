"""Maintenance windows of the configuration: when they hold, what is refused, and that nobody ends them from outside."""

import asyncio
from datetime import UTC, datetime

import pytest

from alogd.cli import silence
from alogd.cli.main import main
from alogd.config.load import ConfigError, load_config
from alogd.feedback.maintenance import planned
from tests.alerts import alert
from tests.http_face import serving

STREAMS = "streams: [{name: sshd, collect: [{kind: stdin}]}, {name: web, collect: [{kind: stdin}]}]\n"
WEEKLY = "{name: backup, streams: [sshd], days: [sat], hours: '22:00-02:00', timezone: Europe/Berlin, why: slow disks}"
ONCE = "{name: move, matchers: ['level!=CRITICAL'], begins: 2026-05-01T22:00, ends: 2026-05-02T04:00}"


def windows(*texts):
    return planned(load_config(STREAMS + f"maintenance: [{', '.join(texts)}]\n").maintenance)


def at(text):
    return datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()


def test_every_week_and_once():
    backup, move = windows(WEEKLY, ONCE)
    moments = ("2026-01-03T20:59", "2026-01-03T21:00", "2026-01-04T00:59", "2026-01-04T01:00", "2026-01-04T21:00")
    assert [backup.is_on(at(moment)) for moment in moments] == [False, True, True, False, False]
    assert backup.holds(alert())
    assert not backup.holds(alert(stream="web"))
    moments = ("2026-05-01T21:59", "2026-05-01T22:00", "2026-05-02T03:59", "2026-05-02T04:00")
    assert [move.is_on(at(moment)) for moment in moments] == [False, True, True, False]
    assert move.holds(alert(level="HIGH", stream="web"))
    assert not move.holds(alert(level="CRITICAL"))
    assert windows("{name: all, days: [mon]}")[0].holds(alert())
    assert windows(WEEKLY)[0].id == backup.id  # so that what it held back is its own after a restart


@pytest.mark.parametrize(
    ("window", "message"),
    [
        ("{name: a}", r"maintenance\[0\]: it would hold back alerts for ever"),
        ("{name: a, begins: 2026-05-01T22:00}", r"maintenance\[0\]\.ends: .*both"),
        ("{name: a, begins: 2026-05-01T22:00, ends: 2026-05-01T20:00}", r"\.ends: it has to end after it begins"),
        ("{name: a, begins: tomorrow, ends: 2026-05-01T20:00}", r"\.begins: 'tomorrow' is no moment"),
        ("{name: a, days: [monday]}", r"days\[0\]: "),
        ("{name: a, hours: '8-9'}", "hours: "),
        ("{name: a, days: [mon], timezone: Mars/Olympus}", "no time zone 'Mars/Olympus'"),
        ("{name: a, days: [mon], matchers: ['address=1']}", "'address=1' is no matcher"),
        ("{name: a, days: [mon], streams: [ssh]}", r'streams\[0\]: no stream named "ssh"; did you mean "sshd"'),
        ("{name: a, days: [mon]}, {name: a, days: [tue]}", r'maintenance\[1\]\.name: a window named "a" stands above'),
        ("{name: a, day: [mon]}", 'day: unknown key; did you mean "days"'),
    ],
)
def test_what_cannot_be_is_refused(window, message):
    with pytest.raises(ConfigError, match=message):
        windows(window)


async def test_they_are_listed_hold_back_and_are_nobodys_to_end(tmp_path, capsys, monkeypatch):
    monkeypatch.chdir(tmp_path)
    async with serving(tmp_path) as (daemon, _, port):
        config = load_config(STREAMS + "maintenance: [{name: nightly, hours: '00:00-00:00', why: backups}]\n")
        daemon.store.maintain(config.maintenance)
        [window] = daemon.store.mutes.planned
        assert daemon.store.mutes.keeps(alert(7), at("2026-01-03T12:00"))
        url = f"http://127.0.0.1:{port}"

        def say(*words):
            code = main([silence.__name__.rpartition(".")[2], words[0], "--url", url, *words[1:]])
            return code, capsys.readouterr()

        code, said = await asyncio.to_thread(say, "list")
        assert code == 0
        assert all(
            word in said.out for word in (window.id, "maintenance", "never", "nightly: backups", "configuration")
        )
        code, said = await asyncio.to_thread(say, "expire", window.id)
        assert code != 0
        assert "stands in the configuration" in said.err
        daemon.store.maintain(())
        assert not daemon.store.mutes.keeps(alert(8), at("2026-01-03T12:00"))
        assert daemon.store.mutes.mutes == ()


def test_they_are_not_saved():
    from alogd.feedback.mute import Mutes

    mutes, again = Mutes(planned=windows(WEEKLY)), Mutes()
    again.load(mutes.save())
    assert again.all == ()
