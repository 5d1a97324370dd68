"""What detectors and calibration compute of every window: in C, or by its plain twin where that was not built."""

from __future__ import annotations

try:
    from alogd._engine import (
        count_derive,
        count_learn,
        count_power,
        digest_merge,
        digest_tail,
        group_rows,
        term_sample,
        term_scores,
        term_sums,
    )
except ImportError:  # no C compiler was at hand
    from alogd.reference.features import (
        count_derive,
        count_learn,
        count_power,
        digest_merge,
        digest_tail,
        group_rows,
        term_sample,
        term_scores,
        term_sums,
    )

__all__ = [
    "count_derive",
    "count_learn",
    "count_power",
    "digest_merge",
    "digest_tail",
    "group_rows",
    "term_sample",
    "term_scores",
    "term_sums",
]
