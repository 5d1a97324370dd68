"""H5, H6: who may read and change what, and nothing else."""

from __future__ import annotations

import os

import pytest

from tests.http_face import HOSTILE, ask, serving

# H5


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "evil.example"}, 421),
        ({"Host": "evil.example:9178"}, 421),
        ({"Origin": "http://evil.example"}, 403),
        ({"Origin": "null"}, 403),
        ({"Sec_Fetch_Site": "cross-site"}, 403),
        ({}, 401),
        ({"X_Forwarded_For": "203.0.113.9"}, 401),
        ({"X_Forwarded_For": "203.0.113.9", "Authorization": "Bearer wrong"}, 401),
        ({"Authorization": "Bearer s3cre"}, 401),
        ({"Authorization": "Bearer s3cretX"}, 401),
        ({"Authorization": "s3cret"}, 401),
        ({"Authorization": "Bearer "}, 401),
        ({"Authorization": "Basic s3cret"}, 401),
        ({"Host": "localhost"}, 401),
        ({"Host": "localhost", "Authorization": "Bearer s3cret"}, 200),
        ({"Authorization": "Bearer s3cret", "Origin": "http://evil.example"}, 403),
        ({"X_Forwarded_For": "203.0.113.9", "Authorization": "Bearer s3cret"}, 200),
    ],
)
async def test_h5_who_may_reload(tmp_path, headers, status):
    (tmp_path / "token").write_text("s3cret\n")
    async with serving(tmp_path, token_file=str(tmp_path / "token")) as (daemon, _, port):
        assert (await ask(port, "/-/reload", "POST", Content_Length="0", **headers))[0] == status
        assert daemon.reloads == (status == 200)


async def test_h5_without_a_token_only_this_host_may(tmp_path):
    """The matrix has a unix socket of mode 0600 for this; a page in a browser could not ask there.

    Whoever shares the host with strangers sets a token, which then every change needs, also from loopback.
    """
    async with serving(tmp_path) as (daemon, _, port):
        headers = {"X_Forwarded_For": "203.0.113.9", "Authorization": "Bearer "}
        assert (await ask(port, "/-/reload", "POST", Content_Length="0", **headers))[0] == 401
        assert (await ask(port, "/-/reload", "POST", Content_Length="0"))[0] == 200
        assert daemon.reloads == 1


@pytest.mark.parametrize("content", [None, "", "\n"])
async def test_h5_a_token_file_that_says_nothing_lets_nobody_in(tmp_path, content):
    path = tmp_path / "token"
    if content is not None:
        path.write_text(content)
    async with serving(tmp_path, token_file=str(path)) as (daemon, _, port):
        for header in ("Bearer ", "Bearer None", "Bearer \n"):
            assert (await ask(port, "/-/reload", "POST", Content_Length="0", Authorization=header.strip()))[0] == 401
        assert daemon.reloads == 0


@pytest.mark.parametrize("method", ["GET", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"])
async def test_h5_only_post_changes_anything(tmp_path, method):
    async with serving(tmp_path) as (daemon, _, port):
        assert (await ask(port, "/-/reload", method, Content_Length="0"))[0] in {405, 403, 401}
        assert daemon.reloads == 0


async def test_h5_a_rebound_name_reads_nothing_on_loopback(tmp_path):
    async with serving(tmp_path) as (_, _, port):
        status, _, body = await ask(port, "/api/v1/alerts", Host="evil.example")
        assert status == 421
        assert b"script" not in body


# H6


@pytest.mark.parametrize(
    ("path", "status"),
    [
        ("/api/v1/alerts?limit=0", 400),
        ("/api/v1/alerts?limit=1001", 400),
        ("/api/v1/alerts?limit=%C2%B2", 400),
        ("/api/v1/alerts?min_level=WORST", 400),
        ("/api/v1/alerts?state_is=firing", 400),
        ("/api/v1/alerts?since=yesterday", 400),
        ("/api/v1/alerts?after=1", 400),
        ("/api/v1/alerts?after=99999999999999999999.x", 400),
        ("/api/v1/alerts/..%2f..%2fetc%2fpasswd", 400),
        ("/api/v1/alerts/%2e%2e", 400),
        ("/api/v1/alerts/%252e%252e%252f", 400),
        ("/api/v1/alerts/..%5c..%5cetc", 400),
        ("/api/v1/alerts/" + "a" * 65, 400),
        ("/api/v1/alerts/%00", 400),
        ("/api/v1/alerts/none", 404),
        ("/api/v1/alerts?stream=../../etc/passwd", 200),
        ("/api/v1/templates?stream=..%2f..%2fetc%2fpasswd", 404),
        ("/api/v1/templates?order=random", 400),
        ("/../../etc/passwd", 404),
        ("/%2e%2e/%2e%2e/etc/passwd", 404),
        ("//etc/passwd", 404),
        ("/nothing", 404),
    ],
)
async def test_h6_bad_names_and_bad_questions(tmp_path, path, status):
    async with serving(tmp_path) as (_, _, port):
        found, headers, body = await ask(port, path)
        assert found == status
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert b"root:" not in body
        assert HOSTILE.encode() not in body


def test_h6_nothing_that_is_served_comes_from_a_file(daemon):
    """No handler is given a path: only alerts, templates and status are read, from the state and from memory."""
    secret = daemon.directory / "logs" / "secret.txt"
    secret.write_text("canary-in-a-file\n")
    daemon.start().wait_ready()
    for path in (str(secret), f"/..{secret}", f"/api/v1/alerts/{os.path.relpath(secret, '/')}", f"/metrics/{secret}"):
        status, body = daemon.get(path)
        assert status == 404
        assert b"canary" not in body
