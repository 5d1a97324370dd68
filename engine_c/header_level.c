/* header_level.c: level words, letters and numbers as OpenTelemetry severity numbers. */
#include "header_scan.h"

enum { TRACE = 1, VERBOSE = 2, DEBUG = 5, FINE = 6, CONFIG = 7, INFO = 9, NOTICE = 10, WARN = 13, ERROR = 17, CRITICAL = 18, ALERT = 19, FATAL = 21 };

static const struct {
    char word[12];
    uint8_t len, otel, weak;
} levels[] = {
    {"info", 4, INFO, 0},       {"error", 5, ERROR, 0},      {"warn", 4, WARN, 0},        {"warning", 7, WARN, 0},
    {"debug", 5, DEBUG, 0},     {"notice", 6, NOTICE, 0},    {"fatal", 5, FATAL, 0},      {"trace", 5, TRACE, 0},
    {"err", 3, ERROR, 0},       {"crit", 4, CRITICAL, 0},    {"critical", 8, CRITICAL, 0}, {"severe", 6, ERROR, 0},
    {"alert", 5, ALERT, 0},     {"emerg", 5, FATAL, 0},      {"panic", 5, FATAL, 0},      {"emergency", 9, FATAL, 0},
    {"failure", 7, CRITICAL, 1}, {"verbose", 7, VERBOSE, 0}, {"inf", 3, INFO, 0},         {"wrn", 3, WARN, 0},
    {"dbg", 3, DEBUG, 0},       {"ftl", 3, FATAL, 0},        {"trc", 3, TRACE, 0},        {"debug1", 6, DEBUG, 0},
    {"debug2", 6, DEBUG, 0},    {"debug3", 6, DEBUG, 0},     {"debug4", 6, DEBUG, 0},     {"debug5", 6, DEBUG, 0},
    {"finest", 6, TRACE, 0},    {"finer", 5, DEBUG, 0},      {"fine", 4, FINE, 1},        {"config", 6, CONFIG, 1},
    {"information", 11, INFO, 0}, {"log", 3, INFO, 1},       {"note", 4, INFO, 1},        {"system", 6, INFO, 1},
    {"hint", 4, INFO, 1},       {"detail", 6, INFO, 1},      {"context", 7, INFO, 1},     {"statement", 9, INFO, 1},
    {"query", 5, INFO, 1},
};

#define LONGEST 11

uint8_t alog_level_of_word(const uint8_t *p, size_t n, int *weak) {
    if (n < 3 || n > LONGEST) return 0;
    uint8_t lower[LONGEST];
    for (size_t i = 0; i < n; i++) lower[i] = (uint8_t)(alog_is_upper(p[i]) ? p[i] | 0x20 : p[i]);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (levels[i].len != n || levels[i].word[0] != (char)lower[0] || memcmp(levels[i].word, lower, n) != 0) continue;
        *weak = levels[i].weak;
        return levels[i].otel;
    }
    return 0;
}

uint8_t alog_level_of_syslog(unsigned severity) {
    static const uint8_t otel[8] = {FATAL, ALERT, CRITICAL, ERROR, WARN, NOTICE, INFO, DEBUG};
    return otel[severity & 7];
}

uint8_t alog_level_of_letter(uint8_t c) {
    switch (c) {
    case 'V': return TRACE;
    case 'D': return DEBUG;
    case 'I': return INFO;
    case 'N': return NOTICE;
    case 'W': return WARN;
    case 'E': return ERROR;
    case 'C': return CRITICAL;
    case 'A': return ALERT;
    case 'F': return FATAL;
    default: return 0;
    }
}

uint8_t alog_level_of_number(uint64_t number) {
    if (number < 8) return alog_level_of_syslog((unsigned)number);
    if (number < 10 || number > 60 || number % 10) return 0;
    static const uint8_t pino[7] = {0, TRACE, DEBUG, INFO, WARN, ERROR, FATAL};
    return pino[number / 10];
}

uint8_t alog_severity_of_otel(uint8_t otel) {
    if (otel >= FATAL) return 100;
    if (otel > ERROR) return 90;
    if (otel == ERROR) return 80;
    if (otel >= WARN) return 60;
    if (otel >= INFO) return 20;
    if (otel >= DEBUG) return 10;
    return otel ? 5 : 0;
}

/* ---- a level in a line ------------------------------------------------------------------------------ */

static size_t word_end(const uint8_t *p, size_t n, size_t at) {
    const size_t from = at;
    while (at < n && at - from <= LONGEST && (alog_is_alpha(p[at]) || alog_is_digit(p[at]))) at++;
    return at;
}

static size_t module_end(const uint8_t *p, size_t n, size_t at) {
    const size_t from = at;
    while (at < n && at - from <= 32 && (alog_is_alpha(p[at]) || alog_is_digit(p[at]) || p[at] == '_' || p[at] == '.')) at++;
    return at;
}

/* [error], [ error ], [core:error], <warn>, (INFO). */
static uint8_t bracketed(const uint8_t *p, size_t n, size_t at, size_t *next, alog_span *module) {
    const uint8_t close = p[at] == '[' ? ']' : p[at] == '<' ? '>' : ')';
    int weak;
    size_t from = alog_skip_blank(p, n, at + 1);
    size_t end = module_end(p, n, from);
    if (p[at] == '[' && end < n && p[end] == ':') {
        if (module) *module = alog_span_of(p + from, end - from);
        from = end + 1;
    }
    end = word_end(p, n, from);
    const uint8_t otel = alog_level_of_word(p + from, end - from, &weak);
    end = alog_skip_blank(p, n, end);
    if (!otel || end >= n || p[end] != close) return 0;
    *next = end + 1;
    return otel;
}

static int is_all_upper(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!alog_is_upper(p[i]) && !alog_is_digit(p[i])) return 0;
    return 1;
}

uint8_t alog_level_at(const uint8_t *p, size_t n, size_t at, size_t *next, alog_span *module) {
    if (module) *module = (alog_span){0};
    if (at >= n) return 0;
    if (p[at] == '[' || p[at] == '<' || p[at] == '(') {
        const uint8_t otel = bracketed(p, n, at, next, module);
        if (!otel && module) *module = (alog_span){0};
        return otel;
    }
    if (!alog_is_alpha(p[at])) return 0;
    int weak = 0;
    const size_t end = word_end(p, n, at);
    const uint8_t otel = alog_level_of_word(p + at, end - at, &weak);
    if (!otel) return 0;
    const int upper = is_all_upper(p + at, end - at);
    *next = end;
    if (end < n && p[end] == ':') {
        *next = end + 1;
        return upper || end + 1 == n || alog_is_blank(p[end + 1]) ? otel : 0;
    }
    if (weak) return 0;
    if (end == n) return upper ? otel : 0;
    if (p[end] == '|') return otel;
    if (!alog_is_blank(p[end])) return 0;
    /* a lower-case word is a level only as a column of its own */
    return upper || p[end] == '\t' || (end + 1 < n && alog_is_blank(p[end + 1])) ? otel : 0;
}
