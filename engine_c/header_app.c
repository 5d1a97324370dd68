/* header_app.c: the parts of an application's line around its level: pid, thread, logger (see header_app.h). */
#include "header_app.h"

enum { NAME = 1, DOT = 2 };

#define FIVE(c) [c] = NAME, [(c) + 1] = NAME, [(c) + 2] = NAME, [(c) + 3] = NAME, [(c) + 4] = NAME

/* What a byte is in a name: letters, digits and _.$/@-# are part of it; some of them tell a class or a module. */
static const uint8_t name_class[256] = {
    FIVE('0'),    FIVE('5'),    FIVE('A'),    FIVE('F'),    FIVE('K'),          FIVE('P'),          FIVE('U'),
    FIVE('a'),    FIVE('f'),    FIVE('k'),    FIVE('p'),    FIVE('u'),          ['Z'] = NAME,       ['z'] = NAME,
    ['_'] = NAME, ['@'] = NAME, ['-'] = NAME, ['#'] = NAME, ['.'] = NAME | DOT, ['$'] = NAME | DOT, ['/'] = NAME | DOT,
};

static int is_name_byte(uint8_t c) { return name_class[c] & NAME; }

/* Where the name bytes from `at` on end; *seen gets their classes. */
static size_t name_run(const uint8_t *p, size_t n, size_t at, unsigned *seen) {
#if ALOG_LANES
    for (; n - at >= 16; at += 16) {
        const __m128i bytes = alog_lane_load(p + at);
        const __m128i dots = _mm_or_si128(alog_lane_range(bytes, '.', '/' - '.'), alog_lane_is(bytes, '$'));
        __m128i names = _mm_or_si128(alog_lane_range(bytes, '#', '$' - '#'), alog_lane_range(bytes, '-', '9' - '-'));
        names = _mm_or_si128(names, alog_lane_range(bytes, '@', 'Z' - '@'));
        names = _mm_or_si128(names, _mm_or_si128(alog_lane_range(bytes, 'a', 'z' - 'a'), alog_lane_is(bytes, '_')));
        const uint32_t others = alog_lane_bits(names) ^ 0xffff, dotted = alog_lane_bits(dots);
        if (dotted & (others - 1)) *seen |= DOT; /* those before the first of the others */
        if (others) return at + (size_t)__builtin_ctz(others);
    }
#endif
    while (at < n && name_class[p[at]]) *seen |= name_class[p[at++]];
    return at;
}

/* A name: name bytes, and one or two ':' between two of them ("my::module", "file.py:12"). Returns its end. */
static size_t name_and_dots(const uint8_t *p, size_t n, size_t at, int *dotted) {
    const size_t from = at, limit = n - at > NAME_BYTES ? at + NAME_BYTES + 1 : n;
    unsigned seen = 0;
    *dotted = 0;
    if (at >= n || (!alog_is_alpha(p[at]) && p[at] != '_' && p[at] != '$')) return at;
    for (;;) {
        at = name_run(p, limit, at, &seen);
        if (at >= limit || p[at] != ':') break;
        const size_t after = at + 1 + (at + 1 < n && p[at + 1] == ':');
        if (after >= n || !is_name_byte(p[after])) break;
        seen |= DOT;
        at = after;
    }
    *dotted = (seen & DOT) != 0;
    return at - from > NAME_BYTES ? from : at;
}

/* The same for the word at `at`, which is mostly one of few. */
static size_t known_name_and_dots(const alog_reader *r, size_t at, int *dotted) {
    const uint8_t *p = r->text;
    const size_t word_end = alog_skip_word(p, r->len, at), len = word_end - at;
    if (!r->config->memo || len < 8 || len > ALOG_MEMO_NAME_BYTES) return name_and_dots(p, r->len, at, dotted);
    const uint64_t mixed = (alog_load64(p + at) ^ alog_load64(p + word_end - 8) * 31) * UINT64_C(0x9e3779b97f4a7c15);
    alog_memo_name *known = &r->config->memo->names[mixed >> 58];
    if (known->len != len || !alog_is_equal(known->text, p + at, len)) {
        known->name_len = (uint8_t)(name_and_dots(p, word_end, at, dotted) - at);
        known->dotted = (uint8_t)*dotted;
        known->len = (uint8_t)len;
        memcpy(known->text, p + at, len);
    }
    *dotted = known->dotted;
    return at + known->name_len;
}

