/* store.h: memory of the learned state, counted against a hard cap.
 *
 * Templates and tree nodes come from here and nowhere else. A request over the cap fails like a request the
 * system refuses: the caller turns both into the overflow template. Each piece is handed back with its size. */
#ifndef ALOG_STORE_H
#define ALOG_STORE_H

#include "alog.h"

typedef struct {
    size_t used; /* bytes handed out, bookkeeping of the allocator included (estimated) */
    size_t cap;
} alog_store;

/* Zeroed memory, or NULL when the cap or the system refuses. size > 0. */
void *alog_store_get(alog_store *store, size_t size);
void alog_store_put(alog_store *store, void *ptr, size_t size);

/* Moves an array of `old` bytes to one of `size` bytes (the new part zeroed); NULL leaves the old as it was. */
void *alog_store_grow(alog_store *store, void *ptr, size_t old, size_t size);

#endif
