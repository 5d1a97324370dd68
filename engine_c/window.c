/* window.c: see window.h; its plain twin is alogd/reference/windows.py. Open keys are in window_keys.c. */
#include "window_parts.h"

#include <stdlib.h>
#include <string.h>

/* ---- closed windows, waiting to be taken ---- */

enum { READY_KEEP = 1 << 15 }; /* rows (of a block of 1 MiB) above which the buffers are given back once taken */

static void *resized(void *old, size_t count, size_t width, alog_status *status) {
    void *grown = count > SIZE_MAX / width ? NULL : realloc(old, count * width);
    if (grown == NULL) *status = ALOG_NOMEM;
    return grown == NULL ? old : grown;
}

#define RESIZE(field, count) columns->field = resized(columns->field, count, sizeof *columns->field, &status)

static alog_status reserve_windows(alog_ready *ready) {
    if (ready->count < ready->cap) return ALOG_OK;
    alog_status status = ALOG_OK;
    alog_window_columns *columns = &ready->columns;
    size_t cap = ready->cap ? 2 * ready->cap : 64;
    RESIZE(start, cap);
    RESIZE(key, cap);
    RESIZE(fresh, cap);
    RESIZE(reason, cap);
    RESIZE(closed_ns, cap);
    if (status == ALOG_OK) ready->cap = cap;
    return status;
}

static alog_status reserve_rows(alog_ready *ready, uint32_t more) {
    if (more <= ready->rows_cap - ready->rows) return ALOG_OK;
    alog_status status = ALOG_OK;
    alog_window_columns *columns = &ready->columns;
    size_t cap = ready->rows_cap ? 2 * ready->rows_cap : 1024;
    while (cap - ready->rows < more) cap *= 2;
    RESIZE(slot, cap);
    RESIZE(severity, cap);
    RESIZE(is_new, cap);
    RESIZE(source, cap);
    RESIZE(offset, cap);
    RESIZE(length, cap);
    RESIZE(timestamp_ns, cap);
    if (status == ALOG_OK) ready->rows_cap = cap;
    return status;
}

static void free_ready(alog_ready *ready) {
    alog_window_columns *columns = &ready->columns;
    free(columns->start);
    free(columns->key);
    free(columns->fresh);
    free(columns->reason);
    free(columns->closed_ns);
    free(columns->slot);
    free(columns->severity);
    free(columns->is_new);
    free(columns->source);
    free(columns->offset);
    free(columns->length);
    free(columns->timestamp_ns);
    memset(ready, 0, sizeof *ready);
}

static void put_rows(alog_ready *ready, const alog_held *held, uint32_t count) {
    const alog_window_columns to = ready->columns; /* a copy: bytes written could change the pointers otherwise */
    const size_t row = ready->rows;
    for (uint32_t i = 0; i < count; i++) {
        to.slot[row + i] = held[i].slot;
        to.severity[row + i] = held[i].severity;
        to.is_new[row + i] = held[i].is_new;
        to.source[row + i] = held[i].source;
        to.offset[row + i] = held[i].offset;
        to.length[row + i] = held[i].length;
        to.timestamp_ns[row + i] = held[i].timestamp_ns;
    }
    ready->rows = row + count;
}

static alog_status emit(alog_windows *windows, const alog_open *open, alog_close_reason reason) {
    alog_ready *ready = &windows->ready;
    if (reserve_windows(ready) != ALOG_OK || reserve_rows(ready, open->count) != ALOG_OK) return ALOG_NOMEM;
    uint32_t straight = open->cap - open->begin; /* records up to the ring's end */
    if (straight > open->count) straight = open->count;
    put_rows(ready, open->ring + open->begin, straight);
    put_rows(ready, open->ring, open->count - straight);
    size_t i = ready->count++;
    ready->columns.start[i] = (int64_t)ready->rows;
    ready->columns.key[i] = open->key;
    ready->columns.fresh[i] = open->fresh;
    ready->columns.reason[i] = (uint8_t)reason;
    ready->columns.closed_ns[i] = windows->time.ns;
    windows->closed[reason]++;
    return ALOG_OK;
}

void alog_windows_ready(const alog_windows *windows, size_t *count, size_t *rows) {
    *count = windows->ready.count;
    *rows = windows->ready.rows;
}

static void copy(void *to, const void *from, size_t count, size_t width) {
    if (count > 0) memcpy(to, from, count * width);
}

#define COPY(field, count) copy(out->field, from->field, count, sizeof *from->field)

void alog_windows_take(alog_windows *windows, const alog_window_columns *out) {
    alog_ready *ready = &windows->ready;
    const alog_window_columns *from = &ready->columns;
    out->start[0] = 0;
    copy(out->start + 1, from->start, ready->count, sizeof *from->start);
    COPY(key, ready->count);
    if (windows->config.kind == ALOG_WINDOW_SESSION)
        memset(out->group, 0, ready->count * sizeof *out->group);
    else
        copy(out->group, from->key, ready->count, sizeof *from->key);
    COPY(fresh, ready->count);
    COPY(reason, ready->count);
    COPY(closed_ns, ready->count);
    COPY(slot, ready->rows);
    COPY(severity, ready->rows);
    COPY(is_new, ready->rows);
    COPY(source, ready->rows);
    COPY(offset, ready->rows);
    COPY(length, ready->rows);
    COPY(timestamp_ns, ready->rows);
    if (ready->rows_cap > READY_KEEP) free_ready(ready);
    ready->count = ready->rows = 0;
}

