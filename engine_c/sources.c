/* sources.c: the table of sources and what each keeps between blocks. */
#include <stdlib.h>
#include <string.h>

#include "engine_state.h"

static uint32_t spread(uint32_t number) { return (number * UINT32_C(0x9e3779b1)) >> 7 ^ number; }

/* Where a source stands in the index, or the empty place where it would. */
static uint32_t place_of(const alog_engine *engine, uint32_t number) {
    const uint32_t mask = engine->source_index_size - 1;
    uint32_t at = spread(number) & mask;
    while (engine->source_index[at] && engine->sources[engine->source_index[at] - 1]->number != number)
        at = (at + 1) & mask;
    return at;
}

alog_source *alog_source_find(const alog_engine *engine, uint32_t number) {
    if (engine->last_source && engine->last_source->number == number) return engine->last_source;
    if (!engine->source_index_size) return NULL;
    const uint32_t found = engine->source_index[place_of(engine, number)];
    return found ? engine->sources[found - 1] : NULL;
}

static void index_source(alog_engine *engine, uint32_t i) {
    engine->source_index[place_of(engine, engine->sources[i]->number)] = i + 1;
}

/* Empties a place and closes the gap: a search must not end before what was put behind it. */
static void unindex(alog_engine *engine, uint32_t gap) {
    const uint32_t mask = engine->source_index_size - 1;
    uint32_t *index = engine->source_index;
    for (uint32_t at = (gap + 1) & mask; index[at]; at = (at + 1) & mask) {
        const uint32_t home = spread(engine->sources[index[at] - 1]->number) & mask;
        if (((at - home) & mask) < ((at - gap) & mask)) continue; /* its home is behind the gap */
        index[gap] = index[at];
        gap = at;
    }
    index[gap] = 0;
}

static void build_index(alog_engine *engine) {
    memset(engine->source_index, 0, engine->source_index_size * sizeof *engine->source_index);
    for (uint32_t i = 0; i < engine->source_count; i++) index_source(engine, i);
}

static alog_status reserve(alog_engine *engine) {
    if (engine->source_count < engine->source_cap) return ALOG_OK;
    const uint32_t cap = engine->source_cap ? 2 * engine->source_cap : 16;
    alog_source **sources = realloc(engine->sources, cap * sizeof(alog_source *));
    if (!sources) return ALOG_NOMEM;
    engine->sources = sources;
    uint32_t *index = calloc((size_t)cap * 2, sizeof *index);
    if (!index) return ALOG_NOMEM;
    free(engine->source_index);
    engine->source_index = index;
    engine->source_index_size = cap * 2;
    engine->source_cap = cap;
    build_index(engine);
    return ALOG_OK;
}

alog_status alog_source_add(alog_engine *engine, uint32_t number, alog_source **out) {
    if (engine->source_count >= engine->config.max_sources) return ALOG_FULL;
    if (reserve(engine) != ALOG_OK) return ALOG_NOMEM;
    alog_source *source = calloc(1, sizeof *source);
    if (!source) return ALOG_NOMEM;
    source->number = number;
    engine->sources[engine->source_count] = source;
    index_source(engine, engine->source_count++);
    *out = source;
    return ALOG_OK;
}

static void free_source(alog_source *source) {
    free(source->carry);
    free(source->text);
    free(source);
}

void alog_source_remove(alog_engine *engine, uint32_t number) {
    alog_source *source = alog_source_find(engine, number);
    if (!source) return;
    alog_line_counters_add(&engine->closed, &source->state[source->now].counters);
    const uint32_t place = place_of(engine, number), position = engine->source_index[place] - 1;
    unindex(engine, place);
    alog_source *last = engine->sources[--engine->source_count];
    if (last != source) { /* it takes the free place, so that none of the others has to move */
        engine->source_index[place_of(engine, last->number)] = position + 1;
        engine->sources[position] = last;
    }
    if (engine->last_source == source) engine->last_source = NULL;
    free_source(source);
}

/* What was read of a record or a line that is not whole is forgotten. */
static alog_source_state *begin_with(alog_source *source, const alog_source_state *state) {
    source->state[0] = *state;
    source->now = 0;
    source->mark = 1;
    source->before = 2;
    source->has_pending = 0;
    source->carry_len = 0;
    return &source->state[0];
}

void alog_source_go_back(alog_source *source) {
    const alog_source_state saved = *alog_source_saved(source);
    begin_with(source, &saved);
}

void alog_source_reset(alog_source *source, uint64_t offset, int32_t year, uint8_t header_kind) {
    const alog_source_state now = source->state[source->now];
    const alog_line_counters counters = now.counters;
    alog_source_state *state = begin_with(source, &now);
    memset(state, 0, sizeof *state);
    state->counters = counters;
    state->offset = offset;
    state->last_ns = ALOG_NO_TIME;
    state->header.kind = header_kind;
    state->header.year = year;
}

void alog_sources_free(alog_engine *engine) {
    for (uint32_t i = 0; i < engine->source_count; i++) free_source(engine->sources[i]);
    free(engine->sources);
    free(engine->source_index);
}

const alog_source_state *alog_source_saved(const alog_source *source) {
    return &source->state[source->has_pending ? source->mark : source->now];
}

void alog_line_counters_add(alog_line_counters *sum, const alog_line_counters *more) {
    sum->lines += more->lines;
    sum->bytes += more->bytes;
    sum->empty += more->empty;
    sum->too_long += more->too_long;
    sum->continuations += more->continuations;
    sum->late += more->late;
    sum->split += more->split;
    sum->headerless += more->headerless;
}
