/* feed.c: cuts blocks into lines, joins lines to records, and learns a record when it is whole (engine.h). */
#include <stdlib.h>
#include <string.h>

#include "engine_state.h"

enum { ESCAPE = 0x1b };
enum { CARRY_KEPT = 4096 }; /* an empty carry larger than this is given back */

static const uint8_t no_text = 0; /* where an empty message points, in no block that may go away */

static alog_source_state *now_of(alog_source *source) { return &source->state[source->now]; }

/* ---- records ------------------------------------------------------------------------------------------ */

static uint8_t severity_of_match(alog_engine *engine, const alog_match *match, alog_span message) {
    int32_t rule;
    if (match->remembered) return alog_severity_of_message(engine, message, *match->memo, &rule);
    const uint8_t found = alog_severity_of_tokens(engine, engine->tokens, &rule);
    if (match->memo) *match->memo = found;
    return alog_severity_of_message(engine, message, found, &rule);
}

static int holds_digits(const alog_tokens *tokens) {
    uint8_t flags = 0;
    for (uint32_t i = 0; i < tokens->count; i++) flags |= tokens->flags[i];
    return flags & ALOG_TOKEN_DIGIT;
}

static void find_template(alog_engine *engine, alog_span message, alog_match *match) {
    const uint64_t hash = engine->alike ? alog_alike_hash(engine->alike, message.ptr, message.len) : 0;
    const uint64_t line = hash ? alog_alike_find(engine->alike, hash) : 0;
    if (line && alog_drain_again(engine->drain, line, match)) {
        alog_alike_spared(engine->alike);
        return;
    }
    const alog_tokens *tokens = engine->tokens;
    alog_mask_line(engine->masker, message.ptr, message.len, engine->tokens);
    alog_drain_add(engine->drain, tokens, match); /* when full: the overflow template, counted there */
    engine->tokens_cut += tokens->truncated;
    if (engine->alike) alog_alike_failed(engine->alike);
    if (hash && !line && !tokens->truncated && !holds_digits(tokens))
        alog_alike_remember(engine->alike, hash, match->line);
}

/* Learns a record's first line and writes its entry. */
static alog_status emit(alog_engine *engine, const alog_pending *record, alog_batch *out) {
    if (out->n >= out->cap) return ALOG_INVALID;
    alog_match match;
    find_template(engine, record->message, &match);
    if (engine->capture) alog_capture_end(engine->capture, engine->masker, record->message);
    engine->records++;
    const uint8_t severity = severity_of_match(engine, &match, record->message);
    const size_t i = out->n++;
    out->offset[i] = record->offset;
    out->timestamp_ns[i] = record->timestamp_ns;
    out->key[i] = record->key;
    out->length[i] = (uint32_t)(record->end - record->offset);
    out->template_id[i] = match.id;
    out->slot[i] = match.slot;
    out->severity[i] = severity > record->severity ? severity : record->severity;
    out->is_new[i] = match.change == ALOG_CREATED;
    return ALOG_OK;
}

static alog_status emit_pending(alog_engine *engine, alog_source *source, alog_batch *out) {
    if (!source->has_pending) return ALOG_OK;
    source->has_pending = 0;
    return emit(engine, &source->pending, out);
}

static int fits_record(const alog_engine *engine, const alog_source_state *state, size_t len) {
    return state->record_lines < engine->config.multiline_max_lines &&
           (uint64_t)state->record_bytes + len <= engine->config.multiline_max_bytes;
}

static void go_on(alog_engine *engine, alog_source *source, uint64_t offset, const uint8_t *line, size_t len) {
    alog_source_state *state = now_of(source);
    state->record_lines++;
    state->record_bytes += (uint32_t)len;
    state->counters.continuations++;
    if (!source->has_pending) {
        state->counters.late++;
        return;
    }
    int32_t rule;
    const uint8_t severity = alog_severity_of_text(engine, line, len, &rule) & ALOG_SEVERITY_MASK;
    alog_pending *record = &source->pending;
    if (severity > record->severity) record->severity = severity;
    /* empty lines between may put the end out of reach of a 32 bit length */
    if (offset + len - record->offset <= UINT32_MAX) record->end = offset + len;
}

