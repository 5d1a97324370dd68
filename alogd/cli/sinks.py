"""Where alerts go, and whether they arrive: send a test alert through a sink of the configuration.

  alogd sinks list                  the sinks, what each is for
  alogd sinks test pager            send one test alert to the sink named pager, and its end

The test alert is INFO, of stream "alogd-test", and its title says that it is a test; `min_level`, `when` and `max_age`
are not asked. Nothing is kept or tried again, and a running daemon is not disturbed. Exit code 0: the receiver took
it; 1: it did not, and why stands on standard error.
"""

from __future__ import annotations

import argparse
import asyncio
import secrets
import sys
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from alogd.cli.failures import FAILED, OK, Unusable, Usage
from alogd.cli.output import add_output, emit, safe, table, use_color
from alogd.cli.settings import add_config, require_config
from alogd.event import Alert
from alogd.sinks.base import NamedSink, NotConnected, Rejected, build, entries

LIMIT = 310.0  # seconds; a sink's own timeout is shorter


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd sinks`."""
    parser.add_argument("action", nargs="?", choices=("list", "test"), default="list", help="(list)")
    parser.add_argument("name", nargs="?", help="test: the sink's name, or its kind when it has none")
    add_config(parser)
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """List the sinks, or try one."""
    if (args.action == "test") != (args.name is not None):
        raise Usage("`alogd sinks test` needs a sink's name; `alogd sinks list` takes none")
    named = {str(one.get("name") or one["kind"]): one for one in entries(require_config(args.config).config)}
    if args.action == "list":
        return _list(named, args)
    if args.name not in named:
        raise Usage(f"no sink named {args.name!r}; there are: {', '.join(named) or 'none'}")
    return asyncio.run(_test(_built(named[args.name])))


def _built(entry: Mapping[str, Any]) -> NamedSink:
    try:
        return build(entry)
    except ValueError as error:
        raise Unusable(str(error)) from None


def _list(named: Mapping[str, Mapping[str, Any]], args: argparse.Namespace) -> int:
    rows = [(name, entry["kind"], entry.get("min_level", "INFO"), _when(entry)) for name, entry in named.items()]
    if args.output == "table":
        table(("name", "kind", "from level", "only"), rows, use_color(args.no_color))
    else:
        emit([dict(zip(("name", "kind", "min_level", "when"), row, strict=True)) for row in rows], args.output)
    return OK


def _when(entry: Mapping[str, Any]) -> str:
    given = {key: value for key, value in entry.get("when", {}).items() if value}
    return "; ".join(f"{key} {value if isinstance(value, str) else ', '.join(value)}" for key, value in given.items())


async def _test(named: NamedSink) -> int:
    firing = example(time.time_ns())
    over = replace(firing, status="resolved", resolved_ns=time.time_ns())
    try:
        async with asyncio.timeout(LIMIT):
            await named.sink.send([firing])
            await named.sink.send([over])
    except (NotConnected, Rejected, OSError, TimeoutError) as error:
        print(f"{named.name}: not delivered: {safe(str(error) or 'no answer in time')}", file=sys.stderr)
        return FAILED
    finally:
        await named.sink.close()
    print(f"{named.name}: took test alert {firing.id}, and its end")
    return OK


def example(now: int) -> Alert:
    """An alert that cannot be taken for a real one."""
    title = "TEST: alogd sinks test sent this; nothing is wrong"
    return Alert(
        id=secrets.token_hex(8), status="firing", stream="alogd-test", key="", title=title, risk=0.0, level="INFO",
        anomaly=0.0, severity=0.0, opened_ns=now, updated_ns=now, resolved_ns=None, windows=0, lines_seen=0,
        reasons=["somebody tries whether alerts arrive here"],
    )  # fmt: skip
