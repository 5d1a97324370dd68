/* leaf.c: the clusters of a leaf, scanned while they are few and found by their tokens when they are many (leaf.h). */
#include "leaf.h"

#include <stdlib.h>
#include <string.h>

#include "lanes.h"

enum {
    INDEX_FROM = 24, /* clusters from which on a scan costs more than a look at the postings */
    INDEX_UNTIL = 8, /* below which the postings go */
    AHEAD = 4,       /* clusters asked for before they are needed */
    LANE = 16,
    EXPECT_MOST = 32, /* more than a processor asks memory for at once */
    WALK_PART = 16,   /* of a leaf's clusters may be come upon in chains: one there costs as much as many in a row */
    COUNT_MOST = UINT16_MAX,
};

/* The clusters that came with one of some tokens at one place: `head` is 1 + the place of the last one among the leaf's
 * slots, 0 = none. `seen` has a bit for every sixteenth of the hashes, set when one of them came: it spares most looks at
 * clusters that have another token. */
typedef struct {
    uint32_t head;
    uint16_t count;
    uint16_t seen;
} bucket;

/* Nothing is taken out of a chain: who walks it sees by a cluster's slot and tokens whether it is still meant. When the
 * leaf's slots, gaps and all, are more than `most`, everything is made anew without what is gone. */
struct alog_postings {
    uint32_t buckets; /* for each place in the line; a power of two */
    uint32_t most;
    uint32_t width;   /* bytes of a signature: tokens, rounded up to whole lanes */
    uint32_t *before; /* cluster by cluster, place by place: what was the bucket's head before */
    uint8_t *marks;   /* cluster by cluster: its signature, a byte for each token it came with, the rest zero */
    bucket at[];      /* place by place */
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

/* ---- postings ----------------------------------------------------------------------------------------- */

static bucket *bucket_of(alog_postings *postings, uint32_t place, uint64_t hash) {
    return &postings->at[(size_t)place * postings->buckets + ((uint32_t)hash & (postings->buckets - 1))];
}

/* Two tokens with different bytes differ: a signature tells most clusters that share too little from the others without
 * a look at them. */
static uint8_t mark_of(uint64_t hash) { return (uint8_t)(hash >> 48); }

static uint16_t seen_bit(uint64_t hash) { return (uint16_t)(1u << (hash >> 60)); }

/* A cluster with so many wildcards that no line reaches the threshold is in no chain. */
static int can_match(alog_drain *drain, const alog_cluster *cluster) {
    return cluster->tokens - cluster->wild >= alog_drain_needed(drain, cluster->tokens);
}

static void link_cluster(alog_drain *drain, alog_postings *postings, const alog_cluster *cluster) {
    if (!can_match(drain, cluster)) return;
    uint32_t *before = postings->before + (size_t)cluster->place * cluster->tokens;
    uint8_t *marks = postings->marks + (size_t)cluster->place * postings->width;
    for (uint32_t i = 0; i < cluster->tokens; i++) {
        marks[i] = mark_of(cluster->hash[i]);
        if (cluster->hash[i] == ALOG_WILD) continue;
        bucket *b = bucket_of(postings, i, cluster->hash[i]);
        before[i] = b->head;
        b->head = cluster->place + 1;
        b->count = (uint16_t)(b->count + (b->count < COUNT_MOST));
        b->seen |= seen_bit(cluster->hash[i]);
    }
}

/* Closes the gaps that removed clusters left; every cluster is told its place. */
static void close_gaps(const alog_drain *drain, alog_node *leaf) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < leaf->slot_count; i++) {
        if (!leaf->slots[i]) continue;
        drain->by_slot[leaf->slots[i]]->place = kept;
        leaf->slots[kept++] = leaf->slots[i];
    }
    leaf->slot_count = kept;
    leaf->gaps = 0;
    alog_node_trim_slots(leaf);
}

/* Empty postings for `live` clusters and as many again: those there are when they fit, else new ones in their place. */
static alog_postings *cleared(alog_node *leaf, uint32_t tokens, uint32_t live) {
    alog_postings *postings = leaf->postings;
    uint32_t buckets = 32;
    while (buckets < live && buckets <= UINT32_MAX / 4) buckets *= 2;
    const uint32_t most = live <= UINT32_MAX / 4 ? 2 * live + 16 : UINT32_MAX;
    const size_t table = (size_t)tokens * buckets * sizeof(bucket);
    const uint32_t width = (tokens + LANE - 1) / LANE * LANE;
    if (postings && postings->buckets == buckets && postings->most >= most && postings->most / 2 <= most) {
        memset(postings->at, 0, table);
        return postings;
    }
    free(postings);
    leaf->postings = NULL;
    const size_t row = tokens * sizeof(uint32_t) + width;
    if (tokens > SIZE_MAX / 4 / sizeof(bucket) / buckets || row > SIZE_MAX / 4 / most) return NULL;
    postings = calloc(1, sizeof *postings + table + row * most);
    if (!postings) return NULL;
    postings->buckets = buckets;
    postings->most = most;
    postings->width = width;
    postings->before = (uint32_t *)(void *)((uint8_t *)postings->at + table);
    postings->marks = (uint8_t *)(postings->before + (size_t)tokens * most);
    return leaf->postings = postings;
}

/* Without memory for postings the leaf has none and is scanned. */
static void index_leaf(alog_drain *drain, alog_node *leaf, uint32_t tokens) {
    close_gaps(drain, leaf);
    alog_postings *postings = cleared(leaf, tokens, leaf->slot_count);
    for (uint32_t i = 0; postings && i < leaf->slot_count; i++) {
        if (leaf->slot_count - i > AHEAD) alog_cluster_prefetch(drain->by_slot[leaf->slots[i + AHEAD]]);
        link_cluster(drain, postings, drain->by_slot[leaf->slots[i]]);
    }
}

