/* drain.c: Drain's search and learning (drain.h). */
#include <stdlib.h>
#include <string.h>

#include "drain_state.h"
#include "hash.h"
#include "leaf.h"
#include "pairs.h"

enum { MAKE_ROOM_MOST = 64 }; /* clusters that may go for the memory of one new one */

static alog_status check_config(const alog_drain_config *c) {
    const int ok = c->depth >= 3 && c->depth <= 64 && c->sim_th >= 0.0 && c->sim_th <= 1.0 && c->max_children >= 1 &&
                   c->max_tokens >= 1 && c->max_tokens <= 65536 && c->max_clusters < UINT32_MAX;
    return ok ? ALOG_OK : ALOG_INVALID;
}

/* Drain3 compares (double)equal / n with sim_th; the smallest `equal` that passes is the same test. The product is off
 * by a rounding at most. */
static uint32_t equal_needed(uint32_t n, double sim_th) {
    uint32_t k = (uint32_t)((double)n * sim_th);
    while (k > 0 && (double)(k - 1) / (double)n >= sim_th) k--;
    while (k <= n && (double)k / (double)n < sim_th) k++;
    return k;
}

uint32_t alog_drain_needed(alog_drain *drain, uint32_t n) {
    if (n && !drain->needed[n]) drain->needed[n] = equal_needed(n, drain->config.sim_th) + 1;
    return n ? drain->needed[n] - 1 : 0;
}

alog_drain *alog_drain_new(const alog_drain_config *config, alog_status *status) {
    *status = check_config(config);
    alog_drain *drain = *status == ALOG_OK ? calloc(1, sizeof *drain) : NULL;
    if (!drain) {
        if (*status == ALOG_OK) *status = ALOG_NOMEM;
        return NULL;
    }
    const size_t lengths = (size_t)config->max_tokens + 1;
    drain->config = *config;
    drain->store.cap = config->max_memory;
    drain->star = alog_hash_inline((const uint8_t *)"<*>", 3, config->seed);
    drain->roots = calloc(lengths, sizeof(alog_node *));
    drain->needed = calloc(lengths, sizeof *drain->needed);
    drain->chains = malloc(ALOG_PAIRS_A_TOKEN * lengths * sizeof *drain->chains);
    drain->places = malloc(lengths * sizeof *drain->places);
    drain->left = malloc(lengths);
    drain->marks = malloc(lengths + 16);
    drain->remembered = calloc(ALOG_DRAIN_CACHE, sizeof *drain->remembered);
    drain->slots = 1; /* slot 0 is the overflow template's */
    drain->stamp = drain->tree_stamp = 1;
    const int scratch = drain->chains && drain->places && drain->left && drain->marks;
    if (!drain->roots || !drain->needed || !scratch || !drain->remembered) {
        alog_drain_free(drain);
        *status = ALOG_NOMEM;
        return NULL;
    }
    return drain;
}

void alog_drain_free(alog_drain *drain) {
    if (!drain) return;
    for (uint32_t n = 0; drain->roots && n <= drain->config.max_tokens; n++)
        alog_node_free(&drain->store, drain->roots[n]);
    for (uint32_t slot = 1; slot < drain->slots && slot < drain->slot_cap; slot++)
        alog_cluster_free(drain, drain->by_slot[slot]);
    free(drain->by_slot);
    free(drain->newer);
    free(drain->roots);
    free(drain->needed);
    free(drain->chains);
    free(drain->places);
    free(drain->left);
    free(drain->marks);
    free(drain->remembered);
    free(drain);
}

/* ---- search ------------------------------------------------------------------------------------------- */

uint32_t alog_drain_path(const alog_drain *drain, uint32_t n) {
    const uint32_t most = drain->config.depth - 3;
    if (n == 0) return 0;
    return n - 1 < most ? n - 1 : most;
}

static alog_node *find_leaf(const alog_drain *drain, const alog_tokens *tokens) {
    alog_node *node = drain->roots[tokens->count];
    const uint32_t levels = alog_drain_path(drain, tokens->count);
    for (uint32_t i = 0; node && i < levels; i++) {
        alog_node *child = alog_node_child(node, tokens->hash[i]);
        node = child ? child : node->wild;
    }
    return node;
}

