/* terms.h: successions of templates in windows, the features of the detector `loganomaly`.
 *
 * A window is cut into chunks of `lines` records. The terms of a chunk are its templates and its pairs of
 * successive templates; terms of the vocabulary are a feature each, all others share the last. A feature's value is
 * its occurrences x idf / records of the chunk. The plain numpy twin is alogd/reference/features.py. Nothing is
 * kept between calls; scratch (the vocabulary's hash table, one chunk) is made and freed by each call. */
#ifndef ALOG_TERMS_H
#define ALOG_TERMS_H

#include "rows.h"

/* In a term (slot before << 32 | slot): stands for the slot before in a term of one template. */
#define ALOG_TERM_SINGLE UINT32_C(0x7FFFFFFF)

typedef struct {
    const int64_t *terms; /* (features,) term of each feature; negative: the feature is free */
    const double *idf;    /* (features + 1,) */
    size_t features;      /* the rows' width is one more */
    size_t lines;
} alog_vocabulary;

/* out, (rows->n,): the largest |value - mean| * scale over features and chunks of each window; mean and scale are
 * (groups, features + 1). ALOG_NOMEM, or ALOG_INVALID (see alog_rows_check; width or lines do not fit). */
alog_status alog_term_scores(const alog_rows *rows, const alog_vocabulary *vocabulary, const double *mean,
                             const double *scale, double *out);

/* Adds value, and value squared, of every chunk of the windows whose row is not negative to sums and squares,
 * (groups, features + 1) both. Errors as above; then nothing is changed. */
alog_status alog_term_sums(const alog_rows *rows, const alog_vocabulary *vocabulary, double *sums, double *squares);

/* Copies chunks `skip` to `skip + count` of those windows into a ring of `ring` chunks from place `first` on: their
 * slots, filled up to `lines` with UINT32_MAX, and their row. */
typedef struct {
    size_t lines, skip, count, first, ring;
    uint32_t *slots; /* (ring, lines) */
    int64_t *row;    /* (ring,) */
} alog_term_sample;
alog_status alog_term_sample_fill(const alog_rows *rows, const alog_term_sample *sample);

#endif
