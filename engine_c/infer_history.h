/* infer_history.h: of each key the template numbers of its last events, so that interleaved programs or sessions are
 * judged each on its own, as the windows of a stream keep them apart.
 *
 * At most `most` keys: the one longest without an event gives way, and begins anew when it comes back (counted). */
#ifndef ALOG_INFER_HISTORY_H
#define ALOG_INFER_HISTORY_H

#include "alog.h"

typedef struct alog_history alog_history;

/* NULL when memory is out. most: 1 to 2^24. */
alog_history *alog_history_new(uint32_t window, uint32_t most);
void alog_history_free(alog_history *history);

/* Writes the `window` numbers before this event (0 where there were fewer) and the event's own to `row`, and adds it. */
void alog_history_add(alog_history *history, uint64_t key, uint32_t number, uint32_t *row);
uint64_t alog_history_forgotten(const alog_history *history);

#endif
