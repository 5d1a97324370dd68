/* window_save.c: open windows as bytes and back.
 *
 * Little endian: magic "ALGW", u32 version, the config, log time, counters, the suspects, then the keys, least
 * recently used first, each with its rank in the order of arming and its records, oldest first; last a 64-bit
 * FNV-1a of all bytes before. Every count and rank is checked before it is used. */
#include "window_parts.h"

#include <stdlib.h>
#include <string.h>

enum {
    VERSION = 1,
    CONFIG_SIZE = 1 + 2 * 4 + 3 * 8 + 2 * 4,
    TIME_SIZE = 8 + 2 * 4 + 8 + 4 + 3 * 8,
    COUNTERS_SIZE = (2 + ALOG_CLOSE_COUNT) * 8,
    FIXED_SIZE = 4 + 4 + CONFIG_SIZE + TIME_SIZE + COUNTERS_SIZE + 4 + 4, /* with the counts of suspects and keys */
    SUSPECT_SIZE = 4 + 8,
    KEY_SIZE = 8 + 3 * 4 + 2 * 8,
    RECORD_SIZE = 2 * 8 + 3 * 4 + 2,
    SUM_SIZE = 8,
};

static uint64_t sum_of(const uint8_t *data, size_t len) {
    uint64_t sum = UINT64_C(0xcbf29ce484222325);
    for (size_t i = 0; i < len; i++) sum = (sum ^ data[i]) * UINT64_C(0x100000001b3);
    return sum;
}

/* ---- writing ---- */

static uint8_t *put(uint8_t *at, uint64_t value, size_t width) {
    for (size_t i = 0; i < width; i++) at[i] = (uint8_t)(value >> (8 * i));
    return at + width;
}

static uint8_t *put_config(uint8_t *at, const alog_window_config *config) {
    at = put(at, config->kind, 1);
    at = put(at, config->size, 4);
    at = put(at, config->stride, 4);
    at = put(at, (uint64_t)config->width_ns, 8);
    at = put(at, (uint64_t)config->max_age_ns, 8);
    at = put(at, (uint64_t)config->idle_ns, 8);
    at = put(at, config->max_keys, 4);
    return put(at, config->max_records, 4);
}

static uint8_t *put_time(uint8_t *at, const alog_watermark *time) {
    at = put(at, (uint64_t)time->ns, 8);
    at = put(at, time->support, 4);
    at = put(at, time->against, 4);
    at = put(at, (uint64_t)time->against_ns, 8);
    at = put(at, time->patience, 4);
    at = put(at, time->late, 8);
    at = put(at, time->outliers, 8);
    return put(at, time->undone, 8);
}

static uint8_t *put_key(uint8_t *at, const alog_windows *windows, const alog_open *open, uint32_t rank) {
    int is_session = windows->config.kind == ALOG_WINDOW_SESSION;
    at = put(at, open->key, 8);
    at = put(at, open->count, 4);
    at = put(at, open->fresh, 4);
    at = put(at, rank, 4);
    at = put(at, (uint64_t)(open->fresh > 0 ? open->armed_ns : ALOG_NO_TIME), 8);
    at = put(at, (uint64_t)(is_session ? open->used_ns : ALOG_NO_TIME), 8);
    for (uint32_t i = 0; i < open->count; i++) {
        uint32_t place = open->begin + i;
        const alog_held *held = &open->ring[place < open->cap ? place : place - open->cap];
        at = put(at, held->offset, 8);
        at = put(at, (uint64_t)held->timestamp_ns, 8);
        at = put(at, held->source, 4);
        at = put(at, held->slot, 4);
        at = put(at, held->length, 4);
        at = put(at, held->severity, 1);
        at = put(at, held->is_new, 1);
    }
    return at;
}

size_t alog_windows_save_size(const alog_windows *windows) {
    return FIXED_SIZE + windows->time.suspect_count * (size_t)SUSPECT_SIZE + windows->used.count * (size_t)KEY_SIZE +
           windows->held * RECORD_SIZE + SUM_SIZE;
}

/* Rank of every key in the order of arming, ALOG_NONE where it is not armed; NULL when memory is out. */
static uint32_t *ranks_of(const alog_windows *windows) {
    uint32_t *rank = malloc((windows->keys_made + (size_t)1) * sizeof *rank);
    if (rank == NULL) return NULL;
    for (uint32_t i = 0; i < windows->keys_made; i++) rank[i] = ALOG_NONE;
    uint32_t next = 0;
    for (uint32_t i = windows->armed.first; i != ALOG_NONE; i = windows->keys[i].armed.next) rank[i] = next++;
    return rank;
}

