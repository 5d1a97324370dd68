/* fuzz_feed.c: any bytes under any settings: whole, cut, saved and resumed must give the same records and state.
 *
 * Texts captured on the way (capture.h) change nothing, and there are as many as records.
 *
 * Input: 8 bytes of settings and of a seed for the cuts, the rest is the log. Masks and headers are at work too. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"
#include "hash.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_RECORDS = 4096, MOST_RESTARTS = 4 };

typedef struct {
    alog_batch batch;
    uint64_t words[3 * MOST_RECORDS];
    uint32_t halves[3 * MOST_RECORDS];
    uint8_t bytes[2 * MOST_RECORDS];
} records;

static records *records_new(void) {
    records *r = calloc(1, sizeof *r);
    if (!r) abort();
    r->batch.cap = MOST_RECORDS;
    r->batch.offset = r->words;
    r->batch.timestamp_ns = (int64_t *)(void *)(r->words + MOST_RECORDS);
    r->batch.key = r->words + 2 * MOST_RECORDS;
    r->batch.length = r->halves;
    r->batch.template_id = r->halves + MOST_RECORDS;
    r->batch.slot = r->halves + 2 * MOST_RECORDS;
    r->batch.severity = r->bytes;
    r->batch.is_new = r->bytes + MOST_RECORDS;
    return r;
}

static alog_engine_config config_from(const uint8_t *d) {
    alog_engine_config c = {0};
    c.drain.depth = 3 + d[0] % 4;
    c.drain.sim_th = (d[0] >> 4) / 15.0;
    c.drain.max_children = 1 + d[1] % 8;
    c.drain.max_clusters = d[1] >> 4;
    c.drain.numeric = d[2] & 1;
    c.drain.max_tokens = d[2] & 2 ? 4 : 64;
    c.drain.max_memory = d[2] & 4 ? 4096 : 1 << 20;
    c.multiline = (d[2] & 8) != 0;
    c.keep_empty = (d[2] & 16) != 0;
    c.multiline_max_lines = d[2] & 32 ? 3 : 100;
    c.multiline_max_bytes = d[2] & 64 ? 60 : 65536;
    c.max_line_bytes = d[2] & 128 ? 16 : 1000;
    c.mask.builtin = d[3];
    c.header_kind = d[4] % ALOG_HEADER_COUNT;
    c.key = (d[4] >> 4) % ALOG_KEY_MASK;
    c.header.key_field = (alog_span){(const uint8_t *)"user", 4};
    c.header.utc_offset_s = (int8_t)d[5] * 60;
    c.max_sources = 2;
    c.seed = d[6];
    return c;
}

static void check(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "fuzz_feed: %s\n", what);
    abort();
}

static alog_engine *restart(alog_engine *engine, const alog_engine_config *config) {
    size_t len;
    alog_status status;
    uint8_t *saved = alog_engine_save(engine, (alog_span){NULL, 0}, &len);
    check(saved != NULL, "cannot save");
    alog_engine_free(engine);
    alog_engine *again = alog_engine_load(config, saved, len, &status);
    check(again != NULL, "cannot load what was saved");
    free(saved);
    return again;
}

static void check_column(const alog_text_column *column, size_t rows) {
    for (size_t i = 0; i < rows; i++) check(column->offset[i] <= column->offset[i + 1], "texts out of order");
    check(!rows || (column->offset[0] == 0 && (size_t)column->offset[rows] <= column->len), "texts out of bounds");
}

/* Of the call that showed records n to batch->n. */
static void check_captured(const alog_engine *engine, size_t n, const alog_batch *batch) {
    const alog_capture *texts = alog_engine_captured(engine);
    if (!texts) return;
    check(texts->status == ALOG_OK && texts->rows == batch->n - n, "other texts than records");
    check_column(&texts->masked, texts->rows);
    check_column(&texts->host, texts->rows);
    check_column(&texts->program, texts->rows);
}

