/* fuzz_window.c: any records under any bounds, cut anywhere, ticked, flushed and restored; and any saved state.
 *
 * Besides what the sanitizers see: a run cut into single records gives the same saved state as one push, and
 * what load accepts, save writes again. */
#include "window.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { RECORDS_MAX = 512, CONFIG_BYTES = 8, RECORD_BYTES = 4 };

typedef struct {
    uint64_t key[RECORDS_MAX], offset[RECORDS_MAX];
    int64_t stamp[RECORDS_MAX];
    uint32_t source[RECORDS_MAX], slot[RECORDS_MAX], length[RECORDS_MAX];
    uint8_t severity[RECORDS_MAX], is_new[RECORDS_MAX];
    size_t n;
} rows;

static alog_window_config config_of(const uint8_t *data) {
    uint32_t size = 1 + data[1] % 40u;
    return (alog_window_config){
        .kind = data[0] % 3,
        .size = size,
        .stride = 1 + data[2] % size,
        .width_ns = 1 + ((int64_t)data[3] << (data[4] % 56)),
        .max_age_ns = 1 + ((int64_t)data[4] << (data[5] % 56)),
        .idle_ns = 1 + ((int64_t)data[5] << (data[3] % 56)),
        .max_keys = 1 + data[6] % 20u,
        .max_records = size + data[7],
    };
}

/* Time walks in steps from nanoseconds to centuries, both ways; some records carry none. */
static void read_rows(rows *out, const uint8_t *data, size_t size) {
    uint64_t now = UINT64_C(1700000000000000000);
    for (out->n = 0; out->n < RECORDS_MAX && size >= RECORD_BYTES;
         out->n++, data += RECORD_BYTES, size -= RECORD_BYTES) {
        size_t i = out->n;
        uint64_t step = (uint64_t)data[2] << (data[3] % 57);
        uint64_t then = data[1] & 1 ? now - step : now + step;
        out->stamp[i] = data[1] & 2 ? ALOG_NO_TIME : (int64_t)then;
        if (data[1] & 4) now = then;
        out->key[i] = data[0] % 32u;
        out->source[i] = data[1] >> 5;
        out->offset[i] = i;
        out->slot[i] = data[0];
        out->length[i] = data[2];
        out->severity[i] = data[3];
        out->is_new[i] = data[0] & 1;
    }
}

static void check(int holds) {
    if (!holds) abort();
}

/* `ordered`: offsets number the records, so they must rise in every window. */
static void take_all(alog_windows *windows, int ordered) {
    size_t n, count;
    alog_windows_ready(windows, &n, &count);
    uint8_t *room = malloc((n + 1) * (4 * 8 + 4 + 1) + (count + 1) * (2 * 8 + 3 * 4 + 2));
    check(room != NULL);
    int64_t *start = (int64_t *)(void *)room;
    uint64_t *key = (uint64_t *)(start + n + 1), *group = key + n;
    int64_t *closed_ns = (int64_t *)(group + n), *stamp = closed_ns + n;
    uint64_t *offset = (uint64_t *)(stamp + count);
    uint32_t *fresh = (uint32_t *)(offset + count), *slot = fresh + n, *source = slot + count;
    uint32_t *length = source + count;
    uint8_t *reason = (uint8_t *)(length + count), *severity = reason + n, *is_new = severity + count;
    alog_windows_take(windows, &(alog_window_columns){.start = start,
                                                      .key = key,
                                                      .group = group,
                                                      .fresh = fresh,
                                                      .reason = reason,
                                                      .closed_ns = closed_ns,
                                                      .slot = slot,
                                                      .severity = severity,
                                                      .is_new = is_new,
                                                      .source = source,
                                                      .offset = offset,
                                                      .length = length,
                                                      .timestamp_ns = stamp});
    for (size_t i = 0; i < n; i++) {
        check(start[i + 1] > start[i] && fresh[i] >= 1 && fresh[i] <= start[i + 1] - start[i]);
        for (int64_t row = start[i] + 1; row < start[i + 1]; row++) check(!ordered || offset[row] > offset[row - 1]);
    }
    check(start[n] == (int64_t)count);
    free(room);
}

