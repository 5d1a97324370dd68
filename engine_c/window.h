/* window.h: gathers records into windows by count, time or session, each key on its own.
 *
 * Pure: time is what the records say (log time); a watermark (watermark.h says what is plausible) closes
 * windows by age and idleness. Results do not depend on how records were cut into batches.
 *
 * A record takes the watermark as it stands after its own stamp was seen, so records that come late go with
 * those that come at the same moment. Before a record is added, every key whose deadline has come is closed, in
 * order of deadline (at the same moment: age before idleness, then in the order they were armed).
 *  - count: a key keeps its last `size` records. A window, all of them, closes when there are `size` and at least
 *    `stride` are fresh (FULL; the key keeps them), or max_age_ns after the first fresh record (AGE; the key is
 *    cleared). Busy keys give windows that overlap, slow ones small windows soon.
 *  - time: tumbling windows aligned to multiples of width_ns (AGE when the watermark passes the end).
 *  - session: until idle_ns without a record (IDLE), max_age_ns after the first (AGE) or `size` records (FULL).
 * Before the first stamp nothing closes by time; when time begins, or goes back, every age begins anew there.
 *
 * Memory: an open key takes 64 bytes and 32 a record it has room for (8 at first, doubled up to `size`): 320 bytes
 * for a key with few records, 1,664 for a full window of 50. The key's table takes 8 to 16 bytes for each of
 * max_keys, open or not; a closed key keeps room for 32 records at most for the next in its place. A window that waits
 * to be taken takes 29 bytes and 30 a record.
 *
 * Bounds: max_keys keys; max_records records held in all. The longest idle key gives way: closed (EVICTED)
 * when it has fresh records, else forgotten (counted). Windows that are ready wait for alog_windows_take and
 * are bounded only by what one call can close, so take after each call.
 *
 *     alog_windows *windows = alog_windows_new(&config, &status);
 *     status = alog_windows_push(windows, &records, &taken);
 *     alog_windows_ready(windows, &n, &rows);   then make room for n windows of `rows` records in all
 *     alog_windows_take(windows, &columns); */
#ifndef ALOG_WINDOW_H
#define ALOG_WINDOW_H

#include "alog.h"

typedef enum { ALOG_WINDOW_COUNT = 0, ALOG_WINDOW_TIME, ALOG_WINDOW_SESSION } alog_window_kind;

typedef enum {
    ALOG_CLOSE_FULL = 0, /* size reached */
    ALOG_CLOSE_AGE,      /* max_age_ns after its first fresh record; time: the watermark passed its end */
    ALOG_CLOSE_IDLE,     /* session: idle_ns without a record */
    ALOG_CLOSE_EVICTED,  /* more than max_keys keys or max_records records were held */
    ALOG_CLOSE_FLUSH,    /* the caller asked */
    ALOG_CLOSE_COUNT,
} alog_close_reason;

enum {
    ALOG_WINDOW_KEYS_MAX = 1 << 20,
    ALOG_WINDOW_RECORDS = 1000000, /* the usual max_records: 32 MB */
};

typedef struct {
    uint8_t kind;
    uint32_t size;        /* count: records in a window; session: most records in a window; 1..max_records */
    uint32_t stride;      /* count: fresh records between two windows, 1..size */
    int64_t width_ns;     /* time: tumbling, aligned to multiples of the width; these three above 0 */
    int64_t max_age_ns;   /* count, session: a window with fresh records closes at this age */
    int64_t idle_ns;      /* session */
    uint32_t max_keys;    /* most open keys, 1..ALOG_WINDOW_KEYS_MAX; the longest idle one is closed first */
    uint32_t max_records; /* most records held over all keys, 1..INT32_MAX */
} alog_window_config;

/* Columns of n records, as the engine gave them. */
typedef struct {
    size_t n;
    const uint32_t *source; /* NULL: all are of one_source */
    uint32_t one_source;
    const uint64_t *key;
    const int64_t *timestamp_ns; /* ALOG_NO_TIME: takes the watermark */
    const uint32_t *slot;
    const uint8_t *severity;
    const uint8_t *is_new;
    const uint64_t *offset;
    const uint32_t *length;
} alog_records;

/* Where alog_windows_take writes: n windows in compressed rows; the records of window i are start[i] to
 * start[i + 1]. The caller's arrays, n (start: n + 1) or `rows` entries long. */
typedef struct {
    int64_t *start;
    uint64_t *key;
    uint64_t *group; /* windows of one group are comparable: the key, or 0 for sessions */
    uint32_t *fresh; /* the last `fresh` records of each were in no window before */
    uint8_t *reason; /* alog_close_reason */
    int64_t *closed_ns;
    uint32_t *slot;
    uint8_t *severity;
    uint8_t *is_new;
    uint32_t *source;
    uint64_t *offset;
    uint32_t *length;
    int64_t *timestamp_ns;
} alog_window_columns;

/* Totals since alog_windows_new, kept by save and load. */
typedef struct {
    uint64_t records;
    uint64_t late;      /* stamps more than 1 h behind the watermark */
    uint64_t outliers;  /* stamps too far ahead, that waited for a witness */
    uint64_t undone;    /* jumps of the watermark that were taken back */
    uint64_t forgotten; /* keys that gave way with nothing fresh to show */
    uint64_t closed[ALOG_CLOSE_COUNT];
} alog_window_counters;

typedef struct alog_windows alog_windows;

/* NULL with *status ALOG_INVALID (a value out of its range) or ALOG_NOMEM. */
alog_windows *alog_windows_new(const alog_window_config *config, alog_status *status);
void alog_windows_free(alog_windows *windows);

/* Takes records in order. ALOG_NOMEM: those before *taken were added, the others not; pushed again they give the same
 * windows. The watermark has seen the stamp of the first of them, and may count it as late once more. */
alog_status alog_windows_push(alog_windows *windows, const alog_records *records, size_t *taken);

/* Moves the watermark on without a record (never back); the caller answers for the time. ALOG_NOMEM: some keys
 * that were due are still open. */
alog_status alog_windows_tick(alog_windows *windows, int64_t watermark_ns);

/* Closes everything, in order of deadline, and forgets every key; the watermark stays. ALOG_NOMEM as above. */
alog_status alog_windows_flush(alog_windows *windows);

/* What waits to be taken, and taking it. */
void alog_windows_ready(const alog_windows *windows, size_t *count, size_t *rows);
void alog_windows_take(alog_windows *windows, const alog_window_columns *out);

int64_t alog_windows_watermark(const alog_windows *windows); /* ALOG_NO_TIME before the first stamp */
uint32_t alog_windows_open(const alog_windows *windows);     /* keys with fresh records */
void alog_windows_counters(const alog_windows *windows, alog_window_counters *out);

/* State as bytes, free() it: the same for the same records, however they were cut. NULL with *status ALOG_INVALID
 * (windows wait to be taken) or ALOG_NOMEM. */
uint8_t *alog_windows_save(const alog_windows *windows, size_t *len, alog_status *status);

/* NULL with *status ALOG_CORRUPT (damaged, of another version, or impossible), ALOG_INVALID (saved under another
 * config than this one) or ALOG_NOMEM. */
alog_windows *alog_windows_load(const uint8_t *data, size_t len, const alog_window_config *config, alog_status *status);

#endif