alog_status alog_windows_save(const alog_windows *windows, uint8_t *out) {
    if (windows->ready.count > 0) return ALOG_INVALID;
    uint32_t *rank = ranks_of(windows);
    if (rank == NULL) return ALOG_NOMEM;
    memcpy(out, "ALGW", 4);
    uint8_t *at = put(out + 4, VERSION, 4);
    at = put_config(at, &windows->config);
    at = put_time(at, &windows->time);
    at = put(at, windows->taken, 8);
    at = put(at, windows->forgotten, 8);
    for (size_t i = 0; i < ALOG_CLOSE_COUNT; i++) at = put(at, windows->closed[i], 8);
    at = put(at, windows->time.suspect_count, 4);
    at = put(at, windows->used.count, 4);
    for (uint32_t i = 0; i < windows->time.suspect_count; i++) {
        at = put(at, windows->time.suspects[i].source, 4);
        at = put(at, (uint64_t)windows->time.suspects[i].stamp, 8);
    }
    for (uint32_t i = windows->used.first; i != ALOG_NONE; i = windows->keys[i].used.next)
        at = put_key(at, windows, &windows->keys[i], rank[i]);
    put(at, sum_of(out, (size_t)(at - out)), 8);
    free(rank);
    return ALOG_OK;
}

/* ---- reading ---- */

typedef struct {
    const uint8_t *at, *end;
} reader;

static size_t left(const reader *in) { return (size_t)(in->end - in->at); }

/* The caller has checked that there are so many bytes. */
static uint64_t get(reader *in, size_t width) {
    uint64_t value = 0;
    for (size_t i = 0; i < width; i++) value |= (uint64_t)in->at[i] << (8 * i);
    in->at += width;
    return value;
}

static uint32_t get32(reader *in) { return (uint32_t)get(in, 4); }

static int64_t get_ns(reader *in) { return (int64_t)get(in, 8); }

static alog_status get_time(reader *in, alog_watermark *time) {
    time->ns = get_ns(in);
    time->support = get32(in);
    time->against = get32(in);
    time->against_ns = get_ns(in);
    time->patience = get32(in);
    time->late = get(in, 8);
    time->outliers = get(in, 8);
    time->undone = get(in, 8);
    if (time->support > ALOG_SETTLED || time->against > ALOG_PATIENCE_MAX) return ALOG_CORRUPT;
    return time->patience >= 1 && time->patience <= ALOG_PATIENCE_MAX ? ALOG_OK : ALOG_CORRUPT;
}

static alog_status get_suspects(reader *in, alog_watermark *time, uint32_t count) {
    if (count > ALOG_SUSPECTS_MAX || left(in) < count * (size_t)SUSPECT_SIZE) return ALOG_CORRUPT;
    for (uint32_t i = 0; i < count; i++) {
        time->suspects[i].source = get32(in);
        time->suspects[i].stamp = get_ns(in);
    }
    time->suspect_count = count;
    return ALOG_OK;
}

/* Whether what the key says of itself can be. */
static int is_possible(const alog_windows *windows, const alog_open *open, uint32_t rank) {
    const alog_window_config *config = &windows->config;
    int is_count = config->kind == ALOG_WINDOW_COUNT;
    if (open->count < 1 || open->count > config->max_records - windows->held || open->fresh > open->count) return 0;
    if (!is_count && open->fresh != open->count) return 0;
    if (is_count && (open->count > config->size || (open->count < config->size && open->fresh != open->count)))
        return 0;
    if (config->kind == ALOG_WINDOW_SESSION && open->count >= config->size) return 0;
    if (is_count && open->count == config->size && open->fresh >= config->stride) return 0;
    return (open->fresh > 0) == (rank != ALOG_NONE);
}

static alog_status get_records(reader *in, alog_windows *windows, alog_open *open) {
    uint32_t count = open->count;
    open->count = 0;
    if (left(in) / RECORD_SIZE < count) return ALOG_CORRUPT;
    if (alog_windows_reserve(windows, open, count) != ALOG_OK) return ALOG_NOMEM;
    for (; open->count < count; open->count++) {
        alog_held *held = &open->ring[open->count];
        held->offset = get(in, 8);
        held->timestamp_ns = get_ns(in);
        held->source = get32(in);
        held->slot = get32(in);
        held->length = get32(in);
        held->severity = (uint8_t)get(in, 1);
        held->is_new = get(in, 1) != 0;
    }
    windows->held += count;
    return ALOG_OK;
}

