/* tree.c: nodes of Drain's prefix tree (tree.h). */
#include "tree.h"

#include <stdlib.h>
#include <string.h>

#include "drain.h"

enum {
    SCAN_MOST = 8, /* up to here a scan of the keys beats the index */
    /* Bytes charged for an element: its share of arrays that are at least a quarter full. */
    CHILD_COST = 48,
    SLOT_COST = 16,
};

alog_node *alog_node_new(alog_store *store, uint64_t key, const uint8_t *text, uint32_t len) {
    alog_node *node = alog_store_get(store, sizeof *node + len);
    if (!node) return NULL;
    node->key = key;
    node->text_len = len;
    if (len) memcpy(node->text, text, len);
    return node;
}

static void drop_children(alog_store *store, alog_node *node) {
    alog_store_release(store, (size_t)node->children * CHILD_COST);
    free(node->child);
    free(node->keys);
    free(node->index);
    node->child = NULL;
    node->keys = NULL;
    node->index = NULL;
    node->children = node->child_cap = node->index_size = 0;
    node->wild = NULL;
}

void alog_node_free(alog_store *store, alog_node *node) {
    if (!node) return;
    for (uint32_t i = 0; i < node->children; i++) alog_node_free(store, node->child[i]);
    drop_children(store, node);
    alog_store_release(store, (size_t)alog_node_live(node) * SLOT_COST);
    free(node->slots);
    free(node->postings);
    alog_store_put(store, node, sizeof *node + node->text_len);
}

alog_node *alog_node_child(const alog_node *node, uint64_t key) {
    if (!node->index) {
        for (uint32_t i = 0; i < node->children; i++)
            if (node->keys[i] == key) return node->child[i];
        return NULL;
    }
    const uint32_t mask = node->index_size - 1;
    for (uint32_t at = (uint32_t)key & mask; node->index[at]; at = (at + 1) & mask)
        if (node->keys[node->index[at] - 1] == key) return node->child[node->index[at] - 1];
    return NULL;
}

static void index_put(alog_node *node, uint32_t position) {
    const uint32_t mask = node->index_size - 1;
    uint32_t at = (uint32_t)node->keys[position] & mask;
    while (node->index[at]) at = (at + 1) & mask;
    node->index[at] = position + 1;
}

static alog_status grow_children(alog_node *node) {
    const uint32_t cap = node->child_cap ? 2 * node->child_cap : 2;
    if (cap < node->child_cap) return ALOG_FULL;
    alog_node **child = realloc(node->child, (size_t)cap * sizeof(alog_node *));
    if (!child) return ALOG_FULL;
    node->child = child;
    uint64_t *keys = realloc(node->keys, (size_t)cap * sizeof *keys);
    if (!keys) return ALOG_FULL;
    node->keys = keys;
    node->child_cap = cap;
    return ALOG_OK;
}

/* Room for one child more. The index stays at most half full. */
static alog_status reserve_child(alog_node *node) {
    if (node->children == node->child_cap && grow_children(node) != ALOG_OK) return ALOG_FULL;
    if (node->children < SCAN_MOST || 2 * (node->children + 1) <= node->index_size) return ALOG_OK;
    const uint32_t size = node->index_size ? 2 * node->index_size : 4 * SCAN_MOST;
    uint32_t *index = calloc(size, sizeof *index);
    if (!index) return ALOG_FULL;
    free(node->index);
    node->index = index;
    node->index_size = size;
    for (uint32_t i = 0; i < node->children; i++) index_put(node, i);
    return ALOG_OK;
}

alog_status alog_node_adopt(alog_store *store, alog_node *node, alog_node *child) {
    if (alog_store_charge(store, CHILD_COST) != ALOG_OK) return ALOG_FULL;
    if (reserve_child(node) != ALOG_OK) {
        alog_store_release(store, CHILD_COST);
        return ALOG_FULL;
    }
    const uint32_t position = node->children++;
    node->child[position] = child;
    node->keys[position] = child->key;
    if (child->key == ALOG_WILD) node->wild = child;
    if (node->index) index_put(node, position);
    return ALOG_OK;
}

static alog_status resize_slots(alog_node *leaf, uint32_t cap) {
    uint32_t *slots = realloc(leaf->slots, (size_t)cap * sizeof *slots);
    if (!slots) return ALOG_FULL;
    leaf->slots = slots;
    leaf->slot_cap = cap;
    return ALOG_OK;
}

alog_status alog_node_add_slot(alog_store *store, alog_node *leaf, uint32_t slot) {
    if (alog_store_charge(store, SLOT_COST) != ALOG_OK) return ALOG_FULL;
    if (leaf->slot_count == leaf->slot_cap && resize_slots(leaf, leaf->slot_cap ? 2 * leaf->slot_cap : 2) != ALOG_OK) {
        alog_store_release(store, SLOT_COST);
        return ALOG_FULL;
    }
    leaf->slots[leaf->slot_count++] = slot;
    return ALOG_OK;
}

void alog_node_drop_slot(alog_store *store, alog_node *leaf, uint32_t slot) {
    uint32_t at = 0;
    while (at < leaf->slot_count && leaf->slots[at] != slot) at++;
    if (at == leaf->slot_count) return;
    alog_store_release(store, SLOT_COST);
    leaf->slot_count--;
    memmove(leaf->slots + at, leaf->slots + at + 1, (leaf->slot_count - at) * sizeof *leaf->slots);
    alog_node_trim_slots(leaf);
}

void alog_node_trim_slots(alog_node *leaf) {
    if (leaf->slot_cap > 8 && leaf->slot_count < leaf->slot_cap / 4) (void)resize_slots(leaf, leaf->slot_cap / 2);
}

void alog_node_leave_gap(alog_store *store, alog_node *leaf, uint32_t place) {
    alog_store_release(store, SLOT_COST);
    leaf->slots[place] = 0;
    leaf->gaps++;
}

int alog_node_prune(alog_store *store, alog_node *node, uint64_t *freed) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < node->children; i++) {
        alog_node *child = node->child[i];
        if (alog_node_prune(store, child, freed)) {
            if (node->wild == child) node->wild = NULL;
            alog_node_free(store, child);
            alog_store_release(store, CHILD_COST);
            ++*freed;
            continue;
        }
        node->child[kept] = child;
        node->keys[kept++] = child->key;
    }
    if (kept < node->children && node->index) {
        node->children = kept;
        memset(node->index, 0, (size_t)node->index_size * sizeof *node->index);
        for (uint32_t i = 0; i < kept; i++) index_put(node, i);
    }
    node->children = kept;
    if (!kept) drop_children(store, node);
    return !kept && !alog_node_live(node);
}