static alog_status begin_record(alog_engine *engine, alog_source *source, uint64_t offset, size_t len,
                                const alog_fields *fields, alog_batch *out) {
    alog_source_state *state = now_of(source);
    alog_span text;
    if (fields->timestamp_ns != ALOG_NO_TIME) state->last_ns = fields->timestamp_ns;
    state->counters.headerless += !fields->begins;
    state->record = 1;
    state->record_lines = 1;
    state->record_bytes = (uint32_t)len;
    state->inside = 0;
    source->pending = (alog_pending){
        .offset = offset,
        .end = offset + len,
        .timestamp_ns = state->last_ns,
        .key = alog_record_key(engine, source->number, fields, &text),
        .message = fields->message.len ? fields->message : (alog_span){&no_text, 0},
        .severity = alog_severity_of_otel(fields->otel),
    };
    if (engine->capture) alog_capture_begin(engine->capture, fields);
    if (!engine->config.multiline) return emit(engine, &source->pending, out);
    const uint8_t mark = source->mark;
    source->mark = source->before;
    source->before = mark;
    source->has_pending = 1;
    engine->scratch_turn ^= 1; /* the message may lie in the one just used */
    return ALOG_OK;
}

static int is_empty(const alog_engine *engine, const uint8_t *line, size_t len) {
    if (engine->config.keep_empty) return 0;
    size_t i = 0;
    while (i < len && (line[i] == ' ' || line[i] == '\t' || line[i] == '\r')) i++;
    return i == len;
}

/* One whole line: `len` bytes of content at `offset`, `whole` bytes with what ends it. */
static alog_status take_line(alog_engine *engine, alog_source *source, const uint8_t *line, size_t len, uint64_t whole,
                             alog_batch *out) {
    if (engine->config.multiline) source->state[source->before] = *now_of(source);
    alog_source_state *state = now_of(source);
    const uint64_t offset = state->offset;
    state->offset += whole;
    state->counters.lines++;
    state->counters.bytes += whole;
    if (is_empty(engine, line, len)) {
        state->counters.empty++;
        return ALOG_OK;
    }
    alog_fields fields;
    uint8_t *scratch = engine->scratch[engine->scratch_turn];
    if (engine->colours)
        alog_header_read(&state->header, &engine->config.header, line, len, scratch, &fields);
    else
        alog_header_read_plain(&state->header, &engine->config.header, line, len, scratch, &fields);
    if (engine->config.multiline && state->record && !fields.begins &&
        alog_line_continues(line, len, &state->header, &state->inside)) {
        if (fits_record(engine, state, len)) {
            go_on(engine, source, offset, line, len);
            return ALOG_OK;
        }
        state->counters.split++;
    }
    const alog_status status = emit_pending(engine, source, out);
    return status == ALOG_OK ? begin_record(engine, source, offset, len, &fields, out) : status;
}

/* ---- lines -------------------------------------------------------------------------------------------- */

static alog_status take_ended(alog_engine *engine, alog_source *source, const uint8_t *line, size_t len,
                              alog_batch *out) {
    const uint64_t whole = (uint64_t)len + 1;
    if (len && line[len - 1] == '\r') len--;
    return take_line(engine, source, line, len, whole, out);
}

/* A line of more than max_line_bytes: its beginning is taken, the rest is skipped up to the newline. */
static alog_status take_cut(alog_engine *engine, alog_source *source, const uint8_t *line, alog_batch *out) {
    const alog_status status =
        take_line(engine, source, line, engine->config.max_line_bytes, engine->config.max_line_bytes, out);
    now_of(source)->skipping = 1;
    now_of(source)->counters.too_long++;
    return status;
}

/* Returns how much of the block belongs to the line that is being skipped. */
static size_t skip_rest(alog_source *source, const uint8_t *block, size_t len) {
    const uint8_t *newline = memchr(block, '\n', len);
    const size_t gone = newline ? (size_t)(newline - block) + 1 : len;
    alog_source_state *state = now_of(source);
    state->offset += gone;
    state->counters.bytes += gone;
    state->skipping = newline == NULL;
    return gone;
}

/* Room in the carry for what follows the last newline of the block. Asked before anything is taken. */
static alog_status reserve_carry(const alog_engine *engine, alog_source *source, const uint8_t *block, size_t len) {
    size_t tail = 0;
    while (tail < len && tail <= engine->config.max_line_bytes && block[len - 1 - tail] != '\n') tail++;
    size_t need = source->carry_len;
    const uint8_t *newline = need ? memchr(block, '\n', len) : NULL;
    need += need ? (newline ? (size_t)(newline - block) : len) : 0;
    if (tail > need) need = tail;
    if (need > engine->config.max_line_bytes) need = engine->config.max_line_bytes;
    if (need <= source->carry_cap) return ALOG_OK;
    uint8_t *carry = realloc(source->carry, need);
    if (!carry) return ALOG_NOMEM;
    source->carry = carry;
    source->carry_cap = need;
    return ALOG_OK;
}

static void append_carry(alog_source *source, const uint8_t *bytes, size_t len) {
    memcpy(source->carry + source->carry_len, bytes, len);
    source->carry_len += len;
}

/* The block goes away: an unfinished record's message is kept. Without memory for that it is shown now, as
 * settle would. */