static void push(alog_windows *windows, const rows *all, size_t from, size_t n) {
    const alog_records part = {
        .n = n,
        .source = all->source + from,
        .key = all->key + from,
        .timestamp_ns = all->stamp + from,
        .slot = all->slot + from,
        .severity = all->severity + from,
        .is_new = all->is_new + from,
        .offset = all->offset + from,
        .length = all->length + from,
    };
    size_t taken;
    check(alog_windows_push(windows, &part, &taken) == ALOG_OK && taken == n);
    take_all(windows, 1);
}

static uint8_t *saved(const alog_windows *windows, size_t *len) {
    alog_status status;
    uint8_t *out = alog_windows_save(windows, len, &status);
    check(out != NULL);
    return out;
}

static void check_same(const alog_windows *a, const alog_windows *b) {
    size_t a_len, b_len;
    uint8_t *a_bytes = saved(a, &a_len), *b_bytes = saved(b, &b_len);
    check(a_len == b_len && memcmp(a_bytes, b_bytes, a_len) == 0);
    free(a_bytes);
    free(b_bytes);
}

static alog_windows *restored(alog_windows *windows, const alog_window_config *config) {
    size_t len;
    uint8_t *bytes = saved(windows, &len);
    alog_status status;
    alog_windows *back = alog_windows_load(bytes, len, config, &status);
    check(back != NULL);
    check_same(windows, back);
    alog_windows_free(windows);
    free(bytes);
    return back;
}

static void feed(const uint8_t *data, size_t size) {
    static rows all;
    const alog_window_config config = config_of(data);
    read_rows(&all, data + CONFIG_BYTES, size - CONFIG_BYTES);
    alog_status status;
    alog_windows *whole = alog_windows_new(&config, &status), *parts = alog_windows_new(&config, &status);
    check(whole != NULL && parts != NULL);
    push(whole, &all, 0, all.n);
    for (size_t i = 0; i < all.n; i++) push(parts, &all, i, 1);
    check_same(whole, parts);
    whole = restored(whole, &config);
    alog_windows_tick(whole, (int64_t)((uint64_t)data[0] << 55));
    take_all(whole, 1);
    push(whole, &all, 0, 0);
    alog_windows_flush(whole);
    take_all(whole, 1);
    check(alog_windows_open(whole) == 0);
    alog_windows_free(whole);
    alog_windows_free(parts);
}

/* A saved state is changed as the input says and its sum mended, so that the checks behind it are reached. */
static void load(const uint8_t *data, size_t size) {
    static rows all;
    const alog_window_config config = config_of(data);
    size_t head = CONFIG_BYTES + 64 < size ? CONFIG_BYTES + 64 : size;
    read_rows(&all, data + CONFIG_BYTES, head - CONFIG_BYTES);
    alog_status status;
    alog_windows *windows = alog_windows_new(&config, &status);
    check(windows != NULL);
    push(windows, &all, 0, all.n);
    size_t len;
    uint8_t *bytes = saved(windows, &len);
    alog_windows_free(windows);
    for (size_t i = head; i + 3 <= size; i += 3) bytes[(data[i] | (size_t)data[i + 1] << 8) % len] ^= data[i + 2];
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len - 8; i++) sum = (sum ^ bytes[i]) * UINT64_C(0x100000001b3);
    for (size_t i = 0; i < 8; i++) bytes[len - 8 + i] = (uint8_t)(sum >> (8 * i));
    windows = alog_windows_load(bytes, len, &config, &status);
    if (windows != NULL) {
        alog_windows_tick(windows, INT64_MAX);
        take_all(windows, 0);
        alog_windows_free(windows);
    }
    windows = alog_windows_load(data, size, &config, &status);
    check(windows == NULL || status == ALOG_OK);
    alog_windows_free(windows);
    free(bytes);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1 + CONFIG_BYTES) return 0;
    if (data[0] & 1)
        feed(data + 1, size - 1);
    else
        load(data + 1, size - 1);
    return 0;
}