/* ---- deadlines ---- */

static int64_t armed_deadline(const alog_windows *windows, const alog_open *open) {
    if (windows->config.kind != ALOG_WINDOW_TIME) return alog_add_ns(open->armed_ns, windows->config.max_age_ns);
    int64_t width = windows->config.width_ns;
    int64_t into = open->armed_ns % width;
    return alog_add_ns(open->armed_ns, width - (into < 0 ? into + width : into));
}

/* The key whose deadline comes first; ALOG_NONE when no window is open. */
static uint32_t next_due(const alog_windows *windows, int64_t *deadline, alog_close_reason *reason) {
    uint32_t armed = windows->armed.first;
    if (armed == ALOG_NONE) return ALOG_NONE;
    *deadline = armed_deadline(windows, &windows->keys[armed]);
    *reason = ALOG_CLOSE_AGE;
    if (windows->config.kind != ALOG_WINDOW_SESSION) return armed;
    uint32_t idle = windows->used.first; /* an open session is always armed */
    int64_t idle_deadline = alog_add_ns(windows->keys[idle].used_ns, windows->config.idle_ns);
    if (idle_deadline >= *deadline) return armed;
    *deadline = idle_deadline;
    *reason = ALOG_CLOSE_IDLE;
    return idle;
}

static alog_status close_key(alog_windows *windows, alog_open *open, alog_close_reason reason) {
    if (emit(windows, open, reason) != ALOG_OK) return ALOG_NOMEM;
    alog_windows_disarm(windows, open);
    if (windows->config.kind != ALOG_WINDOW_COUNT || reason != ALOG_CLOSE_FULL)
        alog_windows_drop(windows, open); /* only full count windows overlap with the next */
    return ALOG_OK;
}

static alog_status close_due(alog_windows *windows) {
    int64_t deadline;
    alog_close_reason reason;
    uint32_t i;
    while ((i = next_due(windows, &deadline, &reason)) != ALOG_NONE && deadline <= windows->time.ns)
        if (close_key(windows, &windows->keys[i], reason) != ALOG_OK) return ALOG_NOMEM;
    return ALOG_OK;
}

/* Time began or went back: every age begins anew; the order of the lists stays. */
static void arm_again(alog_windows *windows) {
    for (uint32_t i = windows->used.first; i != ALOG_NONE; i = windows->keys[i].used.next)
        windows->keys[i].armed_ns = windows->keys[i].used_ns = windows->time.ns;
}

/* Nothing is due at a time at which all that was due was closed: every deadline set since lies after it,
 * unless time is at its very end. */
static alog_status time_moved(alog_windows *windows, int again) {
    if (windows->time.ns == ALOG_NO_TIME) return ALOG_OK;
    if (windows->time.ns == windows->closed_until_ns && !again) return ALOG_OK;
    if (again) arm_again(windows);
    windows->closed_until_ns = ALOG_NO_TIME;
    if (close_due(windows) != ALOG_OK) return ALOG_NOMEM;
    if (windows->time.ns < INT64_MAX) windows->closed_until_ns = windows->time.ns;
    return ALOG_OK;
}

/* ---- records ---- */

static alog_status evict(alog_windows *windows) {
    alog_open *open = &windows->keys[windows->used.first];
    if (open->fresh > 0) return close_key(windows, open, ALOG_CLOSE_EVICTED);
    windows->forgotten++;
    alog_windows_drop(windows, open);
    return ALOG_OK;
}

static int is_full_ring(const alog_windows *windows, const alog_open *open) {
    return windows->config.kind == ALOG_WINDOW_COUNT && open->count == windows->config.size;
}

/* The key with room for one more record, last in `used`; NULL when memory is out. */
static alog_open *open_key(alog_windows *windows, uint64_t key) {
    alog_open *open = alog_windows_find(windows, key);
    if (open != NULL) alog_windows_touch(windows, open);
    if (open != NULL && is_full_ring(windows, open)) return open;
    if (open == NULL && windows->used.count == windows->config.max_keys && evict(windows) != ALOG_OK) return NULL;
    while (windows->held >= windows->config.max_records) {
        if (open == &windows->keys[windows->used.first]) open = NULL; /* it is itself the longest idle */
        if (evict(windows) != ALOG_OK) return NULL;
    }
    return open != NULL ? open : alog_windows_insert(windows, key);
}

