/* leaf.c: the clusters of a leaf, scanned while they are few and found by their tokens when they are many (leaf.h). */
#include "leaf.h"

#include <stdlib.h>

enum {
    INDEX_FROM = 24, /* clusters from which on a scan costs more than a look at the postings */
    INDEX_UNTIL = 8, /* below which the postings go */
    BUCKETS_LEAST = 32,
    COUNT_MOST = UINT16_MAX, /* a chain that was this long once is taken as that long until it is empty */
};

/* The clusters with one of some tokens at one place: `head` is a slot, 0 = none. `seen` has a bit for every sixteenth
 * of the hashes, set when one of them came in: it spares most looks at clusters that have another token. */
typedef struct {
    uint32_t head;
    uint16_t count;
    uint16_t seen;
} bucket;

struct alog_postings {
    uint32_t buckets; /* for each place; a power of two */
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

static uint16_t seen_bit(uint64_t hash) { return (uint16_t)(1u << (hash >> 60)); }

/* A cluster with so many wildcards that no line reaches the threshold is in no chain. */
static int can_match(alog_drain *drain, const alog_cluster *cluster) {
    return cluster->tokens - cluster->wild >= alog_drain_needed(drain, cluster->tokens);
}

static void link_token(const alog_drain *drain, alog_postings *postings, alog_cluster *cluster, uint32_t place) {
    bucket *b = bucket_of(postings, place, cluster->hash[place]);
    if (b->head) drain->by_slot[b->head]->before[place] = cluster->slot;
    cluster->after[place] = b->head;
    cluster->before[place] = 0;
    b->head = cluster->slot;
    b->count = (uint16_t)(b->count + (b->count < COUNT_MOST));
    b->seen |= seen_bit(cluster->hash[place]);
}

static void unlink_token(const alog_drain *drain, alog_postings *postings, const alog_cluster *cluster,
                         uint32_t place) {
    bucket *b = bucket_of(postings, place, cluster->hash[place]);
    const uint32_t before = cluster->before[place], after = cluster->after[place];
    if (after) drain->by_slot[after]->before[place] = before;
    if (before)
        drain->by_slot[before]->after[place] = after;
    else
        b->head = after;
    b->count = (uint16_t)(b->count - (b->count < COUNT_MOST));
    if (!b->head) b->count = b->seen = 0;
}

static void link_cluster(alog_drain *drain, alog_postings *postings, alog_cluster *cluster) {
    if (!can_match(drain, cluster)) return;
    for (uint32_t i = 0; i < cluster->tokens; i++)
        if (cluster->hash[i] != ALOG_WILD) link_token(drain, postings, cluster, i);
}

static void unlink_cluster(const alog_drain *drain, alog_postings *postings, const alog_cluster *cluster) {
    for (uint32_t i = 0; i < cluster->tokens; i++)
        if (cluster->hash[i] != ALOG_WILD) unlink_token(drain, postings, cluster, i);
}

/* Closes the gaps that removed clusters left; every cluster is told its place. */
static void close_gaps(alog_drain *drain, alog_node *leaf) {
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

/* Postings of `buckets` a place instead of those it has; without memory for them it keeps what it has. */
static void index_leaf(alog_drain *drain, alog_node *leaf, uint32_t tokens, uint32_t buckets) {
    if (tokens > SIZE_MAX / sizeof(bucket) / buckets - 1) return;
    alog_postings *postings = calloc(1, sizeof *postings + (size_t)tokens * buckets * sizeof(bucket));
    if (!postings) return;
    postings->buckets = buckets;
    free(leaf->postings);
    leaf->postings = postings;
    close_gaps(drain, leaf);
    for (uint32_t i = 0; i < leaf->slot_count; i++) link_cluster(drain, postings, drain->by_slot[leaf->slots[i]]);
}

static void index_new(alog_drain *drain, alog_node *leaf, uint32_t tokens) {
    uint32_t buckets = BUCKETS_LEAST;
    while (buckets < alog_node_live(leaf)) buckets *= 2;
    index_leaf(drain, leaf, tokens, buckets);
}

/* ---- the leaf's clusters ------------------------------------------------------------------------------ */

alog_status alog_leaf_add(alog_drain *drain, alog_node *leaf, alog_cluster *cluster) {
    if (alog_node_add_slot(&drain->store, leaf, cluster->slot) != ALOG_OK) return ALOG_FULL;
    cluster->leaf = leaf;
    if (!leaf->postings) return ALOG_OK;
    cluster->place = leaf->slot_count - 1;
    if (alog_node_live(leaf) > leaf->postings->buckets && leaf->postings->buckets <= UINT32_MAX / 4) {
        const alog_postings *old = leaf->postings;
        index_leaf(drain, leaf, cluster->tokens, 2 * leaf->postings->buckets);
        if (leaf->postings != old) return ALOG_OK;
    }
    link_cluster(drain, leaf->postings, cluster);
    return ALOG_OK;
}

static void remove_indexed(alog_drain *drain, alog_node *leaf, alog_cluster *cluster) {
    if (can_match(drain, cluster)) unlink_cluster(drain, leaf->postings, cluster);
    alog_node_leave_gap(&drain->store, leaf, cluster->place);
    const uint32_t live = alog_node_live(leaf);
    if (live < INDEX_UNTIL) {
        free(leaf->postings);
        leaf->postings = NULL;
        close_gaps(drain, leaf);
    } else if (leaf->postings->buckets > BUCKETS_LEAST && live < leaf->postings->buckets / 4) {
        index_leaf(drain, leaf, cluster->tokens, leaf->postings->buckets / 2);
    }
    if (leaf->gaps > live) close_gaps(drain, leaf);
}

void alog_leaf_remove(alog_drain *drain, alog_cluster *cluster) {
    if (cluster->leaf->postings)
        remove_indexed(drain, cluster->leaf, cluster);
    else
        alog_node_drop_slot(&drain->store, cluster->leaf, cluster->slot);
}

void alog_leaf_generalise(alog_drain *drain, alog_cluster *cluster, const alog_tokens *tokens) {
    alog_postings *postings = can_match(drain, cluster) ? cluster->leaf->postings : NULL;
    for (uint32_t i = 0; i < cluster->tokens; i++) {
        if (cluster->hash[i] == tokens->hash[i] || cluster->hash[i] == ALOG_WILD) continue;
        if (postings) unlink_token(drain, postings, cluster, i);
        cluster->hash[i] = ALOG_WILD;
        cluster->wild++;
    }
    if (postings && !can_match(drain, cluster)) unlink_cluster(drain, postings, cluster);
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

/* Compares the clusters of one chain; how many there were. */
static uint32_t walk(const alog_drain *drain, uint32_t slot, uint32_t place, const alog_tokens *tokens, uint32_t most,
                     best *found) {
    uint32_t steps = 0;
    for (; slot && steps < most; steps++) {
        alog_cluster *cluster = drain->by_slot[slot];
        if (cluster->hash[place] == tokens->hash[place]) consider(found, cluster, tokens);
        slot = cluster->after[place];
    }
    return steps;
}

alog_cluster *alog_leaf_match(alog_drain *drain, alog_node *leaf, const alog_tokens *tokens, int64_t least,
                              int64_t *equal) {
    if (!leaf->postings && alog_node_live(leaf) >= INDEX_FROM) index_new(drain, leaf, tokens->count);
    if (!leaf->postings || least <= 0) return alog_leaf_scan(drain, leaf, tokens, least, equal);
    uint64_t *chains = drain->chains;
    uint32_t left = chains_of(leaf->postings, tokens, chains);
    best found = {NULL, least - 1};
    *equal = 0;
    if ((int64_t)left < least) return NULL;
    for (uint32_t i = left / 2; i-- > 0;) sift(chains, left, i);
    uint32_t steps = alog_node_live(leaf) / 8;
    /* a cluster in none of the chains so far shares at most `left` tokens */
    while ((int64_t)left >= (found.cluster ? found.equal : least)) {
        const uint32_t place = (uint32_t)chains[0];
        const uint32_t slot = bucket_of(leaf->postings, place, tokens->hash[place])->head;
        if (chains[0] >> 32 > steps) return alog_leaf_scan(drain, leaf, tokens, least, equal);
        steps -= walk(drain, slot, place, tokens, steps, &found);
        chains[0] = chains[--left];
        if (left) sift(chains, left, 0);
    }
    *equal = found.equal;
    return found.cluster;
}
