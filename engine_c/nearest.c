/* nearest.c: which known template a text resembles most (drain.h). Asked for alerts, not for lines. */
#include <stdlib.h>

#include "drain_state.h"
#include "hash.h"

static uint64_t first_hash(const alog_drain *drain, const alog_cluster *cluster, uint32_t i) {
    const alog_span token = alog_cluster_first(cluster, i);
    return alog_hash_inline(token.ptr, token.len, drain->config.seed);
}

static uint32_t equal_in_place(const alog_drain *drain, const alog_cluster *cluster, const uint64_t *hash) {
    uint32_t equal = 0;
    for (uint32_t i = 0; i < cluster->tokens; i++) equal += first_hash(drain, cluster, i) == hash[i];
    return equal;
}

static int compare(const void *a, const void *b) {
    const uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static uint32_t in_common(const alog_drain *drain, const alog_cluster *cluster, const uint64_t *sorted, uint32_t n) {
    uint32_t common = 0;
    for (uint32_t i = 0; i < cluster->tokens; i++) {
        const uint64_t h = first_hash(drain, cluster, i);
        common += bsearch(&h, sorted, n, sizeof h, compare) != NULL;
    }
    return common;
}

static uint32_t nearest_in_place(const alog_drain *drain, const uint64_t *hash, uint32_t n, uint32_t below,
                                 uint32_t but) {
    uint32_t best = 0, best_id = 0, most = 0;
    for (uint32_t slot = 1; slot < drain->slots; slot++) {
        const alog_cluster *cluster = drain->by_slot[slot];
        if (!cluster || cluster->tokens != n || cluster->id >= below || cluster->id == but) continue;
        const uint32_t equal = equal_in_place(drain, cluster, hash);
        if (equal < most || equal == 0 || (equal == most && cluster->id > best_id)) continue;
        best = slot;
        best_id = cluster->id;
        most = equal;
    }
    return best;
}

/* Tokens in common over the longer of the two, compared by cross multiplication. */
static uint32_t nearest_in_common(const alog_drain *drain, const uint64_t *hash, uint32_t n, uint32_t below,
                                  uint32_t but) {
    uint64_t *sorted = malloc(((size_t)n + 1) * sizeof *sorted);
    uint32_t best = 0, best_id = 0;
    uint64_t most = 0, of = 1;
    for (uint32_t i = 0; sorted && i < n; i++) sorted[i] = hash[i];
    if (sorted) qsort(sorted, n, sizeof *sorted, compare);
    for (uint32_t slot = 1; sorted && slot < drain->slots; slot++) {
        const alog_cluster *cluster = drain->by_slot[slot];
        if (!cluster || cluster->id >= below || cluster->id == but) continue;
        const uint64_t common = in_common(drain, cluster, sorted, n);
        const uint64_t longer = cluster->tokens > n ? cluster->tokens : n;
        if (common == 0 || common * of < most * longer) continue;
        if (common * of == most * longer && cluster->id > best_id) continue;
        best = slot;
        best_id = cluster->id;
        most = common;
        of = longer;
    }
    free(sorted);
    return best;
}

uint32_t alog_drain_nearest(const alog_drain *drain, const uint64_t *hash, uint32_t count, uint32_t below,
                            uint32_t but) {
    const uint32_t slot = nearest_in_place(drain, hash, count, below, but);
    return slot ? slot : nearest_in_common(drain, hash, count, below, but);
}
