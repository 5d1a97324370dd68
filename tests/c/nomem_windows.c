/* nomem_windows.c: whatever allocation fails, no record is lost nor counted twice: called again, windows come out as if
 * there had always been memory. */
#include "nomem.h"
#include "window.h"

#include <stdlib.h>
#include <string.h>

enum { RECORDS = 400, BLOCK = 40, MOST_WINDOWS = 512, MOST_ROWS = 1 << 14 };

static const alog_window_config config = {
    .kind = ALOG_WINDOW_COUNT,
    .size = 20,
    .stride = 7,
    .width_ns = 1,
    .max_age_ns = INT64_C(60000000000),
    .idle_ns = 1,
    .max_keys = 24,
    .max_records = 300,
};

static uint64_t key[RECORDS], offset[RECORDS];
static int64_t stamp[RECORDS];
static uint32_t slot[RECORDS], length[RECORDS];
static uint8_t severity[RECORDS], is_new[RECORDS];

static uint64_t digest; /* of all windows that were taken */

static void make_records(void) {
    for (size_t i = 0; i < RECORDS; i++) {
        key[i] = 1 + i * i % 37;
        offset[i] = i;
        stamp[i] = (int64_t)i * 1000000000;
        slot[i] = length[i] = (uint32_t)i;
        severity[i] = is_new[i] = i % 2;
    }
}

static void take(alog_windows *windows) {
    static int64_t start[MOST_WINDOWS + 1], closed[MOST_WINDOWS], times[MOST_ROWS];
    static uint64_t keys[MOST_WINDOWS], groups[MOST_WINDOWS], offsets[MOST_ROWS];
    static uint32_t fresh[MOST_WINDOWS], slots[MOST_ROWS], sources[MOST_ROWS], lengths[MOST_ROWS];
    static uint8_t reasons[MOST_WINDOWS], severities[MOST_ROWS], news[MOST_ROWS];
    size_t count, rows;
    alog_windows_ready(windows, &count, &rows);
    check(count <= MOST_WINDOWS && rows <= MOST_ROWS, "room");
    alog_windows_take(windows, &(alog_window_columns){start, keys, groups, fresh, reasons, closed, slots, severities,
                                                      news, sources, offsets, lengths, times});
    for (size_t i = 0; i < count; i++) digest = (digest ^ keys[i] ^ fresh[i] ^ reasons[i]) * UINT64_C(1099511628211);
    for (size_t i = 0; i < rows; i++) digest = (digest ^ offsets[i]) * UINT64_C(1099511628211);
}

static void push(alog_windows *windows, size_t begin, size_t end) {
    while (begin < end) {
        const alog_records records = {
            .n = end - begin,
            .key = key + begin,
            .timestamp_ns = stamp + begin,
            .slot = slot + begin,
            .severity = severity + begin,
            .is_new = is_new + begin,
            .offset = offset + begin,
            .length = length + begin,
        };
        size_t taken;
        const alog_status status = alog_windows_push(windows, &records, &taken);
        check(status == ALOG_OK ? taken == records.n : status == ALOG_NOMEM && once_more(), "push");
        begin += taken;
    }
    take(windows);
}

static uint8_t *saved(const alog_windows *windows, size_t *len) {
    for (;;) {
        alog_status status;
        uint8_t *data = alog_windows_save(windows, len, &status);
        if (data) return data;
        check(status == ALOG_NOMEM && once_more(), "save");
    }
}

static alog_windows *loaded(const uint8_t *data, size_t len) {
    for (;;) {
        alog_status status;
        alog_windows *windows =
            data ? alog_windows_load(data, len, &config, &status) : alog_windows_new(&config, &status);
        if (windows) return windows;
        check(status == ALOG_NOMEM && once_more(), data ? "load" : "new");
    }
}

static void flush(alog_windows *windows) {
    while (alog_windows_flush(windows) != ALOG_OK) check(once_more(), "flush");
    take(windows);
}

/* Saved, loaded and saved again they are the same to the byte. Returns what was loaded. */
static alog_windows *resumed(alog_windows *windows) {
    size_t len, again_len;
    uint8_t *data = saved(windows, &len);
    alog_windows_free(windows);
    windows = loaded(data, len);
    uint8_t *again = saved(windows, &again_len);
    check(len == again_len && memcmp(data, again, len) == 0, "saved windows differ");
    free(data);
    free(again);
    return windows;
}

void run_windows(void) {
    static uint64_t expected;
    make_records();
    digest = 0;
    alog_windows *windows = loaded(NULL, 0);
    for (size_t begin = 0; begin < RECORDS; begin += BLOCK) push(windows, begin, begin + BLOCK);
    windows = resumed(windows);
    flush(windows);
    alog_window_counters counters;
    alog_windows_counters(windows, &counters);
    check(counters.records == RECORDS, "a record is lost, or counted twice");
    if (expected == 0) expected = digest;
    check(digest == expected && digest != 0, "windows differ");
    alog_windows_free(windows);
}
