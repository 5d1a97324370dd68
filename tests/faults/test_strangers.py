"""H5, N4 over everything there is: every verb that changes something, and secrets of what is no webhook."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.daemon_process import ROOT, DaemonProcess, log_lines, wait_until
from tests.faults.conftest import Tally
from tests.http_face import ask, serving
from tests.kafka_broker import Broker

CANARY = "qX7-canary-of-kafka-9Zt"
KNOWN = {"id": "0" * 16, "name": "sshd", "action": "ack", "until": "1900000000", "signature": "x" * 43}
SAFE = ("GET", "HEAD", "OPTIONS")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({"Sec_Fetch_Site": "same-site"}, 403),
        ({"Host": "evil.example"}, 421),
        ({}, 401),  # without the token
    ],
)
async def test_h5_every_verb_that_changes_something(
    tmp_path: Path, headers: dict[str, str], status: int, tally: Tally
) -> None:
    """The routes are those of the server itself: one that is added is asked too."""
    for name in ("token", "secret"):
        (tmp_path / name).write_text("s3cret of more than sixteen\n")
        (tmp_path / name).chmod(0o600)
    options = {"external_url": "https://logs.example", "link_secret_file": str(tmp_path / "secret")}
    async with serving(tmp_path, token_file=str(tmp_path / "token"), **options) as (daemon, server, port):
        before = daemon.store.mutes.mutes, daemon.store.acks.entries
        routes = [(one.method, one.resource.canonical) for one in server._runner.app.router.routes()]
        verbs = [(method, path.format(**KNOWN)) for method, path in routes if method not in SAFE]
        assert len(verbs) >= 8
        for method, path in verbs:
            given = {"Content_Length": "0", "Content_Type": "application/json", **headers}
            told = (await ask(port, path, method, **given))[0]
            unsigned = path.startswith("/act/") and not headers
            assert told == (403 if unsigned else status), (method, path)
            tally.add()
        assert (daemon.store.mutes.mutes, daemon.store.acks.entries, daemon.reloads) == (*before, 0)


def test_n4_a_password_for_kafka_is_in_no_output(disk: Path, tally: Tally) -> None:
    """Of a collector and a sink, where nobody listens and where one is not let in."""
    password = disk / "password"
    password.write_text(f"{CANARY}\n")
    password.chmod(0o600)
    login = {"sasl": "SCRAM-SHA-256", "username": "logs", "password_file": str(password)}
    (disk / "logs").mkdir()
    (disk / "logs" / "a.log").write_bytes(b"".join(log_lines(6000)))
    broker = Broker()  # knows no SASL
    addresses = ["127.0.0.1:9", broker.address]
    files = {"kind": "file", "include": [f"{disk}/logs/*.log"]}
    topics = [{"kind": "kafka", "brokers": [one], "topics": ["logs"], **login} for one in addresses]
    sinks = [{"kind": "kafka", "name": f"k{i}", "brokers": [one], **login} for i, one in enumerate(addresses)]
    daemon = DaemonProcess(
        disk,
        streams=[
            {"name": "host", "collect": [files]},
            *({"name": f"s{i}", "collect": [one]} for i, one in enumerate(topics)),
        ],
        sinks=[{**one, "topic": "alerts"} for one in sinks],
    )
    try:
        daemon.start()
        wait_until(lambda: daemon.lines("host") >= 6000, "the log to be read")
        for address in addresses:
            wait_until(lambda address=address: daemon.said().count(address) >= 2, "a word about each end")
        pages = [
            daemon.get(path)[1]
            for path in ("/metrics", "/-/ready", "/api/v1/status", "/api/v1/overview", "/api/v1/streams")
        ]
        assert daemon.stop() == 0
    finally:
        daemon.kill()
        broker.close()
    kept = [path.read_bytes() for path in daemon.state.iterdir() if path.is_file()]
    for text in (daemon.said().encode(), *pages, *kept):
        assert CANARY.encode() not in text
        tally.add(lines=text.count(b"\n"))


def test_n4_nor_does_a_crash_leave_them_in_a_core(tmp_path: Path, tally: Tally) -> None:
    """Also where the host would write one; the unit forbids it besides (LimitCORE)."""
    (tmp_path / "logs").mkdir()
    daemon = DaemonProcess(tmp_path)
    dumping = ("sh", "-c", 'ulimit -c unlimited 2>/dev/null; exec "$@"', "sh")
    try:
        daemon.start(prefix=dumping).wait_ready()
        assert daemon.process is not None
        limits = Path(f"/proc/{daemon.process.pid}/limits").read_text()
        assert next(line for line in limits.splitlines() if "core file" in line).split()[4] == "0"
        daemon.signal(signal.SIGABRT)
        ended = os.waitid(os.P_PID, daemon.process.pid, os.WEXITED | os.WNOWAIT)
        assert ended is not None
        assert (ended.si_code, ended.si_status) == (os.CLD_KILLED, signal.SIGABRT)  # not CLD_DUMPED
    finally:
        daemon.kill()
    assert "LimitCORE=0\n" in (ROOT / "systemd" / "alogd.service").read_text()
    tally.add()
