"""Names the commands of `alog-detect`, the offline toolbox (what runs them: alogd/cli/front.py)."""

from __future__ import annotations

from collections.abc import Sequence

from alogd.cli.front import Program, run

# One line a command: its group, name and what it does. Its module is alogd.offline.commands.<name, _ for ->.
COMMANDS = (
    ("All at once", "pipeline", "one log through all steps, to its report"),
    ("All at once", "batch", "every log of a directory, and one report over all"),
    ("Step by step", "parse", "logs of any size -> parsed.parquet: one row a record, with its template"),
    ("Step by step", "build-deeplog", "parsed.parquet -> sequences.parquet: sessions of templates"),
    ("Step by step", "build-logbert", "the same, cut to the length LogBERT looks at"),
    ("Step by step", "build-mscred", "parsed.parquet -> window_counts.parquet: template counts of windows"),
    ("Step by step", "detect", "parsed.parquet -> baseline_scores.parquet: the ewma detector, no training"),
    ("Model by model", "deeplog-train", "sequences.parquet -> deeplog.pth, deeplog.onnx"),
    ("Model by model", "deeplog-infer", "sequences.parquet -> deeplog_infer.parquet: what was not expected next"),
    ("Model by model", "logbert-train", "sequences.parquet -> logbert.pth, logbert.onnx"),
    ("Model by model", "logbert-infer", "sequences.parquet -> logbert_infer.parquet: what was not expected there"),
    ("Model by model", "mscred-train", "window_counts.parquet -> mscred.pth, mscred.onnx"),
    (
        "Model by model",
        "mscred-infer",
        "window_counts.parquet -> mscred_infer.parquet: counts that do not fit",
    ),
    ("Model by model", "convert", "weights (.pth) and vocab.json -> .onnx, also of a directory that is watched"),
    ("Model by model", "analyze-mscred", "which windows, which templates, which relations between them"),
    ("Models", "train", "train on all logs of a directory, judge, put into service"),
    ("Models", "infer", "judge a log by trained models"),
    ("Models", "validate", "are models sound, and how good (0-100)?"),
    ("Models", "compare", "two models side by side, on the same log"),
    ("Look inside", "files", "the files these commands write, their columns; whether one is sound"),
    ("Look inside", "report", "what is in the log, when it was odd and why, with pictures"),
    ("Look inside", "analyze-samples", "each anomaly with the lines around it, like ones together"),
    ("Look inside", "risk", "all anomalies by risk, as CSV"),
    ("Look inside", "analyze-temporal", "by hour and weekday; when a template's rate changed for good"),
    ("Look inside", "analyze-comparative", "what differs between a log and others, beyond chance"),
    ("Look inside", "eval", "detectors beside labels: right, wrong, found, late"),
    ("Look inside", "select", "detectors side by side on labelled data, the best first"),
    ("Look inside", "evaluate", "trained models on labelled or faked anomalies, checkpoint by checkpoint"),
    ("Try out", "gen-synth", "make a log of several services with labelled incidents"),
)

ABOUT = """\
alog-detect analyses logs at rest, with the engine and the detectors of alogd. Each step reads files of the one before.

usage: alog-detect COMMAND [options]          alog-detect COMMAND --help says more
"""

EXAMPLES = """
Examples
  alog-detect pipeline --input app.log --out-dir out  everything there is to know of one log
  alog-detect parse --input app.log --out-dir out     templates, masked text, times, hosts
  alog-detect files                                   what is in which file
  alog-detect files out/*.parquet                     are these sound?

Exit codes
  0 done    1 failed    2 wrong usage    65 the input cannot be used    78 the configuration is wrong
"""

PROGRAM = Program("alog-detect", "alogd.offline.commands", COMMANDS, ABOUT, EXAMPLES)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command line; the exit code. Failures end as one line on standard error."""
    return run(PROGRAM, arguments)
