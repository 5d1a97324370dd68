"""Labelled logs: the same bytes for the same seed, labels that say what the lines say, the share asked for."""

from __future__ import annotations

import argparse
import csv
import re
import tracemalloc
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from alogd.cli.failures import Failed, Usage
from alogd.config.tree import Alerts, StreamOptions
from alogd.engine.native import Engine
from alogd.offline.commands import gen_synth
from alogd.offline.synth.trouble import KINDS
from alogd.offline.synth.world import Chosen, load
from alogd.offline.synth.write import write
from alogd.stream import engine_config

CHOSEN = Chosen(lines=24_000, anomaly_rate=0.03, seed=3, start=1_777_874_400)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("synth")
    write(CHOSEN, folder / "s.log")
    return folder


def rows(path: Path) -> list[dict[str, str]]:
    with path.open() as file:
        return list(csv.DictReader(file))


def lines(folder: Path) -> list[str]:
    return (folder / "s.log").read_text().splitlines()


def test_the_same_seed_gives_the_same_bytes_and_another_other_ones(made: Path, tmp_path: Path) -> None:
    for seed, same in ((3, True), (4, False)):
        write(replace(CHOSEN, seed=seed), tmp_path / "s.log")
        for name in ("s.log", "labels.csv", "incidents.csv"):
            assert ((tmp_path / name).read_bytes() == (made / name).read_bytes()) is same


def test_it_has_as_many_lines_and_odd_ones_as_were_asked_for(made: Path) -> None:
    assert len(lines(made)) == CHOSEN.lines
    assert 0.025 < len(rows(made / "labels.csv")) / CHOSEN.lines < 0.035


def test_every_kind_of_incident_strikes_after_a_quiet_beginning(made: Path) -> None:
    struck = rows(made / "incidents.csv")
    assert {one["kind"] for one in struck} == set(KINDS)
    assert min(int(one["first_line"]) for one in struck) > CHOSEN.lines / 5


def test_labels_and_incidents_name_the_same_lines(made: Path) -> None:
    labels = rows(made / "labels.csv")
    for one in rows(made / "incidents.csv"):
        mine = [int(label["line"]) for label in labels if label["incident"] == one["incident"]]
        assert (min(mine), max(mine)) == (int(one["first_line"]), int(one["last_line"]))
        assert {label["label"] for label in labels if label["incident"] == one["incident"]} == {one["kind"]}
    assert [int(label["line"]) for label in labels] == sorted({int(label["line"]) for label in labels})


def test_lines_say_what_their_label_says(made: Path) -> None:
    text, labelled = lines(made), {int(row["line"]): row["label"] for row in rows(made / "labels.csv")}
    for pattern, kind in (
        ("could not be placed", "new_template"),
        ("oom-killer", "crash"),
        ("could not get a connection", "crash"),
        (" 504 167 ", "latency_drift"),
    ):
        found = {labelled.get(number) for number, line in enumerate(text, 1) if pattern in line}
        assert found in ({kind}, set())
    assert any("oom-killer" in line for line in text)


def test_a_silent_service_says_nothing(made: Path) -> None:
    text = lines(made)
    programs = {"web": " web - ", "api": " api - ", "worker": " worker - "}
    silent = [one for one in rows(made / "incidents.csv") if one["kind"] == "silence"]
    assert silent
    for one in silent:
        during = text[int(one["first_line"]) - 1 : int(one["last_line"])]
        assert not any(programs[one["what"].split()[0]] in line for line in during)


def test_a_request_takes_its_steps_in_order_unless_its_lines_are_labelled(made: Path) -> None:
    text = lines(made)
    labelled = {int(row["line"]) for row in rows(made / "labels.csv") if row["label"] == "order_violation"}
    journeys: dict[str, list[int]] = {}
    for number, line in enumerate(text, 1):
        if found := re.search(r"worker - (payment authorised|amount captured).*request_id=(\w+)", line):
            journeys.setdefault(found[2], []).append(number if found[1] == "amount captured" else -number)
    odd = {who for who, steps in journeys.items() if steps != sorted(steps) and len(steps) == 2} | {
        who for who, steps in journeys.items() if len(steps) > 2
    }
    assert odd
    assert all({abs(step) for step in journeys[who]} <= labelled for who in odd)


