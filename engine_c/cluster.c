/* cluster.c: Drain's clusters: their memory, their slots and the order in which they were used last. */
#include <stdlib.h>
#include <string.h>

#include "drain_state.h"
#include "hash.h"
#include "pairs.h"

enum { POSTING_COST = 24 }; /* bytes charged for a key: its share of the postings of a leaf, when it has them */

static const uint8_t wild_text[3] = {'<', '*', '>'};

/* What its postings take in a leaf that has them is charged for every cluster: what is counted does not depend on how
 * leaves came to be. */
static size_t posting_cost(alog_drain *drain, uint32_t tokens) {
    const uint32_t keys = alog_pairs_count(tokens, alog_drain_needed(drain, tokens));
    return (size_t)(keys > tokens ? keys : tokens) * POSTING_COST;
}

/* One piece: the struct, hashes, ends, text. */
alog_cluster *alog_cluster_new(alog_drain *drain, uint32_t tokens, size_t text_len) {
    const size_t columns = (size_t)tokens * (sizeof(uint64_t) + sizeof(uint32_t));
    if (text_len > UINT32_MAX) return NULL;
    const size_t size = sizeof(alog_cluster) + columns + text_len, cost = posting_cost(drain, tokens);
    if (alog_store_charge(&drain->store, cost) != ALOG_OK) return NULL;
    alog_cluster *cluster = alog_store_take(&drain->store, size);
    if (!cluster) {
        alog_store_release(&drain->store, cost);
        return NULL;
    }
    memset(cluster, 0, sizeof *cluster);
    cluster->size = size;
    cluster->tokens = tokens;
    cluster->end = (uint32_t *)(void *)(cluster->hash + tokens);
    cluster->text = (uint8_t *)(cluster->end + tokens);
    return cluster;
}

void alog_cluster_free(alog_drain *drain, alog_cluster *cluster) {
    if (!cluster) return;
    alog_store_release(&drain->store, posting_cost(drain, cluster->tokens));
    alog_store_put(&drain->store, cluster, cluster->size);
}

alog_span alog_cluster_first(const alog_cluster *cluster, uint32_t i) {
    const uint32_t begin = i ? cluster->end[i - 1] : 0;
    return (alog_span){cluster->text + begin, cluster->end[i] - begin};
}

alog_span alog_cluster_token(const alog_cluster *cluster, uint32_t i) {
    if (cluster->hash[i] == ALOG_WILD) return (alog_span){wild_text, sizeof wild_text};
    return alog_cluster_first(cluster, i);
}

/* ---- order of use ------------------------------------------------------------------------------------- */

void alog_drain_link_newest(alog_drain *drain, uint32_t slot) {
    drain->older[slot] = drain->newest;
    drain->newer[slot] = 0;
    if (drain->newest)
        drain->newer[drain->newest] = slot;
    else
        drain->oldest = slot;
    drain->newest = slot;
}

static void unlink_slot(alog_drain *drain, uint32_t slot) {
    const uint32_t newer = drain->newer[slot], older = drain->older[slot];
    if (newer)
        drain->older[newer] = older;
    else
        drain->newest = older;
    if (older)
        drain->newer[older] = newer;
    else
        drain->oldest = newer;
}

void alog_drain_touch(alog_drain *drain, uint32_t slot) {
    if (!drain->config.max_clusters || drain->newest == slot) return;
    unlink_slot(drain, slot);
    alog_drain_link_newest(drain, slot);
}

/* ---- slots -------------------------------------------------------------------------------------------- */

enum { SEAT_COST = 40 }; /* bytes charged for a slot ever used: its share of arrays that are at least half full */

