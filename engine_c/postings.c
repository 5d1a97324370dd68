/* postings.c: makes the index of a large leaf and chooses its keys (postings.h). */
#include "postings.h"

#include <stdlib.h>
#include <string.h>

#include "store.h"

enum {
    AHEAD = 4, /* clusters asked for before they are needed */
    LANE = 16,
    REVIEW = 64,      /* steps for each cluster, after which making postings anew costs little beside them */
    SHORT = 16,       /* clusters come upon in chains by a search: no more on average needs no other keys */
    TRIAL = 64,       /* searches that show that keys are worse than the others were */
    SAMPLE = 64,      /* clusters that tell which places have common words */
    EXPECT_MOST = 32, /* more than a processor asks memory for at once */
    COUNT_MOST = UINT16_MAX,
};

/* A cluster with so many wildcards that no line reaches the threshold is in no chain. */
static int can_match(alog_drain *drain, const alog_cluster *cluster) {
    return cluster->tokens - cluster->wild >= alog_drain_needed(drain, cluster->tokens);
}

static inline int has_key(const alog_postings *postings, const uint64_t *hash, uint32_t key, int paired) {
    if (!paired) return hash[key] != ALOG_WILD;
    return hash[postings->pair[key].a] != ALOG_WILD && hash[postings->pair[key].b] != ALOG_WILD;
}

static inline void link_keys(alog_postings *postings, const alog_cluster *cluster, int paired) {
    uint32_t *before = postings->before + (size_t)cluster->place * postings->keys;
    for (uint32_t key = 0; key < postings->keys; key++) {
        if (!has_key(postings, cluster->hash, key, paired)) continue;
        const uint64_t hash = alog_key_hash(postings, cluster->hash, key, paired);
        alog_bucket *b = alog_bucket_of(postings, key, hash);
        before[key] = b->head;
        b->head = cluster->place + 1;
        b->count = (uint16_t)(b->count + (b->count < COUNT_MOST));
        b->seen |= alog_seen_bit(hash);
    }
}

void alog_postings_link(alog_drain *drain, alog_postings *postings, const alog_cluster *cluster) {
    if (!can_match(drain, cluster)) return;
    uint8_t *marks = postings->marks + (size_t)cluster->place * postings->width;
    for (uint32_t i = 0; i < cluster->tokens; i++) marks[i] = alog_mark_of(cluster->hash[i]);
    if (postings->groups)
        link_keys(postings, cluster, 1);
    else
        link_keys(postings, cluster, 0);
}

void alog_postings_expect(alog_postings *postings, const uint64_t *hash) {
#if defined(__GNUC__)
    const uint32_t most = postings->keys < EXPECT_MOST ? postings->keys : EXPECT_MOST;
    for (uint32_t key = 0; key < most; key++)
        __builtin_prefetch(alog_bucket_of(postings, key, alog_key_hash(postings, hash, key, postings->groups != 0)), 1);
#else
    (void)postings, (void)hash;
#endif
}

