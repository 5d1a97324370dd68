/* engine.h: raw bytes in, columns of records out: lines, headers, multi-line records, masks, Drain, severity, key.
 *
 *     alog_engine *e = alog_engine_new(&config, &status);
 *     alog_engine_feed(e, source, block, len, &batch);    // any number of times, blocks cut anywhere
 *     alog_engine_settle(e, source, &batch);              // quiet for a while: the last record is whole
 *     resume_at = alog_engine_consumed(e, source);        // feed from here after a restart
 *
 * A record is a line with its continuation lines; its template comes from the first line alone. It is learned and
 * shown when the next record of its source begins, or by settle and flush: so what is learned depends on the bytes,
 * never on how they were cut. What is saved are the learned state and, for each source, the state it had at
 * alog_engine_consumed: the same bytes from there on give exactly the same future.
 *
 * One thread at a time. After _new memory is taken by the learned state (capped) and by partial lines and
 * unfinished records (at most two times max_line_bytes a source). */
#ifndef ALOG_ENGINE_H
#define ALOG_ENGINE_H

#include "capture.h"
#include "drain.h"
#include "header.h"
#include "mask.h"

typedef enum {
    ALOG_KEY_NONE = 0,
    ALOG_KEY_SOURCE,
    ALOG_KEY_HOST,
    ALOG_KEY_PROGRAM,
    ALOG_KEY_PID,   /* and host */
    ALOG_KEY_FIELD, /* header.key_field */
    ALOG_KEY_MASK,  /* text of the first match of user mask `key_mask` */
} alog_key_kind;

typedef struct {
    alog_drain_config drain;
    alog_mask_config mask;
    alog_header_config header;
    uint8_t header_kind; /* alog_header_kind of sources that are opened without one */
    uint8_t multiline;
    uint8_t keep_empty; /* empty lines are records too */
    uint8_t key;        /* alog_key_kind */
    uint32_t key_mask;
    uint32_t multiline_max_lines, multiline_max_bytes;
    uint32_t max_line_bytes;
    uint32_t max_sources;
    alog_span severity_table;  /* alog_dfa over all phrases; empty = none */
    const uint8_t *severities; /* 0-100 of each pattern of the table; 0x80 more: see severity.c */
    size_t severity_count;
    uint64_t seed; /* of all hashes; drain.seed and mask.seed are made of it (alog_seed) */
} alog_engine_config;

/* Columns of at least `cap` entries, filled from entry n on. cap must be the block's newlines + 2. */
typedef struct {
    size_t n, cap;
    uint64_t *offset;
    int64_t *timestamp_ns;
    uint64_t *key;
    uint32_t *length, *template_id, *slot;
    uint8_t *severity, *is_new;
} alog_batch;

typedef struct {
    uint64_t lines;         /* whole lines read, empty ones included */
    uint64_t bytes;         /* of them, newlines included */
    uint64_t empty;         /* lines without a character */
    uint64_t too_long;      /* lines cut at max_line_bytes */
    uint64_t continuations; /* lines that went on a record before them */
    uint64_t late;          /* of those, the ones that came after the record was shown */
    uint64_t split;         /* records cut at multiline_max_lines or _bytes: the next line began a new one */
    uint64_t headerless;    /* records whose first line had no header */
} alog_line_counters;

typedef struct {
    alog_line_counters lines;
    uint64_t records;
    uint64_t tokens_cut; /* records whose message had more than max_tokens tokens */
    alog_drain_counters drain;
    uint64_t clusters, memory, sources;
} alog_engine_counters;

/* What the engine would make of a line, without learning from it. Spans lie in the line or in the engine, and are
 * good until its next call. */
typedef struct {
    alog_fields fields;
    const alog_tokens *tokens;
    uint32_t slot, best, equal; /* slot 0: it would make a new template */
    uint8_t severity;           /* by level and rules */
    int32_t rule;               /* the rule that gives most, -1 when none matches */
    alog_span key;              /* text of the key, empty when it has none */
    uint64_t key_hash;
} alog_explanation;

