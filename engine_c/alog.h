/* alog.h: what every part of the engine shares: status codes, spans, limits.
 *
 * The engine is a plain C11 library; only pymodule.c knows Python. Every buffer is (pointer, length);
 * nothing is NUL-terminated. Nothing allocates after a `_new` but the template store, which grows
 * inside the hard cap given by alog_limits. */
#ifndef ALOG_H
#define ALOG_H

#include <stddef.h>
#include <stdint.h>

typedef enum {
    ALOG_OK = 0,
    ALOG_NOMEM,   /* an allocation failed; the object is still usable or was never made */
    ALOG_FULL,    /* a configured cap was reached; the caller gets the documented overflow result */
    ALOG_CORRUPT, /* a snapshot or table failed validation; nothing was changed */
    ALOG_INVALID, /* an argument is out of its range */
} alog_status;

/* A run of bytes owned by somebody else. */
typedef struct {
    const uint8_t *ptr;
    size_t len;
} alog_span;

#define ALOG_NO_TIME INT64_MIN /* a line that carries no timestamp */

#endif
