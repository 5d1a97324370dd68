/* header_columns.c: lines in fixed columns: klog, access logs, the Linux audit trail, and supercomputers' logs
 * whose time is an epoch in a column. */
#include "header_app.h"
#include "header_time.h"

/* ---- klog, glog ------------------------------------------------------------------------------------- */

/* "I0613 12:34:56.123456  1234 file.go:12] msg" */
uint8_t alog_read_klog(alog_reader *r) {
    const uint8_t *p = r->text;
    const size_t n = r->len;
    if (n < 16 || !alog_is_digit(p[1]) || (p[0] != 'I' && p[0] != 'W' && p[0] != 'E' && p[0] != 'F')) return 0;
    const alog_stamp_layout layout = p[5] == ' ' ? ALOG_STAMP_KLOG : ALOG_STAMP_KLOG_Y;
    alog_stamp stamp;
    if (!alog_stamp_read_as(layout, r->state, r->config->utc_offset_s, p + 1, n - 1, &stamp)) return 0;
    const size_t from = alog_skip_blank(p, n, 1 + stamp.len);
    const size_t end = alog_skip_digits(p, n, from);
    if (end == from || end >= n || p[end] != ' ') return 0;
    const size_t limit = n - end > NAME_BYTES ? end + NAME_BYTES : n;
    size_t close = end + 1;
    while (close < limit && p[close] != ']' && p[close] != ' ') close++;
    if (close >= limit || p[close] != ']') return 0;
    size_t file = close;
    while (file > end + 1 && alog_is_digit(p[file - 1])) file--;
    if (file == close || file < end + 3 || p[file - 1] != ':') return 0;
    r->out->program = alog_span_of(p + end + 1, file - end - 2);
    r->out->pid = alog_span_of(p + from, end - from);
    r->out->otel = alog_level_of_letter(p[0]);
    r->out->timestamp_ns = stamp.ns;
    if (!r->wrapped) alog_stamp_keep(r->state, p + 1, &stamp);
    alog_set_message(r, close + 1);
    return ALOG_HEADER_KLOG;
}

/* ---- access logs ------------------------------------------------------------------------------------ */

#define CLF_LEAD_BYTES 512 /* client, identity and user together */

/* The closing quote of a string whose quotes are escaped by a backslash; `n` when there is none. */
static size_t quote_end(const uint8_t *p, size_t n, size_t at) {
    while (at < n && p[at] != '"') at += p[at] == '\\' && at + 1 < n ? 2 : 1;
    return at;
}

/* What a status means, by its first digit (RFC 9110, section 15). It begins the message and so makes a template of its
 * own: the status itself is masked as the number it is, and a burst of errors would look like any other requests. */
static alog_span status_class(uint8_t first) {
    static const struct {
        const char *word;
        uint8_t len;
    } classes[] = {{"status", 6},   {"informational", 13}, {"success", 7},
                   {"redirect", 8}, {"client-error", 12},  {"server-error", 12}};
    const size_t at = first >= '1' && first <= '5' ? (size_t)(first - '0') : 0;
    return (alog_span){(const uint8_t *)classes[at].word, classes[at].len};
}

/* `success GET /x HTTP/1.1 200` of `GET /x HTTP/1.1" 200`. In place it grows to the left, over the stamp. */
static void request_message(alog_reader *r, size_t from, size_t quote, size_t status) {
    const alog_span class = status_class(r->text[status]);
    const size_t request = quote - from;
    uint8_t code[3];
    memcpy(code, r->text + status, 3);
    uint8_t *to = r->room ? r->room : r->own + from - class.len - 1;
    memmove(to + class.len + 1, r->text + from, request);
    memcpy(to, class.ptr, class.len);
    to[class.len] = ' ';
    to[class.len + 1 + request] = ' ';
    memcpy(to + class.len + request + 2, code, 3);
    r->out->message = alog_span_of(to, class.len + request + 5);
}

static uint8_t level_of_status(uint8_t first) { return first == '5' ? 17 : 9; }

/* `client identity user [stamp] "request" status ...`, with or without a virtual host before it. The message is
 * the request and its status: sizes, referrers and agents say nothing of what the server did. */
