/* window_save.c: open windows as bytes and back.
 *
 * Little endian: magic "ALGW", u32 version, the config, log time, counters, the suspects, then the keys, least
 * recently used first, each with its rank in the order of arming and its records, oldest first; last a 64-bit
 * FNV-1a of all bytes before. Every count and rank is checked before it is used. */
#include <stdlib.h>
#include <string.h>

#include "snapshot.h"
#include "window_parts.h"

enum {
    VERSION = 1,
    CONFIG_AT = 8,
    CONFIG_SIZE = 1 + 2 * 4 + 3 * 8 + 2 * 4,
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

static void put_ns(alog_output *out, int64_t value) { alog_put_u64(out, (uint64_t)value); }

static void put_config(alog_output *out, const alog_window_config *config) {
    alog_put_u8(out, config->kind);
    alog_put_u32(out, config->size);
    alog_put_u32(out, config->stride);
    put_ns(out, config->width_ns);
    put_ns(out, config->max_age_ns);
    put_ns(out, config->idle_ns);
    alog_put_u32(out, config->max_keys);
    alog_put_u32(out, config->max_records);
}

static void put_time(alog_output *out, const alog_watermark *time) {
    put_ns(out, time->ns);
    alog_put_u32(out, time->support);
    alog_put_u32(out, time->against);
    put_ns(out, time->against_ns);
    alog_put_u32(out, time->patience);
    alog_put_u64(out, time->late);
    alog_put_u64(out, time->outliers);
    alog_put_u64(out, time->undone);
}

static void put_key(alog_output *out, const alog_windows *windows, const alog_open *open, uint32_t rank) {
    int is_session = windows->config.kind == ALOG_WINDOW_SESSION;
    alog_put_u64(out, open->key);
    alog_put_u32(out, open->count);
    alog_put_u32(out, open->fresh);
    alog_put_u32(out, rank);
    put_ns(out, open->fresh > 0 ? open->armed_ns : ALOG_NO_TIME);
    put_ns(out, is_session ? open->used_ns : ALOG_NO_TIME);
    for (uint32_t i = 0; i < open->count; i++) {
        uint32_t place = open->begin + i;
        const alog_held *held = &open->ring[place < open->cap ? place : place - open->cap];
        alog_put_u64(out, held->offset);
        put_ns(out, held->timestamp_ns);
        alog_put_u32(out, held->source);
        alog_put_u32(out, held->slot);
        alog_put_u32(out, held->length);
        alog_put_u8(out, held->severity);
        alog_put_u8(out, held->is_new);
    }
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

static void put_state(alog_output *out, const alog_windows *windows, const uint32_t *rank) {
    alog_put_bytes(out, "ALGW", 4);
    alog_put_u32(out, VERSION);
    put_config(out, &windows->config);
    put_time(out, &windows->time);
    alog_put_u64(out, windows->taken);
    alog_put_u64(out, windows->forgotten);
    for (size_t i = 0; i < ALOG_CLOSE_COUNT; i++) alog_put_u64(out, windows->closed[i]);
    alog_put_u32(out, windows->time.suspect_count);
    alog_put_u32(out, windows->used.count);
    for (uint32_t i = 0; i < windows->time.suspect_count; i++) {
        alog_put_u32(out, windows->time.suspects[i].source);
        put_ns(out, windows->time.suspects[i].stamp);
    }
    for (uint32_t i = windows->used.first; i != ALOG_NONE; i = windows->keys[i].used.next)
        put_key(out, windows, &windows->keys[i], rank[i]);
    if (!out->failed) alog_put_u64(out, sum_of(out->bytes, out->len));
}

uint8_t *alog_windows_save(const alog_windows *windows, size_t *len, alog_status *status) {
    *status = windows->ready.count > 0 ? ALOG_INVALID : ALOG_NOMEM;
    uint32_t *rank = *status == ALOG_INVALID ? NULL : ranks_of(windows);
    if (rank == NULL) return NULL;
    alog_output out = {0};
    put_state(&out, windows, rank);
    free(rank);
    if (out.failed) {
        free(out.bytes);
        return NULL;
    }
    *len = out.len;
    *status = ALOG_OK;
    return out.bytes;
}

/* ---- reading ---- */

static size_t left(const alog_input *in) { return (size_t)(in->end - in->at); }

static int64_t get_ns(alog_input *in) { return (int64_t)alog_get_u64(in); }

static alog_status get_time(alog_input *in, alog_watermark *time) {
    time->ns = get_ns(in);
    time->support = alog_get_u32(in);
    time->against = alog_get_u32(in);
    time->against_ns = get_ns(in);
    time->patience = alog_get_u32(in);
    time->late = alog_get_u64(in);
    time->outliers = alog_get_u64(in);
    time->undone = alog_get_u64(in);
    if (time->support > ALOG_SETTLED || time->against > ALOG_PATIENCE_MAX) return ALOG_CORRUPT;
    return time->patience >= 1 && time->patience <= ALOG_PATIENCE_MAX ? ALOG_OK : ALOG_CORRUPT;
}

static alog_status get_suspects(alog_input *in, alog_watermark *time, uint32_t count) {
    if (count > ALOG_SUSPECTS_MAX) return ALOG_CORRUPT;
    for (uint32_t i = 0; i < count; i++) {
        time->suspects[i].source = alog_get_u32(in);
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

static alog_status get_records(alog_input *in, alog_windows *windows, alog_open *open) {
    uint32_t count = open->count;
    open->count = 0;
    if (left(in) / RECORD_SIZE < count) return ALOG_CORRUPT;
    if (alog_windows_reserve(windows, open, count) != ALOG_OK) return ALOG_NOMEM;
    for (; open->count < count; open->count++) {
        alog_held *held = &open->ring[open->count];
        held->offset = alog_get_u64(in);
        held->timestamp_ns = get_ns(in);
        held->source = alog_get_u32(in);
        held->slot = alog_get_u32(in);
        held->length = alog_get_u32(in);
        held->severity = alog_get_u8(in);
        held->is_new = alog_get_u8(in) != 0;
    }
    windows->held += count;
    return ALOG_OK;
}

/* One key; by_rank[rank] becomes its index. */
static alog_status get_key(alog_input *in, alog_windows *windows, uint32_t *by_rank, uint32_t keys) {
    if (left(in) < KEY_SIZE) return ALOG_CORRUPT;
    uint64_t key = alog_get_u64(in);
    if (alog_windows_find(windows, key) != NULL) return ALOG_CORRUPT;
    alog_open *open = alog_windows_insert(windows, key);
    if (open == NULL) return ALOG_NOMEM;
    open->count = alog_get_u32(in);
    open->fresh = alog_get_u32(in);
    uint32_t rank = alog_get_u32(in);
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

static alog_status get_keys(alog_input *in, alog_windows *windows, uint32_t keys) {
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

static alog_status get_state(alog_input *in, alog_windows *windows) {
    alog_status status = get_time(in, &windows->time);
    windows->taken = alog_get_u64(in);
    windows->forgotten = alog_get_u64(in);
    for (size_t i = 0; i < ALOG_CLOSE_COUNT; i++) windows->closed[i] = alog_get_u64(in);
    uint32_t suspects = alog_get_u32(in);
    uint32_t keys = alog_get_u32(in);
    if (status == ALOG_OK) status = get_suspects(in, &windows->time, suspects);
    if (status == ALOG_OK) status = get_keys(in, windows, keys);
    return status == ALOG_OK && (in->failed || left(in) > 0) ? ALOG_CORRUPT : status;
}

static alog_status check(const uint8_t *data, size_t len, const alog_window_config *config) {
    if (len < CONFIG_AT + CONFIG_SIZE + SUM_SIZE || memcmp(data, "ALGW", 4) != 0) return ALOG_CORRUPT;
    alog_input version = {.at = data + 4, .end = data + len}, sum = {.at = data + len - SUM_SIZE, .end = data + len};
    if (alog_get_u32(&version) != VERSION || alog_get_u64(&sum) != sum_of(data, len - SUM_SIZE)) return ALOG_CORRUPT;
    alog_output mine = {0};
    put_config(&mine, config);
    alog_status status = mine.failed ? ALOG_NOMEM : ALOG_INVALID;
    if (!mine.failed && memcmp(data + CONFIG_AT, mine.bytes, CONFIG_SIZE) == 0) status = ALOG_OK;
    free(mine.bytes);
    return status;
}

alog_windows *alog_windows_load(const uint8_t *data, size_t len, const alog_window_config *config,
                                alog_status *status) {
    *status = check(data, len, config);
    if (*status != ALOG_OK) return NULL;
    alog_windows *windows = alog_windows_new(config, status);
    if (windows == NULL) return NULL;
    alog_input in = {.at = data + CONFIG_AT + CONFIG_SIZE, .end = data + len - SUM_SIZE};
    *status = get_state(&in, windows);
    if (*status == ALOG_OK) return windows;
    alog_windows_free(windows);
    return NULL;
}