/* The arrays grow together or not at all. */
static alog_status grow_slots(alog_drain *drain, uint32_t count) {
    uint32_t cap = drain->slot_cap ? drain->slot_cap : 64;
    while (cap < count && cap <= UINT32_MAX / 2) cap *= 2;
    if (cap < count) return ALOG_FULL;
    const size_t old = drain->slot_cap;
    alog_cluster **by_slot = calloc(cap, sizeof(alog_cluster *));
    uint32_t *lists = calloc((size_t)cap * 3, sizeof *lists);
    if (!by_slot || !lists) {
        free(by_slot);
        free(lists);
        return ALOG_FULL;
    }
    if (old) {
        memcpy(by_slot, drain->by_slot, old * sizeof(alog_cluster *));
        memcpy(lists, drain->newer, old * sizeof *lists);
        memcpy(lists + cap, drain->older, old * sizeof *lists);
        memcpy(lists + 2 * (size_t)cap, drain->free_slots, old * sizeof *lists);
    }
    free(drain->by_slot);
    free(drain->newer);
    drain->by_slot = by_slot;
    drain->newer = lists;
    drain->older = lists + cap;
    drain->free_slots = lists + 2 * (size_t)cap;
    drain->slot_cap = cap;
    return ALOG_OK;
}

alog_status alog_drain_use_slots(alog_drain *drain, uint32_t count) {
    const size_t cost = (size_t)(count - drain->slots) * SEAT_COST;
    if (alog_store_charge(&drain->store, cost) != ALOG_OK) return ALOG_FULL;
    if (count > drain->slot_cap && grow_slots(drain, count) != ALOG_OK) {
        alog_store_release(&drain->store, cost);
        return ALOG_FULL;
    }
    drain->slots = count;
    return ALOG_OK;
}

alog_status alog_drain_seat(alog_drain *drain, alog_cluster *cluster) {
    if (drain->free_count)
        cluster->slot = drain->free_slots[--drain->free_count];
    else if (alog_drain_use_slots(drain, drain->slots + 1) == ALOG_OK)
        cluster->slot = drain->slots - 1;
    else
        return ALOG_FULL;
    drain->by_slot[cluster->slot] = cluster;
    drain->live++;
    if (drain->config.max_clusters) alog_drain_link_newest(drain, cluster->slot);
    return ALOG_OK;
}

void alog_drain_unseat(alog_drain *drain, alog_cluster *cluster) {
    if (drain->config.max_clusters) unlink_slot(drain, cluster->slot);
    drain->by_slot[cluster->slot] = NULL;
    drain->free_slots[drain->free_count++] = cluster->slot;
    drain->live--;
}

/* ---- what a cluster says ------------------------------------------------------------------------------ */

static size_t join(const alog_cluster *cluster, alog_span (*token_of)(const alog_cluster *, uint32_t), uint8_t *out,
                   size_t cap) {
    size_t len = 0;
    for (uint32_t i = 0; cluster && i < cluster->tokens; i++) {
        const alog_span token = token_of(cluster, i);
        if (i && len < cap) out[len] = ' ';
        len += i != 0;
        if (len < cap) memcpy(out + len, token.ptr, token.len < cap - len ? token.len : cap - len);
        len += token.len;
    }
    return len;
}

static const alog_cluster *cluster_at(const alog_drain *drain, uint32_t slot) {
    return slot < drain->slots && slot < drain->slot_cap ? drain->by_slot[slot] : NULL;
}

size_t alog_drain_text(const alog_drain *drain, uint32_t slot, uint8_t *out, size_t cap) {
    return join(cluster_at(drain, slot), alog_cluster_token, out, cap);
}

size_t alog_drain_first(const alog_drain *drain, uint32_t slot, uint8_t *out, size_t cap) {
    return join(cluster_at(drain, slot), alog_cluster_first, out, cap);
}

int alog_drain_template(const alog_drain *drain, uint32_t slot, alog_template *out) {
    const alog_cluster *cluster = cluster_at(drain, slot);
    if (!cluster) return 0;
    *out = (alog_template){.id = cluster->id, .slot = slot, .count = cluster->count};
    out->text_len = alog_drain_text(drain, slot, NULL, 0);
    out->first_len = alog_drain_first(drain, slot, NULL, 0);
    return 1;
}
