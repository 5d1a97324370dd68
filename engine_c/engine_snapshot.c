/* engine_snapshot.c: an engine as bytes, and back (engine.h).
 *
 * Payload: u32 + meta, u64 seed, Drain (drain_snapshot.c), u64 records, u64 tokens cut, line counters of closed
 * sources, u32 sources, sources in the engine's order. Of a source the state at alog_engine_consumed is kept. */
#include <stdlib.h>
#include <string.h>

#include "engine_state.h"

static void save_counters(const alog_line_counters *c, alog_output *out) {
    const uint64_t columns[] = {c->lines,         c->bytes, c->empty, c->too_long,
                                c->continuations, c->late,  c->split, c->headerless};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) alog_put_u64(out, columns[i]);
}

static void load_counters(alog_line_counters *c, alog_input *in) {
    uint64_t *const columns[] = {&c->lines,         &c->bytes, &c->empty, &c->too_long,
                                 &c->continuations, &c->late,  &c->split, &c->headerless};
    for (size_t i = 0; i < sizeof columns / sizeof *columns; i++) *columns[i] = alog_get_u64(in);
}

static void save_header(const alog_header_state *h, alog_output *out) {
    alog_put_u8(out, h->kind);
    alog_put_u8(out, h->month);
    alog_put_u32(out, h->misses);
    for (int i = 0; i < ALOG_HEADER_COUNT; i++) alog_put_u32(out, h->votes[i]);
    alog_put_u8(out, h->voted);
    alog_put_u8(out, h->partial);
    alog_put_u8(out, h->body);
    alog_put_u8(out, h->joins);
    alog_put_u8(out, h->plain);
    alog_put_u32(out, h->indented);
    alog_put_u32(out, (uint32_t)h->year);
    alog_put_u64(out, (uint64_t)h->last_ns);
}

/* The memo is left out: it only saves work, and what is not read cannot be wrong. */
static void load_header(alog_header_state *h, alog_input *in) {
    h->kind = alog_get_u8(in);
    h->month = alog_get_u8(in);
    h->misses = (uint16_t)alog_get_u32(in);
    for (int i = 0; i < ALOG_HEADER_COUNT; i++) h->votes[i] = (uint16_t)alog_get_u32(in);
    h->voted = alog_get_u8(in);
    h->partial = alog_get_u8(in);
    h->body = alog_get_u8(in);
    h->joins = alog_get_u8(in);
    h->plain = alog_get_u8(in);
    h->indented = (uint16_t)alog_get_u32(in);
    h->year = (int32_t)alog_get_u32(in);
    h->last_ns = (int64_t)alog_get_u64(in);
    if (!alog_header_state_valid(h)) in->failed = 1;
}

static void save_source(const alog_source *source, alog_output *out) {
    const alog_source_state *s = alog_source_saved(source);
    alog_put_u32(out, source->number);
    alog_put_u64(out, s->offset);
    alog_put_u64(out, (uint64_t)s->last_ns);
    alog_put_u32(out, s->inside);
    alog_put_u32(out, s->record_lines);
    alog_put_u32(out, s->record_bytes);
    alog_put_u8(out, s->record);
    alog_put_u8(out, s->skipping);
    save_header(&s->header, out);
    save_counters(&s->counters, out);
}

static alog_status load_source(alog_engine *engine, alog_input *in) {
    const uint32_t number = alog_get_u32(in);
    alog_source *source;
    if (in->failed || alog_source_find(engine, number)) return ALOG_CORRUPT;
    const alog_status status = alog_source_add(engine, number, &source);
    if (status != ALOG_OK) return status;
    alog_source_reset(source, alog_get_u64(in), 0, 0);
    alog_source_state *s = &source->state[source->now];
    s->last_ns = (int64_t)alog_get_u64(in);
    s->inside = alog_get_u32(in);
    s->record_lines = alog_get_u32(in);
    s->record_bytes = alog_get_u32(in);
    s->record = alog_get_u8(in);
    s->skipping = alog_get_u8(in);
    load_header(&s->header, in);
    load_counters(&s->counters, in);
    if (s->record > 1 || s->skipping > 1) in->failed = 1;
    return in->failed ? ALOG_CORRUPT : ALOG_OK;
}

static void save_all(const alog_engine *engine, alog_span meta, alog_output *out) {
    alog_snapshot_begin(out);
    alog_put_span(out, meta.ptr, meta.len);
    alog_put_u64(out, engine->config.seed);
    alog_drain_save(engine->drain, out);
    alog_put_u64(out, engine->records);
    alog_put_u64(out, engine->tokens_cut);
    save_counters(&engine->closed, out);
    alog_put_u32(out, engine->source_count);
    for (uint32_t i = 0; i < engine->source_count; i++) save_source(engine->sources[i], out);
    alog_snapshot_end(out);
}

size_t alog_engine_save_size(const alog_engine *engine, alog_span meta) {
    alog_output count = {.fixed = 1};
    save_all(engine, meta, &count);
    return count.failed ? 0 : count.len;
}

alog_status alog_engine_save_into(const alog_engine *engine, alog_span meta, uint8_t *bytes, size_t size) {
    alog_output out = {.bytes = bytes, .cap = size, .fixed = 1};
    save_all(engine, meta, &out);
    return out.failed || out.len != size ? ALOG_INVALID : ALOG_OK;
}

uint8_t *alog_engine_save(const alog_engine *engine, alog_span meta, size_t *len) {
    *len = alog_engine_save_size(engine, meta);
    uint8_t *bytes = *len ? malloc(*len) : NULL;
    if (bytes && alog_engine_save_into(engine, meta, bytes, *len) == ALOG_OK) return bytes;
    free(bytes);
    return NULL;
}

alog_status alog_engine_meta(const uint8_t *data, size_t len, alog_span *meta) {
    alog_input in;
    if (alog_snapshot_open(data, len, &in) != ALOG_OK) return ALOG_CORRUPT;
    *meta = alog_get_span(&in);
    return in.failed ? ALOG_CORRUPT : ALOG_OK;
}

static alog_status load_state(alog_engine *engine, alog_input *in) {
    const alog_status status = alog_drain_load(engine->drain, in);
    if (status != ALOG_OK) return status;
    engine->records = alog_get_u64(in);
    engine->tokens_cut = alog_get_u64(in);
    load_counters(&engine->closed, in);
    const uint32_t sources = alog_get_u32(in);
    for (uint32_t i = 0; i < sources && !in->failed; i++) {
        const alog_status loaded = load_source(engine, in);
        if (loaded != ALOG_OK) return loaded;
    }
    return in->failed || in->at != in->end ? ALOG_CORRUPT : ALOG_OK;
}

alog_engine *alog_engine_load(const alog_engine_config *config, const uint8_t *data, size_t len, alog_status *status) {
    alog_input in;
    *status = alog_snapshot_open(data, len, &in);
    if (*status != ALOG_OK) return NULL;
    alog_get_span(&in);
    alog_engine_config seeded = *config;
    seeded.seed = alog_get_u64(&in);
    *status = ALOG_CORRUPT;
    if (in.failed) return NULL;
    alog_engine *engine = alog_engine_new(&seeded, status);
    if (!engine) return NULL;
    *status = load_state(engine, &in);
    if (*status == ALOG_OK) return engine;
    alog_engine_free(engine);
    return NULL;
}
