/* header_memo.h: words and keys the header readers have seen lately, and what they found them to be.
 *
 * What is kept is a function of the kept bytes alone, so a memo changes speed and nothing else; it is not saved, and all
 * sources of an engine share one. Zero it; a place that is wanted for another text is given up. */
#ifndef ALOG_HEADER_MEMO_H
#define ALOG_HEADER_MEMO_H

#include "alog.h"
#include "trial.h"

enum { ALOG_MEMO_NAMES = 64, ALOG_MEMO_NAME_BYTES = 48, ALOG_MEMO_PAIRS = 128, ALOG_MEMO_PAIR_BYTES = 32 };
enum { ALOG_MEMO_HEADER_BITS = 4, ALOG_MEMO_HEADER_WAYS = 8, ALOG_MEMO_HEADER_BYTES = 64 };

typedef struct {
    uint8_t text[ALOG_MEMO_NAME_BYTES];
    uint8_t len;      /* 0: an empty place */
    uint8_t name_len; /* how much of it is a name (see header_app.c) */
    uint8_t dotted;
} alog_memo_name;

/* What stands between the values of a line of pairs, `,"level":"` or ` level=`, and of which key the next value is. */
typedef struct {
    uint8_t text[ALOG_MEMO_PAIR_BYTES];
    uint8_t len; /* 0: an empty place */
    uint8_t key_at, key_len;
    uint8_t is_string;             /* the text ends in an opening quote */
    uint8_t role, rank;            /* of the key at the top, see header_fields.h */
    uint8_t inside;                /* JSON: the text begins in an inner object, */
    uint8_t closes;                /* which it closes; */
    uint8_t parent_at, parent_len; /* the key of the one it opens */
    uint8_t next[2];               /* what was found to follow, the last first; 0 = nothing yet */
} alog_memo_pair;

typedef struct {
    alog_memo_pair pairs[ALOG_MEMO_PAIRS]; /* the first stands for a line's beginning */
} alog_pair_memo;

/* What stands between a line's stamp and its message; see header_again.h. */
typedef struct {
    uint64_t end;  /* its last eight bytes */
    uint64_t tail; /* what stands between a number after the text and the message */
    int32_t offset_s;
    uint16_t sort; /* of line; 0: an empty place */
    uint8_t len, tail_len, message, otel;
    uint8_t host, host_len, program, program_len; /* where they lie in the text */
    uint8_t text[ALOG_MEMO_HEADER_BYTES];
} alog_memo_header;

typedef struct {
    alog_memo_header headers[ALOG_MEMO_HEADER_WAYS];
    uint8_t order[ALOG_MEMO_HEADER_WAYS]; /* the ones met often first */
} alog_memo_headers;

typedef struct alog_header_memo {
    alog_memo_name names[ALOG_MEMO_NAMES];
    alog_memo_headers headers[1 << ALOG_MEMO_HEADER_BITS];
    alog_trial learning; /* of headers */
    alog_pair_memo json, logfmt;
} alog_header_memo;

/* The pair whose text stands at `at`, if it is one that followed *last before; then that becomes *last. NULL when
 * there is none (or no memo). */
const alog_memo_pair *alog_pair_recall(alog_pair_memo *memo, uint8_t *last, const uint8_t *p, size_t n, size_t at);
/* Keeps a pair as one that follows *last, and makes it *last, where its text is short enough. */
void alog_pair_remember(alog_pair_memo *memo, uint8_t *last, alog_span text, const alog_memo_pair *found);

#endif
