/* store.h: memory of the learned state, counted against a hard cap.
 *
 * Templates and tree nodes come from here and nowhere else. A request over the cap fails like a request the
 * system refuses: the caller turns both into the overflow template. Each piece is handed back with its size.
 * What is counted is a function of what is stored: never of how arrays happened to grow, so that a loaded engine
 * meets the cap where the saved one would have. Growing arrays therefore are charged by the element. */
#ifndef ALOG_STORE_H
#define ALOG_STORE_H

#include "alog.h"

typedef struct {
    size_t used; /* bytes handed out or charged, bookkeeping of the allocator included (estimated) */
    size_t cap;
} alog_store;

/* Zeroed memory, or NULL when the cap or the system refuses. size > 0. */
void *alog_store_get(alog_store *store, size_t size);
/* The same with whatever was in it. */
void *alog_store_take(alog_store *store, size_t size);
void alog_store_put(alog_store *store, void *ptr, size_t size);

/* Counts memory that the caller takes elsewhere. ALOG_FULL when the cap refuses. */
alog_status alog_store_charge(alog_store *store, size_t size);
void alog_store_release(alog_store *store, size_t size);

/* Zeroed memory that is not counted, for free(); where it is large, in huge pages if the system has them: it is read all
 * over, and a page of 4 KiB costs a fault when it is first touched. */
void *alog_zeroed(size_t size);

#endif
