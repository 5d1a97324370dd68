"""Make a log of several services with labelled incidents, to try detectors on.

  alog-detect gen-synth --out synth --lines 20000 --anomaly-rate 0.02
  alog-detect gen-synth --out big/all.log --lines 8000000 --rate 10 --seed 7
  alog-detect gen-synth --out own --lines 50000 --format own --services web,api,worker,database

A web front, an API, a queue worker, a database, cron and the host write what a small shop writes: requests leave
lines in several services under one request_id, more by day than by night, more on working days. The first fifth is
quiet; then things go wrong, in six ways:

  new_template     an exception, a scanner, a full disk: lines never seen before
  burst            known lines, far too many: passwords guessed, jobs retried
  silence          a service says nothing; every line written meanwhile bears the label
  order_violation  known lines in an order they never come in: captured before authorised, paid twice
  latency_drift    everything takes longer, until slow queries are logged and requests time out
  crash            the database is killed, and what needs it fails

Written: the log; labels.csv (line, label, incident: only lines of incidents, counted from 1; the label is the kind);
incidents.csv (incident, kind, first_line, last_line, start, end, what). The same flags give the same bytes. Any size
is written as it is made, in the same small memory.
"""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from alogd.cli.failures import OK, Failed, Usage
from alogd.cli.output import count, size
from alogd.offline.meter import Meter

if TYPE_CHECKING:
    from alogd.offline.synth.write import Made

NAME = "synth.log"
MOST_LINES = 10**10


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect gen-synth`."""
    parser.add_argument(
        "--out", metavar="PATH", required=True, type=Path, help=f"a folder ({NAME} in it) or a .log file"
    )
    parser.add_argument("--lines", type=int, default=20_000, help="(20000)")
    parser.add_argument("--anomaly-rate", type=float, default=0.02, help="share of lines in incidents, 0 to 0.3 (0.02)")
    parser.add_argument("--seed", type=int, default=1, help="decides every byte (1)")
    parser.add_argument("--start", default="2026-05-04T06:00:00", help="log time of the first line, UTC (%(default)s)")
    parser.add_argument("--rate", type=float, default=2.0, help="lines a second of log time, mean of a week (2)")
    parser.add_argument(
        "--format", choices=("one", "own"), default="one", help="one header for all, or each its own (one)"
    )
    parser.add_argument("--services", metavar="LIST", help="of web,api,worker,database,system,cron (all)")


def main(args: argparse.Namespace) -> int:
    """Write the three files."""
    from alogd.offline.synth.faces import NAMES
    from alogd.offline.synth.world import Chosen
    from alogd.offline.synth.write import write

    for name, low, high in (("lines", 1, MOST_LINES), ("anomaly_rate", 0.0, 0.3), ("rate", 0.01, 10_000.0)):
        if not low <= getattr(args, name) <= high:
            raise Usage(f"--{name.replace('_', '-')} {getattr(args, name)}: a number from {low} to {high}")
    services = tuple(args.services.split(",")) if args.services else NAMES
    if unknown := [name for name in services if name not in NAMES]:
        raise Usage(f"--services {args.services}: there is no {unknown[0]!r}; there are {', '.join(NAMES)}")
    log = _place(args.out)
    chosen = Chosen(args.lines, args.anomaly_rate, args.seed, _start(args.start), args.rate, args.format, services)
    with Meter(args.lines, "lines") as meter:
        made = write(chosen, log, meter.show)
    _report(log, made, chosen.start)
    return OK


def _place(out: Path) -> Path:
    log = out if out.suffix and not out.is_dir() else out / NAME
    if log.exists() and not (log.parent / "incidents.csv").exists():
        raise Failed(f"{log} exists and was not made by gen-synth; name another file")
    log.parent.mkdir(parents=True, exist_ok=True)
    return log


def _start(text: str) -> int:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise Usage(f"--start {text}: write a time as 2026-05-04T06:00:00") from None
    seconds = int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())
    if not 0 <= seconds < 4_000_000_000:
        raise Usage(f"--start {text}: a time from 1970 to 2096")
    return seconds


def _report(log: Path, made: Made, start: int) -> None:
    hours = (made.ends - start) / 3600
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(made.kinds.items()))
    print(f"{log}  {count(made.lines, 'line')}, {size(made.bytes)}, {hours:.1f} hours of log time")
    print(f"{log.parent / 'labels.csv'}  {count(made.odd, 'odd line')}, {made.odd / max(1, made.lines):.2%}")
    print(
        f"{log.parent / 'incidents.csv'}  {count(sum(made.kinds.values()), 'incident')}{': ' + kinds if kinds else ''}"
    )
