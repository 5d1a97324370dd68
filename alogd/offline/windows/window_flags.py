"""The flags by which the toolbox's commands cut a log into windows or sessions; the daemon's defaults."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING

import msgspec

from alogd.cli.failures import BadData, Usage
from alogd.config.tree import WindowOptions

if TYPE_CHECKING:
    from alogd.models.vocabulary import Vocabulary
    from alogd.offline.windows.windowing import Key

SESSION_IDLE = 86_400.0  # seconds of quiet that end a session found by --session-regex: at rest, there is time to wait
MOST_SESSIONS = 1_000_000  # open at once
LONGEST_SESSION = 100_000  # records


def add_parsed(parser: argparse.ArgumentParser) -> None:
    """`--parsed`, `--out-dir`."""
    parser.add_argument(
        "--parsed", metavar="FILE", type=Path, required=True, help="parsed.parquet, or the directory it is in"
    )
    parser.add_argument("--out-dir", metavar="DIR", type=Path, required=True, help="where the files go")


def add_windows(parser: argparse.ArgumentParser) -> None:
    """What a window is."""
    default = WindowOptions()
    group = parser.add_argument_group("windows", "records of one key in a row; without --session-regex as the daemon's")
    group.add_argument(
        "--window-size", metavar="N", type=int, default=default.size, help=f"records of a window ({default.size})"
    )
    group.add_argument(
        "--stride", metavar="N", type=int, help=f"records from one to the next ({default.stride}, or half the size)"
    )
    group.add_argument(
        "--window", metavar="W", help='instead: "60s" of log time, or "session:2m" (ended by such a quiet)'
    )
    group.add_argument("--key", metavar="COLUMN", default="app", help="what keeps records apart: app, host, none (app)")
    group.add_argument("--session-regex", metavar="RE", help='sessions by what this finds in a line, as "blk_-?[0-9]+"')


def options_of(args: argparse.Namespace) -> WindowOptions:
    """Raises Usage."""
    from alogd.cli.drive import _window

    if args.session_regex and not (args.window or "session:").startswith("session:"):
        raise Usage("--session-regex makes sessions: --window session:2m says which quiet ends one")
    size, stride = args.window_size, args.stride or min(WindowOptions().stride, max(1, args.window_size // 2))
    if not (2 <= size <= 100_000 and 1 <= stride <= size):
        raise Usage(f"--window-size {size} --stride {stride}: a size of 2 to 100000, and a stride from 1 to the size")
    changes: dict[str, object] = {"size": size, "stride": stride}
    if args.session_regex:
        changes = {"kind": "session", "idle": SESSION_IDLE}
    changes |= _window(args.window) if args.window else {}
    if changes.get("kind") == "session":
        changes |= {"size": LONGEST_SESSION, "stride": LONGEST_SESSION, "max_age": 604_800.0, "max_keys": MOST_SESSIONS}
    return msgspec.structs.replace(WindowOptions(), **changes)


def key_of(args: argparse.Namespace) -> Key:
    """Raises Usage, and BadData when there is no parsed file."""
    from alogd.offline.windows import windowing

    return windowing.key_of(args.key, args.session_regex or "", args.parsed)


def vocabulary_beside(parsed: Path) -> Vocabulary:
    """vocab.json where parsed.parquet is. Raises BadData."""
    from alogd.models.bundle import VOCABULARY
    from alogd.models.vocabulary import Vocabulary

    place = (parsed if parsed.is_dir() else parsed.parent) / VOCABULARY
    try:
        return Vocabulary.from_json(place.read_bytes())
    except FileNotFoundError:
        raise BadData(f"{place}: no such file; alog-detect parse writes it beside parsed.parquet") from None
    except ValueError as error:
        raise BadData(f"{place}: {error}; alog-detect parse writes one") from None


def hand_on_vocabulary(parsed: Path, out: Path) -> None:
    """What sequences and counts are numbered by goes with them into another directory."""
    from alogd.models.bundle import VOCABULARY
    from alogd.offline import atomic
    from alogd.offline.rows.drain_state import STATE

    source = parsed if parsed.is_dir() else parsed.parent
    out.mkdir(parents=True, exist_ok=True)
    if source.resolve() == out.resolve():
        return
    for name in (VOCABULARY, STATE):
        if (source / name).exists():
            atomic.write(out / name, (source / name).read_bytes())
