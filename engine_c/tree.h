/* tree.h: nodes of Drain's prefix tree: children by token hash in order of arrival, or a leaf's clusters.
 *
 * A node is named by the hash of its token (ALOG_WILD for "<*>") and keeps the token's bytes for snapshots.
 * All memory is counted by the store; a failed call leaves the tree as it was. The tree is at most `depth` deep,
 * so the recursive calls are bounded. */
#ifndef ALOG_TREE_H
#define ALOG_TREE_H

#include "alog.h"
#include "store.h"

typedef struct alog_node alog_node;
typedef struct alog_postings alog_postings; /* leaf.c */
struct alog_node {
    uint64_t key;
    uint64_t stamp;  /* never the same again once the clusters of this leaf changed */
    alog_node *wild; /* the child named "<*>", also among `child` */
    alog_node **child;
    uint64_t *keys;  /* key of each child, beside each other for the search */
    uint32_t *index; /* open addressing over `keys`, 1 + position; NULL while there are few children */
    uint32_t children, child_cap, index_size;
    uint32_t *slots;                     /* of a leaf's clusters, oldest first: Drain's first best match wins */
    uint32_t slot_count, slot_cap, gaps; /* gaps: zeros among them, which only a leaf with postings has */
    alog_postings *postings;             /* one piece of memory; NULL while there are few clusters */
    uint32_t text_len;
    uint8_t text[];
};

alog_node *alog_node_new(alog_store *store, uint64_t key, const uint8_t *text, uint32_t len);
/* Frees a node and all below it. */
void alog_node_free(alog_store *store, alog_node *node);

/* The child named `key`, or NULL; ALOG_WILD is answered by `node->wild`. */
alog_node *alog_node_child(const alog_node *node, uint64_t key);
/* Makes `child` the last child. ALOG_FULL when memory is out: the child stays the caller's. */
alog_status alog_node_adopt(alog_store *store, alog_node *node, alog_node *child);

alog_status alog_node_add_slot(alog_store *store, alog_node *leaf, uint32_t slot);
void alog_node_drop_slot(alog_store *store, alog_node *leaf, uint32_t slot);
/* Drops the slot at a known place without moving the others: a zero stays. */
void alog_node_leave_gap(alog_store *store, alog_node *leaf, uint32_t place);
/* Gives back memory of a leaf that was large once: there may be many of them. */
void alog_node_trim_slots(alog_node *leaf);
static inline uint32_t alog_node_live(const alog_node *leaf) { return leaf->slot_count - leaf->gaps; }

/* Frees all nodes below that hold no cluster; returns whether this one holds none. *freed counts nodes. */
int alog_node_prune(alog_store *store, alog_node *node, uint64_t *freed);

#endif
