"""The trained models: which there are, how good they are, and which is in service.

  alogd models list models               newest first; * is in service
  alogd models show models NAME          what it was trained on, and its quality part by part
  alogd models validate models NAME      every hash, and that ONNX Runtime runs it
  alogd models compare models OLD NEW --from app.log    both judged on the same lines
  alogd models promote models NAME       put it into service; a running daemon takes it within seconds
  alogd models rollback models           back to the one promoted before

NAME may be any beginning that only one has, or "current".
"""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import Any

import msgspec

from alogd.cli.failures import OK, BadData, Failed, Usage
from alogd.cli.output import add_output, count, emit, safe, table, use_color
from alogd.cli.settings import add_config
from alogd.models import bundle
from alogd.models.bundle import IN_SERVICE, BadBundle, Bundle, Manifest

ACTIONS = {"list": 0, "show": 1, "validate": 1, "compare": 2, "promote": 1, "rollback": 0}  # names each takes


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alogd models`."""
    parser.add_argument("action", choices=tuple(ACTIONS))
    parser.add_argument("models", metavar="MODELS", type=Path, help="the directory `alogd retrain --out` writes")
    parser.add_argument("name", metavar="NAME", nargs="*", help="a bundle in it")
    parser.add_argument("--from", dest="paths", metavar="FILE", nargs="+", help="compare: logs to judge both on")
    parser.add_argument("--stream", metavar="NAME", help="compare: read them as this stream of the configuration")
    add_config(parser)
    add_output(parser)


def main(args: argparse.Namespace) -> int:
    """Do one of ACTIONS."""
    if len(args.name) != ACTIONS[args.action]:
        raise Usage(f"models {args.action}: {count(ACTIONS[args.action], 'name')} wanted, {len(args.name)} given")
    if not args.models.is_dir():
        raise Failed(f"{args.models}: no such directory; train a model: alogd retrain --out {args.models}")
    places = [_place(args.models, name) for name in args.name]
    does = {"list": _list, "show": _show, "validate": _validate, "compare": _compare, "promote": _promote}
    return does[args.action](args, places) if args.action != "rollback" else _rollback(args)


def _places(models: Path) -> list[Path]:
    """Of all bundles, oldest first: their names begin with the moment they were written."""
    return sorted(path for path in models.iterdir() if path.is_dir() and not path.is_symlink() and path.name[0] != ".")


def _place(models: Path, name: str) -> Path:
    if name == IN_SERVICE:
        if (found := bundle.in_service(models)) is None:
            raise Failed(f"{models}: no model is in service")
        return found
    fitting = [path for path in _places(models) if path.name.startswith(name)]
    exact = [path for path in fitting if path.name == name]
    if len(exact or fitting) != 1:
        there = ", ".join(path.name for path in (fitting or _places(models))) or "none"
        raise Failed(f"{name!r} names {count(len(fitting), 'model')} in {models}; there are: {there}")
    return (exact or fitting)[0]


def _list(args: argparse.Namespace, places: list[Path]) -> int:
    from alogd.offline.models import history

    current = bundle.in_service(args.models)
    since = {one.bundle: one.at for one in history.read(args.models)}
    rows: list[dict[str, Any]] = []
    for path in reversed(_places(args.models)):
        try:
            rows.append(_row(path, bundle.read_manifest(path), path == current) | {"promoted": since.get(path.name)})
        except BadBundle as error:
            rows.append({"name": path.name, "in_service": path == current, "problem": str(error)})
    if args.output != "table":
        emit(rows, args.output)
        return OK
    cells = [
        (
            "*" if row["in_service"] else "",
            row["name"],
            row.get("quality", "-"),
            row.get("lines", 0),
            (row.get("promoted") or "never")[:16].replace("T", " "),
            row.get("problem") or ", ".join(row["trained_on"]),
        )
        for row in rows
    ]
    table(("", "name", "quality", "lines", "promoted", "trained on"), cells, use_color(args.no_color))
    print(f"\n{count(len(rows), 'model')}, {'one' if current else 'none'} in service")
    return OK


def _row(path: Path, manifest: Manifest, in_service: bool) -> dict[str, Any]:
    return {
        "name": path.name,
        "in_service": in_service,
        "created": manifest.created,
        "quality": manifest.quality.total,
        "lines": manifest.trained_on.lines,
        "trained_on": list(manifest.trained_on.paths),
    }


def _show(args: argparse.Namespace, places: list[Path]) -> int:
    from alogd.offline.models import history
    from alogd.offline.models.quality import PARTS

    manifest = bundle.read_manifest(places[0])
    if args.output != "table":
        emit([msgspec.to_builtins(manifest)], args.output)
        return OK
    trained = manifest.trained_on
    print(f"name        {places[0].name}{' (in service)' if places[0] == bundle.in_service(args.models) else ''}")
    print(f"created     {manifest.created} by alogd {manifest.alogd}")
    print(
        f"trained on  {count(trained.lines, 'line')}, {count(trained.sessions, 'window')}, seed {trained.seed}: "
        f"{safe(', '.join(trained.paths))}"
    )
    print(f"quality     {manifest.quality.total:g} of 100")
    for name, value in manifest.quality.parts.items():
        print(f"  {name:<20}{value:5.1f} %  {PARTS.get(name.rpartition('.')[2], '')}".rstrip())
    for name, value in manifest.thresholds.items():
        print(f"threshold   {name} {value:.3f}")
    for name, facts in manifest.files.items():
        print(f"file        {name:<16}{facts.bytes:>12,} bytes  sha256 {facts.sha256[:16]}...")
    for one in history.read(args.models):
        if one.bundle == places[0].name:
            print(f"put into service  {one.at} by {one.by}, instead of {one.before or 'none'}: {safe(one.why)}")
    return OK


def _validate(args: argparse.Namespace, places: list[Path]) -> int:
    read = bundle.read(places[0])
    from alogd.detectors._in_service import kinds, load, of_kind

    found = kinds(read)
    for kind in found:
        load(read, kind, of_kind(kind))
    print(
        f"{places[0].name}: {count(len(read.files), 'file')} sound, "
        f"ONNX Runtime runs {', '.join(found) or 'no model'}, "
        f"{count(len(read.vocabulary.templates), 'template')}"
    )
    return OK


def _compare(args: argparse.Namespace, places: list[Path]) -> int:
    if not args.paths:
        raise Usage("models compare: name logs to judge both on, --from FILE ...")
    from alogd.cli.drive import choose
    from alogd.cli.inputs import Progress, open_all
    from alogd.offline.models import corpus, quality

    both: list[Bundle] = [bundle.read(place) for place in places]
    config, options = choose(args.config, args.stream, args.paths)
    windows = msgspec.convert(both[1].manifest.windows, type(options.windows))
    inputs = open_all(args.paths)
    bar = Progress(inputs)
    try:
        told = corpus.read(
            inputs, msgspec.structs.replace(options, windows=windows), config.alerts, lambda n: bar.show(f"{n:,} lines")
        )
    except ValueError as error:
        raise BadData(f"{', '.join(args.paths)}: {error}") from None
    finally:
        bar.clear()
        for one in inputs:
            one.close()
    found = [quality.of_bundle(one, told.vocabulary, told.sessions, seed=1) for one in both]
    rows = [{"name": one.path.name, "quality": q.total, **q.parts} for one, q in zip(both, found, strict=True)]
    if args.output != "table":
        emit(rows, args.output)
        return OK
    table(tuple(rows[0]), [tuple(row.values()) for row in rows], use_color(args.no_color))
    print(f"\non {count(len(told.sessions), 'window')} of {count(told.lines, 'line')}")
    return OK


def _promote(args: argparse.Namespace, places: list[Path]) -> int:
    from alogd.offline.models import bundle as bundles

    read = bundle.read(places[0])  # whole, before anyone uses it
    bundles.promote(places[0], "promote", "by hand", read.manifest.quality.total)
    print(f"{places[0].name} is in service")
    return OK


def _rollback(args: argparse.Namespace) -> int:
    """To the newest sound bundle that was in service before; where the history knows none, to the newest older one."""
    from alogd.offline.models import bundle as bundles
    from alogd.offline.models import history

    current = _place(args.models, IN_SERVICE)
    was = [args.models / name for name in history.predecessors(history.read(args.models), current.name)]
    older = [path for path in reversed(_places(args.models)) if path.name < current.name and path not in was]
    for path in [*was, *older]:
        try:
            read = bundle.read(path)
        except BadBundle as error:
            print(f"left out: {error}")
            continue
        bundles.promote(path, "rollback", f"instead of {current.name}", read.manifest.quality.total)
        print(f"{path.name} is in service again, {current.name} is not")
        return OK
    raise Failed(f"{args.models}: no sound model is older than {current.name}, and none was in service before it")