uint8_t alog_read_clf(alog_reader *r) {
    const uint8_t *p = r->text;
    const size_t limit = r->len < CLF_LEAD_BYTES ? r->len : CLF_LEAD_BYTES;
    const uint8_t *open = memchr(p, '[', limit);
    alog_stamp stamp;
    if (!open || open - p < 4 || open[-1] != ' ') return 0;
    size_t at = (size_t)(open - p) + 1;
    const size_t stamp_at = at;
    if (!alog_stamp_read_as(ALOG_STAMP_CLF, r->state, r->config->utc_offset_s, p + at, r->len - at, &stamp)) return 0;
    at += stamp.len;
    if (r->len - at < 4 || memcmp(p + at, "] \"", 3) != 0) return 0;
    const size_t from = at + 3, quote = quote_end(p, r->len, from), status = quote + 2;
    if (quote >= r->len || r->len - quote < 5 || p[quote + 1] != ' ') return 0;
    if (alog_skip_digits(p, r->len, status) != status + 3) return 0;
    size_t client = 0, client_end = alog_skip_word(p, r->len, 0);
    if (!client_end || client_end >= stamp_at - 1) return 0;
    const size_t second = alog_skip_word(p, stamp_at, client_end + 1);
    /* "www.example.com:80 192.0.2.1 - - [": one word more than client, identity and user */
    if (second + 4 < stamp_at && p[second + 1] == '-' && p[second + 2] == ' ') {
        client = client_end + 1;
        client_end = second;
    }
    r->out->host = alog_span_of(p + client, client_end - client);
    r->out->otel = level_of_status(p[status]);
    r->out->timestamp_ns = stamp.ns;
    if (!r->wrapped) alog_stamp_keep(r->state, p + stamp_at, &stamp);
    request_message(r, from, quote, status);
    return ALOG_HEADER_CLF;
}

/* ---- the audit trail -------------------------------------------------------------------------------- */

/* "type=SYSCALL msg=audit(1364481363.243:24287): arch=..."; the message is "type=SYSCALL arch=...". */
uint8_t alog_read_audit(alog_reader *r) {
    const uint8_t *p = r->text;
    const size_t n = r->len;
    if (!ALOG_STARTS(p, n, "type=")) return 0;
    const size_t type = alog_skip_word(p, n < 64 ? n : 64, 5);
    if (!ALOG_STARTS(p + type, n - type, " msg=audit(")) return 0;
    const size_t from = type + 11, limit = n - from > 64 ? from + 64 : n;
    size_t colon = from;
    while (colon < limit && p[colon] != ':') colon++;
    const size_t close = colon < limit ? alog_skip_digits(p, n, colon + 1) : n;
    if (close >= n || !ALOG_STARTS(p + close, n - close, "):")) return 0;
    const int64_t ns = alog_epoch_ns(p + from, colon - from);
    if (ns == ALOG_NO_TIME) return 0;
    r->out->timestamp_ns = ns;
    r->out->program = alog_span_of(p + type + 5, 5);
    alog_set_message(r, close + 2);
    const alog_span rest = r->out->message;
    if (!r->room) return ALOG_HEADER_ISO8601;
    memcpy(r->room, p, type);
    r->room[type] = ' ';
    if (rest.len) memcpy(r->room + type + 1, rest.ptr, rest.len);
    r->out->message = alog_span_of(r->room, type + (rest.len ? 1 + rest.len : 0));
    return ALOG_HEADER_ISO8601;
}

/* ---- supercomputers --------------------------------------------------------------------------------- */

#define COLUMNS 9 /* no line has more of them */

/* Where the line's first words begin, those that a blank follows; begins[count] is where the rest does. */
typedef struct {
    const uint8_t *text;
    size_t len, count;
    size_t begins[COLUMNS + 1];
} columns;

#if ALOG_LANES
static uint64_t blanks_in_16(const uint8_t *p) {
    const __m128i bytes = alog_lane_load(p);
    return alog_lane_bits(_mm_or_si128(alog_lane_is(bytes, ' '), alog_lane_is(bytes, '\t')));
}

/* A bit for each of 64 bytes, lowest first. */
static uint64_t blanks_in_64(const uint8_t *p) {
    return blanks_in_16(p) | blanks_in_16(p + 16) << 16 | blanks_in_16(p + 32) << 32 | blanks_in_16(p + 48) << 48;
}
#endif

static void find_columns(columns *c) {
    size_t at = 0, *begin = c->begins, *const last = c->begins + COLUMNS;
#if ALOG_LANES
    for (; begin < last && c->len - at >= 64; at += 64)
        for (uint64_t blanks = blanks_in_64(c->text + at); blanks && begin < last; blanks &= blanks - 1)
            *++begin = at + (size_t)__builtin_ctzll(blanks) + 1;
#endif
    while (begin < last && (at = alog_skip_word(c->text, c->len, at)) < c->len) *++begin = ++at;
    c->count = (size_t)(begin - c->begins);
}

/* The word in a column, which may not be empty and has a blank behind it; 0 when there is none, and then it is the rest. */
static int column(const columns *c, size_t at, alog_span *out) {
    const size_t begin = c->begins[at < c->count ? at : c->count];
    const size_t end = at < c->count ? c->begins[at + 1] - 1 : c->len;
    *out = alog_span_of(c->text + begin, end - begin);
    return at < c->count && end > begin;
}

