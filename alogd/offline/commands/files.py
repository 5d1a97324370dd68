"""The files these commands write and read, their columns, and whether one is sound.

  alog-detect files                      every kind of file, and the command that makes it
  alog-detect files out/parsed.parquet   read it to its end: right columns, nothing damaged

A file is known by its name. Columns beyond the ones named are allowed, and kept.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK, Usage
from alogd.cli.output import count


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect files`."""
    parser.add_argument("paths", metavar="FILE", nargs="*", help="files to check, by their usual names")


def main(args: argparse.Namespace) -> int:
    """Check the files named; describe all kinds where none is."""
    from alogd.offline import tables

    if not args.paths:
        _describe()
    for path in args.paths:
        kind = tables.by_name(path)
        if kind is None:
            known = ", ".join(one.file for one in tables.KINDS)
            raise Usage(f"{path}: files are known by their names, and there are: {known}")
        rows = sum(len(part) for part in tables.batches(path, kind))
        print(f"{path}: sound, {count(rows, 'row')}")
    return OK


def _describe() -> None:
    from alogd.offline import tables

    for kind in tables.KINDS:
        print(f"{kind.file}: {kind.about}  (alog-detect {kind.made_by})")
        for column in kind.schema:
            print(f"  {column.name:<21}{str(column.type).partition('<values=')[0]}")
