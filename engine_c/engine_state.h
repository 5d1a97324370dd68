/* engine_state.h: what engine.c (life and questions), feed.c (lines and records), sources.c and engine_snapshot.c
 * share; nobody else includes it. */
#ifndef ALOG_ENGINE_STATE_H
#define ALOG_ENGINE_STATE_H

#include "alike.h"
#include "engine.h"

/* What is saved of a source. */
typedef struct {
    uint64_t offset; /* of the first byte that is not yet part of a whole line */
    int64_t last_ns; /* time of the last record: records without one take it */
    uint32_t inside; /* state of alog_line_continues */
    uint32_t record_lines, record_bytes;
    uint8_t record;   /* there is a record that continuation lines may go on */
    uint8_t skipping; /* inside a line that was cut */
    alog_header_state header;
    alog_line_counters counters;
} alog_source_state;

/* A record whose last line has not been seen yet. */
typedef struct {
    uint64_t offset;
    uint64_t end; /* of its last line, without newline */
    int64_t timestamp_ns;
    uint64_t key;
    alog_span message; /* of its first line */
    uint8_t severity;
} alog_pending;

typedef struct {
    uint32_t number;
    uint8_t has_pending;
    /* States take turns so that a line costs one copy: `now`, the one before the pending record's first line,
     * and the one before the line that is being read. */
    alog_source_state state[3];
    uint8_t now, mark, before;
    alog_pending pending;
    uint8_t *carry; /* a line without its newline, so far */
    size_t carry_len, carry_cap;
    uint8_t *text; /* the pending message, once its block is gone */
    size_t text_cap;
} alog_source;

struct alog_engine {
    alog_engine_config config;
    alog_drain *drain;
    alog_masker *masker;
    alog_tokens *tokens;
    alog_capture *capture; /* NULL where nobody asks for texts */
    alog_alike *alike;     /* NULL where digits are told apart */
    alog_dfa *severity_dfa;
    alog_dfa *key_dfa;
    uint8_t *severities;
    uint8_t top_severity; /* largest of them */
    uint8_t *key_field;   /* own copy of config.header.key_field */
    uint8_t *joined;      /* tokens with one space between, for the severity rules */
    uint8_t *scratch[2];  /* of the header reader: one may hold the pending message */
    uint8_t scratch_turn;
    alog_header_memo header_memo;
    uint8_t colours;       /* the bytes that are read may hold an ESC */
    alog_source **sources; /* in an order that opening and closing alone decide */
    uint32_t source_count, source_cap;
    uint32_t *source_index; /* open addressing over `sources`, 1 + position */
    uint32_t source_index_size;
    alog_source *last_source;
    uint64_t records, tokens_cut;
    alog_line_counters closed; /* of sources that were closed */
};

/* ---- sources.c ---- */

alog_source *alog_source_find(const alog_engine *engine, uint32_t number);
alog_status alog_source_add(alog_engine *engine, uint32_t number, alog_source **out);
void alog_source_remove(alog_engine *engine, uint32_t number);
void alog_source_reset(alog_source *source, uint64_t offset, int32_t year, uint8_t header_kind);
/* Back to the state that alog_engine_consumed speaks of. */
void alog_source_go_back(alog_source *source);
void alog_sources_free(alog_engine *engine);
/* The state that alog_engine_consumed speaks of. */
const alog_source_state *alog_source_saved(const alog_source *source);
void alog_line_counters_add(alog_line_counters *sum, const alog_line_counters *more);

/* ---- severity.c ---- */

enum { ALOG_SEVERITY_MASK = 0x7f, ALOG_SEVERITY_RAW = 0x80 };

/* Largest severity of the phrases in a text, 0 when there is none, and ALOG_SEVERITY_RAW when one was found whose raw
 * form has to be looked for in the message. *rule gets its number or -1. */
uint8_t alog_severity_of_text(const alog_engine *engine, const uint8_t *text, size_t len, int32_t *rule);
/* The same for the masked tokens, joined by one space. */
uint8_t alog_severity_of_tokens(const alog_engine *engine, const alog_tokens *tokens, int32_t *rule);
/* Severity of a message when its tokens gave `found`; *rule is kept unless the raw text has a worse phrase. */
uint8_t alog_severity_of_message(const alog_engine *engine, alog_span message, uint8_t found, int32_t *rule);

/* ---- key.c ---- */

/* Hash of a record's key and, in *text, the key itself; 0 when it has none. */
uint64_t alog_record_key(const alog_engine *engine, uint32_t source, const alog_fields *fields, alog_span *text);

#endif
