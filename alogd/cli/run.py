"""Follow logs, learn what is usual, raise alerts.

  alogd run                         with ./configs/alogd.yaml or /etc/alogd/alogd.yaml
  alogd run -c FILE
  alogd run app.log worker.log      these files, all defaults, no configuration
  alogd run app.log --once          read what is there, then stop
  journalctl -f | alogd run -       standard input; it cannot be resumed

Stop it with Ctrl-C or SIGTERM: it saves what it has learned and goes on from there the next time.
"""

from __future__ import annotations

import argparse
import asyncio
import gc
import hashlib
import os
import shutil
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from alogd.cli.failures import Usage
from alogd.cli.settings import add_config, require_config, single_stream
from alogd.config.tree import Config
from alogd.daemon.memory import dump_nothing, keep_little


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd run`."""
    parser.add_argument("file", nargs="*", help="follow these files instead of what a configuration says")
    add_config(parser)
    parser.add_argument("--state-dir", "--state", metavar="DIR", help="where positions and what is learned are kept")
    parser.add_argument("--once", action="store_true", help="read what is there, then stop")
    parser.add_argument("--from-beginning", action="store_true", help="read files whole that were there before")
    parser.add_argument("--listen", metavar="HOST:PORT", help="metrics, health and API (127.0.0.1:9178)")


def main(args: argparse.Namespace) -> int:
    """Until it is told to stop, or the files named are read (`--once`)."""
    if args.listen:
        _check_listen(args.listen)
    if args.file and args.config:
        raise Usage("name files, or a configuration, not both")
    keep_little()
    dump_nothing()
    gc.disable()  # little of what start-up makes is garbage; the daemon turns it on when reading has begun
    try:
        return _run(args)
    finally:
        gc.enable()


def _check_listen(address: str) -> None:
    from alogd.config.load import check_listen

    if message := check_listen(address):
        raise Usage(f"--listen: {message}")


def _run(args: argparse.Namespace) -> int:
    from alogd.daemon.daemon import run

    if args.file:
        config = _with_flags(_for_files(args.file), args)
        return asyncio.run(run(config, config_path=None, once=args.once, command=_called()))
    loaded = require_config(args.config)
    return asyncio.run(
        run(
            _with_flags(loaded.config, args),
            config_path=loaded.name,
            once=args.once,
            reload=lambda: _again(loaded.name, args),
            command=_called(),
        )
    )


def _again(name: str, args: argparse.Namespace) -> Config:
    from alogd.config.load import load_config

    return _with_flags(load_config(Path(name)), args)


def _called() -> str:
    """What to type for alogd: its name where the shell finds it, else the path it was called by."""
    name = sys.argv[0]
    if os.path.basename(name) != "alogd" or shutil.which("alogd") == os.path.abspath(name):
        return "alogd"
    return name


def _for_files(paths: list[str]) -> Config:
    for path in paths:
        if path == "-":
            continue
        os.stat(path)  # a file that is misspelt is better said now than waited for
    config = single_stream(paths)
    return replace(config, state=replace(config.state, directory=str(_own_state(paths))))


def _own_state(paths: list[str]) -> Path:
    """A state directory for these files, so that naming them again goes on where it stopped."""
    base = os.environ.get("XDG_STATE_HOME") or os.path.expanduser("~/.local/state")
    name = hashlib.sha256("\0".join(sorted(map(os.path.abspath, paths))).encode("utf-8", "surrogateescape")).hexdigest()
    return Path(base, "alogd", f"files-{name[:12]}")


def _with_flags(config: Config, args: argparse.Namespace) -> Config:
    """What the command line says goes before what the file says."""
    if args.state_dir:
        config = replace(config, state=replace(config.state, directory=args.state_dir))
    if args.listen:
        config = replace(config, http=replace(config.http, listen=args.listen))
    if args.from_beginning:
        streams = [replace(stream, collect=tuple(map(_whole, stream.collect))) for stream in config.streams]
        config = replace(config, streams=tuple(streams))
    return config


def _whole(collector: Mapping[str, Any]) -> dict[str, Any]:
    return {**collector, "start": "beginning"} if collector["kind"] == "file" else dict(collector)
