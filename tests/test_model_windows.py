"""Models and the windows they are asked about: another kind is refused with both named, another size doubted."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import msgspec
import pytest

from alogd.cli.main import main
from alogd.config.tree import Alerts, DetectorOptions, Risk, WindowOptions
from alogd.daemon import plans
from alogd.models.bundle import BadBundle
from alogd.models.windows import doubts, refusal
from alogd.stream import Stream
from tests import deep_models

ALL = ["count", "time", "session"]


def facts(**options: object) -> dict[str, object]:
    """As a manifest has them."""
    return dict(msgspec.to_builtins(msgspec.convert(options, WindowOptions)))


@pytest.mark.parametrize("trained", ALL)
@pytest.mark.parametrize("stream", ALL)
def test_sessions_and_other_windows_are_not_judged_by_each_others_models(trained: str, stream: str) -> None:
    why = refusal(facts(kind=trained), msgspec.convert({"kind": stream}, WindowOptions))
    if (trained == "session") == (stream == "session"):
        assert why == ""
        return
    assert f"windows of kind '{trained}', the stream has '{stream}'" in why


def test_a_bundle_that_does_not_say_its_windows_is_believed() -> None:
    assert refusal({}, WindowOptions(kind="session")) == ""
    assert doubts({}, WindowOptions()) == []


@pytest.mark.parametrize(
    ("trained", "stream", "named"),
    [
        ({"size": 20}, {}, ["windows.size 20, the stream has 50"]),
        ({"key": "host"}, {"kind": "count"}, ["windows.key 'host', the stream has 'program'"]),
        ({"kind": "time"}, {"size": 20}, ["windows.kind 'time', the stream has 'count'"]),
        ({"kind": "time", "width": 10.0}, {"kind": "time"}, ["windows.width 10.0, the stream has 60.0"]),
        ({"kind": "session", "width": 10.0}, {"kind": "session", "idle": 9.0}, ["windows.idle 120.0"]),
        ({"max_keys": 9, "width": 5.0}, {}, []),  # neither shapes windows by count
    ],
)
def test_what_else_differs_is_doubted(trained: dict[str, object], stream: dict[str, object], named: list[str]) -> None:
    told = doubts(facts(**trained), msgspec.convert(stream, WindowOptions))
    assert len(told) == len(named)
    assert all(part in text for part, text in zip(named, told, strict=True))


@pytest.fixture
def configured(tmp_path: Path) -> Callable[[str], Path]:
    """Writes a configuration whose one stream uses a model of windows of 20 records, 10 of them fresh."""

    def write(windows: str) -> Path:
        path, log = tmp_path / "alogd.yaml", tmp_path / "a.log"
        log.write_text("one line\n")
        path.write_text(
            f"streams:\n- name: a\n  collect: [{{kind: file, include: [{log}]}}]\n  windows: {windows}\n"
            f"  detectors: [{{name: ewma}}, {{name: deeplog, options: {{models: {deep_models.models()}}}}}]\n"
            f"state: {{directory: {tmp_path}}}\n"
        )
        return path

    return write


def test_check_refuses_a_model_of_other_windows(
    configured: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "-c", str(configured("{kind: session, key: {field: order}}"))]) != 0
    told = capsys.readouterr().err
    assert "stream a" in told
    assert "trained on windows of kind 'count', the stream has 'session'" in told


def test_check_doubts_a_model_of_windows_of_another_size(
    configured: Callable[[str], Path], capsys: pytest.CaptureFixture[str]
) -> None:
    path = configured("{size: 30, stride: 10}")
    assert main(["check", "-c", str(path)]) == 0
    assert "trained with windows.size 20, the stream has 30" in capsys.readouterr().err
    assert main(["check", "-c", str(path), "--deny-warnings"]) == 78
    capsys.readouterr()
    assert main(["check", "-c", str(configured("{size: 20, stride: 10}"))]) == 0
    assert "windows." not in capsys.readouterr().err


def test_no_stream_begins_with_a_model_of_other_windows() -> None:
    chosen = DetectorOptions(name="deeplog", options={"models": str(deep_models.models())})
    options = msgspec.structs.replace(
        deep_models.stream(), detectors=(chosen,), windows=WindowOptions(kind="session", key="host")
    )
    with pytest.raises(ValueError, match=r"stream host: .*'count', the stream has 'session'"):
        plans.models_in_service(options)
    with pytest.raises(BadBundle, match="'count', the stream has 'session'"):
        Stream(
            options,
            alerts=Alerts(),
            risk=Risk(),
            budget_per_day=5.0,
            text=lambda source, offset, length: None,
            names=lambda source: "a.log",
        )