uint32_t alog_drain_find(const alog_drain *drain, const alog_tokens *tokens, uint32_t *best, uint32_t *equal) {
    *best = *equal = 0;
    const alog_node *leaf = find_leaf(drain, tokens);
    int64_t same;
    const alog_cluster *cluster = leaf ? alog_leaf_scan(drain, leaf, tokens, 0, &same) : NULL;
    if (!cluster) return 0;
    *best = cluster->slot;
    *equal = (uint32_t)same;
    const uint32_t n = tokens->count;
    return (uint32_t)same >= (n ? equal_needed(n, drain->config.sim_th) : 0) ? cluster->slot : 0;
}

/* ---- learning ----------------------------------------------------------------------------------------- */

static void leaf_changed(alog_drain *drain, alog_node *leaf) { leaf->stamp = ++drain->stamp; }

static void evict_oldest(alog_drain *drain) {
    alog_cluster *cluster = drain->by_slot[drain->oldest];
    leaf_changed(drain, cluster->leaf);
    alog_leaf_remove(drain, cluster);
    alog_drain_unseat(drain, cluster);
    alog_cluster_free(drain, cluster);
    if (drain->oldest) alog_cluster_prefetch(drain->by_slot[drain->oldest]); /* where one goes others will */
    drain->counters.evicted++;
}

/* A new child of `node`; NULL when memory is out. */
static alog_node *grow_node(alog_drain *drain, alog_node *node, uint64_t key, const uint8_t *text, uint32_t len) {
    alog_node *child = alog_node_new(&drain->store, key, text, len);
    if (!child) return NULL;
    if (alog_node_adopt(&drain->store, node, child) != ALOG_OK) {
        alog_node_free(&drain->store, child);
        return NULL;
    }
    child->stamp = ++drain->stamp;
    drain->tree_stamp = drain->stamp;
    return child;
}

static alog_node *wild_child(alog_drain *drain, alog_node *node) {
    return node->wild ? node->wild : grow_node(drain, node, ALOG_WILD, NULL, 0);
}

/* One step of Drain3's add_seq_to_prefix_tree, slot for the wildcard included: a node without one keeps a
 * place free for it, and the last place is the wildcard's. */
static alog_node *step(alog_drain *drain, alog_node *node, const alog_tokens *tokens, uint32_t i) {
    if (tokens->hash[i] == drain->star) return wild_child(drain, node);
    alog_node *child = alog_node_child(node, tokens->hash[i]);
    if (child) return child;
    if (drain->config.numeric && tokens->flags[i] & ALOG_TOKEN_DIGIT) return wild_child(drain, node);
    const uint64_t taken = (uint64_t)node->children + (node->wild ? 0 : 1);
    if (taken >= drain->config.max_children) return wild_child(drain, node);
    return grow_node(drain, node, tokens->hash[i], tokens->text + tokens->offset[i], tokens->length[i]);
}

static alog_node *grow_leaf(alog_drain *drain, const alog_tokens *tokens) {
    alog_node **root = &drain->roots[tokens->count];
    if (!*root) {
        *root = alog_node_new(&drain->store, ALOG_WILD, NULL, 0);
        drain->tree_stamp = ++drain->stamp;
    }
    alog_node *node = *root;
    const uint32_t levels = alog_drain_path(drain, tokens->count);
    for (uint32_t i = 0; node && i < levels; i++) node = step(drain, node, tokens, i);
    return node;
}

/* Most tokens are short, and a call costs more than they do. */
static void copy_token(uint8_t *to, const uint8_t *from, uint32_t len) {
    if (len > 16) {
        memcpy(to, from, len);
    } else if (len >= 8) {
        memcpy(to, from, 8);
        memcpy(to + len - 8, from + len - 8, 8);
    } else if (len >= 4) {
        memcpy(to, from, 4);
        memcpy(to + len - 4, from + len - 4, 4);
    } else if (len) {
        to[0] = from[0];
        to[len / 2] = from[len / 2];
        to[len - 1] = from[len - 1];
    }
}

