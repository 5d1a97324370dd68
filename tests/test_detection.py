"""What is promised of detection at default settings, on real logs, where they are at hand."""

import pytest

from tests.bench import detection

pytestmark = pytest.mark.skipif(not detection.DATA.is_dir(), reason=f"no data at {detection.DATA}")


def test_a_quiet_host_stays_within_the_budget() -> None:
    run = detection.Run(detection.quiet_linux(), detection.options()).feed()
    opened = [alert for alert in run.alerts if alert.status == "firing" and alert.windows == 1]
    days = (run.verdicts[-1].windows.closed_ns[-1] - run.verdicts[0].windows.closed_ns[0]) / 86400e9
    assert len(opened) <= detection.BUDGET * days
    assert len(opened) < 40  # a person's patience, not the budget, is the limit on a log with ten windows a day
    assert not [alert for alert in opened if alert.level == "CRITICAL"]


def test_kernel_crashes_are_high() -> None:
    lines = detection.quiet_linux().splitlines(keepends=True)
    risks = list(detection.spliced(b"".join(line for line in lines if b" kernel: " in line)))
    assert len(risks) == 392
    high = sum(risk >= 60 for _, risk in risks)
    assert high / len(risks) >= 0.95
