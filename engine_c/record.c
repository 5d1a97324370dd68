/* record.c: which lines without a header go on the record before them.
 *
 * One line at a time, with a few bytes of state: what kind of block the source is inside, and how many indented
 * lines came in a row. A source whose every line is indented is not one record, and plain lines are never joined. */
#include "header_scan.h"

#define MOST_INDENTED 500 /* in a row; what follows stands for itself */
#define MOST_JOINED 65536 /* lines of one record; the engine's own bound is far below */

enum {
    PLAIN = 0,
    HEADED,        /* right after a line with a header */
    TRACEBACK,     /* a Python traceback, up to its "SomeError: ..." */
    TRACEBACK_END, /* after that */
    TRACEBACK_GAP, /* after an empty line behind it */
    CHAIN,         /* after "During handling of the above exception, ..." */
    GO,            /* a Go panic and its goroutines */
    RUST,          /* "thread 'main' panicked at src/main.rs:2:5:", its message is the next line */
    RUST_END,
    MODES,
};

static int ends_in(const uint8_t *p, size_t n, const char *word, size_t len) {
    return n >= len && memcmp(p + n - len, word, len) == 0;
}

/* "KeyError", "requests.exceptions.ConnectionError: ..."; `strict`: the name must say that it is an exception. */
static int is_exception_line(const uint8_t *p, size_t n, int strict) {
    size_t end = 0;
    while (end < n &&
           (alog_is_alpha(p[end]) || alog_is_digit(p[end]) || p[end] == '_' || p[end] == '.' || p[end] == '$'))
        end++;
    if (!end || alog_is_digit(p[0]) || (end < n && p[end] != ':')) return 0;
    if (!strict) return 1;
    return ends_in(p, end, "Exception", 9) || ends_in(p, end, "Error", 5) || ends_in(p, end, "Throwable", 9);
}

static int is_traceback(const uint8_t *p, size_t n) { return ALOG_STARTS(p, n, "Traceback (most recent call last)"); }

static int is_chain(const uint8_t *p, size_t n) {
    return ALOG_STARTS(p, n, "During handling of the above exception") ||
           ALOG_STARTS(p, n, "The above exception was the direct cause");
}

static int is_goroutine(const uint8_t *p, size_t n) {
    if (!ALOG_STARTS(p, n, "goroutine ")) return 0;
    const size_t end = alog_skip_digits(p, n, 10);
    return end > 10 && ALOG_STARTS(p + end, n - end, " [");
}

/* "main.(*server).run(0xc000...)" */
static int is_go_frame(const uint8_t *p, size_t n) {
    if (n < 3 || p[n - 1] != ')' || !alog_is_alpha(p[0])) return 0;
    const uint8_t *open = memchr(p, '(', n);
    return !memchr(p, ' ', (size_t)(open ? open - p : 0)) && open != NULL;
}

static int goes_on_in_go(const uint8_t *p, size_t n) {
    return is_goroutine(p, n) || is_go_frame(p, n) || ALOG_STARTS(p, n, "created by ") ||
           ALOG_STARTS(p, n, "[signal ") || ALOG_STARTS(p, n, "exit status ");
}

/* Java stack traces whose indentation was lost: "at x.y(", "Caused by:", "... 12 more". */
static int is_java_body(const uint8_t *p, size_t n) {
    if (ALOG_STARTS(p, n, "Caused by:") || ALOG_STARTS(p, n, "Suppressed:")) return 1;
    if (ALOG_STARTS(p, n, "... ")) return n > 4 && alog_is_digit(p[4]);
    if (!ALOG_STARTS(p, n, "at ")) return 0;
    size_t end = 3;
    while (end < n && p[end] > ' ' && p[end] != '(') end++;
    return end > 3 && end < n && p[end] == '(';
}

/* "}", "]);", "}," */
static int is_closer(const uint8_t *p, size_t n) {
    size_t end = 0;
    while (end < n && (p[end] == '}' || p[end] == ']' || p[end] == ')')) end++;
    if (!end) return 0;
    if (end < n && (p[end] == ',' || p[end] == ';')) end++;
    return end == n;
}

/* Whether a block the source is inside goes on with this line, which is neither empty nor indented. Sets its next mode. */
static int block_goes_on(alog_header_state *state, const uint8_t *p, size_t n) {
    switch (state->body) {
    case HEADED:
        if (is_traceback(p, n)) return state->body = TRACEBACK, 1;
        return is_exception_line(p, n, 1);
    case TRACEBACK:
        if (!is_exception_line(p, n, 0)) return 0;
        return state->body = TRACEBACK_END, 1;
    case TRACEBACK_END:
    case TRACEBACK_GAP:
        if (!is_chain(p, n)) return 0;
        return state->body = CHAIN, 1;
    case CHAIN:
        if (!is_traceback(p, n)) return 0;
        return state->body = TRACEBACK, 1;
    case GO: return goes_on_in_go(p, n);
    case RUST: return state->body = RUST_END, 1;
    case RUST_END: return ALOG_STARTS(p, n, "note: run with ") || ALOG_STARTS(p, n, "stack backtrace:");
    default: return 0;
    }
}

static int empty_goes_on(alog_header_state *state) {
    if (state->body == TRACEBACK_END) state->body = TRACEBACK_GAP;
    if (state->body == TRACEBACK_GAP || state->body == CHAIN || state->body == GO) return 1;
    state->body = PLAIN;
    return 0;
}

static uint8_t mode_begun_by(const uint8_t *p, size_t n) {
    if (is_traceback(p, n)) return TRACEBACK;
    if (ALOG_STARTS(p, n, "panic: ") || ALOG_STARTS(p, n, "fatal error: ") || is_goroutine(p, n)) return GO;
    if (!ALOG_STARTS(p, n, "thread '")) return PLAIN;
    const uint8_t *quote = memchr(p + 8, '\'', n - 8);
    if (!quote || !ALOG_STARTS(quote, n - (size_t)(quote - p), "' panicked at ")) return PLAIN;
    return p[n - 1] == ':' ? RUST : RUST_END;
}

static int unindented(alog_header_state *state, const uint8_t *p, size_t n) {
    if (block_goes_on(state, p, n)) return 1;
    if (state->plain && is_java_body(p, n)) return 1;
    if (state->plain && state->indented && is_closer(p, n)) return 1;
    state->body = mode_begun_by(p, n);
    state->indented = 0;
    state->plain = 1;
    return 0;
}

static int indented(alog_header_state *state) {
    if (!state->plain || state->indented >= MOST_INDENTED) return 0;
    state->indented++;
    return 1;
}

int alog_body_note(alog_header_state *state, const uint8_t *line, size_t len) {
    while (len && (line[len - 1] == '\r' || alog_is_blank(line[len - 1]))) len--;
    int joins;
    if (!len)
        joins = empty_goes_on(state);
    else if (alog_is_blank(line[0]))
        joins = indented(state);
    else
        joins = unindented(state, line, len);
    state->joins = (uint8_t)joins;
    return joins;
}

void alog_body_begins(alog_header_state *state) {
    state->body = HEADED;
    state->indented = 0;
    state->plain = 1;
    state->joins = 0;
}

int alog_line_continues(const uint8_t *line, size_t len, const alog_header_state *state, uint32_t *inside) {
    (void)line; /* alog_header_read has looked at it, where there was anything to see */
    (void)len;
    const int headed = state->kind != ALOG_HEADER_AUTO && state->kind != ALOG_HEADER_NONE;
    if (*inside >= MOST_JOINED || !(headed || state->joins)) return 0;
    ++*inside;
    return 1;
}
