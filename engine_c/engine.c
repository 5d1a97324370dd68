/* engine.c: an engine's life, its counters, and what it would make of a line (engine.h). */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

#include "engine_state.h"
#include "hash.h"

static int in_range(const alog_engine_config *c) {
    if (c->header_kind >= ALOG_HEADER_COUNT || c->key > ALOG_KEY_MASK) return 0;
    if (c->key == ALOG_KEY_MASK && c->key_mask >= c->mask.user_count) return 0;
    if (c->multiline_max_lines < 1) return 0;
    if (c->max_line_bytes < 16 || c->max_line_bytes > (1u << 24) || c->multiline_max_bytes > (1u << 28)) return 0;
    return c->max_sources >= 1 && c->max_sources <= (1u << 24);
}

static alog_status load_severities(alog_engine *engine, const alog_engine_config *config) {
    if (!config->severity_count) return ALOG_OK;
    alog_status status;
    engine->severity_dfa = alog_dfa_load(config->severity_table.ptr, config->severity_table.len, &status);
    if (!engine->severity_dfa) return status;
    /* a table may name more patterns than there are severities: the rest count nothing */
    engine->severities = calloc(UINT16_MAX + 1, 1);
    if (!engine->severities) return ALOG_NOMEM;
    for (size_t i = 0; i < config->severity_count && i <= UINT16_MAX; i++) {
        engine->severities[i] = config->severities[i];
        const uint8_t severity = config->severities[i] & ALOG_SEVERITY_MASK;
        if (severity > engine->top_severity) engine->top_severity = severity;
    }
    return ALOG_OK;
}

static alog_status build(alog_engine *engine, const alog_engine_config *config) {
    alog_status status;
    engine->config = *config;
    alog_engine_config *own = &engine->config;
    own->drain.seed = own->mask.seed = own->seed = alog_seed(own->seed);
    engine->drain = alog_drain_new(&own->drain, &status);
    if (!engine->drain) return status;
    engine->masker = alog_masker_new(&own->mask, &status);
    if (!engine->masker) return status;
    if (alog_masker_digits_alike(engine->masker)) {
        engine->alike = alog_alike_new(own->seed);
        if (!engine->alike) return ALOG_NOMEM;
    }
    if (own->key == ALOG_KEY_MASK) {
        const alog_span table = own->mask.user_tables[own->key_mask];
        engine->key_dfa = alog_dfa_load(table.ptr, table.len, &status);
        if (!engine->key_dfa) return status;
    }
    status = load_severities(engine, config);
    if (status != ALOG_OK) return status;
    engine->tokens = alog_tokens_new(own->drain.max_tokens, own->max_line_bytes);
    engine->key_field = malloc(own->header.key_field.len + 1);
    engine->scratch[0] = malloc((size_t)own->max_line_bytes + 64);
    engine->scratch[1] = malloc((size_t)own->max_line_bytes + 64);
    if (!engine->tokens || !engine->key_field || !engine->scratch[0] || !engine->scratch[1]) return ALOG_NOMEM;
    engine->joined = malloc(engine->tokens->text_cap + own->drain.max_tokens);
    if (!engine->joined) return ALOG_NOMEM;
    if (own->header.key_field.len) memcpy(engine->key_field, own->header.key_field.ptr, own->header.key_field.len);
    own->header.key_field.ptr = engine->key_field;
    own->header.memo = &engine->header_memo;
    /* these belong to the caller and were copied by who needs them */
    own->mask.user_tables = own->mask.user_names = own->mask.delimiters = NULL;
    own->severity_table = (alog_span){NULL, 0};
    own->severities = NULL;
    return ALOG_OK;
}

alog_engine *alog_engine_new(const alog_engine_config *config, alog_status *status) {
    *status = ALOG_INVALID;
    if (!in_range(config)) return NULL;
    alog_engine *engine = calloc(1, sizeof *engine);
    *status = engine ? build(engine, config) : ALOG_NOMEM;
    if (*status == ALOG_OK) return engine;
    alog_engine_free(engine);
    return NULL;
}

void alog_engine_free(alog_engine *engine) {
    if (!engine) return;
    alog_sources_free(engine);
    alog_drain_free(engine->drain);
    alog_masker_free(engine->masker);
    alog_alike_free(engine->alike);
    alog_tokens_free(engine->tokens);
    alog_capture_free(engine->capture);
    alog_dfa_free(engine->severity_dfa);
    alog_dfa_free(engine->key_dfa);
    free(engine->severities);
    free(engine->key_field);
    free(engine->joined);
    free(engine->scratch[0]);
    free(engine->scratch[1]);
    free(engine);
}

