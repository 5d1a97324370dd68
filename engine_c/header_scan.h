/* header_scan.h: what the header readers share: the line being read, and the scanning of bytes, levels.
 * Internal to header*.c and record.c. */
#ifndef ALOG_HEADER_SCAN_H
#define ALOG_HEADER_SCAN_H

#include <string.h>

#include "hash.h"
#include "header.h"
#include "lanes.h"

/* One line on its way through the readers. */
typedef struct {
    alog_header_state *state;
    const alog_header_config *config;
    const uint8_t *text;
    size_t len;
    uint8_t *room;   /* `len` bytes to put a message together in; NULL: `text` is ours and is changed in place */
    uint8_t *own;    /* `text` again when it may be changed */
    uint8_t wrapped; /* the text is what a container runtime wrapped: its stamps are not remembered */
    uint8_t stamped; /* only a line with a time is wanted; nothing is changed in place for another */
    /* Told by a reader that has found something, for header_again.h: */
    uint8_t layout; /* of the stamp the line begins with */
    size_t seen;    /* the end of what it looked at, but for blanks around the message; 0 = not known */
    alog_fields *out;
} alog_reader;

/* A reader returns the kind it found (never AUTO), or 0: then it may have written to `out`, which the
 * caller clears, and to nothing else. */
typedef uint8_t alog_read_fn(alog_reader *r);

uint8_t alog_read_syslog(alog_reader *r); /* RFC3164 */
uint8_t alog_read_rfc5424(alog_reader *r);
uint8_t alog_read_app(alog_reader *r); /* ISO8601 or LOG4J */
uint8_t alog_read_klog(alog_reader *r);
uint8_t alog_read_clf(alog_reader *r);
uint8_t alog_read_dmesg(alog_reader *r);
uint8_t alog_read_json(alog_reader *r); /* JSON or DOCKER */
uint8_t alog_read_logfmt(alog_reader *r);
uint8_t alog_read_cri(alog_reader *r);
uint8_t alog_read_columns(alog_reader *r); /* LOG4J: supercomputers' logs with an epoch in a fixed column */
uint8_t alog_read_audit(alog_reader *r);   /* ISO8601: Linux audit records */

/* One by one: for a whole struct compilers take a string instruction, which is slow to start. */
static inline void alog_fields_clear(alog_fields *out) {
    const alog_span none = {0};
    out->begins = out->otel = 0;
    out->timestamp_ns = ALOG_NO_TIME;
    out->host = out->program = out->pid = none;
    out->message = out->key = none;
}

/* Reads with whatever kind fits the text; `state->kind` is not looked at. 0 when none does. */
uint8_t alog_read_any(alog_reader *r);

/* What a container runtime wrapped: reads `text` as a line of its own and keeps the outer time. */
void alog_read_wrapped(alog_reader *r, alog_span text, uint8_t *own);

/* Takes terminal colours (CSI sequences) out of `text`; `to` may be `text` itself. Returns the new length. */
size_t alog_strip_colours(const uint8_t *text, size_t len, uint8_t *to);

/* record.c: notes for alog_line_continues what a line without a header is; whether it goes on a record. */
int alog_body_note(alog_header_state *state, const uint8_t *line, size_t len);
void alog_body_begins(alog_header_state *state);

/* ---- levels ----------------------------------------------------------------------------------------- */

/* Severity number of a word in any case; 0 when it is none. *weak: it is a level only with its punctuation
 * ("LOG:", "[Note]"), for it is a common word as well. */
uint8_t alog_level_of_word(const uint8_t *p, size_t n, int *weak);
uint8_t alog_level_of_syslog(unsigned severity); /* 0 emerg .. 7 debug; the facility is ignored */
uint8_t alog_level_of_letter(uint8_t c);         /* V D I N W E F C A */
uint8_t alog_level_of_number(uint64_t number);   /* 0..7 syslog, 10..60 bunyan and pino */

/* The level words as nearly all lines carry them: in capitals, a blank after them. 0 for any other. */
uint8_t alog_level_usual(const uint8_t *p, size_t n);

/* A level at `at`: [error], [core:error], <warn>, (INFO), ERROR, warn:, "Info   ". Returns its number and sets *next
 * to what follows; `module` (may be NULL) becomes "core". 0 when there is none. */
uint8_t alog_level_at(const uint8_t *p, size_t n, size_t at, size_t *next, alog_span *module);

/* ---- bytes ------------------------------------------------------------------------------------------ */

static inline int alog_is_digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }
static inline int alog_is_alpha(uint8_t c) { return (uint8_t)((c | 0x20) - 'a') < 26; }
static inline int alog_is_upper(uint8_t c) { return (uint8_t)(c - 'A') < 26; }
static inline int alog_is_blank(uint8_t c) { return c == ' ' || c == '\t'; }

static inline alog_span alog_span_of(const uint8_t *p, size_t n) { return (alog_span){p, n}; }

static inline size_t alog_skip_blank(const uint8_t *p, size_t n, size_t at) {
    while (at < n && alog_is_blank(p[at])) at++;
    return at;
}

#define ALOG_TOPS UINT64_C(0x8080808080808080)

