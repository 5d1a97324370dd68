/* infer_json.h: a strict reader of JSON for the files of a model: what is asked for has to stand there.
 *
 * A reader that met something else keeps failing, and says what it wanted; one check at the end is enough. After a
 * failure it gives zeros and empty spans, and no object or array has more in it. Strings are decoded where they
 * stand: the text is changed. No recursion; only alog_json_dense allocates.
 *
 *     alog_json_enter(&in, '{');
 *     while (alog_json_more(&in, '}')) {
 *         const alog_span name = alog_json_name(&in);
 *         ...
 *     } */
#ifndef ALOG_INFER_JSON_H
#define ALOG_INFER_JSON_H

#include "alog.h"

typedef struct {
    uint8_t *text; /* UTF-8, checked by alog_json_begin */
    size_t len, at;
    uint8_t fresh;     /* an object or array was just entered: no comma before what follows */
    const char *wrong; /* NULL, or what was wanted at text[at] */
} alog_json;

void alog_json_begin(alog_json *in, uint8_t *text, size_t len);
/* Nothing but white space may follow. */
void alog_json_end(alog_json *in);
/* Fails, unless it has failed already. */
void alog_json_fail(alog_json *in, const char *wanted);

void alog_json_enter(alog_json *in, char open); /* '{' or '[' */
/* 1: one more stands there; 0: it was closed, or the reader failed. */
int alog_json_more(alog_json *in, char close);
alog_span alog_json_name(alog_json *in); /* of a member, with its colon */

alog_span alog_json_string(alog_json *in);
uint64_t alog_json_integer(alog_json *in, uint64_t most); /* 0 or more */
double alog_json_number(alog_json *in);
int alog_json_bool(alog_json *in);
int alog_json_null(alog_json *in); /* 1 and taken when null stands there */

/* The object that stands next, its members in order of name, without white space; free() it. NULL when memory is out.
 * Nothing is taken, and what is malformed gives anything: read the object too. At most 32 members, no objects in it. */
uint8_t *alog_json_dense(const alog_json *in, size_t *len);

/* Whether a span is exactly this text. */
int alog_span_is(alog_span span, const char *text);

#endif
