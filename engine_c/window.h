/* window.h: gathers records into windows by count, time or session, each key on its own.
 *
 * Pure: time is what the records say (log time); a watermark, the largest plausible stamp so far, closes
 * windows by age and idleness. Results do not depend on how records were cut into batches. */
#ifndef ALOG_WINDOW_H
#define ALOG_WINDOW_H

#include "alog.h"

typedef enum { ALOG_WINDOW_COUNT = 0, ALOG_WINDOW_TIME, ALOG_WINDOW_SESSION } alog_window_kind;

typedef enum {
    ALOG_CLOSE_FULL = 0, /* size (or max_lines) reached */
    ALOG_CLOSE_AGE,      /* max_age_ns after its first fresh record */
    ALOG_CLOSE_IDLE,     /* session: idle_ns without a record */
    ALOG_CLOSE_EVICTED,  /* more than max_keys keys were open */
    ALOG_CLOSE_FLUSH,    /* the caller asked */
} alog_close_reason;

typedef struct {
    uint8_t kind;
    uint32_t size;      /* count: records in a window; session: most records in a window */
    uint32_t stride;    /* count: fresh records between two windows, 1..size */
    int64_t width_ns;   /* time: tumbling, aligned to multiples of the width */
    int64_t max_age_ns; /* count, session: a window with fresh records closes at this age */
    int64_t idle_ns;    /* session */
    uint32_t max_keys;  /* most open keys; the longest idle one is closed first */
} alog_window_config;

/* Columns of n records, as the engine gave them. */
typedef struct {
    size_t n;
    const uint32_t *source;
    const uint64_t *key;
    const int64_t *timestamp_ns; /* ALOG_NO_TIME: takes the watermark */
    const uint32_t *slot;
    const uint8_t *severity;
    const uint8_t *is_new;
    const uint64_t *offset;
    const uint32_t *length;
} alog_records;

typedef struct alog_windows alog_windows;

#endif
