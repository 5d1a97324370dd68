"""How far a long command is: a bar where somebody watches, seldom lines where nobody does."""

from __future__ import annotations

import io

from alogd.cli.stages import Stages


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


class Time:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_log_gets_the_beginning_the_end_and_a_line_now_and_then() -> None:
    out, time = io.StringIO(), Time()
    stages = Stages(out, time)
    for done in range(101):
        stages.show("reading", done, 100, f"{done * 1000:,} lines")
        time.now += 1
    lines = out.getvalue().splitlines()
    assert lines[0] == "reading 0%, 0 lines"
    assert lines[1] == "reading 30%, 30,000 lines, 70 s left"
    assert lines[-1] == "reading 100%, 100,000 lines"
    assert len(lines) == 5
    assert "\r" not in out.getvalue()
    stages.show("training", 0, 5)
    assert out.getvalue().endswith("training 0%\n")


def test_a_terminal_gets_a_bar_that_leaves_no_trace() -> None:
    out, time = Terminal(), Time()
    stages = Stages(out, time)
    for done in range(11):
        stages.show("training", done, 10)
        time.now += 2
    assert "[###############---------------] training 50%, 10 s left" in out.getvalue()
    shown = out.getvalue().count("\r")
    stages.show("training", 9.5, 10)
    stages.show("training", 9.6, 10)
    assert out.getvalue().count("\r") == shown + 1  # ten pictures a second at most
    stages.say("a line that stays")
    stages.clear()
    assert out.getvalue().endswith("\r\x1b[Ka line that stays\n\r\x1b[K")


def test_what_goes_on_from_the_midst_is_timed_from_there() -> None:
    out, time = io.StringIO(), Time()
    stages = Stages(out, time)
    stages.show("training", 50, 100)
    time.now = 40
    stages.show("training", 60, 100)
    assert out.getvalue().splitlines()[-1] == "training 60%, 3 min left"  # 40 s for ten, 40 more to do


def test_nobody_knows_how_much_there_is() -> None:
    out = io.StringIO()
    Stages(out, Time()).show("reading", 5, 0, "5,000 lines")
    assert out.getvalue() == "reading, 5,000 lines\n"
