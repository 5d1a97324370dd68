"""Logs of any size into parsed.parquet: one row a record, with its template, masked text, time, host, app and level.

  alog-detect parse --input app.log --out-dir out
  alog-detect parse --input app.log.2.gz app.log.1 app.log --out-dir out      one log, oldest part first
  journalctl -o short-iso | alog-detect parse --input - --out-dir out
  alog-detect parse --input today.log --out-dir out --drain-state state       go on from yesterday's templates

Writes, each whole or not at all:
  parsed.parquet   what `alog-detect files` says of it; pandas.read_parquet reads it
  preview.json     how much, since when, from whom, the commonest templates, the first records
  vocab.json       every template and its number, which it keeps for good
  engine.alog      what was learned; with vocab.json this is what --drain-state goes on from

The engine, its settings and so its templates are those of the daemon. The input is read twice: a template's text
changes while it is being learned, and a row carries what it had become at the end.
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

from alogd.cli.failures import OK
from alogd.cli.inputs import Input, Progress
from alogd.cli.output import count, size
from alogd.offline.rows.logs import add_mining, mining_config, open_logs

if TYPE_CHECKING:
    from alogd.engine.settings import EngineConfig
    from alogd.offline.meter import Meter
    from alogd.offline.rows.parsing import Parsed


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect parse`."""
    parser.add_argument("--input", metavar="FILE", nargs="+", required=True, help="logs, plain or gzip; - for a pipe")
    parser.add_argument("--out-dir", metavar="DIR", type=Path, required=True, help="where the files go")
    parser.add_argument(
        "--drain-state", metavar="PATH", type=Path, help="go on from what is here, and leave what was learned here"
    )
    add_mining(parser)


def main(args: argparse.Namespace) -> int:
    """Parse, and say what was found."""
    from alogd.offline.rows import drain_state

    config = mining_config(args, args.input)
    place = drain_state.Place.of(args.drain_state) if args.drain_state else None
    before = drain_state.load(place, config) if place else b""
    parsed, state = parsed_to(args.out_dir, args.input, config, before)
    if place:
        drain_state.save(place, state, parsed.vocabulary)
    _report(parsed, args.out_dir)
    return OK


def parsed_to(out: Path, paths: list[str], config: EngineConfig, before: bytes) -> tuple[Parsed, bytes]:
    """Everything `parse` writes, and the engine's state after it. before: the state it goes on from, or none."""
    from alogd.offline.rows import parsing

    inputs = open_logs(paths)
    shown = _Shown(inputs)
    try:
        parsed, state = parsing.parse(inputs, config, out, before, shown.show)
    finally:
        shown.clear()
        for one in inputs:
            one.close()
    _write_beside(out, parsed, state, [one.name for one in inputs])
    return parsed, state


class _Shown:
    """Both passes on standard error, where that is a terminal."""

    def __init__(self, inputs: list[Input]) -> None:
        self._reading = Progress(inputs)
        self._writing: Meter | None = None
        self._bytes = 0

    def show(self, number: int, done: int) -> None:
        """As parsing.Tell."""
        from alogd.offline.meter import Meter

        if number == 1:
            self._bytes = done
            self._reading.show(f"learning templates, {size(done)}")
            return
        if self._writing is None:
            self._reading.clear()
            self._writing = Meter(self._bytes, "bytes written as rows")
        self._writing.show(done)

    def clear(self) -> None:
        """Leave no trace."""
        self._reading.clear()
        if self._writing is not None:
            self._writing.__exit__(None, None, None)


def _write_beside(out: Path, parsed: Parsed, state: bytes, names: list[str]) -> None:
    """preview.json, vocab.json and engine.alog."""
    from alogd.offline import atomic
    from alogd.offline.rows import drain_state

    known = len(parsed.vocabulary.templates)
    facts = {"inputs": names, "bytes": parsed.bytes, "lines": parsed.lines, "records": parsed.records}
    atomic.write(out / "preview.json", parsed.preview.to_json({**facts, "templates_known": known}))
    drain_state.save(drain_state.Place(out / drain_state.STATE), state, parsed.vocabulary)


def _report(parsed: Parsed, out: Path) -> None:
    known = len(parsed.vocabulary.templates)
    print(f"read      {count(parsed.lines, 'line')}, {size(parsed.bytes)}: {count(parsed.records, 'record')}")
    print(f"learned   {count(known, 'template')}, {parsed.created:,} of them new")
    if parsed.unnumbered:
        print(f"          {parsed.unnumbered:,} more stand as the one most like them: a vocabulary holds {known:,}")
    print(f"written   {out}/parsed.parquet, preview.json, vocab.json, engine.alog")
