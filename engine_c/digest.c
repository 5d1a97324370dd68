/* digest.c: see digest.h. */
#include "digest.h"

#include <math.h>

/* ---- merging ---- */

typedef struct {
    double *mean, *weight;
    size_t count;
    double before; /* weight of the centroids that are done: all but the last */
    double total, centroids;
} merged;

static void take(merged *into, double value, double load) {
    if (into->count > 0) {
        double *mean = &into->mean[into->count - 1], *weight = &into->weight[into->count - 1];
        if (value == *mean) {
            *weight += load;
            return;
        }
        const double quantile = (into->before + (*weight + load) / 2) / into->total;
        if (*weight + load <= 4 * into->total * (1 - quantile) / into->centroids) {
            *weight += load;
            *mean += (value - *mean) * load / *weight;
            return;
        }
        into->before += *weight;
    }
    into->mean[into->count] = value;
    into->weight[into->count++] = load;
}

size_t alog_digest_merge(const alog_centroids *old, const double *scores, size_t n, double centroids, double total,
                         double *mean, double *weight) {
    merged into = {.mean = mean, .weight = weight, .total = total, .centroids = centroids};
    size_t i = 0, k = 0;
    while (i < old->count || k < n) {
        if (k == n || (i < old->count && old->mean[i] <= scores[k])) {
            take(&into, old->mean[i], old->weight[i] * old->kept);
            i++;
        } else {
            take(&into, scores[k++], 1.0);
        }
    }
    return into.count;
}

/* ---- reading ---- */

/* The first centroid whose mean is not below the score; `count` when all are. */
static size_t first_at_least(const alog_digest *digest, double score) {
    size_t low = 0, high = digest->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (digest->mean[middle] < score)
            low = middle + 1;
        else
            high = middle;
    }
    return low;
}

/* Weight at or above the score, by the straight line between the middles of the centroids around it. */
static double between(const alog_digest *digest, size_t above, double score) {
    if (above == digest->count) return 0.0;
    if (above == 0) return digest->total;
    const double *mean = digest->mean + above - 1, *midway = digest->midway + above - 1;
    return (midway[1] - midway[0]) / (mean[1] - mean[0]) * (score - mean[0]) + midway[0];
}

static double pareto(const alog_digest *digest, double score) {
    const double x = (score - digest->threshold) / digest->scale;
    return fabs(digest->shape) < 1e-6 ? exp(-x) : pow(1 + digest->shape * x, -1 / digest->shape);
}

static double tail_of(const alog_digest *digest, double score) {
    const size_t above = first_at_least(digest, score);
    const int tied = above < digest->count && digest->mean[above] == score;
    const double body = (tied ? digest->at_least[above] : between(digest, above, score)) + 0.5;
    if (!(score > digest->threshold) || body >= digest->tail_used) return body / (digest->total + 1.0);
    const double fitted = digest->tail_mass * pareto(digest, score);
    if (!tied || digest->at_least[above] < 3) return fitted;
    const double ties = digest->at_least[above] / digest->total; /* what recurs is no rarer than it is */
    return ties > fitted ? ties : fitted;
}

void alog_digest_tail(const alog_digest *digest, const double *scores, size_t n, double *out) {
    for (size_t i = 0; i < n; i++) {
        const double tail = tail_of(digest, scores[i]);
        out[i] = tail > 1.0 ? 1.0 : tail < digest->smallest ? digest->smallest : tail;
    }
}