static alog_status hold(alog_windows *windows, alog_open *open, const alog_held *held) {
    /* Now, so that closing a window that this record completes cannot fail. */
    if (reserve_windows(&windows->ready) != ALOG_OK || reserve_rows(&windows->ready, open->count + 1) != ALOG_OK)
        return ALOG_NOMEM;
    if (is_full_ring(windows, open)) {
        open->ring[open->begin] = *held;
        open->begin = open->begin + 1 == open->cap ? 0 : open->begin + 1;
    } else {
        if (alog_windows_reserve(windows, open, open->count + 1) != ALOG_OK) return ALOG_NOMEM;
        open->ring[open->count++] = *held; /* a ring that is not full begins at 0 */
        windows->held++;
    }
    open->used_ns = windows->time.ns;
    if (open->fresh++ == 0) {
        open->armed_ns = windows->time.ns;
        alog_windows_arm(windows, open);
    }
    return ALOG_OK;
}

static int is_complete(const alog_windows *windows, const alog_open *open) {
    const alog_window_config *config = &windows->config;
    uint32_t stride = config->kind == ALOG_WINDOW_COUNT ? config->stride : config->size;
    return config->kind != ALOG_WINDOW_TIME && open->count == config->size && open->fresh >= stride;
}

static alog_status add(alog_windows *windows, const alog_records *records, size_t i) {
    uint32_t source = records->source ? records->source[i] : records->one_source;
    int64_t stamp = records->timestamp_ns[i];
    int again = alog_watermark_see(&windows->time, source, stamp, windows->used.count);
    if (time_moved(windows, again) != ALOG_OK) return ALOG_NOMEM;
    alog_open *open = open_key(windows, records->key[i]);
    if (open == NULL) return ALOG_NOMEM;
    const alog_held held = {
        .offset = records->offset[i],
        .timestamp_ns = stamp == ALOG_NO_TIME ? windows->time.ns : stamp,
        .source = source,
        .slot = records->slot[i],
        .length = records->length[i],
        .severity = records->severity[i],
        .is_new = records->is_new[i] != 0,
    };
    if (hold(windows, open, &held) != ALOG_OK) {
        if (open->count == 0) alog_windows_drop(windows, open); /* an open key holds something */
        return ALOG_NOMEM;
    }
    windows->taken++;
    return is_complete(windows, open) ? close_key(windows, open, ALOG_CLOSE_FULL) : ALOG_OK;
}

alog_status alog_windows_push(alog_windows *windows, const alog_records *records, size_t *taken) {
    alog_status status = ALOG_OK;
    size_t i = 0;
    while (i < records->n && (status = add(windows, records, i)) == ALOG_OK) i++;
    *taken = i;
    return status;
}

alog_status alog_windows_tick(alog_windows *windows, int64_t watermark_ns) {
    return time_moved(windows, alog_watermark_vouch(&windows->time, watermark_ns));
}

alog_status alog_windows_flush(alog_windows *windows) {
    int64_t deadline;
    alog_close_reason reason;
    uint32_t i;
    while ((i = next_due(windows, &deadline, &reason)) != ALOG_NONE)
        if (close_key(windows, &windows->keys[i], ALOG_CLOSE_FLUSH) != ALOG_OK) return ALOG_NOMEM;
    while (windows->used.first != ALOG_NONE)
        if (evict(windows) != ALOG_OK) return ALOG_NOMEM;
    return ALOG_OK;
}

/* ---- life ---- */

static int is_valid(const alog_window_config *config) {
    if (config->kind > ALOG_WINDOW_SESSION || config->max_records < 1 || config->max_records > INT32_MAX) return 0;
    if (config->size < 1 || config->size > config->max_records) return 0;
    if (config->kind == ALOG_WINDOW_COUNT && (config->stride < 1 || config->stride > config->size)) return 0;
    if (config->max_keys < 1 || config->max_keys > ALOG_WINDOW_KEYS_MAX) return 0;
    return config->width_ns > 0 && config->max_age_ns > 0 && config->idle_ns > 0;
}

alog_windows *alog_windows_new(const alog_window_config *config, alog_status *status) {
    *status = is_valid(config) ? ALOG_NOMEM : ALOG_INVALID;
    alog_windows *windows = *status == ALOG_INVALID ? NULL : calloc(1, sizeof *windows);
    if (windows == NULL) return NULL;
    windows->config = *config;
    alog_watermark_init(&windows->time);
    windows->closed_until_ns = ALOG_NO_TIME;
    if (alog_windows_make_table(windows) != ALOG_OK) {
        free(windows);
        return NULL;
    }
    *status = ALOG_OK;
    return windows;
}

void alog_windows_free(alog_windows *windows) {
    if (windows == NULL) return;
    alog_windows_free_keys(windows);
    free_ready(&windows->ready);
    free(windows);
}

int64_t alog_windows_watermark(const alog_windows *windows) { return windows->time.ns; }

uint32_t alog_windows_open(const alog_windows *windows) { return windows->armed.count; }

void alog_windows_counters(const alog_windows *windows, alog_window_counters *out) {
    out->records = windows->taken;
    out->late = windows->time.late;
    out->outliers = windows->time.outliers;
    out->undone = windows->time.undone;
    out->forgotten = windows->forgotten;
    memcpy(out->closed, windows->closed, sizeof out->closed);
}
