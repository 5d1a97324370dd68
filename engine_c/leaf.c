/* leaf.c: the clusters of a leaf, scanned while they are few and found by their tokens when they are many (leaf.h). */
#include "leaf.h"

#include <stdlib.h>
#include <string.h>

#include "lanes.h"
#include "postings.h"

enum {
    INDEX_FROM = 24, /* clusters from which on a scan costs more than a look at the postings */
    INDEX_UNTIL = 8, /* below which the postings go */
    LANE = 16,
    WALK_PART = 16, /* of a leaf's clusters may be come upon in chains: one there costs as much as many in a row */
};

/* ---- comparing ---------------------------------------------------------------------------------------- */

/* Equal tokens, or something smaller than `least` as soon as `least` cannot be reached. */
static int64_t count_equal(const uint64_t *a, const uint64_t *b, uint32_t n, int64_t least) {
    int64_t missing = 0;
    const int64_t allowed = (int64_t)n - least;
    uint32_t i = 0;
    for (; n - i >= 8; i += 8) {
        for (uint32_t k = 0; k < 8; k++) missing += a[i + k] != b[i + k];
        if (missing > allowed) return -1;
    }
    for (; i < n; i++) missing += a[i] != b[i];
    return (int64_t)n - missing;
}

typedef struct {
    alog_cluster *cluster; /* NULL: none yet, and `equal` is what must be exceeded */
    int64_t equal;
} best;

/* Clusters come in any order: ids tell which is older. Wildcards equal nothing, so what a cluster has besides them
 * bounds what it can share. */
static void consider(best *found, alog_cluster *cluster, const alog_tokens *tokens) {
    const alog_cluster *rival = found->cluster;
    const int wins_tie =
        rival && (cluster->wild > rival->wild || (cluster->wild == rival->wild && cluster->id < rival->id));
    const int64_t wanted = wins_tie ? found->equal : found->equal + 1;
    if ((int64_t)(cluster->tokens - cluster->wild) < wanted) return;
    const int64_t same = count_equal(cluster->hash, tokens->hash, cluster->tokens, wanted);
    if (same < wanted) return;
    found->cluster = cluster;
    found->equal = same;
}

alog_cluster *alog_leaf_scan(const alog_drain *drain, const alog_node *leaf, const alog_tokens *tokens, int64_t least,
                             int64_t *equal) {
    best found = {NULL, least - 1};
    for (uint32_t i = 0; i < leaf->slot_count; i++)
        if (leaf->slots[i]) consider(&found, drain->by_slot[leaf->slots[i]], tokens);
    *equal = found.equal;
    return found.cluster;
}

/* ---- the leaf's clusters ------------------------------------------------------------------------------ */

alog_status alog_leaf_add(alog_drain *drain, alog_node *leaf, alog_cluster *cluster) {
    if (alog_node_add_slot(&drain->store, leaf, cluster->slot) != ALOG_OK) return ALOG_FULL;
    cluster->leaf = leaf;
    cluster->place = leaf->slot_count - 1;
    if (!leaf->postings) return ALOG_OK;
    if (cluster->place < leaf->postings->most)
        alog_postings_link(drain, leaf->postings, cluster);
    else
        alog_postings_make(drain, leaf, cluster->tokens);
    return ALOG_OK;
}

static void remove_indexed(alog_drain *drain, alog_node *leaf, const alog_cluster *cluster) {
    alog_node_leave_gap(&drain->store, leaf, cluster->place);
    const uint32_t live = alog_node_live(leaf);
    if (live < INDEX_UNTIL) {
        free(leaf->postings);
        leaf->postings = NULL;
        alog_leaf_close_gaps(drain, leaf);
    } else if (live < leaf->postings->most / 8) {
        alog_postings_make(drain, leaf, cluster->tokens);
    }
}

void alog_leaf_remove(alog_drain *drain, alog_cluster *cluster) {
    if (cluster->leaf->postings)
        remove_indexed(drain, cluster->leaf, cluster);
    else
        alog_node_drop_slot(&drain->store, cluster->leaf, cluster->slot);
}

/* ---- search ------------------------------------------------------------------------------------------- */

/* The keys that a cluster may have in common with the line, as (length of its chain, key). */
static inline uint32_t common_keys(alog_postings *postings, const uint64_t *hash, uint64_t *chains, int paired) {
    uint32_t found = 0;
    for (uint32_t key = 0; key < postings->keys; key++) {
        const uint64_t token = alog_key_hash(postings, hash, key, paired);
        const alog_bucket *b = alog_bucket_of(postings, key, token);
        chains[found] = (uint64_t)b->count << 32 | key;
        found += (b->seen & alog_seen_bit(token)) != 0;
    }
    return found;
}

/* Fills drain->chains. By group, drain->left gets how many of them there are; *bound, how many tokens any cluster may
 * share. */
static uint32_t chains_of(alog_drain *drain, alog_postings *postings, const alog_tokens *tokens, uint32_t *bound) {
    if (!postings->groups) return *bound = common_keys(postings, tokens->hash, drain->chains, 0);
    const uint32_t found = common_keys(postings, tokens->hash, drain->chains, 1);
    *bound = postings->groups;
    memset(drain->left, 0, postings->groups);
    for (uint32_t i = 0; i < found; i++) {
        const uint32_t before = drain->left[postings->pair[(uint32_t)drain->chains[i]].group]++;
        *bound += alog_pairs_shared(before + 1) - alog_pairs_shared(before);
    }
    return found;
}

