/* store.c: the counted allocator of the learned state (store.h). */
#include "store.h"

#include <stdlib.h>
#include <string.h>

enum { ALLOCATOR_OVERHEAD = 16 };

void *alog_store_get(alog_store *store, size_t size) {
    const size_t room = store->cap - store->used;
    if (room < ALLOCATOR_OVERHEAD || size > room - ALLOCATOR_OVERHEAD) return NULL;
    void *ptr = calloc(1, size);
    if (ptr) store->used += size + ALLOCATOR_OVERHEAD;
    return ptr;
}

void alog_store_put(alog_store *store, void *ptr, size_t size) {
    if (!ptr) return;
    store->used -= size + ALLOCATOR_OVERHEAD;
    free(ptr);
}

void *alog_store_grow(alog_store *store, void *ptr, size_t old, size_t size) {
    void *fresh = alog_store_get(store, size);
    if (!fresh) return NULL;
    if (ptr) memcpy(fresh, ptr, old);
    alog_store_put(store, ptr, old);
    return fresh;
}