typedef struct alog_engine alog_engine;

/* ALOG_INVALID: a setting is out of its range. ALOG_CORRUPT: a table of a mask or of the severities is damaged. */
alog_engine *alog_engine_new(const alog_engine_config *config, alog_status *status);
void alog_engine_free(alog_engine *engine);

/* Names a source's kind of header and place; a known source is set back to it. ALOG_FULL: max_sources. */
alog_status alog_engine_open(alog_engine *engine, uint32_t source, uint64_t offset, int32_t year, uint8_t header_kind);
/* A known source goes on from where alog_engine_consumed says, with all it knew there: its kind of header, whether a
 * record may still be gone on with, the year. ALOG_INVALID: it is not known, or `offset` is not that place. */
alog_status alog_engine_resume(alog_engine *engine, uint32_t source, uint64_t offset);
/* Forgets a source; what it has unfinished is lost (flush first). Unknown sources are ignored. */
void alog_engine_close(alog_engine *engine, uint32_t source);

/* ALOG_OK; ALOG_FULL when the source is new and there are max_sources; ALOG_NOMEM: nothing of the block was taken.
 * ALOG_INVALID when `out` is too small: the rest of the block is lost. */
alog_status alog_engine_feed(alog_engine *engine, uint32_t source, const uint8_t *block, size_t len, alog_batch *out);
/* Shows the unfinished record of a source; lines that still belong to it are counted as late. */
alog_status alog_engine_settle(alog_engine *engine, uint32_t source, alog_batch *out);
/* As settle, after taking a last line that has no newline as whole. */
alog_status alog_engine_flush(alog_engine *engine, uint32_t source, alog_batch *out);
/* Where reading resumes after alog_engine_load; 0 for an unknown source. */
uint64_t alog_engine_consumed(const alog_engine *engine, uint32_t source);

/* From now on each call that shows records captures their texts too (capture.h). ALOG_NOMEM. */
alog_status alog_engine_capture(alog_engine *engine);
/* Of the records that the last such call showed; NULL when nothing is captured. */
const alog_capture *alog_engine_captured(const alog_engine *engine);

/* `line` may be a whole record, continuation lines included; at most max_line_bytes of it are looked at. */
void alog_engine_explain(alog_engine *engine, uint32_t source, const uint8_t *line, size_t len, alog_explanation *out);
void alog_engine_count(const alog_engine *engine, alog_engine_counters *out);
const alog_drain *alog_engine_drain(const alog_engine *engine);
uint64_t alog_engine_seed(const alog_engine *engine);

/* Masks a text as a message would be; good until the engine's next call. */
const alog_tokens *alog_engine_mask(alog_engine *engine, const uint8_t *text, size_t len);

/* Bytes a snapshot with `meta` in front takes; 0 when it cannot be saved, its meta being longer than 4 GiB. */
size_t alog_engine_save_size(const alog_engine *engine, alog_span meta);
/* That snapshot, in so many bytes of the caller's: memory is touched once. ALOG_INVALID for another size. */
alog_status alog_engine_save_into(const alog_engine *engine, alog_span meta, uint8_t *bytes, size_t size);
/* The same in memory of its own, free() it. NULL when memory is out. */
uint8_t *alog_engine_save(const alog_engine *engine, alog_span meta, size_t *len);
/* The meta of a snapshot whose checksum is right. */
alog_status alog_engine_meta(const uint8_t *data, size_t len, alog_span *meta);
/* A new engine with the state of a snapshot; its seed replaces the configured one. ALOG_CORRUPT; ALOG_FULL when it
 * does not fit the caps of the configuration. */
alog_engine *alog_engine_load(const alog_engine_config *config, const uint8_t *data, size_t len, alog_status *status);

#endif
