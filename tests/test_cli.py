"""The command line as people and programs meet it: what it prints, what it exits with, and that it never misleads."""

from __future__ import annotations

import gzip
import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from alogd.alerts import as_json as alert_json
from alogd.cli.main import COMMANDS, main
from tests.app_log import START, app_log
from tests.daemon_process import wait_until

ROOT = Path(__file__).parent.parent
ALOGD = [sys.executable, "-m", "alogd"]
HOURS = 1.5
LAST = "2026-09-21 15:43:21,000 ERROR [main] c.s.Main - shutting down: No space left on device\n"  # just after the rest
EVIL = "\x1b]52;c;ZXZpbA==\x07\x1b[2Jpwned \u202egnp.exe \u2028"


class Place:
    """A folder with a log, a configuration, and the state of a daemon that has read it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.log = folder / "app.log"
        self.log.write_text(app_log(HOURS, incident_at=1.1) + LAST)
        os.utime(self.log, (START + 86_400, START + 86_400))
        self.config = folder / "alogd.yaml"
        self.config.write_text(
            f"streams:\n  - name: app\n    collect: [{{kind: file, include: [{self.log}]}}]\n"
            f"sinks: [{{kind: jsonl, path: {folder}/alerts.jsonl}}]\nalerts: {{budget: 1/hour}}\n"
            f"http: {{listen: '127.0.0.1:0'}}\nstate: {{directory: {folder}/state}}\n"
        )

    def run(self, *words: str, cwd: Path | None = None, **changes: str) -> subprocess.CompletedProcess[str]:
        environment = {**os.environ, "PYTHONPATH": str(ROOT), **changes}
        return subprocess.run(
            [*ALOGD, *words],
            capture_output=True,
            text=True,
            cwd=cwd or self.folder,
            env=environment,
            timeout=120,
            check=False,
        )


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    made = Place(tmp_path_factory.mktemp("cli"))
    done = made.run("run", "--config", str(made.config), "--once")
    assert done.returncode == 0, done.stderr
    return made


@pytest.fixture
def alogd(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[..., str]:
    """Run a command line in this process, away from any configuration; its standard output."""
    monkeypatch.chdir(tmp_path)

    def call(*words: str, code: int = 0) -> str:
        capsys.readouterr()
        assert main(words) == code, capsys.readouterr()
        return capsys.readouterr().out

    return call


# -- the front door


def test_help_names_every_command_and_exit_code(alogd: Callable[..., str]) -> None:
    text = alogd("--help")
    assert all(re.search(rf"^  {name} ", text, re.MULTILINE) for _, name, _ in COMMANDS)
    assert all(f"{code} " in text for code in (0, 1, 2, 65, 78))
    assert alogd("help") == text == alogd(code=2)


def test_help_imports_nothing_that_takes_time() -> None:
    heavy = {
        "numpy",
        "msgspec",
        "yaml",
        "rich",
        "aiohttp",
        "structlog",
        "asyncio",
        "alogd._engine",
        "alogd.config.tree",
    }
    code = (
        f"import sys\nfrom alogd.cli.main import main\nmain(['--help'])\nsys.exit(bool({heavy!r} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.DEVNULL, check=False)
    assert done.returncode == 0


@pytest.mark.parametrize("name", [name for _, name, _ in COMMANDS])
def test_every_command_has_help_of_its_own(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main([name, "--help"])
    assert ended.value.code == 0
    assert capsys.readouterr().out.startswith(f"usage: alogd {name}")


def test_an_unknown_command_is_met_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["rpelay"]) == 2
    assert 'did you mean "replay"?' in capsys.readouterr().err


def test_a_wrong_flag_is_wrong_usage() -> None:
    with pytest.raises(SystemExit) as ended:
        main(["replay", "--nope", "x"])
    assert ended.value.code == 2


def test_version_names_the_plugins(alogd: Callable[..., str]) -> None:
    (facts,) = json.loads(alogd("version", "-o", "json"))
    assert {"file", "stdin", "journald"} <= set(facts["collectors"])
    assert "ewma" in alogd("version")


# -- check


def test_check_shows_what_would_be_read(place: Place, alogd: Callable[..., str]) -> None:
    (row,) = json.loads(alogd("check", "-c", str(place.config), "-o", "json"))
    assert (row["stream"], row["files"], row["bytes"]) == ("app", 1, place.log.stat().st_size)
    assert "is good" in alogd("check", "-c", str(place.config))


def test_check_names_line_key_and_nearest_and_exits_78(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    bad = tmp_path / "bad.yaml"
    bad.write_text("streams:\n  - name: a\n    colect: []\n")
    assert main(["check", "-c", str(bad)]) == 78
    assert f'{bad}:3:5: streams[0].colect: unknown key; did you mean "collect"?' in capsys.readouterr().err


def test_check_can_take_doubts_for_errors(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    doubtful = tmp_path / "doubtful.yaml"
    doubtful.write_text(
        f"streams:\n- {{name: a, collect: [{{kind: file, include: [{tmp_path}/**]}}]}}\n"
        f"- {{name: b, collect: [{{kind: file, include: [{tmp_path}/b.log]}}]}}\nstate: {{directory: {tmp_path}}}\n"
    )
    assert main(["check", "-c", str(doubtful)]) == 0
    assert main(["check", "-c", str(doubtful), "--deny-warnings"]) == 78
    assert 'belongs to stream "a", which stands before' in capsys.readouterr().err


def test_check_doubts_a_path_that_depends_on_where_alogd_is_started(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    relative = tmp_path / "relative.yaml"
    collect = "{kind: file, include: [logs/*.log]}"
    relative.write_text(f"streams:\n- {{name: a, collect: [{collect}]}}\nstate: {{directory: {tmp_path}}}\n")
    assert main(["check", "-c", str(relative)]) == 0
    assert "logs/*.log is looked for below the directory alogd is started in" in capsys.readouterr().err


def test_without_any_configuration_it_says_where_it_looked(alogd: Callable[..., str]) -> None:
    if Path("/etc/alogd/alogd.yaml").exists():
        pytest.skip("this host has a configuration")
    alogd("check", code=78)


def test_the_configuration_in_use_is_said(place: Place, tmp_path: Path) -> None:
    (tmp_path / "configs").mkdir()
    (tmp_path / "configs/alogd.yaml").write_text(place.config.read_text())
    done = place.run("check", cwd=tmp_path)
    assert (done.returncode, "configuration: configs/alogd.yaml" in done.stderr) == (0, True)


# -- run and replay


def test_replay_gives_the_very_alerts_that_run_gave(place: Place) -> None:
    ran = (place.folder / "alerts.jsonl").read_bytes()
    replayed = place.run("replay", str(place.log), "--config", str(place.config), "-o", "jsonl")
    assert ran
    assert replayed.stdout.encode() == ran


def test_run_on_a_file_needs_no_configuration(place: Place) -> None:
    done = place.run("run", "app.log", "--once", "--listen", "127.0.0.1:0", XDG_STATE_HOME=str(place.folder / "xdg"))
    assert done.returncode == 0, done.stderr
    (state,) = (place.folder / "xdg/alogd").iterdir()
    assert '"stream":"files"' in place.run("templates", "--state", str(state), "-o", "jsonl").stdout


@pytest.fixture(scope="module")
def two(place: Place) -> list[str]:
    """Two logs that have alerts."""
    other = place.folder / "other.log"
    other.write_text(app_log(HOURS, incident_at=0.9))
    os.utime(other, (START + 86_400, START + 86_400))
    return [str(place.log), str(other)]


@pytest.mark.parametrize("configured", [pytest.param(False, marks=pytest.mark.slow), True])
def test_logs_of_their_own_on_several_cores_give_what_each_gives_alone(
    place: Place, two: list[str], configured: bool
) -> None:
    """Also where a configuration has a stream for the first of them and none for the other."""
    config = ["--config", str(place.config)] if configured else []
    words = [*config, "--budget", "1/hour", "-o", "jsonl"]
    alone = [place.run("replay", path, *words) for path in two]
    together = [place.run("replay", "--each", *two, *words, "--jobs", jobs) for jobs in ("1", "2")]
    assert all(done.stdout for done in alone)
    assert [done.stdout for done in together] == ["".join(done.stdout for done in alone)] * 2
    tables = [place.run("replay", "--each", *two, *words[:-2], "--jobs", jobs).stdout for jobs in ("1", "2")]
    assert tables[0] == tables[1]
    assert all(f"{path}:\n" in tables[0] for path in two)


def test_files_are_read_in_the_stream_they_belong_to(place: Place, two: list[str]) -> None:
    config = place.folder / "two.yaml"
    streams = "".join(
        f"  - name: {name}\n    collect: [{{kind: file, include: [{path}]}}]\n"
        for name, path in zip(("first", "second"), two, strict=True)
    )
    state = f"state: {{directory: {place.folder}/none}}"
    config.write_text(f"streams:\n{streams}alerts: {{budget: 2/hour, join_streams: 0}}\n{state}\n")
    words = ["--config", str(config), "-o", "jsonl"]
    alone = [place.run("replay", path, *words).stdout for path in two]
    assert [[json.loads(line)["stream"] for line in out.splitlines()][:1] for out in alone] == [["first"], ["second"]]
    assert place.run("replay", *two, *words).stdout == "".join(alone)
    assert place.run("replay", *reversed(two), *words).stdout == "".join(reversed(alone))

    config.write_text(f"streams:\n{streams}alerts: {{budget: 2/hour}}\n{state}\n")
    forth, back = (
        place.run("replay", *paths, *words, "--jobs", jobs) for paths, jobs in ((two, "1"), (two[::-1], "2"))
    )
    assert sorted(forth.stdout.splitlines()) == sorted(back.stdout.splitlines())
    joined = [one for one in map(json.loads, forth.stdout.splitlines()) if one["cause"]]
    assert joined
    assert "began together with one of another stream" in forth.stderr
    assert "[also in " in place.run("replay", *two, *words[:2]).stdout


@pytest.mark.parametrize("jobs", ["1", "2"])
def test_what_ends_one_of_several_ends_all_after_what_came_before_it(place: Place, two: list[str], jobs: str) -> None:
    bad = place.folder / "bad.gz"
    bad.write_bytes(gzip.compress(place.log.read_bytes())[:50_000])
    words = ["--budget", "1/hour", "-o", "jsonl", "--jobs", jobs]
    done = place.run("replay", "--each", two[0], str(bad), two[1], *words)
    assert (done.returncode, done.stderr.count("Traceback")) == (65, 0)
    assert "bad.gz is a damaged gzip file" in done.stderr
    assert done.stdout.startswith(place.run("replay", two[0], *words).stdout)


def test_a_worker_that_dies_is_told(monkeypatch: pytest.MonkeyPatch, two: list[str]) -> None:
    from alogd.cli import workers

    start = workers._Crew._start

    def start_and_kill(crew: workers._Crew) -> None:
        start(crew)
        for _, worker in crew._working.values():
            worker.kill()

    monkeypatch.setattr(workers._Crew, "_start", start_and_kill)
    assert main(["replay", "--each", *two, "--jobs", "2"]) == 1


@pytest.fixture
def working(place: Place) -> Iterator[tuple[subprocess.Popen[bytes], set[str]]]:
    """A replay of two long logs, and the processes of its workers."""
    long = place.folder / "long.log"
    with long.open("wb") as log:
        log.write(place.log.read_bytes())
        log.truncate(1 << 38)  # a hole: minutes of reading that take no room
    process = subprocess.Popen(
        [*ALOGD, "replay", "--each", str(long), str(long), "--jobs", "2"],
        cwd=place.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stderr=subprocess.PIPE,
        stdout=subprocess.PIPE,
        start_new_session=True,
    )
    children: set[str] = set()
    while len(children) < 2:
        assert process.poll() is None
        children = set(Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split())
    yield process, children
    process.kill()
    process.communicate(timeout=60)


def none_is_left(children: set[str]) -> None:
    wait_until(lambda: not any(Path(f"/proc/{child}").exists() for child in children), "their end", 10.0)


def test_an_interrupt_leaves_no_worker(working: tuple[subprocess.Popen[bytes], set[str]]) -> None:
    process, children = working
    os.killpg(process.pid, signal.SIGINT)
    _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, b"")
    none_is_left(children)


def test_a_replay_that_is_killed_leaves_no_worker(working: tuple[subprocess.Popen[bytes], set[str]]) -> None:
    """Whoever tells what it found notices that nobody listens."""
    process, children = working
    process.kill()
    process.wait(60)
    none_is_left(children)


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["replay", "app.log", "--jobs", "0"], 2, "--jobs 0"),
        (["replay", "-", "-"], 2, "standard input can be read once"),
        (["run", "missing.log"], 1, "missing.log: no such file"),
        (["run", "app.log", "--config", "alogd.yaml"], 2, "not both"),
        (["run", "--config", "missing.yaml"], 78, "missing.yaml: no such file"),
        (["run", "app.log", "--listen", "nowhere"], 2, "not host:port"),
        (["replay", "missing.log"], 1, "missing.log: no such file"),
        (["replay", "."], 65, "is a directory"),
        (["replay", "binary.log"], 65, "not text"),
        (["replay", "damaged.gz"], 65, "damaged gzip"),
        (["replay", "app.log", "--budget", "lots"], 2, "is not a rate"),
        (["replay", "app.log", "--window", "x"], 2, "--window"),
        (["replay", "app.log", "--window", "50/90"], 2, "a stride from 1 to the size"),
        (["replay", "app.log", "--stream", "nope", "-c", "alogd.yaml"], 2, "there are: app"),
        (["explain", "."], 2, "is a directory"),
        (["explain", "logs/missing.log"], 1, "no such file; if it is a line"),
        (["explain", " "], 2, "nothing to explain"),
        (["explain", "/dev/null"], 2, "no log file"),
        (["alerts", "--state", "missing"], 1, "there is no state in missing"),
        (["alerts", "show", "ffff", "--state", "state"], 1, "no alert"),
        (["alerts", "show", "--state", "state"], 2, "needs an id"),
        (["alerts", "--url", "http://127.0.0.1:1", "--state", "state"], 2, "leave --url out"),
        (["alerts", "--since", "yesterday", "--state", "state"], 2, "is not a duration"),
        (["templates", "--stream", "nope", "--state", "state"], 1, "there are: app"),
        (["alerts", "--stream", "nope", "--state", "state"], 1, "there are: app"),
        (["demo", "--seconds", "1"], 2, "20 to 3600"),
    ],
)
def test_what_cannot_be_done_ends_with_one_line_and_its_code(
    place: Place,
    words: list[str],
    code: int,
    message: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    (place.folder / "binary.log").write_bytes(bytes(range(32)) * 64)
    (place.folder / "damaged.gz").write_bytes(gzip.compress(place.log.read_bytes())[:5000])
    monkeypatch.chdir(place.folder)
    assert main(words) == code
    assert message in capsys.readouterr().err.lower()


def test_packed_files_and_standard_input_are_read_alike(
    place: Place, alogd: Callable[..., str], tmp_path: Path
) -> None:
    packed = tmp_path / "app.log.gz"
    packed.write_bytes(gzip.compress(place.log.read_bytes()))
    os.utime(packed, (START + 86_400, START + 86_400))
    words = ["--budget", "1/hour", "-o", "jsonl"]
    with place.log.open("rb") as log:
        piped = subprocess.run(
            [*ALOGD, "replay", "-", *words],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdin=log,
            capture_output=True,
            text=True,
            check=True,
        )

    def told(output: str) -> list[tuple[str, int, float]]:
        alerts = [alert_json.decode(line.encode()) for line in output.splitlines()]
        return [(alert.title, alert.opened_ns, alert.risk) for alert in alerts]

    plain = told(alogd("replay", str(place.log), *words))
    assert plain
    assert told(alogd("replay", str(packed), *words)) == plain
    assert told(piped.stdout) == plain


def test_a_larger_budget_never_tells_less(place: Place, alogd: Callable[..., str]) -> None:
    def ids(budget: str) -> set[str]:
        lines = alogd("replay", str(place.log), "--budget", budget, "-o", "jsonl").splitlines()
        return {alert_json.decode(line.encode()).id for line in lines}

    assert len(ids("1/week")) <= len(ids("1/day")) <= len(ids("20/hour"))


def test_windows_can_be_tried_out(place: Place, alogd: Callable[..., str]) -> None:
    for window in ("20/10", "60s", "session:30s"):
        assert "risk" in alogd("replay", str(place.log), "--window", window, "--budget", "5/hour")


def test_the_reader_may_leave_early(place: Place) -> None:
    command = f"{sys.executable} -m alogd templates app.log -c alogd.yaml --limit 0 | head -1; exit ${{PIPESTATUS[0]}}"
    done = subprocess.run(
        ["bash", "-c", command],
        cwd=place.folder,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, b"")


def test_an_interrupt_ends_quietly(place: Place) -> None:
    with subprocess.Popen(
        [*ALOGD, "replay", "-"], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdin is not None
        process.stdin.write(place.log.read_bytes()[:1_000_000])
        process.stdin.flush()  # more than a pipe holds: the process has begun to read
        process.send_signal(signal.SIGINT)
        _, errors = process.communicate(timeout=60)
    assert (process.returncode, b"Traceback" in errors) == (130, False)


# -- looking inside


def test_alerts_are_listed_filtered_and_shown(place: Place, alogd: Callable[..., str]) -> None:
    state = ("--state", str(place.folder / "state"))
    listed = [json.loads(line) for line in alogd("alerts", *state, "-o", "jsonl").splitlines()]
    (worst,) = (alert for alert in listed if "could not be placed" in alert["title"])
    shown = alogd("alerts", "show", worst["id"][:10], *state)
    assert "NullPointerException" in shown
    assert f"{place.log}, at byte" in shown
    assert alogd("explain", worst["id"], *state) == shown
    assert all(
        json.loads(line)["level"] == "CRITICAL"
        for line in alogd("alerts", "--level", "CRITICAL", *state, "-o", "jsonl").splitlines()
    )
    assert alogd("alerts", "--since", "0s", *state) == "no alerts\n"


def test_templates_of_state_and_file_are_the_same(place: Place, alogd: Callable[..., str]) -> None:
    def templates(*words: str) -> set[tuple[str, int]]:
        rows = map(json.loads, alogd("templates", *words, "--limit", "0", "-o", "jsonl").splitlines())
        return {(row["template"], row["count"]) for row in rows}

    learned = templates("-c", str(place.config))
    assert learned == templates(str(place.log), "-c", str(place.config))
    assert len(learned) > 5


def test_templates_are_searched_and_sorted(place: Place, alogd: Callable[..., str]) -> None:
    found = [
        json.loads(line) for line in alogd("templates", str(place.log), "--search", "LOGIN", "-o", "jsonl").splitlines()
    ]
    assert found
    assert all("login" in row["template"] for row in found)
    counts = [json.loads(line)["count"] for line in alogd("templates", str(place.log), "-o", "jsonl").splitlines()]
    assert counts == sorted(counts, reverse=True)
    newest = json.loads(alogd("templates", str(place.log), "--sort", "new", "--limit", "1", "-o", "jsonl"))
    assert "shutting down" in newest["template"]


def test_explain_a_line_against_what_was_learned(place: Place, alogd: Callable[..., str]) -> None:
    known = "2026-09-21 16:00:00,000 INFO  [http-1] c.s.account.Login - session of user 12 expired"
    (seen,) = json.loads(alogd("explain", known, "-c", str(place.config), "-o", "json"))
    assert (seen["is_new"], seen["message"], seen["level"]) == (False, "session of user 12 expired", "INFO")
    strange = known.replace("session of user 12 expired", "session of user 12 hijacked by ghost at once")
    (seen,) = json.loads(alogd("explain", strange, "--learn", str(place.log), "-o", "json"))
    assert seen["is_new"]
    assert seen["nearest"] is not None
    assert "new to stream" in alogd("explain", strange, "--learn", str(place.log))


def test_explaining_a_line_changes_nothing(place: Place, alogd: Callable[..., str]) -> None:
    before = {
        path.name: path.read_bytes() for path in (place.folder / "state").glob("*.sqlite*") if path.suffix != ".lock"
    }
    alogd("explain", "something nobody has ever said before", "-c", str(place.config))
    after = {path.name: path.read_bytes() for path in (place.folder / "state").glob("*.sqlite*") if path.name in before}
    assert after == before


def test_explain_a_file_shows_its_oddest_windows(place: Place, alogd: Callable[..., str]) -> None:
    (told,) = json.loads(alogd("explain", str(place.log), "-o", "json"))
    assert any("could not be placed" in window["title"] for window in told["oddest"])
    assert "Oddest windows" in alogd("explain", str(place.log))


def test_a_short_file_shows_what_calls_itself_bad(alogd: Callable[..., str], tmp_path: Path) -> None:
    (tmp_path / "dmesg").write_text("eth0 is up\nBUG: kernel NULL pointer dereference, address: 0\nbye")
    text = alogd("explain", "dmesg")
    assert "3 lines in 3 records" in text
    assert "Too short to say what is odd in it; the most severe windows" in text
    assert "> BUG: kernel NULL pointer dereference" in text


@pytest.mark.parametrize("text", ["", "\n\n"])
def test_an_empty_file_is_said_to_be_empty(alogd: Callable[..., str], tmp_path: Path, text: str) -> None:
    (tmp_path / "empty.log").write_text(text)
    assert "there is nothing in it to learn from" in alogd("explain", "empty.log")


def test_the_last_line_counts_without_its_end(place: Place) -> None:
    (place.folder / "short.log").write_text("one\ntwo\nthree")
    assert "\n3 lines (13 B)" in place.run("replay", "short.log").stderr


@pytest.mark.parametrize("closed", [0, 1, 2])
def test_closed_standard_streams_are_nothing_special(place: Place, closed: int) -> None:
    command = f"exec {sys.executable} -m alogd replay app.log {closed}>&-"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["sh", "-c", command], capture_output=True, text=True, cwd=place.folder, env=environment, check=False
    )
    assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr


def test_run_takes_standard_input(place: Place) -> None:
    command = f"exec {sys.executable} -m alogd run - --listen 127.0.0.1:0 --state-dir piped < app.log"
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(["sh", "-c", command], capture_output=True, cwd=place.folder, env=environment, check=False)
    assert done.returncode == 0, done.stderr
    assert "could not be placed" in place.run("templates", "--state", "piped", "--limit", "0").stdout


def test_a_line_without_anything_learned_is_still_read(alogd: Callable[..., str]) -> None:
    text = alogd("explain", "Jun 14 15:16:01 combo kernel: Out of memory: Killed process 42 (x)")
    assert "program kernel" in text
    assert "Out of memory: Killed process <NUM> (x)" in text


# -- hostile text


def test_nothing_from_a_log_reaches_the_terminal_raw(place: Place, alogd: Callable[..., str], tmp_path: Path) -> None:
    evil = tmp_path / "evil.log"
    evil.write_text(app_log(0.6) + f"2026-09-21 16:00:00,000 ERROR [x] c.s.Evil - {EVIL}\n" * 3 + app_log(0.1))
    state = str(tmp_path / "state")
    config = tmp_path / "alogd.yaml"
    config.write_text(
        f"streams: [{{name: app, collect: [{{kind: file, include: [{evil}]}}]}}]\nalerts: {{budget: 20/hour}}\n"
        f"state: {{directory: {state}}}\nhttp: {{listen: '127.0.0.1:0'}}\n"
    )
    ran = place.run("run", "-c", str(config), "--once")
    outputs = [
        ran.stderr,
        alogd("replay", str(evil), "--budget", "20/hour"),
        alogd("replay", str(evil), "--budget", "20/hour", "-o", "jsonl"),
        alogd("templates", str(evil), "--limit", "0"),
        alogd("explain", str(evil)),
        alogd("explain", EVIL),
        alogd("alerts", "--state", state),
        *(
            alogd("alerts", "show", one, "--state", state)
            for one in _ids(alogd("alerts", "--state", state, "-o", "jsonl"))
        ),
    ]
    assert any("pwned" in output for output in outputs[1:])
    for output in outputs:
        assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u202e]", output)


def _ids(lines: str) -> list[str]:
    return [json.loads(line)["id"] for line in lines.splitlines()]