static alog_cluster *cluster_of(alog_drain *drain, const alog_tokens *tokens) {
    size_t text_len = 0;
    for (uint32_t i = 0; i < tokens->count; i++) text_len += tokens->length[i];
    alog_cluster *cluster = alog_cluster_new(drain, tokens->count, text_len);
    if (!cluster) return NULL;
    uint32_t end = 0;
    for (uint32_t i = 0; i < tokens->count; i++) {
        copy_token(cluster->text + end, tokens->text + tokens->offset[i], tokens->length[i]);
        end += tokens->length[i];
        cluster->end[i] = end;
        cluster->hash[i] = tokens->hash[i] == drain->star ? ALOG_WILD : tokens->hash[i];
        cluster->wild += cluster->hash[i] == ALOG_WILD;
    }
    cluster->count = 1;
    return cluster;
}

/* All or nothing, but for tree nodes on the way to the leaf. */
static alog_cluster *try_create(alog_drain *drain, const alog_tokens *tokens) {
    alog_cluster *cluster = cluster_of(drain, tokens);
    if (!cluster) return NULL;
    if (alog_drain_seat(drain, cluster) == ALOG_OK) {
        alog_node *leaf = grow_leaf(drain, tokens);
        if (leaf && alog_leaf_add(drain, leaf, cluster) == ALOG_OK) {
            leaf_changed(drain, leaf);
            return cluster;
        }
        alog_drain_unseat(drain, cluster);
    }
    alog_cluster_free(drain, cluster);
    return NULL;
}

static int prune_tree(alog_drain *drain) {
    uint64_t freed = 0;
    for (uint32_t n = 0; n <= drain->config.max_tokens; n++) {
        if (!drain->roots[n] || !alog_node_prune(&drain->store, drain->roots[n], &freed)) continue;
        alog_node_free(&drain->store, drain->roots[n]);
        drain->roots[n] = NULL;
        freed++;
    }
    if (freed) drain->tree_stamp = ++drain->stamp;
    drain->counters.pruned += freed;
    return freed != 0;
}

/* Drain3 has no memory cap, so from here on nothing is compared with it. Pruning walks the whole tree: only when
 * enough clusters went since the last time to make it worth while. */
static int make_room(alog_drain *drain) {
    const uint64_t gone = drain->counters.evicted - drain->pruned_at;
    if (gone > drain->live / 8) {
        drain->pruned_at = drain->counters.evicted;
        if (prune_tree(drain)) return 1;
    }
    if (!drain->config.max_clusters || drain->live == 0) return 0;
    evict_oldest(drain);
    return 1;
}

static alog_status create(alog_drain *drain, const alog_tokens *tokens, alog_match *out) {
    if (drain->config.max_clusters && drain->live >= drain->config.max_clusters) evict_oldest(drain);
    alog_cluster *cluster = NULL;
    if (drain->last_id < UINT32_MAX) {
        cluster = try_create(drain, tokens);
        for (int tries = 0; !cluster && tries < MAKE_ROOM_MOST && make_room(drain); tries++)
            cluster = try_create(drain, tokens);
    }
    if (!cluster) {
        drain->counters.overflow++;
        return ALOG_FULL;
    }
    cluster->id = ++drain->last_id;
    drain->counters.created++;
    out->slot = cluster->slot;
    out->id = cluster->id;
    out->change = ALOG_CREATED;
    return ALOG_OK;
}

static void generalise(alog_drain *drain, alog_cluster *cluster, const alog_tokens *tokens) {
    for (uint32_t i = 0; i < cluster->tokens; i++) {
        if (cluster->hash[i] == tokens->hash[i] || cluster->hash[i] == ALOG_WILD) continue;
        cluster->hash[i] = ALOG_WILD;
        cluster->wild++;
    }
    leaf_changed(drain, cluster->leaf);
    drain->counters.changed++;
}