size_t alog_name_end(const uint8_t *p, size_t n, size_t at) {
    int dotted;
    return name_and_dots(p, n, at, &dotted);
}

static int is_dotted(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (name_class[p[i]] & DOT || p[i] == ':') return 1;
    return 0;
}

static int ends_with(const uint8_t *p, size_t n, const char *word, size_t len) {
    return n >= len && memcmp(p + n - len, word, len) == 0;
}

/* "java.io.IOException: ..." is what happened, not who says it. */
static int is_exception(const uint8_t *p, size_t n) {
    if (n < 5 || (p[n - 1] != 'n' && p[n - 1] != 'r' && p[n - 1] != 'e')) return 0;
    return ends_with(p, n, "Exception", 9) || ends_with(p, n, "Error", 5) || ends_with(p, n, "Throwable", 9);
}

/* Blanks with at most one of - -- --- : , (before a blank) or | among them. */
size_t alog_separator(const uint8_t *p, size_t n, size_t at) {
    at = alog_skip_blank(p, n, at);
    if (at >= n) return at;
    size_t end = at;
    if (p[at] == '-')
        while (end < n && end - at < 3 && p[end] == '-') end++;
    else if (p[at] == ':' || p[at] == ',')
        end++;
    else if (p[at] == '|')
        return alog_skip_blank(p, n, at + 1);
    return end == at || (end < n && !alog_is_blank(p[end])) ? at : alog_skip_blank(p, n, end);
}

/* The end of the bracket that opens at `at`, nested ones included; 0 when it is not closed within bounds. */
static size_t bracket_end(const uint8_t *p, size_t n, size_t at) {
    const size_t limit = n - at > BRACKET_BYTES ? at + BRACKET_BYTES : n;
    unsigned depth = 0;
    for (; at < limit; at++) {
        if (p[at] == '[') depth++;
        if (p[at] == ']' && --depth == 0) return at + 1;
    }
    return 0;
}

void alog_set_level(alog_reader *r, alog_app_line *line, uint8_t otel, size_t next) {
    r->out->otel = otel;
    line->level_found = 1;
    line->at = next;
}

/* ---- after the level -------------------------------------------------------------------------------- */

/* "12345 --- " (Spring), "123#456: *7 " (nginx), "[pid 123:tid 456] " (Apache). */
static void late_pid(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    const size_t n = r->len, at = line->at;
    if (ALOG_STARTS(p + at, n - at, "[pid ")) {
        const size_t end = alog_skip_digits(p, n, at + 5), close = bracket_end(p, n, at);
        if (end == at + 5 || !close || (p[end] != ':' && p[end] != ']')) return;
        r->out->pid = alog_span_of(p + at + 5, end - at - 5);
        line->at = alog_skip_blank(p, n, close);
        return;
    }
    const size_t end = alog_skip_digits(p, n, at);
    if (end == at || end >= n) return;
    if (p[end] == '#') {
        size_t tid = alog_skip_digits(p, n, end + 1);
        if (tid == end + 1 || tid >= n || p[tid] != ':') return;
        r->out->pid = alog_span_of(p + at, end - at);
        tid = alog_skip_blank(p, n, tid + 1);
        const size_t connection = tid < n && p[tid] == '*' ? alog_skip_digits(p, n, tid + 1) : tid;
        line->at = connection > tid + 1 && connection < n && p[connection] == ' ' ? connection + 1 : tid;
        return;
    }
    const size_t dashes = alog_skip_blank(p, n, end);
    if (dashes == end || !ALOG_STARTS(p + dashes, n - dashes, "---") || dashes + 3 >= n ||
        !alog_is_blank(p[dashes + 3]))
        return;
    r->out->pid = alog_span_of(p + at, end - at);
    line->at = alog_skip_blank(p, n, dashes + 3);
}

/* A logger at `at` and what closes it: "name: ", "name : ", "name - ", "name [request] ", "name<tab>". Returns where the
 * message begins, 0 when it is none. *seen gets the end of what was looked at; it is kept where that is not known. */
