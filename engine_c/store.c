/* store.c: the counted allocator of the learned state (store.h). */
#include "store.h"

#include <stdlib.h>

enum { ALLOCATOR_OVERHEAD = 16 };

alog_status alog_store_charge(alog_store *store, size_t size) {
    if (size > store->cap - store->used) return ALOG_FULL;
    store->used += size;
    return ALOG_OK;
}

void alog_store_release(alog_store *store, size_t size) { store->used -= size; }

static void *charged(alog_store *store, size_t size, void *(*allocate)(size_t)) {
    if (size > SIZE_MAX - ALLOCATOR_OVERHEAD || alog_store_charge(store, size + ALLOCATOR_OVERHEAD) != ALOG_OK)
        return NULL;
    void *ptr = allocate(size);
    if (!ptr) alog_store_release(store, size + ALLOCATOR_OVERHEAD);
    return ptr;
}

static void *zeroed(size_t size) { return calloc(1, size); }

void *alog_store_get(alog_store *store, size_t size) { return charged(store, size, zeroed); }

void *alog_store_take(alog_store *store, size_t size) { return charged(store, size, malloc); }

void alog_store_put(alog_store *store, void *ptr, size_t size) {
    if (!ptr) return;
    alog_store_release(store, size + ALLOCATOR_OVERHEAD);
    free(ptr);
}
