"""What a person is told: true of the view, in order, and little."""

import msgspec

from alogd.daemon.progress import Progress, status_line
from tests.test_http import view

REPLACE = msgspec.structs.replace


def stream(**changes):
    return REPLACE(view().streams[0], **changes)


def core(**changes):
    return {**view().streams[0].core, **changes}


def told(progress, now, *streams, **changes):
    return list(progress.lines(view(streams=list(streams), **changes), now))


def test_the_way_from_the_first_look_to_watching():
    progress = Progress(state_directory="DIR", config_name="FILE")
    assert told(progress, 0.0, stream(up=False, problem="starting", core={})) == []
    reading = stream(
        caught_up=False, bytes_read=10 << 20, backlog_bytes=30 << 20, size_bytes=40 << 20, lines_read=80_000
    )
    first = told(progress, 1.0, reading)
    assert first[0] == "alogd 9.9 sees these logs for the first time (configuration FILE, state in DIR)"
    assert first[1] == "found 1 source in 1 stream, 40.0 MiB"
    assert "\x1b" not in "".join(first)
    assert told(progress, 2.0, reading) == []
    again = REPLACE(reading, bytes_read=20 << 20, backlog_bytes=20 << 20, lines_read=160_000)
    assert told(progress, 4.0, again) == ["reading  50%  40,000 lines/s, 5 templates, about 4.0 s left"]
    done = REPLACE(again, caught_up=True, bytes_read=40 << 20, backlog_bytes=0, lines_read=320_000)
    assert told(progress, 8.0, done) == [
        "caught up: 320,000 lines (40.0 MiB) in 8.0 s, 5 templates, 2 incidents; now watching",
        "learning: sshd 40% of warm-up; until then only what is new and severe raises an alert",
    ]
    assert progress.is_over
    assert told(progress, 9.0, done) == []
    assert list(progress.where("http://x"))[1].startswith("      alogd alerts list --state DIR ")
    warm = REPLACE(done, core=core(warmup=1.0))
    assert told(progress, 10.0, warm) == ["sshd has learned what is usual (5 templates)"]
    assert told(progress, 11.0, warm) == []


def test_who_reads_once_is_not_told_of_watching():
    progress = Progress(state_directory="s", config_name="c", once=True)
    empty = stream(sources=[], source_count=0, core={"engine": {"lines": 0}, "warmup": 1.0, "templates": 1})
    lines = told(progress, 0.0, empty)
    assert "found no log to read" in lines
    assert "watching" not in "".join(lines)
    assert lines[-1] == "learned what is usual: sshd (1 template)"


def test_the_largest_sources_are_named():
    progress = Progress(state_directory="s", config_name="c")
    (source,) = view().streams[0].sources
    sources = [REPLACE(source, name=f"/log/{n}", size=n) for n in range(5)]
    lines = told(progress, 0.0, stream(sources=sources, source_count=5, size_bytes=10))
    assert "  sshd  10 B in /log/4, /log/3, /log/2 and 2 more" in lines


def test_a_second_start_says_so():
    progress = Progress(state_directory="s", config_name="c")
    assert "goes on where it stopped" in told(progress, 0.0, stream(resumed=True))[0]


def test_a_host_with_nothing_to_read():
    progress = Progress(state_directory="s", config_name="c")
    empty = stream(sources=[], source_count=0, size_bytes=0, bytes_read=0, backlog_bytes=0, lines_read=0, opened={})
    lines = told(progress, 0.0, REPLACE(empty, core={"engine": {"lines": 0}}))
    assert lines[1] == "found no log to read yet; it looks again every few seconds"
    assert lines[-1].startswith("caught up: 0 lines (0 B)")


def test_what_is_not_read_is_named_briefly():
    progress = Progress(state_directory="s", config_name="c")
    lines = told(progress, 0.0, stream(unread=[f"cannot read /var/log/{n}\x1b: permission denied" for n in range(9)]))
    shown = [line for line in lines if "cannot read" in line]
    assert len(shown) == 4
    assert "not read: 9 files, for example" in lines
    assert "\x1b" not in "".join(lines)


def test_a_stream_that_fails_is_said():
    progress = Progress(state_directory="s", config_name="c")
    lines = told(progress, 0.0, stream(up=False, problem="RuntimeError: no", caught_up=False), stream(name="b"))
    assert "  sshd  does not run: RuntimeError: no" in lines


def test_one_line_for_the_service_manager():
    assert status_line(view()) == "1 source, 1,000 lines, 5 templates, caught up"
    behind = view(streams=[stream(caught_up=False, backlog_bytes=2048)], reasons=["state: disk full"])
    assert status_line(behind) == "1 source, 1,000 lines, 5 templates, 2.0 KiB behind; state: disk full"
