"""Try trained models on sessions whose truth is known: a row for every checkpoint, pictures of scores and verdicts.

  alog-detect evaluate --checkpoint models --seq out --generate-fake-anomaly
  alog-detect evaluate --checkpoint models/2026* --seq out --generate-fake-anomaly --anomaly-ratio 0.05 --seed 7
  alog-detect evaluate --checkpoint models --seq out --labels blocks.csv
  alog-detect evaluate --checkpoint epochs/*.onnx --seq out --generate-fake-anomaly

A checkpoint is a model bundle as `alogd retrain --out` writes, a file in one, a directory of bundles, which stands for
the one in service, or the .onnx of one model, as the *-train commands write it. Several make as many rows: with
`deeplog-train --each-epoch epochs`, those of one training, epoch by epoch. Sessions are those
of sequences.parquet with the vocab.json beside it; use some that the model was not trained on. Their truth is that of
--labels (session,label), or made: into a share of them goes a template in another's place, one ten times over, a
stretch reversed or lost. Writes evaluation.md, evaluation.json and pictures/ into --out-dir.
"""

from __future__ import annotations

import argparse
from pathlib import Path

from alogd.cli.failures import OK, BadData, Usage


def arguments(parser: argparse.ArgumentParser) -> None:
    """Flags of `alog-detect evaluate`."""
    parser.add_argument("--checkpoint", metavar="PATH", nargs="+", required=True, type=Path, help="bundles")
    parser.add_argument("--seq", metavar="FILE", required=True, type=Path, help="sequences.parquet, or its directory")
    parser.add_argument(
        "--generate-fake-anomaly", action="store_true", help="put anomalies into a share of the sessions"
    )
    parser.add_argument("--anomaly-ratio", type=float, default=0.1, help="that share (0.1)")
    parser.add_argument("--labels", metavar="CSV", type=Path, help="session,label instead")
    parser.add_argument("--seed", type=int, default=1, help="of what is put where (1)")
    parser.add_argument("--out-dir", metavar="DIR", type=Path, default=Path("evaluation"), help="(evaluation)")


def main(args: argparse.Namespace) -> int:
    """Score, compare, write, print."""
    from alogd.cli.output import table
    from alogd.offline.meter import Meter
    from alogd.offline.verdicts import evaluation

    if bool(args.labels) == args.generate_fake_anomaly:
        raise Usage("say where the truth comes from: --labels CSV or --generate-fake-anomaly, one of the two")
    if not 0 < args.anomaly_ratio < 1:
        raise Usage(f"--anomaly-ratio {args.anomaly_ratio}: a share between 0 and 1")
    sessions, vocabulary, keys = evaluation.read_sessions(args.seq)
    if args.labels:
        from alogd.offline.verdicts.labels import of_sessions

        known, truth = of_sessions(args.labels, keys)
        sessions = sessions.take(known)
    else:
        sessions, truth = evaluation.with_fakes(sessions, args.anomaly_ratio, len(vocabulary), args.seed)
    found = []
    with Meter(len(args.checkpoint), "checkpoints") as meter:
        for number, path in enumerate(args.checkpoint):
            found += evaluation.trials_of(path, vocabulary, sessions, truth)
            meter.show(number + 1)
    if not found:
        raise BadData(f"{args.checkpoint[0]}: no model in it")
    how = "labelled" if args.labels else "made"
    about = f"{len(sessions):,} sessions, {int(truth.sum()):,} of them odd ({how})."
    print(about)
    table(evaluation.HEADS, evaluation.rows(found), color=False)
    print(f"\n{evaluation.write(args.out_dir, found, about)}")
    return OK