/* What the bound loses when a chain was walked. */
static uint32_t walked(alog_drain *drain, const alog_postings *postings, uint32_t key) {
    if (!postings->groups) return 1;
    const uint32_t left = drain->left[postings->pair[key].group]--;
    return alog_pairs_shared(left) - alog_pairs_shared(left - 1);
}

/* Bytes that are the same in two signatures: tokens besides, no fewer than two token lists share. */
static uint32_t marks_shared(const uint8_t *a, const uint8_t *b, uint32_t width) {
    uint32_t same = 0;
#if ALOG_LANES
    const __m128i none = _mm_setzero_si128();
    for (uint32_t i = 0; i < width; i += LANE) {
        const __m128i equal = _mm_cmpeq_epi8(alog_lane_load(a + i), alog_lane_load(b + i));
        const __m128i sums = _mm_sad_epu8(_mm_sub_epi8(none, equal), none);
        same += (uint32_t)_mm_cvtsi128_si32(sums) + (uint32_t)_mm_extract_epi16(sums, 4);
    }
#else
    for (uint32_t i = 0; i < width; i++) same += a[i] == b[i];
#endif
    return same;
}

/* One search: the best cluster so far, and what others must share not to be passed over. */
typedef struct {
    alog_drain *drain;
    const alog_node *leaf;
    const alog_tokens *tokens;
    const uint8_t *marks; /* the line's */
    int64_t least;
    best found;
} search;

static void look_at(search *s, uint32_t place) {
    const alog_postings *postings = s->leaf->postings;
    const uint32_t spare = postings->width - s->tokens->count;
    const int64_t wanted = s->found.cluster ? s->found.equal : s->least;
    const uint8_t *marks = postings->marks + (size_t)place * postings->width;
    if ((int64_t)marks_shared(marks, s->marks, postings->width) - spare < wanted) return;
    const uint32_t slot = s->leaf->slots[place];
    if (slot) consider(&s->found, s->drain->by_slot[slot], s->tokens);
}

static void walk_chain(search *s, uint32_t key) {
    alog_postings *postings = s->leaf->postings;
    const uint64_t hash = alog_key_hash(postings, s->tokens->hash, key, postings->groups != 0);
    uint32_t at = alog_bucket_of(postings, key, hash)->head;
    while (at) {
        const uint32_t next = postings->before[(size_t)(at - 1) * postings->keys + key];
        look_at(s, at - 1);
        at = next;
    }
}

static void walk_all(search *s) {
    s->leaf->postings->steps += s->leaf->slot_count / WALK_PART;
    for (uint32_t i = 0; i < s->leaf->slot_count; i++) look_at(s, i);
}

static const uint8_t *marks_of_line(alog_drain *drain, const alog_tokens *tokens, uint32_t width) {
    for (uint32_t i = 0; i < tokens->count; i++) drain->marks[i] = alog_mark_of(tokens->hash[i]);
    memset(drain->marks + tokens->count, 0, width - tokens->count);
    return drain->marks;
}

void alog_leaf_expect(const alog_node *leaf, const alog_tokens *tokens) {
    if (leaf->postings) alog_postings_expect(leaf->postings, tokens->hash);
}

/* Chain by chain, the shortest first, until a cluster in none of them yet must share too few tokens. */
static void walk_chains(search *s, uint64_t *chains, uint32_t count, uint32_t bound) {
    alog_postings *postings = s->leaf->postings;
    uint32_t steps = alog_node_live(s->leaf) / WALK_PART;
    for (uint32_t i = count / 2; i-- > 0;) alog_sift(chains, count, i);
    while (count && (int64_t)bound >= (s->found.cluster ? s->found.equal : s->least)) {
        const uint32_t length = (uint32_t)(chains[0] >> 32), key = (uint32_t)chains[0];
        if (length > steps) {
            walk_all(s);
            return;
        }
        steps -= length;
        postings->steps += length;
        walk_chain(s, key);
        bound -= walked(s->drain, postings, key);
        chains[0] = chains[--count];
        if (count) alog_sift(chains, count, 0);
    }
}

alog_cluster *alog_leaf_match(alog_drain *drain, alog_node *leaf, const alog_tokens *tokens, int64_t least,
                              int64_t *equal) {
    if (!leaf->postings && alog_node_live(leaf) >= INDEX_FROM) alog_postings_make(drain, leaf, tokens->count);
    if (!leaf->postings || least <= 0) return alog_leaf_scan(drain, leaf, tokens, least, equal);
    if (++leaf->postings->searches == UINT32_MAX || alog_postings_slow(leaf)) {
        alog_postings_make(drain, leaf, tokens->count);
        if (!leaf->postings) return alog_leaf_scan(drain, leaf, tokens, least, equal);
    }
    uint32_t bound;
    const uint32_t count = chains_of(drain, leaf->postings, tokens, &bound);
    *equal = 0;
    if ((int64_t)bound < least) return NULL;
    search s = {.drain = drain, .leaf = leaf, .tokens = tokens, .least = least};
    s.found = (best){NULL, least - 1};
    s.marks = marks_of_line(drain, tokens, leaf->postings->width);
    walk_chains(&s, drain->chains, count, bound);
    *equal = s.found.equal;
    return s.found.cluster;
}
