/* counts.h: template counts of windows, the features of the detector `ewma` (alogd/detectors/ewma.py).
 *
 * Plain functions over columns; the plain numpy twin is alogd/reference/features.py. Nothing is kept between
 * calls; scratch is one counter a slot, and for learning a table of the rows learned, made and freed by each call. Linear in the number of records. */
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

/* Moves sums and squares, (groups, width) both, by gain[row] towards the means of the roots of the counts, and of the
 * counts, over the windows of each row; rows without a window stay. created, (rows->n,): templates created in each
 * window. Slots have to be below width. Errors as above; then nothing is changed. */
alog_status alog_count_learn(const alog_rows *rows, const double *gain, double *sums, double *squares, double *created);

/* What was learned, (groups, width) and (groups,), as alog_baseline has it; floor: of every variance. */
typedef struct {
    size_t groups, width;
    const double *sums, *squares, *weight;
    const int64_t *windows;
    double floor;
} alog_counts;

/* Writes mean, scale and usual, (groups, width), and blank, (groups,), of n rows. ALOG_INVALID when a row is none. */
alog_status alog_count_derive(const alog_counts *counts, const int64_t *row, size_t n, double *mean, double *scale,
                              double *usual, double *blank);

#endif
