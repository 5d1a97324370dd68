/* counts.h: template counts of windows, the features of the detector `ewma` (alogd/detectors/ewma.py).
 *
 * Plain functions over columns; the plain numpy twin is alogd/reference/features.py. Nothing is kept between
 * calls; scratch is one counter a slot, made and freed by each call. Linear in the number of records. */
#ifndef ALOG_COUNTS_H
#define ALOG_COUNTS_H

#include "rows.h"

/* Tables of `groups` rows with `width` slots each; slots beyond are unknown: mean 0, scale blank[row]. */
typedef struct {
    const double *mean;                 /* of the root of the count */
    const double *scale;                /* 1 / deviation */
    const double *usual;                /* (mean * scale)^4: what the slot adds when it is absent */
    const double *base;                 /* (groups,) sum of `usual` */
    const double *blank;                /* (groups,) 1 / deviation of a count that was never seen */
    double novelty_mean, novelty_scale; /* of the root of the templates created in a window */
} alog_baseline;

/* out, (rows->n,): the sum over slots of ((root of count - mean) * scale)^4, absent slots and novelty included.
 * A slot created in the window counts as unknown. ALOG_NOMEM, or ALOG_INVALID (see alog_rows_check). */
alog_status alog_count_power(const alog_rows *rows, const alog_baseline *baseline, double *out);

/* Adds the root of each count, and the count, of the windows whose row is not negative to roots and counts,
 * (groups, width) both; created, (rows->n,): templates created in each window. Slots have to be below width. Errors as
 * above; then nothing is changed. */
alog_status alog_count_sums(const alog_rows *rows, double *roots, double *counts, double *created);

#endif