/* ---- the leaf's clusters ------------------------------------------------------------------------------ */

alog_status alog_leaf_add(alog_drain *drain, alog_node *leaf, alog_cluster *cluster) {
    if (alog_node_add_slot(&drain->store, leaf, cluster->slot) != ALOG_OK) return ALOG_FULL;
    cluster->leaf = leaf;
    cluster->place = leaf->slot_count - 1;
    if (!leaf->postings) return ALOG_OK;
    if (cluster->place < leaf->postings->most)
        link_cluster(drain, leaf->postings, cluster);
    else
        index_leaf(drain, leaf, cluster->tokens);
    return ALOG_OK;
}

static void remove_indexed(alog_drain *drain, alog_node *leaf, const alog_cluster *cluster) {
    alog_node_leave_gap(&drain->store, leaf, cluster->place);
    const uint32_t live = alog_node_live(leaf);
    if (live < INDEX_UNTIL) {
        free(leaf->postings);
        leaf->postings = NULL;
        close_gaps(drain, leaf);
    } else if (live < leaf->postings->most / 8) {
        index_leaf(drain, leaf, cluster->tokens);
    }
}

void alog_leaf_remove(alog_drain *drain, alog_cluster *cluster) {
    if (cluster->leaf->postings)
        remove_indexed(drain, cluster->leaf, cluster);
    else
        alog_node_drop_slot(&drain->store, cluster->leaf, cluster->slot);
}

/* ---- search ------------------------------------------------------------------------------------------- */

/* The shortest chain on top. */
static void sift(uint64_t *heap, uint32_t count, uint32_t at) {
    const uint64_t moved = heap[at];
    for (uint32_t child; (child = 2 * at + 1) < count; at = child) {
        child += child + 1 < count && heap[child + 1] < heap[child];
        if (heap[child] >= moved) break;
        heap[at] = heap[child];
    }
    heap[at] = moved;
}

/* The places whose token may be in the leaf, as (length of its chain, place). */
static uint32_t chains_of(alog_postings *postings, const alog_tokens *tokens, uint64_t *chains) {
    uint32_t found = 0;
    for (uint32_t i = 0; i < tokens->count; i++) {
        const bucket *b = bucket_of(postings, i, tokens->hash[i]);
        chains[found] = (uint64_t)b->count << 32 | i;
        found += (b->seen & seen_bit(tokens->hash[i])) != 0;
    }
    return found;
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
    const alog_drain *drain;
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

static void walk_chain(search *s, uint32_t place) {
    const alog_postings *postings = s->leaf->postings;
    uint32_t at = bucket_of(s->leaf->postings, place, s->tokens->hash[place])->head;
    while (at) {
        const uint32_t next = postings->before[(size_t)(at - 1) * s->tokens->count + place];
        look_at(s, at - 1);
        at = next;
    }
}

static void walk_all(search *s) {
    for (uint32_t i = 0; i < s->leaf->slot_count; i++) look_at(s, i);
}

static const uint8_t *marks_of_line(alog_drain *drain, const alog_tokens *tokens, uint32_t width) {
    for (uint32_t i = 0; i < tokens->count; i++) drain->marks[i] = mark_of(tokens->hash[i]);
    memset(drain->marks + tokens->count, 0, width - tokens->count);
    return drain->marks;
}

void alog_leaf_expect(const alog_node *leaf, const alog_tokens *tokens) {
#if defined(__GNUC__)
    if (!leaf->postings) return;
    const uint32_t most = tokens->count < EXPECT_MOST ? tokens->count : EXPECT_MOST;
    for (uint32_t i = 0; i < most; i++) __builtin_prefetch(bucket_of(leaf->postings, i, tokens->hash[i]), 1);
#else
    (void)leaf, (void)tokens;
#endif
}

/* Chain by chain, the shortest first. A cluster in none of the chains so far shares at most `left` tokens. */
static void walk_chains(search *s, uint64_t *chains, uint32_t left) {
    uint32_t steps = alog_node_live(s->leaf) / WALK_PART;
    for (uint32_t i = left / 2; i-- > 0;) sift(chains, left, i);
    while ((int64_t)left >= (s->found.cluster ? s->found.equal : s->least)) {
        const uint32_t count = (uint32_t)(chains[0] >> 32);
        if (count > steps) {
            walk_all(s);
            return;
        }
        steps -= count;
        walk_chain(s, (uint32_t)chains[0]);
        chains[0] = chains[--left];
        if (left) sift(chains, left, 0);
    }
}

alog_cluster *alog_leaf_match(alog_drain *drain, alog_node *leaf, const alog_tokens *tokens, int64_t least,
                              int64_t *equal) {
    if (!leaf->postings && alog_node_live(leaf) >= INDEX_FROM) index_leaf(drain, leaf, tokens->count);
    if (!leaf->postings || least <= 0) return alog_leaf_scan(drain, leaf, tokens, least, equal);
    const uint32_t left = chains_of(leaf->postings, tokens, drain->chains);
    *equal = 0;
    if ((int64_t)left < least) return NULL;
    search s = {.drain = drain, .leaf = leaf, .tokens = tokens, .least = least, .found = {NULL, least - 1}};
    s.marks = marks_of_line(drain, tokens, leaf->postings->width);
    walk_chains(&s, drain->chains, left);
    *equal = s.found.equal;
    return s.found.cluster;
}
