"""Whether trained models are sound, and how good they are (0-100), part by part.

  alog-detect validate models
  alog-detect validate models/20261123T041503.123456Z-9f2c

Reads every file against its hash, runs every graph in ONNX Runtime, and tells the quality found when it was trained:
how quiet it stayed on normal sessions held back, and what it found of anomalies injected into them.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from alogd.cli.failures import OK
from alogd.cli.output import count


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect validate`."""
    parser.add_argument("models", metavar="MODELS", type=Path, help="a directory of models, or one bundle")


def main(args: argparse.Namespace) -> int:
    """Read all, run all, tell the quality."""
    from alogd.detectors._in_service import kinds, load, of_kind
    from alogd.models import bundle
    from alogd.offline.verdicts.inference import place_of

    read = bundle.read(place_of(args.models))
    names = kinds(read)
    for kind in names:
        load(read, kind, of_kind(kind))
    quality = read.manifest.quality
    print(f"{read.path}: {count(len(read.files), 'file')} sound, ONNX Runtime runs {', '.join(names) or 'no model'}")
    print(f"quality   {quality.total:g} of 100")
    for name, value in quality.parts.items():
        print(f"  {name:<28}{value:6.1f} %")
    return OK
