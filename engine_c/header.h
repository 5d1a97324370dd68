/* header.h: recognises how a source writes its lines and reads time, level, host, program, pid and
 * message from each: RFC 3164, RFC 5424, ISO 8601, log4j/logback, klog, CLF, dmesg, JSON lines, logfmt,
 * docker json-file, CRI, and "none".
 *
 * A source's kind is voted on by its first lines and then tried first (a source that stops matching is voted
 * on again). A line of another kind is still read when it carries a time, so that mixed sources work. All
 * state is in alog_header_state, plain data that is saved with the engine. Time is read without locale,
 * clock or time zone data base: stamps without a zone are shifted by `utc_offset_s`. Kernel stamps count from
 * boot, which the line does not name: they give no time. */
#ifndef ALOG_HEADER_H
#define ALOG_HEADER_H

#include "alog.h"
#include "header_memo.h"

typedef enum {
    ALOG_HEADER_AUTO = 0,
    ALOG_HEADER_NONE,
    ALOG_HEADER_RFC3164,
    ALOG_HEADER_RFC5424,
    ALOG_HEADER_ISO8601,
    ALOG_HEADER_LOG4J,
    ALOG_HEADER_KLOG,
    ALOG_HEADER_CLF,
    ALOG_HEADER_DMESG,
    ALOG_HEADER_JSON,
    ALOG_HEADER_LOGFMT,
    ALOG_HEADER_DOCKER,
    ALOG_HEADER_CRI,
    ALOG_HEADER_COUNT,
} alog_header_kind;

/* Per source; zero it, then set `kind` and `year`. A kind other than AUTO set here is the caller's word: it is
 * never voted on again, and NONE then means that every line is taken as it is. */
typedef struct {
    uint8_t kind;    /* alog_header_kind; AUTO while votes are counted */
    uint8_t month;   /* of the last stamp without a year: six months back or more is a new year */
    uint16_t misses; /* lines in a row without this header */
    uint16_t votes[ALOG_HEADER_COUNT];
    int32_t year;     /* for stamps that carry none */
    int64_t last_ns;  /* last time read */
    uint8_t memo[40]; /* the last stamp's text up to the seconds, and its value: */
    uint8_t memo_len; /* the next line's is nearly always the same */
    uint8_t memo_layout;
    uint8_t voted;     /* `kind` was found by votes, so it may be voted on again */
    uint8_t partial;   /* container logs: the last line goes on in the next one */
    uint8_t body;      /* record.c: inside a traceback, a panic ...; */
    uint8_t joins;     /* whether the line last read goes on the record before it; */
    uint16_t indented; /* indented lines since the last one that was not; */
    uint8_t plain;     /* a line that is not indented has been seen */
    int64_t memo_ns;
    int64_t memo_day_ns; /* of its midnight: when only the clock moved, only the clock is read */
} alog_header_state;

typedef struct {
    int32_t utc_offset_s;   /* of stamps that carry no zone */
    alog_span key_field;    /* JSON or logfmt field whose value is wanted as `key`; empty = none; "a.b" for b in a */
    alog_header_memo *memo; /* of the readers' own, may be NULL: see header_memo.h */
} alog_header_config;

typedef struct {
    uint8_t begins;       /* the line carries the source's header: it begins a record */
    uint8_t otel;         /* OpenTelemetry severity number 1..24; 0 = the line names none */
    int64_t timestamp_ns; /* since 1970 UTC; ALOG_NO_TIME when the line carries none */
    alog_span host, program, pid;
    alog_span message;
    alog_span key; /* value of config->key_field, escapes kept */
} alog_fields;

/* Whether a state that was loaded may be used: every field in its range. */
int alog_header_state_valid(const alog_header_state *state);

/* Reads one line (without its newline). `scratch` must hold at least `len` bytes; every span of `out` lies
 * in the line or, where JSON escapes were undone or colours taken out, in `scratch`. Never fails: a line
 * it cannot read is all message. */
void alog_header_read(alog_header_state *state, const alog_header_config *config, const uint8_t *line, size_t len,
                      uint8_t *scratch, alog_fields *out);

/* The same for a line without an ESC in it: colours are not looked for. */
void alog_header_read_plain(alog_header_state *state, const alog_header_config *config, const uint8_t *line, size_t len,
                            uint8_t *scratch, alog_fields *out);

/* Whether a line that carries no header goes on the record before it (indented, "Caused by:", a Python
 * traceback's last line ...). Asked right after alog_header_read of the same line. `inside` is 4 bytes of
 * state, zeroed when a record begins: the lines it has been given, of which there are at most 65,536. */
int alog_line_continues(const uint8_t *line, size_t len, const alog_header_state *state, uint32_t *inside);

/* 0-100 of an OpenTelemetry severity number: INFO 20, WARN 60, ERROR 80, FATAL 100 (DESIGN: risk). */
uint8_t alog_severity_of_otel(uint8_t otel);

#endif
