"""The templates a daemon has learned, or those of some files.

alogd templates                        of the daemon whose configuration is found
alogd templates --state DIR --sort new --search timeout
alogd templates app.log                mined from this file alone
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from alogd.alerts.redact import hidden_template
from alogd.cli.drive import choose
from alogd.cli.failures import OK
from alogd.cli.inputs import batches, open_all
from alogd.cli.output import add_output, count, emit, table, use_color
from alogd.cli.settings import add_state, open_state, require_stream
from alogd.engine.of_stream import engine_config
from alogd.engine.settings import EngineConfig, available_engine
from alogd.event import Template

if TYPE_CHECKING:
    from alogd.engine.native import Engine

Row = tuple[str, Template]  # stream, template


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd templates`."""
    parser.add_argument("file", nargs="*", help="mine these files instead of looking into a daemon's state")
    parser.add_argument("--stream", metavar="NAME", help="only this stream's; with files: its masks and settings")
    parser.add_argument("--sort", choices=("count", "new", "name"), default="count", help="(count)")
    parser.add_argument("--search", metavar="TEXT", help="only templates that contain this (case does not matter)")
    parser.add_argument("--limit", type=int, default=50, metavar="N", help="at most so many (50; 0 = all)")
    add_state(parser)
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """Collect, sort, print."""
    rows = mined(args) if args.file else list(learned(args))
    total = sum(template.count for _, template in rows)
    chosen = [row for row in rows if (args.search or "").lower() in row[1].text.lower()]
    chosen.sort(key={"count": _by_count, "new": _by_age, "name": _by_name}[args.sort])
    shown = chosen[: args.limit] if args.limit > 0 else chosen
    if args.output != "table":
        emit([_record(row) for row in shown], args.output)
        return OK
    cells = [(t.count, f"{t.count / max(1, total):.1%}", stream, t.fingerprint, t.text) for stream, t in shown]
    table(("lines", "share", "stream", "fingerprint", "template"), cells, use_color(args.no_color))
    left = f"; {len(chosen) - len(shown)} more (--limit 0 shows all)" if len(chosen) > len(shown) else ""
    print(f"\n{count(len(chosen), 'template')} of {count(total, 'line')}{left}")
    return OK


def learned(args: argparse.Namespace) -> Iterator[Row]:
    """The templates in a daemon's state."""
    with open_state(args) as reader:
        require_stream(reader, args.stream)
        for stream in [args.stream] if args.stream else reader.streams():
            if engine := reader.parts(stream).get("engine"):
                yield from ((stream, hidden_template(template)) for template in _load(engine).templates())


def _load(snapshot: bytes) -> Engine:
    """An engine under the very settings its snapshot was saved with, whatever the configuration says now."""
    kind = available_engine("drain3" if snapshot.startswith(b"ALOGDRN3") else "c")
    meaning = kind.saved_settings(snapshot)
    of, name = meaning.pop("key")
    meaning["user_masks"] = tuple((mask, pattern) for mask, pattern in meaning["user_masks"])
    return kind.load(snapshot, EngineConfig(key={of: name} if name else of, **meaning))


def mined(args: argparse.Namespace) -> Sequence[Row]:
    """The templates of some files."""
    config, options = choose(args.config, args.stream, args.file)
    engine = available_engine(options.engine.kind)(engine_config(options, config.alerts))
    for _ in batches(engine, open_all(args.file)):
        pass
    return [(options.name, template) for template in engine.templates()]


def _by_count(row: Row) -> tuple[int, str]:
    return -row[1].count, row[1].text


def _by_age(row: Row) -> tuple[int, str]:
    return -row[1].id, row[0]


def _by_name(row: Row) -> tuple[str, str]:
    return row[1].text, row[0]


def _record(row: Row) -> dict[str, object]:
    stream, template = row
    return {
        "stream": stream,
        "id": template.id,
        "fingerprint": template.fingerprint,
        "count": template.count,
        "template": template.text,
    }
