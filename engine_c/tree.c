/* tree.c: nodes of Drain's prefix tree (tree.h). */
#include "tree.h"

#include <string.h>

#include "drain.h"

enum { SCAN_MOST = 8 }; /* up to here a scan of the keys beats the index */

alog_node *alog_node_new(alog_store *store, uint64_t key, const uint8_t *text, uint32_t len) {
    alog_node *node = alog_store_get(store, sizeof *node + len);
    if (!node) return NULL;
    node->key = key;
    node->text_len = len;
    if (len) memcpy(node->text, text, len);
    return node;
}

static void drop_index(alog_store *store, alog_node *node) {
    alog_store_put(store, node->index, (size_t)node->index_size * sizeof *node->index);
    node->index = NULL;
    node->index_size = 0;
}

static void drop_children(alog_store *store, alog_node *node) {
    drop_index(store, node);
    alog_store_put(store, node->child, (size_t)node->child_cap * sizeof(alog_node *));
    alog_store_put(store, node->keys, (size_t)node->child_cap * sizeof *node->keys);
    node->child = NULL;
    node->keys = NULL;
    node->children = node->child_cap = 0;
    node->wild = NULL;
}

void alog_node_free(alog_store *store, alog_node *node) {
    if (!node) return;
    for (uint32_t i = 0; i < node->children; i++) alog_node_free(store, node->child[i]);
    drop_children(store, node);
    alog_store_put(store, node->slots, (size_t)node->slot_cap * sizeof *node->slots);
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

/* Room for one child more. The index stays at most half full. */
static alog_status reserve_child(alog_store *store, alog_node *node) {
    if (node->children == node->child_cap) {
        const uint32_t cap = node->child_cap ? 2 * node->child_cap : 2;
        if (cap < node->child_cap) return ALOG_FULL;
        alog_node **child = alog_store_get(store, (size_t)cap * sizeof(alog_node *));
        uint64_t *keys = alog_store_get(store, (size_t)cap * sizeof *keys);
        if (!child || !keys) {
            alog_store_put(store, child, (size_t)cap * sizeof(alog_node *));
            alog_store_put(store, keys, (size_t)cap * sizeof *keys);
            return ALOG_FULL;
        }
        if (node->children) {
            memcpy(child, node->child, node->children * sizeof(alog_node *));
            memcpy(keys, node->keys, node->children * sizeof *keys);
        }
        alog_store_put(store, node->child, (size_t)node->child_cap * sizeof(alog_node *));
        alog_store_put(store, node->keys, (size_t)node->child_cap * sizeof *keys);
        node->child = child;
        node->keys = keys;
        node->child_cap = cap;
    }
    if (node->children < SCAN_MOST || 2 * (node->children + 1) <= node->index_size) return ALOG_OK;
    const uint32_t size = node->index_size ? 2 * node->index_size : 4 * SCAN_MOST;
    uint32_t *index = alog_store_get(store, (size_t)size * sizeof *index);
    if (!index) return ALOG_FULL;
    drop_index(store, node);
    node->index = index;
    node->index_size = size;
    for (uint32_t i = 0; i < node->children; i++) index_put(node, i);
    return ALOG_OK;
}

alog_status alog_node_adopt(alog_store *store, alog_node *node, alog_node *child) {
    if (reserve_child(store, node) != ALOG_OK) return ALOG_FULL;
    const uint32_t position = node->children++;
    node->child[position] = child;
    node->keys[position] = child->key;
    if (child->key == ALOG_WILD) node->wild = child;
    if (node->index) index_put(node, position);
    return ALOG_OK;
}

alog_status alog_node_add_slot(alog_store *store, alog_node *leaf, uint32_t slot) {
    if (leaf->slot_count == leaf->slot_cap) {
        const uint32_t cap = leaf->slot_cap ? 2 * leaf->slot_cap : 2;
        uint32_t *slots =
            alog_store_grow(store, leaf->slots, (size_t)leaf->slot_cap * sizeof *slots, (size_t)cap * sizeof *slots);
        if (!slots) return ALOG_FULL;
        leaf->slots = slots;
        leaf->slot_cap = cap;
    }
    leaf->slots[leaf->slot_count++] = slot;
    return ALOG_OK;
}

void alog_node_drop_slot(alog_node *leaf, uint32_t slot) {
    uint32_t at = 0;
    while (at < leaf->slot_count && leaf->slots[at] != slot) at++;
    if (at == leaf->slot_count) return;
    leaf->slot_count--;
    memmove(leaf->slots + at, leaf->slots + at + 1, (leaf->slot_count - at) * sizeof *leaf->slots);
}

int alog_node_prune(alog_store *store, alog_node *node, uint64_t *freed) {
    uint32_t kept = 0;
    for (uint32_t i = 0; i < node->children; i++) {
        alog_node *child = node->child[i];
        if (alog_node_prune(store, child, freed)) {
            if (node->wild == child) node->wild = NULL;
            alog_node_free(store, child);
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
    return !kept && !node->slot_count;
}
