/* drain_state.h: what drain.c (search and learn), cluster.c (clusters and their order of use) and
 * drain_snapshot.c share; nobody else includes it. */
#ifndef ALOG_DRAIN_STATE_H
#define ALOG_DRAIN_STATE_H

#include "drain.h"
#include "tree.h"

enum { ALOG_DRAIN_CACHE = 8192 }; /* remembered lines; 256 KiB, which stays in a core's second cache */

typedef struct {
    uint32_t id, slot;
    uint32_t tokens;
    uint32_t wild; /* how many of them are "<*>" */
    uint64_t count;
    alog_node *leaf;
    size_t size;    /* of this piece of memory */
    uint32_t place; /* among the slots of its leaf; kept only while that has postings */
    uint32_t *end;  /* of each token in `text`, as it was when the cluster was made */
    uint8_t *text;
    uint64_t hash[]; /* ALOG_WILD where the template has "<*>" */
} alog_cluster;

/* Asks for a cluster's memory, for when it is needed soon. */
static inline void alog_cluster_prefetch(const alog_cluster *cluster) {
#if defined(__GNUC__)
    for (int line = 0; line < 4; line++) __builtin_prefetch((const uint8_t *)cluster + 64 * line);
#else
    (void)cluster;
#endif
}

/* A line Drain has answered before: the answer holds while neither the tree's nodes nor its leaf changed. */
typedef struct {
    uint64_t line;
    uint64_t leaf_stamp;
    uint64_t tree_stamp;
    uint32_t slot;
    uint8_t memo;
} alog_remembered;

struct alog_drain {
    alog_drain_config config;
    alog_store store;
    uint64_t star;     /* hash of a literal "<*>" */
    alog_node **roots; /* by token count, max_tokens + 1 */
    uint32_t *needed;  /* 1 + equal tokens that reach sim_th, by token count; 0 = not asked for yet */
    uint64_t *chains;  /* scratch of a search, one for each key: pairs.h */
    uint16_t *places;  /* the same, max_tokens */
    uint8_t *left;     /* the same */
    uint8_t *marks;    /* the same, rounded up to whole lanes */
    alog_cluster **by_slot;
    uint32_t *newer, *older; /* order of use, by slot; only with max_clusters */
    uint32_t *free_slots;
    uint32_t slots, slot_cap, free_count; /* slots: one past the largest ever used */
    uint32_t newest, oldest;
    uint32_t live;
    uint32_t last_id;
    uint64_t stamp, tree_stamp;
    uint64_t pruned_at; /* `evicted` at the last pruning */
    alog_drain_counters counters;
    alog_remembered *remembered;
    uint8_t searched; /* the last line was not among them */
};

/* ---- drain.c ---- */

/* How many levels of tokens lie between the first layer and the leaf of a line of n tokens. */
uint32_t alog_drain_path(const alog_drain *drain, uint32_t n);

/* Equal tokens that reach sim_th in a line of n tokens. */
uint32_t alog_drain_needed(alog_drain *drain, uint32_t n);

/* ---- cluster.c ---- */

/* A cluster of these tokens without slot and leaf, or NULL when memory is out. */
alog_cluster *alog_cluster_new(alog_drain *drain, uint32_t tokens, size_t text_len);
void alog_cluster_free(alog_drain *drain, alog_cluster *cluster);
/* A token of the template, and of the line the cluster was made from. */
alog_span alog_cluster_token(const alog_cluster *cluster, uint32_t i);
alog_span alog_cluster_first(const alog_cluster *cluster, uint32_t i);

/* Gives the cluster a slot and makes it the one used last. ALOG_FULL when memory is out. */
alog_status alog_drain_seat(alog_drain *drain, alog_cluster *cluster);
/* Takes slot and place in the order of use away again; the cluster's memory and leaf stay. */
void alog_drain_unseat(alog_drain *drain, alog_cluster *cluster);
void alog_drain_touch(alog_drain *drain, uint32_t slot);
/* Makes slots 0 ... count - 1 ones that are or were used; there must not be more yet. */
alog_status alog_drain_use_slots(alog_drain *drain, uint32_t count);
void alog_drain_link_newest(alog_drain *drain, uint32_t slot);

#endif
