"""How commands ask a running daemon: its HTTP API, by the address and token of the configuration."""

from __future__ import annotations

import argparse
import getpass
import http.client
import os
import re
import time
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

import msgspec

from alogd.cli.failures import Failed, Usage
from alogd.cli.settings import add_config, config_or_default
from alogd.config.tree import Http, read_secret
from alogd.config.units import duration

TIMEOUT = 20.0  # seconds; the daemon's own for an answer is 15
MOST = 16 << 20  # bytes of an answer


def add_daemon(parser: argparse.ArgumentParser, *, config: bool = True) -> None:
    """The flags of every command that asks a daemon; config: `--config` too."""
    if config:
        add_config(parser)
    parser.add_argument("--url", help="the daemon's address (the configuration's, http://127.0.0.1:9178)")
    parser.add_argument("--by", metavar="WHO", help="who asks for it (you)")


def ask(args: argparse.Namespace, method: str, path: str, body: object = None) -> dict[str, Any]:
    """The JSON a daemon answers with. Raises Failed with what it says against it."""
    config = config_or_default(args.config)
    options = config.http if config else Http()
    url = urlsplit(args.url or f"http://{options.listen}")
    if url.scheme != "http" or not url.hostname:
        raise Usage(f"--url {args.url}: write http://HOST:PORT")
    headers = {"Content-Type": "application/json"} if body is not None else {}
    if options.token_file is not None and method != "GET":
        try:
            headers["Authorization"] = f"Bearer {read_secret(options.token_file)}"
        except ValueError as error:
            raise Failed(str(error)) from None
    connection = http.client.HTTPConnection(url.hostname, url.port or 80, timeout=TIMEOUT)
    try:
        connection.request(method, path, None if body is None else msgspec.json.encode(body), headers)
        answer = connection.getresponse()
        said = answer.read(MOST)
    except (OSError, http.client.HTTPException) as error:
        raise Failed(f"no daemon answers at {url.netloc}: {error}") from None
    finally:
        connection.close()
    if answer.status >= 300:
        raise Failed(re.sub(r"[^ -~]", "?", said.decode("utf-8", "replace").strip())[:500] or f"HTTP {answer.status}")
    found: dict[str, Any] = msgspec.json.decode(said)
    return found


def moment(text: str, flag: str) -> float:
    """ "2h" from now, or "2026-05-01T12:00" (this host's time where it names no zone); seconds since 1970."""
    try:
        return time.time() + duration(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        raise Usage(f'{flag} {text}: write "2h", "7d" or a moment as "2026-05-01T12:00"') from None


def who(args: argparse.Namespace) -> str:
    """Whom the daemon is to remember for it."""
    if args.by:
        return str(args.by)
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return str(os.getuid())
