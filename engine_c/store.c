/* store.c: the counted allocator of the learned state (store.h). */
#define _DEFAULT_SOURCE /* madvise */
#include "store.h"

#include <stdlib.h>
#if defined(__linux__)
#include <sys/mman.h>
#endif

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

void *alog_zeroed(size_t size) {
    uint8_t *piece = calloc(1, size);
#if defined(MADV_HUGEPAGE)
    const uintptr_t page = (uintptr_t)1 << 21, begin = ((uintptr_t)piece + page - 1) & ~(page - 1);
    const uintptr_t end = ((uintptr_t)piece + size) & ~(page - 1);
    if (piece && begin < end) (void)madvise(piece + (begin - (uintptr_t)piece), end - begin, MADV_HUGEPAGE);
#endif
    return piece;
}
