/* header_fields.h: which keys of JSON lines and logfmt mean time, level, host, program, pid, message.
 *
 * A walker gives pairs in order; alog_pairs_take keeps, for each role, the value of the best-known name. */
#ifndef ALOG_HEADER_FIELDS_H
#define ALOG_HEADER_FIELDS_H

#include "header_scan.h"

typedef enum {
    ALOG_ROLE_NONE = 0,
    ALOG_ROLE_TIME,
    ALOG_ROLE_LEVEL,
    ALOG_ROLE_HOST,
    ALOG_ROLE_PROGRAM,
    ALOG_ROLE_PID,
    ALOG_ROLE_MESSAGE,
    ALOG_ROLE_STREAM,
    ALOG_ROLE_COUNT
} alog_role;

typedef struct {
    alog_span parent; /* key of the object the pair stands in; empty at the top */
    alog_span key;
    alog_span value; /* without quotes */
    uint8_t is_string;
    uint8_t has_escapes;
} alog_pair;

typedef struct {
    alog_span value[ALOG_ROLE_COUNT];
    uint8_t rank[ALOG_ROLE_COUNT]; /* of the name it was found under, from 1; 0 = not found */
    uint8_t message_is_log;        /* the message was found under "log" */
    uint8_t message_has_escapes;
    int64_t time_ns;
    uint8_t otel;
    alog_span key;
} alog_pairs;

/* Looks at one pair. `r` gives the configuration and the state for reading stamps. */
void alog_pairs_take(alog_pairs *pairs, const alog_reader *r, const alog_pair *pair);

/* What a key at the top means: 0 when nothing. */
void alog_pairs_meaning(alog_span key, uint8_t *role, uint8_t *rank);
/* alog_pairs_take of a pair at the top whose key's meaning is known. */
void alog_pairs_take_known(alog_pairs *pairs, const alog_reader *r, const alog_pair *pair, uint8_t role, uint8_t rank);

/* Whether the pair was taken as time, level, host, program or pid: it is not part of a put-together message. */
int alog_pairs_taken(const alog_pairs *pairs, const alog_pair *pair);

/* Writes everything but the message to r->out. */
void alog_pairs_give(const alog_pairs *pairs, alog_reader *r);

/* Undoes JSON escapes; `to` may be `from`. Returns the length. Lone surrogates become U+FFFD, unknown escapes stay. */
size_t alog_unescape(const uint8_t *from, size_t n, uint8_t *to);

/* The message from a value of the line: in place when it has no escapes. */
void alog_pairs_message(const alog_pairs *pairs, alog_reader *r);

#endif
