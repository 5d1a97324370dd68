/* drain_snapshot.c: Drain's learned state as bytes, and back with every count and index checked.
 *
 * Layout: u32 last id, 5 x u64 counters, u32 slots, u32 free slots and their numbers, u32 clusters, clusters (least
 * recently used first; without max_clusters by slot), u32 trees, trees (by token count).
 * Cluster: u32 id, u32 slot, u64 count, u32 tokens, tokens. Token: u32 length (with WILD: the template has "<*>"
 * here) and the bytes that the cluster's first line had. Tree: u32 token count, node. Node above the leaves: u32
 * children, each a token (WILD alone: "<*>") and a node; leaf: u32 slots and their numbers.
 * Hashes are not saved but made again from the text, so they cannot be wrong. */
#include <string.h>

#include "drain_state.h"
#include "hash.h"

static const uint32_t WILD = UINT32_C(1) << 31;
enum { AHEAD = 8 }; /* clusters that lie anywhere in memory are asked for so early */

/* ---- save --------------------------------------------------------------------------------------------- */

static void save_cluster(const alog_cluster *cluster, alog_output *out) {
    const size_t text = cluster->tokens ? cluster->end[cluster->tokens - 1] : 0;
    uint8_t *p = alog_put_room(out, 20 + 4 * (size_t)cluster->tokens + text);
    if (!p) return;
    p = alog_lay_u32(p, cluster->id);
    p = alog_lay_u32(p, cluster->slot);
    p = alog_lay_u64(p, cluster->count);
    p = alog_lay_u32(p, cluster->tokens);
    for (uint32_t i = 0; i < cluster->tokens; i++) {
        const alog_span token = alog_cluster_first(cluster, i);
        p = alog_lay_u32(p, (uint32_t)token.len | (cluster->hash[i] == ALOG_WILD ? WILD : 0));
        memcpy(p, token.ptr, token.len);
        p += token.len;
    }
}

static void save_node(const alog_node *node, uint32_t levels, alog_output *out) {
    if (levels == 0) {
        alog_put_u32(out, alog_node_live(node));
        for (uint32_t i = 0; i < node->slot_count; i++)
            if (node->slots[i]) alog_put_u32(out, node->slots[i]);
        return;
    }
    alog_put_u32(out, node->children);
    for (uint32_t i = 0; i < node->children; i++) {
        const alog_node *child = node->child[i];
        if (child->key == ALOG_WILD)
            alog_put_u32(out, WILD);
        else
            alog_put_span(out, child->text, child->text_len);
        save_node(child, levels - 1, out);
    }
}

static void save_clusters(const alog_drain *drain, alog_output *out) {
    alog_put_u32(out, drain->live);
    if (drain->config.max_clusters) {
        uint32_t ahead = drain->oldest;
        for (uint32_t i = 0; i < AHEAD && ahead; i++) ahead = drain->newer[ahead];
        for (uint32_t slot = drain->oldest; slot; slot = drain->newer[slot]) {
            if (ahead) {
                alog_cluster_prefetch(drain->by_slot[ahead]);
                ahead = drain->newer[ahead];
            }
            save_cluster(drain->by_slot[slot], out);
        }
        return;
    }
    for (uint32_t slot = 1; slot < drain->slots; slot++)
        if (drain->by_slot[slot]) save_cluster(drain->by_slot[slot], out);
}

void alog_drain_save(const alog_drain *drain, alog_output *out) {
    alog_put_u32(out, drain->last_id);
    alog_put_u64(out, drain->counters.created);
    alog_put_u64(out, drain->counters.changed);
    alog_put_u64(out, drain->counters.evicted);
    alog_put_u64(out, drain->counters.pruned);
    alog_put_u64(out, drain->counters.overflow);
    alog_put_u64(out, drain->pruned_at);
    alog_put_u32(out, drain->slots);
    alog_put_u32(out, drain->free_count);
    for (uint32_t i = 0; i < drain->free_count; i++) alog_put_u32(out, drain->free_slots[i]);
    save_clusters(drain, out);
    uint32_t trees = 0;
    for (uint32_t n = 0; n <= drain->config.max_tokens; n++) trees += drain->roots[n] != NULL;
    alog_put_u32(out, trees);
    for (uint32_t n = 0; n <= drain->config.max_tokens; n++) {
        if (!drain->roots[n]) continue;
        alog_put_u32(out, n);
        save_node(drain->roots[n], alog_drain_path(drain, n), out);
    }
}

