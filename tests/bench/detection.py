"""What the default settings detect on real labelled logs, without labels and in time order: `make detection`.

Prints, beside the floors that trivial methods reach: HDFS blocks as session windows, a quiet Linux host's alerts
against the budget, and 392 kernel crash reports spliced into that host's log.
"""

from __future__ import annotations

import csv
import gzip
import io
import re
import sys
import tarfile
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from sklearn.metrics import average_precision_score, precision_recall_fscore_support, roc_auc_score

from alogd.config.tree import Alerts, EngineOptions, Risk, StreamOptions, UserMask, WindowOptions
from alogd.event import Alert, Bool
from alogd.judging.verdict import Verdict
from alogd.stream import Stream

DATA = Path(__file__).parents[2].parent / "shared" / "data"
BUDGET = 5.0  # alerts a day, the default
BLOCK = 1 << 18


@dataclass
class Run:
    """A stream over one log held in memory."""

    data: bytes
    options: StreamOptions
    verdicts: list[Verdict] = field(default_factory=list)
    alerts: list[Alert] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.stream = Stream(
            self.options,
            alerts=Alerts(),
            risk=Risk(),
            budget_per_day=BUDGET,
            text=lambda source, offset, length: self.data[offset : offset + length],
            names=lambda source: "log",
        )

    def feed(self, begin: int = 0, *, year: int = 2005) -> Run:
        """Feed everything from `begin` on, as a file that then falls quiet."""
        judge = self.stream.judge.judge

        def remember(windows):  # type: ignore[no-untyped-def]
            self.verdicts.append(judge(windows))
            return self.verdicts[-1]

        self.stream.judge.judge = remember  # type: ignore[method-assign]
        self.stream.open(0, offset=begin, year=year)
        for at in range(begin, len(self.data), BLOCK):
            self.alerts += self.stream.feed(0, self.data[at : at + BLOCK])
        self.alerts += self.stream.settle(0)
        self.alerts += self.stream.tick((self.stream.watermark_ns or 0) + 30 * 86400 * 10**9)
        return self


def options(**engine: object) -> StreamOptions:
    """Default settings of a stream."""
    return StreamOptions(name="bench", collect=({"kind": "file", "include": ["log"]},), **engine)  # type: ignore[arg-type]


def hdfs() -> Iterator[str]:
    """Blocks as sessions; a block's score is that of its worst session."""
    log = gzip.decompress((DATA / "hdfs/hdfs_dev.log.gz").read_bytes())
    rows = csv.DictReader(io.StringIO((DATA / "hdfs/hdfs_dev_labels.csv").read_text()))
    bad = {row["BlockId"].encode(): row["Label"] != "Normal" for row in rows}
    for idle, name in ((43200.0, "12 h"), (120.0, "default, 2 min")):
        run = Run(
            log,
            options(
                engine=EngineOptions(user_masks=(UserMask(name="BLOCK", pattern=r"blk_-?[0-9]+"),)),
                windows=WindowOptions(
                    kind="session", key={"mask": "BLOCK"}, size=5000, idle=idle, max_age=2.5e5, max_keys=20_000
                ),
            ),
        ).feed()
        windows = sum(len(verdict.odd) for verdict in run.verdicts)
        yield f"HDFS dev, {windows} session windows (idle {name}), the first 10 % not judged"
        yield from _ranked(run, bad)


def _ranked(run: Run, bad: dict[bytes, bool]) -> Iterator[str]:
    blocks: list[bytes] = []
    for verdict in run.verdicts:
        windows = verdict.windows
        for begin in windows.start[:-1]:
            offset, length = int(windows.offset[begin]), int(windows.length[begin])
            found = re.search(rb"blk_-?\d+", run.data[offset : offset + length])
            blocks.append(found.group() if found else b"")
    columns = {
        "ewma": np.concatenate([v.scores["ewma"] for v in run.verdicts]),
        "loganomaly": np.concatenate([v.scores["loganomaly"] for v in run.verdicts]),
        "fused": np.concatenate([v.fused for v in run.verdicts]),
        "risk": np.concatenate([v.risk + 1e-3 * v.fused for v in run.verdicts]),
        "odd at the default budget": np.concatenate([v.odd.astype(float) for v in run.verdicts]),
    }
    skip = len(blocks) // 10
    for name, scores in columns.items():
        worst: dict[bytes, float] = {}
        for block, score in zip(blocks[skip:], scores[skip:], strict=True):
            worst[block] = max(worst.get(block, -1.0), float(score))
        truth = np.array([bad[block] for block in worst])
        score = np.array(list(worst.values()))
        if name.startswith("odd"):
            p, r, f, _ = precision_recall_fscore_support(truth, score > 0, average="binary", zero_division=0)
            yield f"  {name}: {int((score > 0).sum())} blocks, precision {p:.3f} recall {r:.3f} F1 {f:.3f}"
            continue
        best = max(_f1(truth, score >= edge) for edge in np.unique(np.quantile(score, np.linspace(0.8, 1, 400))))
        auroc, ap = roc_auc_score(truth, score), average_precision_score(truth, score)
        yield f"  {name:10s} AUROC {auroc:.3f}  AP {ap:.3f}  best F1 with an oracle threshold {best:.3f}"


