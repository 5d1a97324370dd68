"""How the toolbox's commands are told which logs to read and how to mine them; failures name file and way out."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from alogd.cli.failures import BadData, Usage
from alogd.cli.inputs import Input, open_all
from alogd.engine.names import MASKS

if TYPE_CHECKING:
    from alogd.engine.settings import EngineConfig

# As their users know the flags; the names are the engine's but for these.
_FLAGS = {"path": "paths", "ip": "ips"}


def add_mining(parser: argparse.ArgumentParser) -> None:
    """`--no-mask-...`, `--config`, `--stream`."""
    group = parser.add_argument_group(
        "what counts as the same template", "masks are all on; a message's parts that vary by nature become <IP> ..."
    )
    for name in MASKS:
        flag = f"--no-mask-{_FLAGS.get(name, name)}"
        group.add_argument(flag, dest=f"no_{name}", action="store_true", help=f"leave what <{name.upper()}> stands for")
    group.add_argument("-c", "--config", metavar="FILE", help="mine as a stream of this configuration does")
    group.add_argument("--stream", metavar="NAME", help="that stream (the one whose patterns match the first input)")


def mining_config(args: argparse.Namespace, paths: Sequence[str]) -> EngineConfig:
    """As the daemon mines these files, without the masks that are switched off. No template is ever let go."""
    from alogd.cli.drive import choose
    from alogd.cli.settings import single_stream
    from alogd.engine.of_stream import engine_config

    if args.stream and not args.config:
        raise Usage("--stream needs a configuration: --config FILE")
    config = single_stream(paths)
    options = config.streams[0]
    if args.config:
        config, options = choose(args.config, args.stream, paths)
    mined = engine_config(options, config.alerts)
    masks = tuple(name for name in mined.masks if not getattr(args, f"no_{name}"))
    return replace(mined, masks=masks, max_clusters=None)


def open_logs(paths: Sequence[str]) -> list[Input]:
    """All of them, opened. Raises BadData for what is missing, a directory, empty or no text."""
    for path in paths:
        if path != "-" and not os.path.exists(path):
            raise BadData(f"{path}: no such file")
        if path != "-" and os.path.isfile(path) and not Path(path).stat().st_size:
            raise BadData(f"{path} is empty: there is nothing to read in it")
    return open_all(paths)
