"""The flags that say which configuration and which state a command works on, and their opening."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alogd.cli.failures import Failed, Usage
from alogd.config import Config, StreamOptions
from alogd.config_load import SEARCH, Loaded, find_config, load

if TYPE_CHECKING:
    from alogd.state import Reader


def add_config(parser: argparse.ArgumentParser) -> None:
    """`--config`."""
    parser.add_argument("-c", "--config", metavar="FILE", help=f"configuration ({' or '.join(SEARCH)})")


def add_state(parser: argparse.ArgumentParser) -> None:
    """`--state`, with `--config` to find it by."""
    add_config(parser)
    parser.add_argument("--state", metavar="DIR", help="a daemon's state directory (the configuration's)")


def read_config(path: str | None) -> Loaded | None:
    """The configuration named, else the first of SEARCH, said on standard error; None when there is none."""
    if path is not None:
        return load(Path(path))
    found = find_config()
    if found is None:
        return None
    print(f"configuration: {found}", file=sys.stderr)
    return load(found)


def require_config(path: str | None) -> Loaded:
    """As `read_config`; having none is an error."""
    if loaded := read_config(path):
        return loaded
    raise Failed(f"no configuration; name one with --config (looked for {' and '.join(SEARCH)})")


def config_or_default(path: str | None) -> Config | None:
    """The configuration a command named or found, without saying so; None when there is none."""
    place = Path(path) if path is not None else find_config()
    return load(place).config if place else None


def single_stream(paths: Sequence[str]) -> Config:
    """What the daemon runs on when files are named and no configuration is: one stream, all defaults."""
    include = tuple(os.path.abspath(path) for path in paths)
    return Config(streams=(StreamOptions(name="files", collect=({"kind": "file", "include": include},)),))


@contextmanager
def open_state(args: argparse.Namespace) -> Iterator[Reader]:
    """A daemon's state, read only."""
    from alogd.state import Reader

    config = None if args.state else config_or_default(args.config)
    if not args.state and config is None:
        raise Usage("whose state? name it with --state or --config")
    reader = Reader.open(args.state or config.state.directory)  # type: ignore[union-attr]
    try:
        yield reader
    finally:
        reader.close()
