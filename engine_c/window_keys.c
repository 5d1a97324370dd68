/* window_keys.c: the open keys of windows: their table, their lists, their rings (window_parts.h). */
#include "window_parts.h"

#include <stdlib.h>

enum {
    RING_FIRST = 8,
    RING_KEEP = 32, /* a closed key's ring up to this is kept for the next key in its place */
};

/* ---- lists ---- */

static alog_link *link_of(alog_windows *windows, const alog_list *list, uint32_t i) {
    alog_open *open = &windows->keys[i];
    return list == &windows->used ? &open->used : &open->armed;
}

static void append(alog_windows *windows, alog_list *list, uint32_t i) {
    *link_of(windows, list, i) = (alog_link){.prev = list->last, .next = ALOG_NONE};
    if (list->last == ALOG_NONE)
        list->first = i;
    else
        link_of(windows, list, list->last)->next = i;
    list->last = i;
    list->count++;
}

static void cut(alog_windows *windows, alog_list *list, uint32_t i) {
    const alog_link link = *link_of(windows, list, i);
    if (link.prev == ALOG_NONE)
        list->first = link.next;
    else
        link_of(windows, list, link.prev)->next = link.next;
    if (link.next == ALOG_NONE)
        list->last = link.prev;
    else
        link_of(windows, list, link.next)->prev = link.prev;
    list->count--;
}

static uint32_t index_of(const alog_windows *windows, const alog_open *open) {
    return (uint32_t)(open - windows->keys);
}

void alog_windows_touch(alog_windows *windows, alog_open *open) {
    uint32_t i = index_of(windows, open);
    if (windows->used.last == i) return;
    cut(windows, &windows->used, i);
    append(windows, &windows->used, i);
}

void alog_windows_arm(alog_windows *windows, alog_open *open) {
    append(windows, &windows->armed, index_of(windows, open));
}

void alog_windows_disarm(alog_windows *windows, alog_open *open) {
    open->fresh = 0;
    cut(windows, &windows->armed, index_of(windows, open));
}

/* ---- table ---- */

/* Where a key's search begins: keys may come from anywhere, so they are mixed. */
static uint32_t home_of(const alog_windows *windows, uint64_t key) {
    return (uint32_t)((key * UINT64_C(0x9E3779B97F4A7C15)) >> 32) & windows->table_mask;
}

/* The key's place, or the empty one where it would stand. */
static uint32_t place_of(const alog_windows *windows, uint64_t key) {
    uint32_t place = home_of(windows, key);
    while (windows->table[place] != ALOG_NONE && windows->keys[windows->table[place]].key != key)
        place = (place + 1) & windows->table_mask;
    return place;
}

/* Empties a place and moves back what stood behind it, so that no search breaks off early. */
static void vacate(alog_windows *windows, uint32_t place) {
    uint32_t mask = windows->table_mask;
    for (uint32_t next = (place + 1) & mask; windows->table[next] != ALOG_NONE; next = (next + 1) & mask) {
        uint32_t home = home_of(windows, windows->keys[windows->table[next]].key);
        if (((next - home) & mask) < ((next - place) & mask)) continue; /* it would stand before its home */
        windows->table[place] = windows->table[next];
        place = next;
    }
    windows->table[place] = ALOG_NONE;
}

alog_status alog_windows_make_table(alog_windows *windows) {
    uint32_t size = 16;
    while (size < 2 * windows->config.max_keys) size *= 2;
    windows->table = malloc(size * sizeof *windows->table);
    if (windows->table == NULL) return ALOG_NOMEM;
    for (uint32_t i = 0; i < size; i++) windows->table[i] = ALOG_NONE;
    windows->table_mask = size - 1;
    windows->spare = ALOG_NONE;
    windows->used = windows->armed = (alog_list){.first = ALOG_NONE, .last = ALOG_NONE};
    return ALOG_OK;
}

/* ---- keys ---- */

alog_open *alog_windows_find(const alog_windows *windows, uint64_t key) {
    uint32_t last = windows->used.last; /* records of a key often come in runs */
    if (last != ALOG_NONE && windows->keys[last].key == key) return &windows->keys[last];
    uint32_t i = windows->table[place_of(windows, key)];
    return i == ALOG_NONE ? NULL : &windows->keys[i];
}

static alog_status grow(alog_windows *windows) {
    uint32_t cap = windows->keys_cap ? 2 * windows->keys_cap : 16;
    if (cap > windows->config.max_keys) cap = windows->config.max_keys;
    alog_open *keys = realloc(windows->keys, cap * sizeof *keys);
    if (keys == NULL) return ALOG_NOMEM;
    windows->keys = keys;
    windows->keys_cap = cap;
    return ALOG_OK;
}

/* A key's place in `keys`: one that was used before, or a new one. */
static uint32_t allot(alog_windows *windows) {
    uint32_t i = windows->spare;
    if (i != ALOG_NONE) {
        windows->spare = windows->keys[i].used.next;
        return i;
    }
    if (windows->keys_made == windows->keys_cap && grow(windows) != ALOG_OK) return ALOG_NONE;
    windows->keys[windows->keys_made] = (alog_open){0};
    return windows->keys_made++;
}

alog_open *alog_windows_insert(alog_windows *windows, uint64_t key) {
    uint32_t i = allot(windows);
    if (i == ALOG_NONE) return NULL;
    alog_open *open = &windows->keys[i];
    *open = (alog_open){.key = key, .ring = open->ring, .cap = open->cap};
    windows->table[place_of(windows, key)] = i;
    append(windows, &windows->used, i);
    return open;
}

alog_status alog_windows_reserve(const alog_windows *windows, alog_open *open, uint32_t count) {
    if (count <= open->cap) return ALOG_OK;
    const alog_window_config *config = &windows->config;
    uint32_t most = config->kind == ALOG_WINDOW_TIME ? config->max_records : config->size;
    uint32_t cap = open->cap ? open->cap : RING_FIRST;
    while (cap < count) cap *= 2;
    if (cap > most) cap = most;
    alog_held *ring = realloc(open->ring, cap * sizeof *ring);
    if (ring == NULL) return ALOG_NOMEM;
    open->ring = ring;
    open->cap = cap;
    return ALOG_OK;
}

void alog_windows_drop(alog_windows *windows, alog_open *open) {
    uint32_t i = index_of(windows, open);
    vacate(windows, place_of(windows, open->key));
    cut(windows, &windows->used, i);
    windows->held -= open->count;
    if (open->cap > RING_KEEP) {
        free(open->ring);
        open->ring = NULL;
        open->cap = 0;
    }
    open->used.next = windows->spare;
    windows->spare = i;
}

void alog_windows_free_keys(alog_windows *windows) {
    for (uint32_t i = 0; i < windows->keys_made; i++) free(windows->keys[i].ring);
    free(windows->keys);
    free(windows->table);
}
