/* window_parts.h: what window.c and window_save.c share: the open keys, their two lists and their table.
 *
 * Every key stands in `used` (least recently used first); a key with fresh records stands in `armed` too. Log
 * time only goes forward between re-armings, so both lists are in order of deadline by construction. */
#ifndef ALOG_WINDOW_PARTS_H
#define ALOG_WINDOW_PARTS_H

#include "watermark.h"
#include "window.h"

#define ALOG_NONE UINT32_MAX

typedef struct {
    uint64_t offset;
    int64_t timestamp_ns;
    uint32_t source, slot, length;
    uint8_t severity, is_new;
} alog_held;

typedef struct {
    uint32_t prev, next;
} alog_link;

typedef struct {
    uint32_t first, last, count;
} alog_list;

typedef struct {
    uint64_t key;
    alog_held *ring;
    uint32_t cap, begin, count, fresh;
    int64_t armed_ns; /* watermark at the first fresh record */
    int64_t used_ns;  /* watermark at the last record */
    alog_link used, armed;
} alog_open;

typedef struct {
    size_t count, cap, rows, rows_cap;
    alog_window_columns columns; /* start[i] is where window i ends: the 0 before it is written by take */
} alog_ready;

struct alog_windows {
    alog_window_config config;
    alog_watermark time;
    int64_t closed_until_ns; /* nothing is due at this time any more; ALOG_NO_TIME: not known */
    alog_open *keys;         /* grows to max_keys; unused ones are chained through used.next from `spare` */
    uint32_t keys_cap, keys_made, spare;
    uint32_t *table; /* open addressing over keys, ALOG_NONE where empty */
    uint32_t table_mask;
    alog_list used, armed;
    uint64_t held; /* records in all rings */
    uint64_t taken, forgotten, closed[ALOG_CLOSE_COUNT];
    alog_ready ready;
};

/* The open key, NULL when it is not open. Pointers to keys hold until the next insert. */
alog_open *alog_windows_find(const alog_windows *windows, uint64_t key);
/* Opens a key that is not open yet, last in `used`; there must be room. NULL when memory is out. */
alog_open *alog_windows_insert(alog_windows *windows, uint64_t key);
/* Room for `count` records in the key's ring, which must not have wrapped. */
alog_status alog_windows_reserve(const alog_windows *windows, alog_open *open, uint32_t count);
void alog_windows_touch(alog_windows *windows, alog_open *open);  /* now the most recently used */
void alog_windows_arm(alog_windows *windows, alog_open *open);    /* last in `armed` */
void alog_windows_disarm(alog_windows *windows, alog_open *open); /* nothing fresh any more */
void alog_windows_drop(alog_windows *windows, alog_open *open);   /* closes a key that is not armed */

alog_status alog_windows_make_table(alog_windows *windows);
void alog_windows_free_keys(alog_windows *windows);

#endif
