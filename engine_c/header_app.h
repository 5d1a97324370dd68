/* header_app.h: the parts of an application's line, shared by header_app.c and header_lead.c.
 *
 * log4j, logback, Spring, Hadoop, Spark, Python, Rust, Ruby, Android, PostgreSQL, MySQL, Redis, MongoDB, Apache and
 * nginx errors ... all write a stamp at the start, then a level somewhere near, a thread, a logger and the message;
 * they differ only in which of these they write and in what order. */
#ifndef ALOG_HEADER_APP_H
#define ALOG_HEADER_APP_H

#include "header_scan.h"
#include "header_time.h"

#define NAME_BYTES 96     /* of a logger or a thread; longer ones are message */
#define BRACKET_BYTES 256 /* of what stands in one bracket */

/* Where a line's reading stands. */
typedef struct {
    size_t at;
    uint8_t level_found;
    uint8_t in_bracket; /* the stamp was opened by '[' that is not closed yet */
    uint8_t bracketed;  /* it was opened by '[' at all: such layouts put the logger last */
    uint8_t columns;    /* "stamp, Info      CBS    msg" */
    uint8_t redis;
    uint8_t usual; /* the level was one that stands where it nearly always does */
    size_t seen;   /* see alog_reader; 0 = not known */
} alog_app_line;

size_t alog_name_end(const uint8_t *p, size_t n, size_t at);
size_t alog_separator(const uint8_t *p, size_t n, size_t at);
void alog_set_level(alog_reader *r, alog_app_line *line, uint8_t otel, size_t next);

/* Pid, thread and logger behind a level. */
void alog_after_level(alog_reader *r, alog_app_line *line);

/* A level that is not the first thing after the stamp, and what follows it. 0 when there is none. */
int alog_level_later(alog_reader *r, alog_app_line *line);

/* "[stamp] LEVEL msg (logger)": shortens the message. */
void alog_trailing_logger(alog_reader *r);

#endif
