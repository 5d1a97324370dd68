/* digest.h: a t-digest fine towards large scores only, and tail probabilities from it (alogd/judging/calibration.py).
 *
 * Plain functions over the caller's arrays; the plain Python twin is alogd/reference/features.py. */
#ifndef ALOG_DIGEST_H
#define ALOG_DIGEST_H

#include "alog.h"

/* Merges n ascending scores of weight 1 into ascending centroids, whose weights count `kept` of what they were.
 * Ties are always joined, neighbours while a centroid stays below 4 * total * (1 - quantile) / centroids, `total`
 * being the weight of all. mean and weight are the new centroids', at least old + n long. Gives their number. */
typedef struct {
    const double *mean, *weight;
    size_t count;
    double kept;
} alog_centroids;
size_t alog_digest_merge(const alog_centroids *old, const double *scores, size_t n, double centroids, double total,
                         double *mean, double *weight);

/* A digest as it is read. The tail beyond `threshold` is a generalised Pareto of `tail_mass`. */
typedef struct {
    const double *mean;     /* (count,) ascending */
    const double *at_least; /* (count + 1,) weight of the centroids from here on */
    const double *midway;   /* (count,) that less half of the centroid's own */
    size_t count;           /* at least 1 */
    double total, threshold, tail_mass, shape, scale;
    double tail_used; /* scores so large that fewer than this were as large are judged by the fitted tail */
    double smallest;  /* no probability is less */
} alog_digest;

/* out, (n,): P(score >= s) of every score. */
void alog_digest_tail(const alog_digest *digest, const double *scores, size_t n, double *out);

#endif