static size_t logger(alog_reader *r, size_t at, int thread, int columns, size_t *seen) {
    const uint8_t *p = r->text;
    int dotted;
    const size_t n = r->len, end = known_name_and_dots(r, at, &dotted);
    if (end > at) *seen = alog_skip_blank(p, n, end) + 3;
    if (end == at || !(dotted || thread || columns) || is_exception(p + at, end - at)) return 0;
    const size_t next = alog_skip_blank(p, n, end);
    size_t message = 0;
    if (end < n && p[end] == ':' && (end + 1 == n || alog_is_blank(p[end + 1])))
        message = *seen = end + 1;
    else if (next > end && next < n && (p[next] == ':' || p[next] == '-') &&
             (next + 1 == n || alog_is_blank(p[next + 1])))
        message = *seen = next + 1;
    else if (next > end && next < n && p[next] == '[' && dotted) {
        message = bracket_end(p, n, next);
        if (message && message < n && !alog_is_blank(p[message])) message = 0;
        *seen = 0;
    } else if (end < n && p[end] == '\t' && dotted)
        message = next;
    else if (columns && next > end + 1)
        message = next;
    if (message) r->out->program = alog_span_of(p + at, end - at);
    return message;
}

/* "[main] logger: msg", "[worker] - msg", "logger - msg". */
static void thread_and_logger(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    const size_t n = r->len;
    size_t at = line->at;
    if (at >= n) return;
    if (p[at] != '[') {
        const size_t message = logger(r, at, 0, line->columns, &line->seen);
        if (message) line->at = message;
        return;
    }
    const size_t close = bracket_end(p, n, at);
    if (!close || close >= n || !alog_is_blank(p[close])) return;
    if (ALOG_STARTS(p + at, n - at, "[client ")) return; /* Apache: whom the message is about */
    const size_t next = alog_skip_blank(p, n, close);
    if (next < n && p[next] == '-' && (next + 1 == n || alog_is_blank(p[next + 1]))) {
        r->out->program = alog_span_of(p + at + 1, close - at - 2);
        line->at = next + 1;
        return;
    }
    size_t seen;
    const size_t message = logger(r, next, 1, 0, &seen);
    if (message) line->at = message;
}

/* log4j layouts of the "[stamp] LEVEL msg (logger)" sort. Shortens the message. */
void alog_trailing_logger(alog_reader *r) {
    alog_span *m = &r->out->message;
    if (m->len < 5 || m->ptr[m->len - 1] != ')') return;
    size_t open = m->len - 1;
    while (open > 0 && m->len - open <= NAME_BYTES && is_name_byte(m->ptr[open - 1])) open--;
    if (open < 2 || m->ptr[open - 1] != '(' || m->ptr[open - 2] != ' ') return;
    const size_t len = m->len - 1 - open;
    if (!len || !is_dotted(m->ptr + open, len)) return;
    r->out->program = alog_span_of(m->ptr + open, len);
    m->len = open - 2;
    while (m->len && alog_is_blank(m->ptr[m->len - 1])) m->len--;
}

void alog_after_level(alog_reader *r, alog_app_line *line) {
    const size_t at = alog_skip_blank(r->text, r->len, line->at);
    line->at = at;
    if (at < r->len && !alog_is_alpha(r->text[at])) { /* a name needs none of this */
        line->at = alog_separator(r->text, r->len, at);
        late_pid(r, line);
        line->at = alog_separator(r->text, r->len, line->at);
        thread_and_logger(r, line);
        line->seen = 0;
        return;
    }
    thread_and_logger(r, line);
}

/* ---- before the level ------------------------------------------------------------------------------- */

/* "1702  2395 D tag: msg" (Android). */
static int android(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    const size_t n = r->len, at = line->at;
    const size_t pid = alog_skip_digits(p, n, at);
    size_t next = alog_skip_blank(p, n, pid);
    if (pid == at || next == pid) return 0;
    const size_t tid = alog_skip_digits(p, n, next);
    if (tid == next) return 0;
    next = alog_skip_blank(p, n, tid);
    if (next == tid || next + 1 >= n || !alog_level_of_letter(p[next]) || p[next + 1] != ' ') return 0;
    r->out->pid = alog_span_of(p + at, pid - at);
    alog_set_level(r, line, alog_level_of_letter(p[next]), next + 2);
    const size_t from = alog_skip_blank(p, n, line->at);
    size_t colon = from;
    while (colon < n && colon - from <= NAME_BYTES && !(p[colon] == ':' && (colon + 1 == n || p[colon + 1] == ' ')))
        colon++;
    if (colon == from || colon >= n || colon - from > NAME_BYTES) return 1;
    size_t end = colon;
    while (end > from && alog_is_blank(p[end - 1])) end--;
    r->out->program = alog_span_of(p + from, end - from);
    line->at = colon + 1;
    return 1;
}

