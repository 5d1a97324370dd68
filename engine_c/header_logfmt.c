/* header_logfmt.c: key=value lines. A line is taken for one only when it begins with a pair and names its time or
 * level: free text is full of "x=1". */
#include "header_fields.h"

static int is_key_byte(uint8_t c) {
    return alog_is_alpha(c) || alog_is_digit(c) || c == '_' || c == '.' || c == '-' || c == '@' || c == '/';
}

/* One word at `at`: a pair (*is_pair), or a bare word. Returns its end. */
static size_t read_pair(const uint8_t *p, size_t n, size_t at, alog_pair *pair, int *is_pair) {
    const size_t begin = at;
    *is_pair = 0;
    while (at < n && is_key_byte(p[at])) at++;
    if (at == begin || at >= n || p[at] != '=') return alog_skip_word(p, n, at);
    *pair = (alog_pair){.key = alog_span_of(p + begin, at - begin), .is_string = 1};
    *is_pair = 1;
    at++;
    if (at >= n || p[at] != '"') {
        const size_t end = alog_skip_word(p, n, at);
        pair->value = alog_span_of(p + at, end - at);
        return end;
    }
    const size_t from = at + 1;
    for (at = from; at < n && p[at] != '"'; at++)
        if (p[at] == '\\') {
            pair->has_escapes = 1;
            if (++at >= n) break;
        }
    if (at > n) at = n;
    pair->value = alog_span_of(p + from, at - from);
    return at < n ? at + 1 : n;
}

/* A line without a message: its words in order, without those that are header. */
static void render(alog_reader *r, const alog_pairs *pairs) {
    uint8_t *to = r->room;
    size_t at = 0, len = 0;
    if (!to) {
        alog_set_message(r, 0);
        return;
    }
    while ((at = alog_skip_blank(r->text, r->len, at)) < r->len) {
        alog_pair pair;
        int is_pair;
        const size_t begin = at;
        at = read_pair(r->text, r->len, at, &pair, &is_pair);
        if (is_pair && alog_pairs_taken(pairs, &pair)) continue;
        if (len) to[len++] = ' ';
        memcpy(to + len, r->text + begin, at - begin);
        len += at - begin;
    }
    r->out->message = alog_span_of(to, len);
}

uint8_t alog_read_logfmt(alog_reader *r) {
    const uint8_t *p = r->text;
    alog_pairs pairs = {0};
    size_t at = 0, count = 0;
    while ((at = alog_skip_blank(p, r->len, at)) < r->len) {
        alog_pair pair;
        int is_pair;
        at = read_pair(p, r->len, at, &pair, &is_pair);
        if (!is_pair && !count) return 0;
        if (is_pair) alog_pairs_take(&pairs, r, &pair);
        count += (size_t)is_pair;
    }
    if (count < 2 || (!pairs.rank[ALOG_ROLE_TIME] && !pairs.rank[ALOG_ROLE_LEVEL])) return 0;
    if (r->stamped && !pairs.rank[ALOG_ROLE_TIME]) return 0;
    alog_pairs_give(&pairs, r);
    if (pairs.rank[ALOG_ROLE_MESSAGE])
        alog_pairs_message(&pairs, r);
    else
        render(r, &pairs);
    return ALOG_HEADER_LOGFMT;
}