/* memcmp for what is nearly always 8 to 48 bytes, and nearly always equal. */
static inline int alog_is_equal(const uint8_t *a, const uint8_t *b, size_t n) {
    if (n < 4) {
        for (size_t i = 0; i < n; i++)
            if (a[i] != b[i]) return 0;
        return 1;
    }
    if (n < 8) return alog_load32(a) == alog_load32(b) && alog_load32(a + n - 4) == alog_load32(b + n - 4);
    for (size_t i = 0; i + 8 < n; i += 8)
        if (alog_load64(a + i) != alog_load64(b + i)) return 0;
    return alog_load64(a + n - 8) == alog_load64(b + n - 8);
}

/* memcpy for what is mostly a word. */
static inline void alog_copy(uint8_t *to, const uint8_t *from, size_t n) {
    if (n >= 8 && n <= 16) {
        uint64_t head, tail;
        memcpy(&head, from, 8);
        memcpy(&tail, from + n - 8, 8);
        memcpy(to, &head, 8);
        memcpy(to + n - 8, &tail, 8);
    } else if (n >= 4 && n < 8) {
        uint32_t head, tail;
        memcpy(&head, from, 4);
        memcpy(&tail, from + n - 4, 4);
        memcpy(to, &head, 4);
        memcpy(to + n - 4, &tail, 4);
    } else if (n)
        memcpy(to, from, n);
}

/* The value of eight digits, pairs, then fours, then all of them; -1 when they are none. */
static inline int64_t alog_eight_digits(const uint8_t *p) {
    uint64_t v = alog_load64(p) ^ UINT64_C(0x3030303030303030);
    if (((v + UINT64_C(0x7676767676767676)) | v) & ALOG_TOPS) return -1;
    v = (v * 10 + (v >> 8)) & UINT64_C(0x00ff00ff00ff00ff);
    v = (v * 100 + (v >> 16)) & UINT64_C(0x0000ffff0000ffff);
    return (int64_t)((v * 10000 + (v >> 32)) & UINT64_C(0xffffffff));
}

/* Eight bytes at a time where the machine's byte order lets the first one be found. */
static inline size_t alog_skip_digits(const uint8_t *p, size_t n, size_t at) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    for (; at < n && n - at >= 8; at += 8) {
        uint64_t word;
        memcpy(&word, p + at, 8);
        word ^= UINT64_C(0x3030303030303030); /* a digit is its value now */
        const uint64_t others =
            (((word & ~ALOG_TOPS) + UINT64_C(0x7676767676767676)) | word) & ALOG_TOPS; /* exact in every byte */
        if (others) return at + (size_t)__builtin_ctzll(others) / 8;
    }
#endif
    while (at < n && alog_is_digit(p[at])) at++;
    return at;
}

/* Where the next `a` or `b` is; `n` when there is none. */
static inline size_t alog_find_either(const uint8_t *p, size_t n, size_t at, char a, char b) {
#if ALOG_LANES
    for (; at < n && n - at >= 16; at += 16) {
        const __m128i bytes = alog_lane_load(p + at);
        const uint32_t found = alog_lane_bits(_mm_or_si128(alog_lane_is(bytes, a), alog_lane_is(bytes, b)));
        if (found) return at + (size_t)__builtin_ctz(found);
    }
    if (at < n && n >= 16) { /* the last 16 once more, less what has been looked at */
        const __m128i bytes = alog_lane_load(p + n - 16);
        const uint32_t found = alog_lane_bits(_mm_or_si128(alog_lane_is(bytes, a), alog_lane_is(bytes, b)));
        const uint32_t left = found >> (16 - (n - at));
        return left ? at + (size_t)__builtin_ctz(left) : n;
    }
#elif defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__
    const uint64_t ones = UINT64_C(0x0101010101010101);
    while (at < n && n - at >= 8) {
        uint64_t word;
        memcpy(&word, p + at, 8);
        const uint64_t one = word ^ ones * (uint8_t)a, other = word ^ ones * (uint8_t)b;
        const uint64_t found = ((one - ones) & ~one & ALOG_TOPS) | ((other - ones) & ~other & ALOG_TOPS);
        if (found) return at + (size_t)__builtin_ctzll(found) / 8;
        at += 8;
    }
#endif
    while (at < n && p[at] != (uint8_t)a && p[at] != (uint8_t)b) at++;
    return at;
}

/* Where the next blank is. */
static inline size_t alog_skip_word(const uint8_t *p, size_t n, size_t at) {
    return alog_find_either(p, n, at, ' ', '\t');
}

static inline int alog_starts(const uint8_t *p, size_t n, const char *word, size_t len) {
    return n >= len && memcmp(p, word, len) == 0;
}
#define ALOG_STARTS(p, n, literal) alog_starts((p), (n), (literal), sizeof(literal) - 1)

/* Exactly `width` digits. Returns the end, 0 on failure. */
static inline size_t alog_digits(const uint8_t *p, size_t n, size_t at, size_t width, int *value) {
    if (n - at < width) return 0;
    int v = 0;
    for (size_t i = 0; i < width; i++) {
        if (!alog_is_digit(p[at + i])) return 0;
        v = v * 10 + (p[at + i] - '0');
    }
    *value = v;
    return at + width;
}

/* The rest of the text from `at` without blanks around it becomes the message. */
static inline void alog_set_message(alog_reader *r, size_t at) {
    size_t end = r->len;
    at = alog_skip_blank(r->text, end, at);
    while (end > at && (alog_is_blank(r->text[end - 1]) || r->text[end - 1] == '\r' || r->text[end - 1] == '\n')) end--;
    r->out->message = alog_span_of(r->text + at, end - at);
}

#endif