/* Ten digits with a 1 in front, as in all these logs, are seconds; alog_epoch_ns knows the others. */
static int64_t epoch_of(alog_span s) {
    if (s.len == 10 && s.ptr[0] == '1') {
        const unsigned ten = s.ptr[8] - (unsigned)'0', one = s.ptr[9] - (unsigned)'0';
        const int64_t first = alog_eight_digits(s.ptr);
        return first < 0 || ten > 9 || one > 9 ? ALOG_NO_TIME : (first * 100 + ten * 10 + one) * ALOG_NS_PER_S;
    }
    return s.len == 10 || s.len == 9 ? alog_epoch_ns(s.ptr, s.len) : ALOG_NO_TIME;
}

/* "NODE 2005-06-03-15.42.50.675872 NODE RAS KERNEL INFO msg" (BGL) after label, epoch and date. */
static uint8_t ras_columns(alog_reader *r, const columns *c) {
    alog_span node, stamp, again, type, component, level;
    if (!column(c, 3, &node) || !column(c, 4, &stamp)) return 0;
    if (stamp.len < 20 || stamp.ptr[4] != '-' || stamp.ptr[10] != '-') return 0;
    if (!column(c, 5, &again) || !column(c, 6, &type) || !column(c, 7, &component)) return 0;
    int weak;
    const int whole = column(c, 8, &level);
    const uint8_t usual = alog_level_usual(level.ptr, (size_t)(c->text + c->len - level.ptr));
    r->out->host = node;
    r->out->program = component;
    r->out->otel = usual ? usual : alog_level_of_word(level.ptr, level.len, &weak);
    alog_set_message(r, whole ? c->begins[9] : r->out->otel ? r->len : c->begins[8]);
    return ALOG_HEADER_LOG4J;
}

/* "dn228 Nov 9 12:01:01 dn228/dn228 crond(pam_unix)[2915]: msg" (Thunderbird) after label, epoch and date. */
static uint8_t syslog_columns(alog_reader *r, const columns *c) {
    alog_span node;
    if (!column(c, 3, &node)) return 0;
    alog_reader rest = *r;
    rest.text += c->begins[4];
    rest.len -= c->begins[4];
    rest.wrapped = 1;
    if (!alog_is_alpha(rest.len ? rest.text[0] : 0) || !alog_read_syslog(&rest)) return 0;
    r->out->host = node;
    return ALOG_HEADER_LOG4J;
}

/* "- 1117838570 2005.06.03 ...": an alert label, the epoch, the date. */
static uint8_t labelled(alog_reader *r, const columns *c) {
    alog_span label, epoch, date;
    if (!column(c, 0, &label) || !column(c, 1, &epoch) || label.len > 32) return 0;
    const int64_t ns = epoch_of(epoch);
    if (ns == ALOG_NO_TIME) return 0;
    if (!column(c, 2, &date) || date.len != 10 || date.ptr[4] != '.' || date.ptr[7] != '.') return 0;
    uint8_t kind = ras_columns(r, c);
    if (!kind) kind = syslog_columns(r, c);
    if (kind) r->out->timestamp_ns = ns;
    return kind;
}

/* "134681 node-246 unix.hw state_change.unavailable 1077804742 1 msg" (HPC RAS). */
static uint8_t numbered(alog_reader *r, const columns *c) {
    alog_span id, node, component, what, epoch, flag;
    if (!column(c, 0, &id) || alog_skip_digits(id.ptr, id.len, 0) != id.len) return 0;
    if (!column(c, 1, &node) || !column(c, 2, &component) || !column(c, 3, &what)) return 0;
    if (!column(c, 4, &epoch) || !column(c, 5, &flag)) return 0;
    if (flag.len > 2 || !alog_is_digit(flag.ptr[flag.len - 1]) || (flag.len == 2 && flag.ptr[0] != '-')) return 0;
    const int64_t ns = epoch_of(epoch);
    if (ns == ALOG_NO_TIME) return 0;
    r->out->timestamp_ns = ns;
    r->out->host = node;
    r->out->program = component;
    alog_set_message(r, c->begins[6]);
    return ALOG_HEADER_LOG4J;
}

/* All begin with a word and one whose first byte is a digit (the epoch), or with a number. */
uint8_t alog_read_columns(alog_reader *r) {
    if (r->len < 30) return 0;
    const int has_number = alog_is_digit(r->text[0]);
    if (!has_number) {
        const size_t epoch = alog_skip_word(r->text, r->len, 0) + 1;
        if (epoch >= r->len || !alog_is_digit(r->text[epoch])) return 0;
    }
    columns found;
    found.text = r->text;
    found.len = r->len;
    found.begins[0] = 0;
    find_columns(&found);
    return has_number ? numbered(r, &found) : labelled(r, &found);
}