def _f1(truth: Bool, guess: Bool) -> float:
    hits = float((truth & guess).sum())
    return 2 * hits / float(truth.sum() + guess.sum()) if hits else 0.0


def quiet_linux() -> bytes:
    """A Linux host's syslog, June to November."""
    return gzip.decompress((DATA / "linux/linux_quiet.log.gz").read_bytes())


def quiet() -> Iterator[str]:
    """Alerts on a log with no big incident."""
    run = Run(quiet_linux(), options()).feed()
    opened = [alert for alert in run.alerts if alert.status == "firing" and alert.windows == 1]
    days = (run.verdicts[-1].windows.closed_ns[-1] - run.verdicts[0].windows.closed_ns[0]) / 86400e9
    per_day = len(opened) / days
    yield f"linux_quiet: {len(opened)} alerts in {days:.0f} days, {per_day:.3f} a day; budget {BUDGET:g} a day"
    for alert in opened:
        yield f"  {alert.level:8s} risk {alert.risk:5.1f}  {alert.title[:100]}"


def reports() -> Iterator[tuple[str, list[bytes]]]:
    """(title, lines without stamps) of every kernel crash report; "" where the file expects no crash."""
    with tarfile.open(DATA / "kernel/syzkaller_reports_dev.tar.gz") as archive:
        for member in sorted((m for m in archive if m.isfile()), key=lambda m: m.name):
            content = archive.extractfile(member)
            if content is None or not re.search(r"reports/\d+$", member.name):
                continue
            head, _, body = (b"\n" + content.read()).partition(b"\n\n")
            title = re.search(rb"TITLE: (.*)", head)
            lines = [re.sub(rb"^\[ *\d+\.\d+\](\[[^\]]*\])? ?", b"", line) for line in body.splitlines()]
            yield title.group(1).decode() if title else "", [line for line in lines if line.strip()]


def spliced(base: bytes) -> Iterator[tuple[str, float]]:
    """(title, largest risk of an alert) for every report, appended to a log in syslog format."""
    lines = base.splitlines(keepends=True)
    before = b"".join(lines[: len(lines) * 4 // 5])
    stamp = lines[len(lines) * 4 // 5 - 1][:15]
    learned = Run(before, options())
    learned.stream.open(0, year=2005)
    learned.stream.feed(0, before)
    saved, offset = learned.stream.save(), learned.stream.consumed(0)
    for title, report in reports():
        crash = b"".join(stamp + b" combo kernel: " + line + b"\n" for line in report)
        run = Run(before + crash, options())
        run.stream.load(saved)
        run.feed(offset)
        yield title, max((alert.risk for alert in run.alerts), default=0.0)


def kernel() -> Iterator[str]:
    """Share of reports that raise HIGH or above, in the whole host's log and in its kernel lines alone."""
    whole = quiet_linux()
    alone = b"".join(line for line in whole.splitlines(keepends=True) if b" kernel: " in line)
    for name, base in (("the host's log", whole), ("its kernel lines alone", alone)):
        risks = list(spliced(base))
        high = sum(risk >= Risk().high for _, risk in risks)
        crashes = [risk for title, risk in risks if title]
        yield f"kernel reports in {name}: {high} of {len(risks)} at HIGH or above, {high / len(risks):.1%}"
        share = sum(risk >= Risk().high for risk in crashes) / len(crashes)
        yield f"  of the {len(crashes)} that are crashes by their own title: {share:.1%}"


def main() -> int:
    """Print all of it; 0 also where the data are absent, which is said."""
    if not DATA.is_dir():
        print(f"no data at {DATA}: nothing to measure")
        return 0
    for part in (hdfs, quiet, kernel):
        for line in part():
            print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
