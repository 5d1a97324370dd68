"""What the README shows works as it stands there."""

from __future__ import annotations

import asyncio
import importlib.util
import re
import socket
from pathlib import Path
from typing import Any

import pytest

from alogd import registry
from alogd.cli.drive import Drive
from alogd.cli.inputs import Input
from alogd.cli.main import COMMANDS
from alogd.clock import LoopWaker, SystemClock
from alogd.collectors.base import Closed, Data, Idle, Opened
from alogd.config.load import load_config
from alogd.demo.incidents import INCIDENTS
from alogd.demo.shop import Shop

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
START = 1_790_000_000  # seconds since 1970


def example(name: str, folder: Path) -> Any:
    """An example's code, imported as a module of its own."""
    found = re.search(rf"<!-- example: {name} -->\n```python\n(.*?)```", README, re.DOTALL)
    assert found
    path = folder / f"readme_{name}.py"
    path.write_text(found[1])
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def plug_in(monkeypatch: pytest.MonkeyPatch, kind: str, name: str, cls: type) -> None:
    monkeypatch.setitem(registry.BUILT_IN, kind, {**registry.BUILT_IN[kind], name: __name__})
    monkeypatch.setitem(registry._classes, (kind, name), cls)


def test_the_detector_of_the_readme_raises_alerts(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    plug_in(monkeypatch, "detectors", "rare", example("detector", tmp_path).Rare)
    log, shop = tmp_path / "app.log", Shop(1)
    with log.open("w") as file:
        for second in range(5400):
            odd = INCIDENTS[0].lines(shop, second - 5000) if 5000 <= second < 5060 else ()
            file.writelines(line.text + "\n" for line, _ in shop.at(START + second, odd) if line.file == "app.log")
    config = load_config(
        f"streams:\n- name: a\n  collect: [{{kind: file, include: [{log}]}}]\n"
        "  detectors: [{name: rare, options: {prior: 2}}]\nalerts: {budget: 10/hour}\n"
    )
    drive = Drive(config, config.streams[0], [Input(str(log))])
    alerts = [alert for alerts in drive.run() for alert in alerts]
    assert any(alert.detectors["rare"] > 0 and alert.templates for alert in alerts)
    again = Drive(config, config.streams[0], [])
    again.stream.load(drive.stream.save())
    assert again.stream.save() == drive.stream.save()


async def test_the_collector_of_the_readme_takes_datagrams(tmp_path: Path) -> None:
    cls = example("collector", tmp_path).Udp
    collector = cls({"port": 0}, [], SystemClock(), LoopWaker())
    events: list[object] = []
    async with asyncio.timeout(20):
        async for event in collector.events():
            events.append(event)
            if isinstance(event, Opened):
                with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
                    sender.sendto(b"<13>May  1 12:00:00 h app: one\n", ("127.0.0.1", collector.port))
                    sender.sendto(b"<13>May  1 12:00:00 h app: two", ("127.0.0.1", collector.port))
            if isinstance(event, Idle):
                await collector.close()
    blocks = [event.block for event in events if isinstance(event, Data)]
    assert blocks == [b"<13>May  1 12:00:00 h app: one\n", b"<13>May  1 12:00:00 h app: two\n"]
    assert isinstance(events[-1], Closed)
    assert collector.text("udp", len(blocks[0]), 3) == b"<13"


def test_the_least_configuration_of_the_readme_loads() -> None:
    found = re.search(r"The least that works:\n\n```yaml\n(.*?)```", README, re.DOTALL)
    assert found
    assert load_config(found[1]).streams[0].name == "orders"


def test_links_and_commands_of_the_readme_exist() -> None:
    links = re.findall(r"\]\(([a-zA-Z][^):#]*)\)", README)
    assert links
    assert not [link for link in links if not (ROOT / link).exists()]
    commands = set(re.findall(r"^\$ alogd ([a-z]+)", README, re.MULTILINE))
    assert commands <= {name for _, name, _ in COMMANDS}