def test_a_template_miner_tells_the_steps_apart(made: Path) -> None:
    config = engine_config(StreamOptions(name="a", collect=({"kind": "stdin"},)), Alerts())
    engine = Engine(config)
    engine.open(0)
    engine.feed((made / "s.log").read_bytes(), 0)
    texts = " | ".join(template.text for template in engine.templates())
    for step in ("payment authorised", "amount captured", "stock reserved", "confirmation of", "answered after"):
        assert step in texts
    assert engine.counters()["headerless"] == 0


def test_time_never_goes_back_and_days_are_busier_than_nights(made: Path) -> None:
    stamps = [line[:23] for line in lines(made) if re.match(r"\d{4}-", line)]
    assert stamps == sorted(stamps)
    monday = 1_777_852_800
    assert load(monday + 14 * 3600) > 5 * load(monday + 2 * 3600)
    assert load(monday + 5 * 86_400 + 50_400) < load(monday + 50_400)
    assert sum(load(monday + 600 * i) for i in range(1008)) / 1008 == pytest.approx(1, abs=0.01)


@pytest.mark.slow
def test_memory_does_not_grow_with_the_log(tmp_path: Path) -> None:
    peaks = []
    for size in (3000, 24_000):
        tracemalloc.start()
        write(replace(CHOSEN, lines=size), tmp_path / "s.log")
        peaks.append(tracemalloc.get_traced_memory()[1])
        tracemalloc.stop()
    assert peaks[1] < peaks[0] + 300_000


def test_every_service_in_its_own_format_or_only_some(tmp_path: Path) -> None:
    write(replace(CHOSEN, lines=5000, form="own"), tmp_path / "s.log")
    kinds = Counter(line[:1].isdigit() for line in lines(tmp_path))
    assert kinds[False] > 500  # logfmt, syslog
    write(replace(CHOSEN, lines=2000, services=("web", "api")), tmp_path / "s.log")
    assert not [line for line in lines(tmp_path) if " database - " in line or " worker - " in line or "CRON" in line]
    write(replace(CHOSEN, lines=50, services=("cron",)), tmp_path / "s.log")
    assert all("CRON" in line for line in lines(tmp_path))


def test_no_anomalies_when_none_are_asked_for(tmp_path: Path) -> None:
    made = write(replace(CHOSEN, lines=2000, anomaly_rate=0.0), tmp_path / "s.log")
    assert (made.odd, made.kinds, rows(tmp_path / "labels.csv")) == (0, {}, [])


def command(out: Path, *words: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    gen_synth.arguments(parser)
    return parser.parse_args(["--out", str(out), *words])


def test_the_command_writes_and_says_where(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert gen_synth.main(command(tmp_path / "a", "--lines", "3000")) == 0
    assert "synth.log  3,000 lines" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "a").iterdir()} == {"synth.log", "labels.csv", "incidents.csv"}


@pytest.mark.parametrize(
    "words",
    [("--lines", "0"), ("--anomaly-rate", "0.9"), ("--start", "soon"), ("--services", "web,fax"), ("--rate", "0")],
)
def test_what_makes_no_sense_is_refused(words: tuple[str, ...], tmp_path: Path) -> None:
    with pytest.raises(Usage, match=words[0]):
        gen_synth.main(command(tmp_path, *words))


def test_a_log_that_is_not_ours_is_never_overwritten(tmp_path: Path) -> None:
    (tmp_path / "real.log").write_text("precious\n")
    with pytest.raises(Failed, match=r"real\.log exists"):
        gen_synth.main(command(tmp_path / "real.log"))
    assert (tmp_path / "real.log").read_text() == "precious\n"