static alog_engine *capturing(alog_engine *engine, int on) {
    if (on) check(alog_engine_capture(engine) == ALOG_OK, "cannot capture");
    return engine;
}

/* Blocks of chosen sizes; now and then a restart from the last save. */
static alog_engine *feed_cut(const alog_engine_config *config, const uint8_t *log, size_t len, uint64_t seed,
                             records *r) {
    alog_status status;
    alog_engine *engine = alog_engine_new(config, &status);
    check(engine != NULL, "cannot start");
    size_t at = 0, restarts = 0, n;
    const int capture = (seed & 1) != 0;
    capturing(engine, capture);
    for (uint64_t turn = 1; at < len; turn++) {
        seed = alog_mix(seed ^ UINT64_C(0x9e3779b97f4a7c15), turn ^ UINT64_C(0xd1b54a32d192ed03));
        size_t step = 1 + (size_t)(seed % (seed & 256 ? 7 : 90));
        if (step > len - at) step = len - at;
        uint8_t *block = malloc(step); /* of its own, so that a read beyond it is seen */
        if (!block) abort();
        memcpy(block, log + at, step);
        n = r->batch.n;
        check(alog_engine_feed(engine, 0, block, step, &r->batch) == ALOG_OK, "a cut feed failed");
        check_captured(engine, n, &r->batch);
        free(block);
        at += step;
        if ((seed >> 20) % 8 || ++restarts > MOST_RESTARTS) continue;
        engine = capturing(restart(engine, config), capture);
        at = (size_t)alog_engine_consumed(engine, 0);
    }
    n = r->batch.n;
    check(alog_engine_flush(engine, 0, &r->batch) == ALOG_OK, "a cut flush failed");
    check_captured(engine, n, &r->batch);
    return engine;
}

static int same_records(const records *a, const records *b) {
    const size_t n = a->batch.n;
    if (n != b->batch.n) return 0;
    for (size_t column = 0; column < 3; column++) {
        const size_t at = column * MOST_RECORDS;
        if (memcmp(a->words + at, b->words + at, n * sizeof *a->words) != 0) return 0;
        if (memcmp(a->halves + at, b->halves + at, n * sizeof *a->halves) != 0) return 0;
        if (column < 2 && memcmp(a->bytes + at, b->bytes + at, n) != 0) return 0;
    }
    return 1;
}

static void check_same_state(const alog_engine *a, const alog_engine *b) {
    size_t a_len, b_len;
    uint8_t *x = alog_engine_save(a, (alog_span){NULL, 0}, &a_len),
            *y = alog_engine_save(b, (alog_span){NULL, 0}, &b_len);
    check(x && y && a_len == b_len && memcmp(x, y, a_len) == 0, "another state");
    check(alog_drain_memory(alog_engine_drain(a)) == alog_drain_memory(alog_engine_drain(b)), "other memory");
    check(alog_engine_save_into(a, (alog_span){NULL, 0}, y, b_len - 1) == ALOG_INVALID, "saved into too little");
    free(x);
    free(y);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 9 || size > 8 + MOST_RECORDS / 2) return 0;
    const alog_engine_config config = config_from(data);
    const uint8_t *log = data + 8;
    const size_t len = size - 8;
    records *once = records_new(), *often = records_new();
    alog_status status;
    alog_engine *engine = alog_engine_new(&config, &status);
    check(engine != NULL, "cannot start");
    check(alog_engine_feed(engine, 0, log, len, &once->batch) == ALOG_OK, "feed failed");
    check(alog_engine_flush(engine, 0, &once->batch) == ALOG_OK, "flush failed");
    alog_engine *other = feed_cut(&config, log, len, data[7], often);
    check(same_records(once, often), "other records");
    check_same_state(engine, other);
    alog_explanation why;
    alog_engine_explain(engine, 0, log, len, &why);
    check_same_state(engine, other);
    alog_engine_free(engine);
    alog_engine_free(other);
    free(once);
    free(often);
    return 0;
}
