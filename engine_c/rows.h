/* rows.h: windows in compressed rows, as detectors get them: what counts.c and terms.c read. */
#ifndef ALOG_ROWS_H
#define ALOG_ROWS_H

#include "alog.h"

/* The records of window i are start[i] to start[i + 1]; each window belongs to one row of a table of
 * `groups` rows and `width` columns. */
typedef struct {
    size_t n, records;
    const int64_t *start;  /* (n + 1,) */
    const uint32_t *slot;  /* (records,) */
    const uint8_t *is_new; /* (records,) or NULL */
    const int64_t *row;    /* (n,) below groups; negative: the window is left out */
    size_t groups, width;
} alog_rows;

/* ALOG_INVALID when the starts do not rise from 0 to `records`, or a row is not below `groups`. */
static inline alog_status alog_rows_check(const alog_rows *rows) {
    if (rows->start[0] != 0 || rows->start[rows->n] < 0 || (size_t)rows->start[rows->n] != rows->records)
        return ALOG_INVALID;
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->start[i + 1] < rows->start[i]) return ALOG_INVALID;
        if (rows->row[i] >= 0 && (size_t)rows->row[i] >= rows->groups) return ALOG_INVALID;
    }
    return ALOG_OK;
}

#endif
