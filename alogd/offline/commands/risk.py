"""List all anomalies by risk: anomalies_with_risk.csv, one file for each level, and risk_summary.txt.

  alog-detect risk --processed-dir out
  alog-detect risk --processed-dir out --budget 20/day

Risk is the daemon's: 0.6 x anomaly + 0.4 x severity, 0 to 100. Anomaly says how rare the detectors find it together: 50
where the budget of alerts begins, 100 for what is a hundred times rarer. Severity is that of its worst line.
Levels: CRITICAL from 80, HIGH from 60, MEDIUM from 40, LOW from 20, INFO. Written into the processed directory:
anomalies_with_risk.csv, risk_critical.csv, risk_high.csv, risk_medium.csv, risk_low.csv, risk_info.csv and
risk_summary.txt.
"""

from __future__ import annotations

import argparse

from alogd.cli.failures import OK
from alogd.offline.commands.report import add_common as arguments
from alogd.offline.commands.report import budget

__all__ = ["arguments", "main"]


def main(args: argparse.Namespace) -> int:
    """Write all of them; print the summary."""
    from alogd.offline.reports import risks
    from alogd.offline.verdicts.processed import Processed

    print(risks.write(Processed(args.processed_dir), budget(args.budget)), end="")
    return OK
