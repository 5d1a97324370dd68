/* pairs.h: the keys under which a leaf's postings hold a cluster: pairs of places in the line, with their tokens.
 *
 * Places are dealt into fewer groups than the `least` tokens a match shares, so two of those lie in one group: a cluster
 * that matches is found under a pair of places of one group. A pair of words is rare where either alone is frequent. The
 * places whose words are commonest go into groups of their own: a line that shares no more than those with other lines
 * shares no pair. Groups are of three, or as few more as `least` allows. Where that would be too many pairs, or one
 * shared token is enough, there are none. */
#ifndef ALOG_PAIRS_H
#define ALOG_PAIRS_H

#include "alog.h"

enum {
    ALOG_PAIRS_A_TOKEN = 2, /* no more keys than this for each token */
    ALOG_GROUP_MOST = 5,    /* places in a group: all pairs of one group of five tokens are two a token */
};

typedef struct {
    uint16_t a, b, group; /* a, b: places; group: of the keys, from 0 on */
} alog_pair;

/* Into how many groups the places of n tokens go; 0 when pairs cannot be the keys. */
static inline uint32_t alog_pairs_groups(uint32_t n, uint32_t least) {
    const uint32_t thirds = (n + 2) / 3, groups = least > thirds ? thirds : least - (least > 0);
    if (groups == 0 || n > ALOG_GROUP_MOST * groups) return 0;
    const uint32_t size = n / groups, larger = n % groups;
    const uint32_t pairs = size * (size - 1) / 2 * groups + size * larger;
    return pairs <= ALOG_PAIRS_A_TOKEN * n ? groups : 0;
}

/* How many pairs there are; n, one for each place, when they cannot be the keys. */
static inline uint32_t alog_pairs_count(uint32_t n, uint32_t least) {
    const uint32_t groups = alog_pairs_groups(n, least);
    if (!groups) return n;
    const uint32_t size = n / groups;
    return size * (size - 1) / 2 * groups + size * (n % groups);
}

/* Writes the alog_pairs_count keys of groups > 0; places[0 ... n - 1] are all places, the commonest last. */
static inline void alog_pairs_deal(alog_pair *pair, const uint16_t *places, uint32_t n, uint32_t groups) {
    for (uint32_t group = 0; group < groups; group++)
        for (uint32_t i = group; i < n; i += groups)
            for (uint32_t k = i + groups; k < n; k += groups)
                *pair++ = (alog_pair){places[i], places[k], (uint16_t)group};
}

/* The most tokens of a group that a cluster may share which is under none but `keys` of its keys: one that no key tells
 * of; of k tokens, k (k - 1) / 2 pairs are shared. */
static inline uint32_t alog_pairs_shared(uint32_t keys) {
    static const uint8_t shared[] = {1, 2, 2, 3, 3, 3, 4, 4, 4, 4, 5};
    return shared[keys];
}

static inline uint64_t alog_pair_hash(const uint64_t *hash, alog_pair pair) {
    return hash[pair.a] + (hash[pair.b] << 29 | hash[pair.b] >> 35);
}

#endif