static uint64_t line_hash(const alog_drain *drain, const alog_tokens *tokens) {
    const uint64_t factor = UINT64_C(0x9fb21c651e98df25);
    uint64_t even = drain->config.seed ^ tokens->count, odd = ~even; /* apart: neither waits for the other's product */
    uint32_t i = 0;
    for (; i + 1 < tokens->count; i += 2) {
        even = (((even << 29) | (even >> 35)) ^ tokens->hash[i]) * factor;
        odd = (((odd << 29) | (odd >> 35)) ^ tokens->hash[i + 1]) * factor;
    }
    if (i < tokens->count) even = (((even << 29) | (even >> 35)) ^ tokens->hash[i]) * factor;
    uint64_t h = (((odd << 23) | (odd >> 41)) ^ even) * factor;
    h ^= h >> 32;
    return h + (h == 0);
}

static alog_cluster *recall(alog_drain *drain, const alog_remembered *entry, uint64_t line) {
    if (entry->line != line || entry->tree_stamp != drain->tree_stamp) return NULL;
    alog_cluster *cluster = drain->by_slot[entry->slot];
    return cluster && cluster->leaf->stamp == entry->leaf_stamp ? cluster : NULL;
}

/* The line matched without a change: until its leaf or the tree's nodes change, it will again. */
static void remember(const alog_drain *drain, alog_remembered *entry, uint64_t line, const alog_cluster *cluster) {
    *entry = (alog_remembered){line, cluster->leaf->stamp, drain->tree_stamp, cluster->slot, 0};
}

static void matched(alog_drain *drain, alog_cluster *cluster, alog_match *out) {
    cluster->count++;
    alog_drain_touch(drain, cluster->slot);
    out->slot = cluster->slot;
    out->id = cluster->id;
}

int alog_drain_again(alog_drain *drain, uint64_t line, alog_match *out) {
    alog_remembered *entry = &drain->remembered[line % ALOG_DRAIN_CACHE];
    alog_cluster *cluster = recall(drain, entry, line);
    if (!cluster) return 0;
    *out = (alog_match){.memo = &entry->memo, .remembered = 1, .line = line};
    matched(drain, cluster, out);
    drain->searched = 0;
    return 1;
}

alog_status alog_drain_add(alog_drain *drain, const alog_tokens *tokens, alog_match *out) {
    const uint64_t line = line_hash(drain, tokens);
    *out = (alog_match){.line = line};
    alog_remembered *entry = &drain->remembered[line % ALOG_DRAIN_CACHE];
    /* where one line had to be looked for the next will: what that reads is asked for while the memory of lines is */
    const int unlikely = drain->searched;
    alog_node *leaf = unlikely ? find_leaf(drain, tokens) : NULL;
    if (leaf) alog_leaf_expect(leaf, tokens);
    alog_cluster *cluster = recall(drain, entry, line);
    drain->searched = !cluster;
    if (cluster) {
        matched(drain, cluster, out);
        out->memo = &entry->memo;
        out->remembered = 1;
        return ALOG_OK;
    }
    int64_t equal = 0;
    if (!unlikely) leaf = find_leaf(drain, tokens);
    const uint32_t needed = alog_drain_needed(drain, tokens->count);
    cluster = leaf ? alog_leaf_match(drain, leaf, tokens, needed, &equal) : NULL;
    if (!cluster) return create(drain, tokens, out);
    matched(drain, cluster, out);
    if ((uint64_t)equal + cluster->wild < cluster->tokens) {
        generalise(drain, cluster, tokens);
        out->change = ALOG_CHANGED;
        return ALOG_OK;
    }
    remember(drain, entry, line, cluster);
    out->memo = &entry->memo;
    return ALOG_OK;
}

uint32_t alog_drain_slots(const alog_drain *drain) { return drain->slots; }
size_t alog_drain_clusters(const alog_drain *drain) { return drain->live; }
size_t alog_drain_memory(const alog_drain *drain) { return drain->store.used; }
const alog_drain_counters *alog_drain_counts(const alog_drain *drain) { return &drain->counters; }