alog_status alog_engine_open(alog_engine *engine, uint32_t source, uint64_t offset, int32_t year, uint8_t header_kind) {
    if (header_kind >= ALOG_HEADER_COUNT) return ALOG_INVALID;
    alog_source *s = alog_source_find(engine, source);
    const alog_status status = s ? ALOG_OK : alog_source_add(engine, source, &s);
    if (status == ALOG_OK) alog_source_reset(s, offset, year, header_kind);
    return status;
}

alog_status alog_engine_resume(alog_engine *engine, uint32_t source, uint64_t offset) {
    alog_source *s = alog_source_find(engine, source);
    if (!s || alog_source_saved(s)->offset != offset) return ALOG_INVALID;
    alog_source_go_back(s);
    return ALOG_OK;
}

alog_status alog_engine_capture(alog_engine *engine) {
    if (!engine->capture) engine->capture = alog_capture_new(engine->config.max_line_bytes);
    return engine->capture ? ALOG_OK : ALOG_NOMEM;
}

const alog_capture *alog_engine_captured(const alog_engine *engine) { return engine->capture; }

void alog_engine_close(alog_engine *engine, uint32_t source) { alog_source_remove(engine, source); }

/* ---- questions ---------------------------------------------------------------------------------------- */

/* What continuation lines add to a record's severity. */
static void explain_more(const alog_engine *engine, const uint8_t *text, size_t len, alog_explanation *out) {
    int32_t rule;
    const uint8_t severity = alog_severity_of_text(engine, text, len, &rule) & ALOG_SEVERITY_MASK;
    if (rule < 0 || severity <= out->severity) return;
    out->severity = severity;
    out->rule = rule;
}

void alog_engine_explain(alog_engine *engine, uint32_t source, const uint8_t *line, size_t len, alog_explanation *out) {
    memset(out, 0, sizeof *out);
    if (len > engine->config.max_line_bytes) len = engine->config.max_line_bytes;
    const alog_source *s = alog_source_find(engine, source);
    alog_header_state header;
    memset(&header, 0, sizeof header);
    header.kind = engine->config.header_kind;
    header.year = 1970;
    if (s) header = s->state[s->now].header;
    const uint8_t *newline = memchr(line, '\n', len);
    size_t first = newline ? (size_t)(newline - line) : len;
    if (first && line[first - 1] == '\r') first--;
    alog_header_read(&header, &engine->config.header, line, first, engine->scratch[engine->scratch_turn], &out->fields);
    if (!out->fields.message.len) out->fields.message.ptr = line;
    alog_mask_tokens(engine->masker, out->fields.message.ptr, out->fields.message.len, engine->tokens);
    out->tokens = engine->tokens;
    out->slot = alog_drain_find(engine->drain, engine->tokens, &out->best, &out->equal);
    const uint8_t found = alog_severity_of_tokens(engine, engine->tokens, &out->rule);
    out->severity = alog_severity_of_message(engine, out->fields.message, found, &out->rule);
    if (newline) explain_more(engine, newline, len - (size_t)(newline - line), out);
    const uint8_t level = alog_severity_of_otel(out->fields.otel);
    if (level > out->severity) out->severity = level;
    out->key_hash = alog_record_key(engine, source, &out->fields, &out->key);
}

const alog_tokens *alog_engine_mask(alog_engine *engine, const uint8_t *text, size_t len) {
    if (len > engine->config.max_line_bytes) len = engine->config.max_line_bytes;
    alog_mask_tokens(engine->masker, text, len, engine->tokens);
    return engine->tokens;
}

void alog_engine_count(const alog_engine *engine, alog_engine_counters *out) {
    memset(out, 0, sizeof *out);
    out->lines = engine->closed;
    for (uint32_t i = 0; i < engine->source_count; i++)
        alog_line_counters_add(&out->lines, &engine->sources[i]->state[engine->sources[i]->now].counters);
    out->records = engine->records;
    out->tokens_cut = engine->tokens_cut;
    out->drain = *alog_drain_counts(engine->drain);
    out->clusters = alog_drain_clusters(engine->drain);
    out->memory = alog_drain_memory(engine->drain);
    out->sources = engine->source_count;
}

const alog_drain *alog_engine_drain(const alog_engine *engine) { return engine->drain; }
uint64_t alog_engine_seed(const alog_engine *engine) { return engine->config.seed; }
