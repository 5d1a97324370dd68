"""L3, L5: configurations that are wrong, at the start and on reload. All of one, or nothing of it."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alogd.config.load import ConfigError, load_config
from tests.daemon_process import ROOT, DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally

LAST_RELOAD = "alogd_config_last_reload_successful"


def whole(daemon: DaemonProcess) -> str:
    """A configuration in lines; what the daemon cannot change while it runs comes first."""
    return f"""http:
  listen: 127.0.0.1:{daemon.port}
state:
  directory: {daemon.state}
  checkpoint_interval: 100ms
log:
  format: json
streams:
  - name: first
    collect:
      - kind: file
        include:
          - {daemon.directory}/logs/first.log
    engine:
      depth: 5
  - name: second
    collect:
      - kind: file
        include:
          - {daemon.directory}/logs/second.log
    windows:
      size: 20
      stride: 10
  - name: third
    collect:
      - kind: file
        include:
          - {daemon.directory}/logs/third.log
alerts:
  budget: 5/day
sinks:
  - kind: jsonl
    path: {daemon.directory}/alerts.jsonl
"""


def names(daemon: DaemonProcess) -> list[str]:
    return [stream["name"] for stream in daemon.json("/api/v1/streams")["streams"]]


def test_l3_a_configuration_cut_at_every_line(daemon: DaemonProcess, tally: Tally) -> None:
    """Each cut is refused, with its place, and nothing of it is in force; or it is whole, and all of it is."""
    text = whole(daemon)
    daemon.config.write_text(text)
    daemon.start().wait_ready()
    refused = taken = 0
    for cut in [text[:at] for at, letter in enumerate(text) if letter == "\n"]:
        before = names(daemon)
        daemon.config.write_text(cut + "\n")
        status, said = daemon.post("/-/reload")
        try:
            expected = load_config(cut + "\n", environment={})
        except ConfigError:
            refused += 1
            assert status == 400, cut
            assert re.search(rf"{re.escape(daemon.config.name)}:\d+:\d+: ", said.decode()), said
            assert names(daemon) == before
            assert daemon.metric(LAST_RELOAD) == 0
            assert b"the last reload failed" in daemon.get("/-/ready")[1]
        else:
            taken += 1
            assert status == 200, said
            wait_until(lambda: names(daemon) == [s.name for s in expected.streams], "the streams of the cut")  # noqa: B023
            assert daemon.metric(LAST_RELOAD) == 1
        tally.add()
    assert refused > 10
    assert taken > 3
    assert names(daemon) == ["first", "second", "third"]
    assert daemon.stop() == 0


def test_l3_a_bad_reload_keeps_the_old_configuration(daemon: DaemonProcess, tally: Tally) -> None:
    daemon.write(log_lines(100))
    daemon.start().wait_ready()
    good = daemon.config.read_text()
    daemon.config.write_text(good.replace('"streams"', '"streems"'))
    status, said = daemon.post("/-/reload")
    assert status == 400
    assert b"streems" in said
    assert daemon.metric(LAST_RELOAD) == 0
    assert "reload" in daemon.get("/-/ready")[1].decode()
    daemon.signal(signal.SIGHUP)
    wait_until(lambda: daemon.said().count("the configuration is bad") == 2, "the second refusal")
    daemon.write(log_lines(50))
    wait_until(lambda: daemon.lines() == 150, "lines after the bad reload")
    daemon.config.write_text(good)
    assert daemon.post("/-/reload")[0] == 200
    assert daemon.metric(LAST_RELOAD) == 1
    assert daemon.stop() == 0
    tally.add(lines=150)


def test_l3_a_configuration_that_is_gone_or_no_text(daemon: DaemonProcess) -> None:
    daemon.write(log_lines(100))
    daemon.start().wait_ready()
    good = daemon.config.read_bytes()
    daemon.config.unlink()
    assert daemon.post("/-/reload")[0] == 400
    daemon.config.write_bytes(b"\xff\xfe" + bytes(100))
    assert daemon.post("/-/reload")[0] == 400
    daemon.config.unlink()
    daemon.config.mkdir()
    assert daemon.post("/-/reload")[0] == 400
    daemon.config.rmdir()
    daemon.config.write_bytes(good)
    assert daemon.post("/-/reload")[0] == 200
    wait_until(lambda: daemon.lines() == 100, "the lines")
    assert daemon.stop() == 0


SCHEMA = json.loads((ROOT / "configs" / "alogd.schema.json").read_text())
Place = tuple[str | int, ...]


class Number(NamedTuple):
    """A key whose value is a number."""

    place: Place
    bounds: dict[str, Any]
    config: dict[str, Any]  # the least in which it may stand


def numbers(schema: dict[str, Any], place: Place = ()) -> Iterator[tuple[Place, dict[str, Any]]]:
    """Every key whose value is a number, with its bounds; keys of plugins apart."""
    schema = SCHEMA["$defs"][schema["$ref"].rpartition("/")[2]] if "$ref" in schema else schema
    for choice in schema.get("anyOf", ()):
        yield from numbers(choice, place)
    if schema.get("type") in ("number", "integer"):
        yield place, schema
    for name, inner in schema.get("properties", {}).items():
        if (*place, name) not in (("sinks",), ("streams", 0, "collect"), ("streams", 0, "detectors")):
            yield from numbers(inner, (*place, name))
    if place == ("streams",):
        yield from numbers(schema["items"], (*place, 0))


LEAST: dict[str, Any] = {"streams": [{"name": "a", "collect": [{"kind": "stdin"}]}]}
NEEDED: dict[str, Any] = {
    "url": "https://example.org/",
    "urls": ["https://example.org/"],
    "path": "/x",
    "brokers": ["a:1"],
    "topic": "t",
    "topics": ["t"],
    "routing_key_file": "/x",
    "include": ["/x"],
    "models": "/x",
}


def of_plugins() -> Iterator[Number]:
    """Those of every collector, detector and sink that is shipped."""
    stream = SCHEMA["properties"]["streams"]["items"]["$ref"].rpartition("/")[2]
    within = SCHEMA["$defs"][stream]["properties"]
    for key, schema in (("sinks", SCHEMA["properties"]["sinks"]), *((k, within[k]) for k in ("collect", "detectors"))):
        items = schema["items"]
        for form in (SCHEMA["$defs"][items["$ref"].rpartition("/")[2]] if "$ref" in items else items)["anyOf"]:
            if "properties" not in form:
                continue
            asked = form["properties"].get("options", form)
            name = next(value["const"] for value in form["properties"].values() if "const" in value)
            given = {k: NEEDED[k] for k in asked.get("required", ()) if k in NEEDED}
            given |= {"url": NEEDED["url"]} if name in ("slack", "webhook") else {}
            plugin = {"name": name, "options": given} if key == "detectors" else {"kind": name, **given}
            config = (
                {**LEAST, "sinks": [plugin]}
                if key == "sinks"
                else {"streams": [{**LEAST["streams"][0], key: [plugin]}]}
            )
            front: Place = (key, 0) if key == "sinks" else ("streams", 0, key, 0)
            for place, bounds in numbers(form):
                yield Number((*front, *place), bounds, config)


NUMBERS = [*(Number(place, bounds, LEAST) for place, bounds in numbers(SCHEMA)), *of_plugins()]


def with_value(number: Number, value: str) -> str:
    """The least configuration with one value more, as YAML in flow style."""
    config: Any = json.loads(json.dumps(number.config))
    here = config
    for step in number.place[:-1]:
        here = here[step] if isinstance(step, int) else here.setdefault(step, {})
    here[number.place[-1]] = "VALUE"
    return json.dumps(config).replace('"VALUE"', value) + "\n"


def told(place: Place) -> str:
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in place).lstrip(".")


def called(number: Number) -> str:
    """Its place; of a plugin also which one."""
    at: Any = number.config
    for step in number.place[:-1]:
        at = at.get(step, {}) if isinstance(at, dict) else at[step]
        if isinstance(at, dict) and len(number.place) > 2 and {"kind", "options"} & at.keys():
            return f"{at.get('kind', at.get('name'))} {number.place[-1]}"
    return told(number.place)


@pytest.mark.parametrize("number", NUMBERS, ids=called)
def test_l5_no_number_is_taken_out_of_its_range(number: Number, tally: Tally) -> None:
    """Every number there is: far too large, far too small, endless, no number, and of another type."""
    place = number.place
    for value in (str(10**18), str(-(10**18)), ".inf", "-.inf", ".nan", "1e999", "[4]", "{a: 1}", "maybe", "true"):
        with pytest.raises(ConfigError) as caught:
            load_config(with_value(number, value), environment={})
        assert f"{told(place)}: " in str(caught.value), value
        tally.add()
    for value in ("0", "-1"):
        if number.bounds.get("minimum", number.bounds.get("exclusiveMinimum", 0)) >= float(value) + 0.001:
            with pytest.raises(ConfigError, match="out of range") as caught:
                load_config(with_value(number, value), environment={})
            assert f"{told(place)}: {value} is out of range" in str(caught.value)
            tally.add()


def test_l5_the_table_of_numbers_is_not_empty() -> None:
    places = [number.place for number in NUMBERS]
    assert len(places) > 60
    assert ("streams", 0, "engine", "depth") in places
    assert ("state", "checkpoint_interval") in places
    assert ("sinks", 0, "timeout") in places
    assert ("streams", 0, "collect", 0, "max_open_files") in places
    assert ("streams", 0, "detectors", 0, "options", "alpha") in places


WRONG = {
    "unknown key": ('{"alrts": {}}', r"alrts: unknown key"),
    "unknown key within": ('{"http": {"lisen": "x"}}', r"http\.lisen: unknown key"),
    "wrong type": ('{"log": 7}', r"log: expected a mapping, not '7'"),
    "0": ('{"http": {"max_connections": 0}}', r"http\.max_connections: 0 is out of range: 1 to 10000"),
    "negative": ('{"alerts": {"warmup_windows": -4}}', r"alerts\.warmup_windows: -4 is out of range: 1 to 1000000"),
    "10^18": (f'{{"alerts": {{"warmup_windows": {10**18}}}}}', r"warmup_windows: 10{18} is out of range"),
    "inf": ('{"risk": {"low": .inf}}', r"risk\.low: \.inf is out of range"),
    "nothing": ("", r"streams"),
}


@pytest.mark.parametrize("what", WRONG)
def test_l5_the_daemon_ends_with_78_and_names_key_and_range(tmp_path: Path, what: str, tally: Tally) -> None:
    text, expected = WRONG[what]
    path = tmp_path / "alogd.yaml"
    path.write_text(f"{json.dumps(LEAST)[:-1]}, {text[1:]}\n" if text else "\n")
    command = [sys.executable, "-m", "alogd", "run", "--config", str(path), "--state-dir", str(tmp_path / "state")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 78, done.stderr
    assert re.search(expected, done.stderr), done.stderr
    assert re.search(r"alogd\.yaml:\d+:\d+: ", done.stderr), done.stderr
    assert not (tmp_path / "state").exists()
    tally.add()