/* ---- load --------------------------------------------------------------------------------------------- */

/* What a count may be at most, when each thing counted takes `size` bytes or more of what is left. */
static int plausible(const alog_input *in, uint64_t count, size_t size) {
    return !in->failed && count <= (uint64_t)(in->end - in->at) / size;
}

static alog_span get_token(alog_input *in, int *wild) {
    const uint32_t head = alog_get_u32(in);
    *wild = (head & WILD) != 0;
    return alog_get_run(in, head & ~WILD);
}

static size_t tokens_length(alog_input in, uint32_t tokens) {
    size_t len = 0;
    int wild;
    for (uint32_t i = 0; i < tokens; i++) len += get_token(&in, &wild).len;
    return len;
}

static alog_status get_tokens(const alog_drain *drain, alog_cluster *cluster, alog_input *in) {
    uint32_t end = 0;
    for (uint32_t i = 0; i < cluster->tokens; i++) {
        int wild;
        const alog_span token = get_token(in, &wild);
        if (in->failed || token.len == 0) return ALOG_CORRUPT;
        memcpy(cluster->text + end, token.ptr, token.len);
        end += (uint32_t)token.len;
        cluster->end[i] = end;
        cluster->hash[i] = wild ? ALOG_WILD : alog_hash_inline(token.ptr, token.len, drain->config.seed);
        if (cluster->hash[i] == drain->star) return ALOG_CORRUPT;
        cluster->wild += (uint32_t)wild;
    }
    return ALOG_OK;
}

static alog_status load_cluster(alog_drain *drain, alog_input *in) {
    const uint32_t id = alog_get_u32(in), slot = alog_get_u32(in);
    const uint64_t count = alog_get_u64(in);
    const uint32_t tokens = alog_get_u32(in);
    if (!plausible(in, tokens, 4) || tokens > drain->config.max_tokens) return ALOG_CORRUPT;
    if (id == 0 || id > drain->last_id || slot == 0 || slot >= drain->slots || drain->by_slot[slot])
        return ALOG_CORRUPT;
    alog_cluster *cluster = alog_cluster_new(drain, tokens, tokens_length(*in, tokens));
    if (!cluster) return ALOG_FULL;
    cluster->tokens = tokens;
    cluster->id = id;
    cluster->slot = slot;
    cluster->count = count;
    drain->by_slot[slot] = cluster;
    drain->live++;
    if (drain->config.max_clusters) alog_drain_link_newest(drain, slot);
    return get_tokens(drain, cluster, in);
}

static alog_status load_leaf(alog_drain *drain, alog_node *leaf, uint32_t tokens, alog_input *in) {
    const uint32_t count = alog_get_u32(in);
    if (!plausible(in, count, 4) || (tokens == 0 && count > 1)) return ALOG_CORRUPT;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t slot = alog_get_u32(in);
        alog_cluster *cluster = slot < drain->slots ? drain->by_slot[slot] : NULL;
        if (!cluster || cluster->leaf || cluster->tokens != tokens) return ALOG_CORRUPT;
        if (alog_node_add_slot(&drain->store, leaf, slot) != ALOG_OK) return ALOG_FULL;
        cluster->leaf = leaf;
    }
    leaf->stamp = ++drain->stamp;
    return ALOG_OK;
}