void alog_leaf_close_gaps(const alog_drain *drain, alog_node *leaf) {
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

/* Whether pairs are to be the keys, by what was seen of searches so far: what is there stays while few clusters are come
 * upon, or the other was seen to be worse. */
static int wants_pairs(const alog_node *leaf, uint32_t usual[2]) {
    const alog_postings *postings = leaf->postings;
    const int paired = postings->groups != 0;
    memcpy(usual, postings->usual, sizeof postings->usual);
    if (postings->searches < SHORT) return paired;
    const uint64_t each = postings->steps * 65536 / postings->searches / (alog_node_live(leaf) + 1) + 1;
    usual[paired] = each < UINT32_MAX ? (uint32_t)each : UINT32_MAX;
    if (postings->steps / postings->searches <= SHORT) return paired;
    return usual[!paired] < usual[paired] ? !paired : paired;
}

int alog_postings_slow(const alog_node *leaf) {
    const alog_postings *postings = leaf->postings;
    const uint64_t live = alog_node_live(leaf);
    if (postings->steps / SHORT < postings->searches || postings->steps < live) return 0;
    if (postings->steps / REVIEW > live) return 1;
    const uint64_t other = postings->usual[!postings->groups];
    return other && postings->searches >= TRIAL && postings->steps * 32768 / postings->searches > other * (live + 1);
}

static alog_postings *noted(alog_postings *postings, const uint32_t usual[2]) {
    memcpy(postings->usual, usual, sizeof postings->usual);
    postings->searches = 0;
    postings->steps = 0;
    return postings;
}

/* Empty postings for `live` clusters and as many again: those there are when they fit, else new ones in their place. */
static alog_postings *cleared(alog_drain *drain, alog_node *leaf, uint32_t tokens, uint32_t live) {
    alog_postings *postings = leaf->postings;
    const uint32_t least = alog_drain_needed(drain, tokens);
    uint32_t usual[2] = {0, 0};
    const uint32_t groups = postings && wants_pairs(leaf, usual) ? alog_pairs_groups(tokens, least) : 0;
    const uint32_t keys = groups ? alog_pairs_count(tokens, least) : tokens;
    uint32_t buckets = 32;
    while (buckets < live && buckets <= UINT32_MAX / 4) buckets *= 2;
    const uint32_t most = live <= UINT32_MAX / 4 ? 2 * live + 16 : UINT32_MAX;
    const size_t table = (size_t)keys * buckets * sizeof(alog_bucket);
    const uint32_t width = (tokens + LANE - 1) / LANE * LANE;
    if (postings && postings->buckets == buckets && postings->most >= most && postings->most / 2 <= most &&
        postings->groups == groups) {
        memset(postings->at, 0, table);
        return noted(postings, usual);
    }
    free(postings);
    leaf->postings = NULL;
    const size_t row = keys * sizeof(uint32_t) + width;
    if (keys > SIZE_MAX / 4 / sizeof(alog_bucket) / buckets || row > SIZE_MAX / 4 / most) return NULL;
    postings = alog_zeroed(sizeof *postings + table + row * most + (groups ? keys * sizeof(alog_pair) : 0));
    if (!postings) return NULL;
    postings->keys = keys;
    postings->groups = groups;
    postings->buckets = buckets;
    postings->most = most;
    postings->width = width;
    postings->before = (uint32_t *)(void *)((uint8_t *)postings->at + table);
    postings->pair = (alog_pair *)(void *)(postings->before + (size_t)keys * most);
    postings->marks = (uint8_t *)(postings->pair + (groups ? keys : 0));
    return leaf->postings = noted(postings, usual);
}

/* How often two of a sample of the leaf's clusters have the same word at a place, about. */
static uint32_t commonness(const alog_drain *drain, const alog_node *leaf, uint32_t place) {
    uint8_t seen[256] = {0};
    uint32_t same = 0;
    const uint32_t count = leaf->slot_count < SAMPLE ? leaf->slot_count : SAMPLE;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t at = (uint32_t)((uint64_t)i * leaf->slot_count / count);
        const uint64_t hash = drain->by_slot[leaf->slots[at]]->hash[place];
        if (hash != ALOG_WILD) same += seen[alog_mark_of(hash)]++;
    }
    return same;
}

static void choose_keys(alog_drain *drain, const alog_node *leaf, alog_postings *postings, uint32_t tokens) {
    uint64_t *order = drain->chains;
    uint16_t *places = drain->places;
    for (uint32_t i = 0; i < tokens; i++) order[i] = (uint64_t)commonness(drain, leaf, i) << 32 | i;
    for (uint32_t i = tokens / 2; i-- > 0;) alog_sift(order, tokens, i);
    for (uint32_t i = 0, left = tokens; left; i++) {
        places[i] = (uint16_t)order[0];
        order[0] = order[--left];
        alog_sift(order, left, 0);
    }
    alog_pairs_deal(postings->pair, places, tokens, postings->groups);
}

void alog_postings_make(alog_drain *drain, alog_node *leaf, uint32_t tokens) {
    alog_leaf_close_gaps(drain, leaf);
    alog_postings *postings = cleared(drain, leaf, tokens, leaf->slot_count);
    if (postings && postings->groups) choose_keys(drain, leaf, postings, tokens);
    for (uint32_t i = 0; postings && i < leaf->slot_count; i++) {
        if (leaf->slot_count - i > 2 * AHEAD) alog_cluster_prefetch(drain->by_slot[leaf->slots[i + 2 * AHEAD]]);
        if (leaf->slot_count - i > AHEAD) alog_postings_expect(postings, drain->by_slot[leaf->slots[i + AHEAD]]->hash);
        alog_postings_link(drain, postings, drain->by_slot[leaf->slots[i]]);
    }
}