static alog_status keep_pending(alog_engine *engine, alog_source *source, alog_batch *out) {
    alog_span *message = &source->pending.message;
    if (!source->has_pending || message->len == 0 || message->ptr == source->text) return ALOG_OK;
    if (message->len > source->text_cap) {
        uint8_t *text = realloc(source->text, message->len);
        if (!text) return emit_pending(engine, source, out);
        source->text = text;
        source->text_cap = message->len;
    }
    memcpy(source->text, message->ptr, message->len);
    message->ptr = source->text;
    return ALOG_OK;
}

/* Finishes the carried line with the block's beginning. *used gets what was taken of it. */
static alog_status finish_carry(alog_engine *engine, alog_source *source, const uint8_t *block, size_t len,
                                size_t *used, alog_batch *out) {
    const uint8_t *newline = memchr(block, '\n', len);
    const size_t more = newline ? (size_t)(newline - block) : len;
    const size_t room = engine->config.max_line_bytes - source->carry_len;
    const size_t taken = more < room ? more : room;
    append_carry(source, block, taken);
    *used = taken;
    if (more > room) {
        source->carry_len = 0;
        return take_cut(engine, source, source->carry, out);
    }
    if (!newline) return ALOG_OK;
    *used = taken + 1;
    const size_t line_len = source->carry_len;
    source->carry_len = 0;
    return take_ended(engine, source, source->carry, line_len, out);
}

static alog_status take_block(alog_engine *engine, alog_source *source, const uint8_t *block, size_t len,
                              alog_batch *out) {
    const size_t most = engine->config.max_line_bytes;
    size_t at = 0;
    alog_status status = ALOG_OK;
    engine->colours = 1; /* the carry is not searched */
    if (source->carry_len && len) status = finish_carry(engine, source, block, len, &at, out);
    engine->colours = at < len && memchr(block + at, ESCAPE, len - at) != NULL;
    while (status == ALOG_OK && at < len) {
        if (now_of(source)->skipping) {
            at += skip_rest(source, block + at, len - at);
            continue;
        }
        const uint8_t *newline = memchr(block + at, '\n', len - at);
        const size_t line_len = newline ? (size_t)(newline - (block + at)) : len - at;
        if (line_len > most) {
            status = take_cut(engine, source, block + at, out);
            at += most;
        } else if (newline) {
            status = take_ended(engine, source, block + at, line_len, out);
            at += line_len + 1;
        } else {
            break;
        }
    }
    if (status == ALOG_OK) status = keep_pending(engine, source, out);
    if (status == ALOG_OK && at < len) append_carry(source, block + at, len - at);
    return status;
}

static alog_status known_source(alog_engine *engine, uint32_t number, alog_source **source) {
    *source = alog_source_find(engine, number);
    if (!*source) {
        const alog_status status = alog_engine_open(engine, number, 0, 1970, engine->config.header_kind);
        if (status != ALOG_OK) return status;
        *source = alog_source_find(engine, number);
    }
    engine->last_source = *source;
    return ALOG_OK;
}

alog_status alog_engine_feed(alog_engine *engine, uint32_t source, const uint8_t *block, size_t len, alog_batch *out) {
    alog_source *s;
    if (engine->capture) alog_capture_clear(engine->capture);
    alog_status status = known_source(engine, source, &s);
    if (status == ALOG_OK) status = reserve_carry(engine, s, block, len);
    if (status == ALOG_OK) status = take_block(engine, s, block, len, out);
    if (status == ALOG_OK && s->carry_len == 0 && s->carry_cap > CARRY_KEPT) {
        free(s->carry);
        s->carry = NULL;
        s->carry_cap = 0;
    }
    return status;
}

alog_status alog_engine_settle(alog_engine *engine, uint32_t source, alog_batch *out) {
    alog_source *s = alog_source_find(engine, source);
    if (engine->capture) alog_capture_clear(engine->capture);
    return s ? emit_pending(engine, s, out) : ALOG_OK;
}

alog_status alog_engine_flush(alog_engine *engine, uint32_t source, alog_batch *out) {
    alog_source *s = alog_source_find(engine, source);
    if (engine->capture) alog_capture_clear(engine->capture);
    if (!s) return ALOG_OK;
    alog_status status = ALOG_OK;
    if (s->carry_len) {
        const size_t whole = s->carry_len;
        const size_t len = s->carry[whole - 1] == '\r' ? whole - 1 : whole;
        s->carry_len = 0;
        engine->colours = 1;
        status = take_line(engine, s, s->carry, len, whole, out);
    }
    return status == ALOG_OK ? emit_pending(engine, s, out) : status;
}

uint64_t alog_engine_consumed(const alog_engine *engine, uint32_t source) {
    const alog_source *s = alog_source_find(engine, source);
    return s ? alog_source_saved(s)->offset : 0;
}