static alog_status load_node(alog_drain *drain, alog_node *node, uint32_t tokens, uint32_t levels, alog_input *in) {
    if (levels == 0) return load_leaf(drain, node, tokens, in);
    const uint32_t count = alog_get_u32(in);
    if (!plausible(in, count, 8)) return ALOG_CORRUPT;
    for (uint32_t i = 0; i < count; i++) {
        int wild;
        const alog_span token = get_token(in, &wild);
        if (in->failed || wild != (token.len == 0)) return ALOG_CORRUPT;
        const uint64_t key = wild ? ALOG_WILD : alog_hash_inline(token.ptr, token.len, drain->config.seed);
        if (key == drain->star || alog_node_child(node, key)) return ALOG_CORRUPT;
        alog_node *child = alog_node_new(&drain->store, key, token.ptr, (uint32_t)token.len);
        if (!child) return ALOG_FULL;
        if (alog_node_adopt(&drain->store, node, child) != ALOG_OK) {
            alog_node_free(&drain->store, child);
            return ALOG_FULL;
        }
        const alog_status status = load_node(drain, child, tokens, levels - 1, in);
        if (status != ALOG_OK) return status;
    }
    return ALOG_OK;
}

static alog_status load_trees(alog_drain *drain, alog_input *in) {
    const uint32_t trees = alog_get_u32(in);
    if (!plausible(in, trees, 8)) return ALOG_CORRUPT;
    for (uint32_t i = 0; i < trees; i++) {
        const uint32_t n = alog_get_u32(in);
        if (in->failed || n > drain->config.max_tokens || drain->roots[n]) return ALOG_CORRUPT;
        drain->roots[n] = alog_node_new(&drain->store, ALOG_WILD, NULL, 0);
        if (!drain->roots[n]) return ALOG_FULL;
        const alog_status status = load_node(drain, drain->roots[n], n, alog_drain_path(drain, n), in);
        if (status != ALOG_OK) return status;
    }
    return ALOG_OK;
}

static alog_status load_free_slots(alog_drain *drain, alog_input *in) {
    const uint32_t count = alog_get_u32(in);
    if (!plausible(in, count, 4) || count >= drain->slots) return ALOG_CORRUPT;
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t slot = alog_get_u32(in);
        if (slot == 0 || slot >= drain->slots) return ALOG_CORRUPT;
        drain->free_slots[drain->free_count++] = slot;
    }
    return ALOG_OK;
}

/* Each slot holds a cluster that hangs in the tree, or is free, and free once. */
static alog_status check_slots(alog_drain *drain) {
    if ((uint64_t)drain->live + drain->free_count + 1 != drain->slots) return ALOG_CORRUPT;
    for (uint32_t slot = 1; slot < drain->slots; slot++)
        if (drain->by_slot[slot] && !drain->by_slot[slot]->leaf) return ALOG_CORRUPT;
    for (uint32_t i = 0; i < drain->free_count; i++) {
        const uint32_t slot = drain->free_slots[i];
        if (drain->by_slot[slot] || drain->newer[slot] == slot) return ALOG_CORRUPT;
        drain->newer[slot] = slot; /* marks it as seen; linking a slot sets both its neighbours again */
    }
    return ALOG_OK;
}

alog_status alog_drain_load(alog_drain *drain, alog_input *in) {
    drain->last_id = alog_get_u32(in);
    drain->counters.created = alog_get_u64(in);
    drain->counters.changed = alog_get_u64(in);
    drain->counters.evicted = alog_get_u64(in);
    drain->counters.pruned = alog_get_u64(in);
    drain->counters.overflow = alog_get_u64(in);
    drain->pruned_at = alog_get_u64(in);
    const uint32_t slots = alog_get_u32(in);
    if (slots == 0 || !plausible(in, slots - 1, 4) || drain->pruned_at > drain->counters.evicted) return ALOG_CORRUPT;
    if (alog_drain_use_slots(drain, slots) != ALOG_OK) return ALOG_FULL;
    alog_status status = load_free_slots(drain, in);
    const uint32_t clusters = alog_get_u32(in);
    if (status == ALOG_OK && drain->config.max_clusters && clusters > drain->config.max_clusters) return ALOG_FULL;
    for (uint32_t i = 0; status == ALOG_OK && i < clusters; i++) status = load_cluster(drain, in);
    if (status == ALOG_OK) status = load_trees(drain, in);
    if (status == ALOG_OK) status = check_slots(drain);
    drain->tree_stamp = ++drain->stamp;
    return status == ALOG_OK && in->failed ? ALOG_CORRUPT : status;
}
