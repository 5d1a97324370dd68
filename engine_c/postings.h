/* postings.h: the index of a large leaf: from the tokens of a line to the clusters that came with them.
 *
 * It begins with a key for each place of the line. Where searches come upon many clusters nevertheless, because words are
 * few, it is made anew with pairs of places as keys (pairs.h), and if those turn out worse, with places again. It changes
 * what a search costs, never what it finds. Nobody but leaf.c includes it. */
#ifndef ALOG_POSTINGS_H
#define ALOG_POSTINGS_H

#include "drain_state.h"
#include "pairs.h"

/* The clusters that came with one of some tokens at a key's places: `head` is 1 + the place of the last one among the
 * leaf's slots, 0 = none. `seen` has a bit for every sixteenth of the hashes, set when one of them came: it spares most
 * looks at clusters that have other tokens. */
typedef struct {
    uint32_t head;
    uint16_t count;
    uint16_t seen;
} alog_bucket;

/* Nothing is taken out of a chain: who walks it sees by a cluster's slot and tokens whether it is still meant. When the
 * leaf's slots, gaps and all, are more than `most`, everything is made anew without what is gone. */
struct alog_postings {
    uint32_t buckets; /* for each key; a power of two */
    uint32_t most;
    uint32_t width;        /* bytes of a signature: tokens, rounded up to whole lanes */
    uint32_t keys, groups; /* pairs.h */
    uint32_t searches;     /* since the postings were made */
    uint64_t steps;        /* clusters come upon by those */
    uint32_t usual[2];     /* what places and pairs as keys needed by then: steps a search, of 65536 clusters */
    alog_pair *pair;       /* key by key */
    uint32_t *before;      /* cluster by cluster, key by key: what was the bucket's head before */
    uint8_t *marks;        /* cluster by cluster: its signature, a byte for each token it came with, the rest zero */
    alog_bucket at[];      /* key by key */
};

static inline alog_bucket *alog_bucket_of(alog_postings *postings, uint32_t key, uint64_t hash) {
    return &postings->at[(size_t)key * postings->buckets + ((uint32_t)hash & (postings->buckets - 1))];
}

/* Two tokens with different bytes differ: a signature tells most clusters that share too little from the others without
 * a look at them. */
static inline uint8_t alog_mark_of(uint64_t hash) { return (uint8_t)(hash >> 48); }

static inline uint16_t alog_seen_bit(uint64_t hash) { return (uint16_t)(1u << (hash >> 60)); }

/* What a token list has for a key; `paired` is known where this is called, and costs nothing. */
static inline uint64_t alog_key_hash(const alog_postings *postings, const uint64_t *hash, uint32_t key, int paired) {
    return paired ? alog_pair_hash(hash, postings->pair[key]) : hash[key];
}

/* Asks for the buckets of a token list, for when they are needed soon. */
void alog_postings_expect(alog_postings *postings, const uint64_t *hash);

/* Whether so many clusters were come upon that it is worth while to ask whether other keys are better: to make the
 * postings anew. */
int alog_postings_slow(const alog_node *leaf);

/* Makes the leaf's postings, or makes them anew, without gaps among its slots. Without memory for postings the leaf has
 * none and is scanned. */
void alog_postings_make(alog_drain *drain, alog_node *leaf, uint32_t tokens);

/* Puts in a cluster, whose place is below `most`. */
void alog_postings_link(alog_drain *drain, alog_postings *postings, const alog_cluster *cluster);

/* Closes the gaps that removed clusters left; every cluster is told its place. */
void alog_leaf_close_gaps(const alog_drain *drain, alog_node *leaf);

/* The least on top of what is under `at`. */
static inline void alog_sift(uint64_t *heap, uint32_t count, uint32_t at) {
    const uint64_t moved = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1] < heap[child];
        if (heap[child] >= moved) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

#endif