/* "148 INFO" (HDFS), "0 [Note]" (MySQL), "[123] LOG:" (PostgreSQL), "[123] user@db LOG:", "[main] INFO", "[1] [main] INFO". */
static int number_or_bracket(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    const size_t n = r->len;
    size_t at = line->at, next;
    alog_span pid = {0}, name = {0};
    for (int part = 0; part < 2; part++) {
        alog_span inner;
        if (at < n && p[at] == '[') {
            const size_t close = bracket_end(p, n, at);
            if (!close) return 0;
            inner = alog_span_of(p + at + 1, close - at - 2);
            at = close + (close < n && p[close] == ':');
        } else {
            const size_t end = alog_skip_digits(p, n, at);
            if (part || end == at || end >= n || !alog_is_blank(p[end])) return 0;
            inner = alog_span_of(p + at, end - at);
            at = end;
        }
        const size_t number = alog_skip_digits(inner.ptr, inner.len, 0);
        if (number && (number == inner.len || inner.ptr[number] == '-'))
            pid = alog_span_of(inner.ptr, number);
        else
            name = inner;
        at = alog_skip_blank(p, n, at);
        size_t level_at = at;
        uint8_t otel = alog_level_at(p, n, at, &next, NULL);
        if (!otel && pid.len) { /* user@db */
            const size_t end = alog_skip_word(p, n, at);
            if (memchr(p + at, '@', end - at)) level_at = alog_skip_blank(p, n, end);
            if (level_at != at) otel = alog_level_at(p, n, level_at, &next, NULL);
        }
        if (!otel) continue;
        r->out->pid = pid;
        r->out->program = name;
        alog_set_level(r, line, otel, next);
        return 1;
    }
    return 0;
}

/* "name - LEVEL - " (Python), "name [123]: LEVEL  " (fail2ban), "util.py[DEBUG]: " (cloud-init). */
static int name_first(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    const size_t n = r->len, at = line->at, end = alog_name_end(p, n, at);
    if (end == at) return 0;
    alog_span pid = {0};
    size_t next = alog_skip_blank(p, n, end);
    uint8_t otel = 0;
    if (next < n && p[next] == '-' && next > end && next + 1 < n && alog_is_blank(p[next + 1])) {
        otel = alog_level_at(p, n, alog_skip_blank(p, n, next + 1), &next, NULL);
    } else if (next < n && p[next] == '[') {
        const size_t digits = alog_skip_digits(p, n, next + 1);
        if (digits > next + 1 && digits < n && p[digits] == ']') {
            pid = alog_span_of(p + next + 1, digits - next - 1);
            size_t from = digits + 1;
            if (from < n && p[from] == ':') from++;
            otel = alog_level_at(p, n, alog_skip_blank(p, n, from), &next, NULL);
        } else if (next == end) {
            otel = alog_level_at(p, n, end, &next, NULL);
            if (otel && (next >= n || p[next] != ':')) otel = 0;
        }
    }
    if (!otel) return 0;
    r->out->program = alog_span_of(p + at, end - at);
    r->out->pid = pid;
    alog_set_level(r, line, otel, next);
    return 1;
}

/* "I NETWORK  [conn1] msg" (MongoDB), "D2 COMMAND [conn2] msg". */
static int mongodb(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    const size_t n = r->len;
    size_t at = line->at;
    if (n - at < 6 || !alog_level_of_letter(p[at])) return 0;
    const uint8_t otel = alog_level_of_letter(p[at]);
    at += p[at] == 'D' && alog_is_digit(p[at + 1]) ? 2 : 1;
    if (p[at] != ' ') return 0;
    const size_t from = alog_skip_blank(p, n, at);
    size_t end = from;
    while (end < n && (alog_is_upper(p[end]) || p[end] == '_' || p[end] == '-')) end++;
    const size_t open = alog_skip_blank(p, n, end);
    if (end == from || open == end || open >= n || p[open] != '[') return 0;
    const size_t close = bracket_end(p, n, open);
    if (!close) return 0;
    r->out->program = alog_span_of(p + from, end - from);
    alog_set_level(r, line, otel, close);
    return 1;
}

int alog_level_later(alog_reader *r, alog_app_line *line) {
    if (mongodb(r, line)) return 1;
    if (!number_or_bracket(r, line) && !android(r, line) && !name_first(r, line)) return 0;
    alog_after_level(r, line);
    return 1;
}