/* One key; by_rank[rank] becomes its index. */
static alog_status get_key(reader *in, alog_windows *windows, uint32_t *by_rank, uint32_t keys) {
    if (left(in) < KEY_SIZE) return ALOG_CORRUPT;
    uint64_t key = get(in, 8);
    if (alog_windows_find(windows, key) != NULL) return ALOG_CORRUPT;
    alog_open *open = alog_windows_insert(windows, key);
    if (open == NULL) return ALOG_NOMEM;
    open->count = get32(in);
    open->fresh = get32(in);
    uint32_t rank = get32(in);
    open->armed_ns = get_ns(in);
    open->used_ns = get_ns(in);
    if (!is_possible(windows, open, rank)) return ALOG_CORRUPT;
    if (rank != ALOG_NONE) {
        if (rank >= keys || by_rank[rank] != ALOG_NONE) return ALOG_CORRUPT;
        by_rank[rank] = (uint32_t)(open - windows->keys);
    }
    return get_records(in, windows, open);
}

/* Both lists must be in order of time, and not ahead of it: closing relies on that. */
static alog_status arm_all(alog_windows *windows, const uint32_t *by_rank, uint32_t keys) {
    int64_t last = INT64_MIN;
    for (uint32_t rank = 0; rank < keys && by_rank[rank] != ALOG_NONE; rank++) {
        alog_open *open = &windows->keys[by_rank[rank]];
        if (open->armed_ns < last || open->armed_ns > windows->time.ns) return ALOG_CORRUPT;
        last = open->armed_ns;
        alog_windows_arm(windows, open);
    }
    uint32_t fresh = 0;
    last = INT64_MIN;
    for (uint32_t i = windows->used.first; i != ALOG_NONE; i = windows->keys[i].used.next) {
        const alog_open *open = &windows->keys[i];
        fresh += open->fresh > 0;
        if (windows->config.kind != ALOG_WINDOW_SESSION) continue;
        if (open->used_ns < last || open->used_ns > windows->time.ns) return ALOG_CORRUPT;
        last = open->used_ns;
    }
    return fresh == windows->armed.count ? ALOG_OK : ALOG_CORRUPT; /* no gap in the ranks */
}

static alog_status get_keys(reader *in, alog_windows *windows, uint32_t keys) {
    if (keys > windows->config.max_keys || left(in) / KEY_SIZE < keys) return ALOG_CORRUPT;
    uint32_t *by_rank = malloc((keys + (size_t)1) * sizeof *by_rank);
    if (by_rank == NULL) return ALOG_NOMEM;
    for (uint32_t i = 0; i < keys; i++) by_rank[i] = ALOG_NONE;
    alog_status status = ALOG_OK;
    for (uint32_t i = 0; i < keys && status == ALOG_OK; i++) status = get_key(in, windows, by_rank, keys);
    if (status == ALOG_OK) status = arm_all(windows, by_rank, keys);
    free(by_rank);
    return status;
}

static alog_status get_state(reader *in, alog_windows *windows) {
    alog_status status = get_time(in, &windows->time);
    windows->taken = get(in, 8);
    windows->forgotten = get(in, 8);
    for (size_t i = 0; i < ALOG_CLOSE_COUNT; i++) windows->closed[i] = get(in, 8);
    uint32_t suspects = get32(in);
    uint32_t keys = get32(in);
    if (status == ALOG_OK) status = get_suspects(in, &windows->time, suspects);
    if (status == ALOG_OK) status = get_keys(in, windows, keys);
    return status == ALOG_OK && left(in) > 0 ? ALOG_CORRUPT : status;
}

static alog_status check(const uint8_t *data, size_t len, const alog_window_config *config) {
    if (len < FIXED_SIZE + SUM_SIZE || memcmp(data, "ALGW", 4) != 0) return ALOG_CORRUPT;
    reader in = {.at = data + 4, .end = data + len};
    if (get32(&in) != VERSION) return ALOG_CORRUPT;
    in.at = data + len - SUM_SIZE;
    if (get(&in, 8) != sum_of(data, len - SUM_SIZE)) return ALOG_CORRUPT;
    uint8_t mine[CONFIG_SIZE];
    put_config(mine, config);
    return memcmp(data + 8, mine, CONFIG_SIZE) == 0 ? ALOG_OK : ALOG_INVALID;
}

alog_windows *alog_windows_load(const uint8_t *data, size_t len, const alog_window_config *config,
                                alog_status *status) {
    *status = check(data, len, config);
    if (*status != ALOG_OK) return NULL;
    alog_windows *windows = alog_windows_new(config, status);
    if (windows == NULL) return NULL;
    reader in = {.at = data + 8 + CONFIG_SIZE, .end = data + len - SUM_SIZE};
    *status = get_state(&in, windows);
    if (*status == ALOG_OK) return windows;
    alog_windows_free(windows);
    return NULL;
}
