/* header_fields.c: the meaning of keys and values in JSON lines and logfmt (see header_fields.h). */
#include "header_fields.h"

#include "header_time.h"

#define DOTTED_BYTES 48 /* of "parent.key"; longer names mean nothing to us */

static const struct {
    const char *name;
    uint8_t len, role, rank; /* the lowest rank wins */
} names[] = {
#define NAME(text, role, rank) {text, sizeof(text) - 1, role, rank}
    NAME("@timestamp", ALOG_ROLE_TIME, 1),      NAME("timestamp", ALOG_ROLE_TIME, 2),
    NAME("time", ALOG_ROLE_TIME, 3),            NAME("ts", ALOG_ROLE_TIME, 4),
    NAME("t", ALOG_ROLE_TIME, 5),               NAME("t.$date", ALOG_ROLE_TIME, 6),
    NAME("datetime", ALOG_ROLE_TIME, 7),        NAME("asctime", ALOG_ROLE_TIME, 8),
    NAME("time_iso8601", ALOG_ROLE_TIME, 9),    NAME("time_local", ALOG_ROLE_TIME, 10),
    NAME("eventTime", ALOG_ROLE_TIME, 11),      NAME("_SOURCE_REALTIME_TIMESTAMP", ALOG_ROLE_TIME, 12),
    NAME("__REALTIME_TIMESTAMP", ALOG_ROLE_TIME, 13),
    NAME("level", ALOG_ROLE_LEVEL, 1),          NAME("severity", ALOG_ROLE_LEVEL, 2),
    NAME("lvl", ALOG_ROLE_LEVEL, 3),            NAME("log.level", ALOG_ROLE_LEVEL, 4),
    NAME("levelname", ALOG_ROLE_LEVEL, 5),      NAME("loglevel", ALOG_ROLE_LEVEL, 6),
    NAME("PRIORITY", ALOG_ROLE_LEVEL, 7),       NAME("s", ALOG_ROLE_LEVEL, 8),
    NAME("host", ALOG_ROLE_HOST, 1),            NAME("hostname", ALOG_ROLE_HOST, 2),
    NAME("_HOSTNAME", ALOG_ROLE_HOST, 3),       NAME("host.name", ALOG_ROLE_HOST, 4),
    NAME("host.hostname", ALOG_ROLE_HOST, 5),
    NAME("SYSLOG_IDENTIFIER", ALOG_ROLE_PROGRAM, 1), NAME("logger", ALOG_ROLE_PROGRAM, 2),
    NAME("service", ALOG_ROLE_PROGRAM, 3),      NAME("service.name", ALOG_ROLE_PROGRAM, 4),
    NAME("app", ALOG_ROLE_PROGRAM, 5),          NAME("component", ALOG_ROLE_PROGRAM, 6),
    NAME("program", ALOG_ROLE_PROGRAM, 7),      NAME("logger_name", ALOG_ROLE_PROGRAM, 8),
    NAME("log.logger", ALOG_ROLE_PROGRAM, 9),   NAME("name", ALOG_ROLE_PROGRAM, 10),
    NAME("target", ALOG_ROLE_PROGRAM, 11),      NAME("c", ALOG_ROLE_PROGRAM, 12),
    NAME("pid", ALOG_ROLE_PID, 1),              NAME("_PID", ALOG_ROLE_PID, 2),
    NAME("SYSLOG_PID", ALOG_ROLE_PID, 3),       NAME("process.pid", ALOG_ROLE_PID, 4),
    NAME("message", ALOG_ROLE_MESSAGE, 1),      NAME("msg", ALOG_ROLE_MESSAGE, 2),
    NAME("MESSAGE", ALOG_ROLE_MESSAGE, 3),      NAME("@message", ALOG_ROLE_MESSAGE, 4),
    NAME("fields.message", ALOG_ROLE_MESSAGE, 5), NAME("short_message", ALOG_ROLE_MESSAGE, 6),
    NAME("log", ALOG_ROLE_MESSAGE, 7),          NAME("event", ALOG_ROLE_MESSAGE, 8),
    NAME("body", ALOG_ROLE_MESSAGE, 9),
    NAME("stream", ALOG_ROLE_STREAM, 1),
#undef NAME
};

#define RANK_LOG 7

/* ---- values ----------------------------------------------------------------------------------------- */

static int64_t time_of(const alog_reader *r, const alog_pair *pair) {
    const alog_span v = pair->value;
    const int64_t epoch = alog_epoch_ns(v.ptr, v.len);
    if (epoch != ALOG_NO_TIME || !pair->is_string) return epoch;
    alog_stamp stamp;
    if (!alog_stamp_read(r->state, r->config->utc_offset_s, v.ptr, v.len, &stamp) || stamp.len != v.len) return ALOG_NO_TIME;
    if (!r->wrapped) alog_stamp_keep(r->state, v.ptr, &stamp);
    return stamp.ns;
}

static uint8_t level_of(const alog_pair *pair) {
    const alog_span v = pair->value;
    int weak;
    if (!v.len) return 0;
    if (alog_is_digit(v.ptr[0]))
        return v.len < 3 && alog_skip_digits(v.ptr, v.len, 0) == v.len
                   ? alog_level_of_number(v.len == 1 ? v.ptr[0] - (uint64_t)'0'
                                                     : (uint64_t)(v.ptr[0] - '0') * 10 + (uint64_t)(v.ptr[1] - '0'))
                   : 0;
    if (v.len == 1 || (v.len == 2 && v.ptr[0] == 'D' && alog_is_digit(v.ptr[1]))) return alog_level_of_letter(v.ptr[0]);
    return pair->is_string ? alog_level_of_word(v.ptr, v.len, &weak) : 0;
}

static int is_number(alog_span v) { return v.len && (alog_is_digit(v.ptr[0]) || v.ptr[0] == '-'); }

/* ---- names ------------------------------------------------------------------------------------------ */

static int find_name(const uint8_t *p, size_t n, alog_role *role, uint8_t *rank) {
    if (n > 26 || n == 0) return 0;
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        if (names[i].len != n || names[i].name[0] != (char)p[0] || memcmp(names[i].name, p, n) != 0) continue;
        *role = (alog_role)names[i].role;
        *rank = names[i].rank;
        return 1;
    }
    return 0;
}

/* "parent.key" in `room`; its length, 0 when it is too long. */
static size_t dotted(const alog_pair *pair, uint8_t room[DOTTED_BYTES]) {
    const size_t n = pair->parent.len + 1 + pair->key.len;
    if (pair->parent.len >= DOTTED_BYTES || n > DOTTED_BYTES) return 0;
    memcpy(room, pair->parent.ptr, pair->parent.len);
    room[pair->parent.len] = '.';
    memcpy(room + pair->parent.len + 1, pair->key.ptr, pair->key.len);
    return n;
}

static void take_role(alog_pairs *pairs, const alog_reader *r, const alog_pair *pair, alog_role role, uint8_t rank) {
    if (pairs->rank[role] && pairs->rank[role] <= rank) return;
    int64_t ns = 0;
    uint8_t otel = 0;
    if (role == ALOG_ROLE_TIME && (ns = time_of(r, pair)) == ALOG_NO_TIME) return;
    if (role == ALOG_ROLE_LEVEL && (otel = level_of(pair)) == 0) return;
    if (role == ALOG_ROLE_PID && !pair->is_string && !is_number(pair->value)) return;
    if (role >= ALOG_ROLE_HOST && role != ALOG_ROLE_PID && !pair->is_string) return;
    pairs->rank[role] = rank;
    pairs->value[role] = pair->value;
    if (role == ALOG_ROLE_TIME) pairs->time_ns = ns;
    if (role == ALOG_ROLE_LEVEL) pairs->otel = otel;
    if (role != ALOG_ROLE_MESSAGE) return;
    pairs->message_is_log = rank == RANK_LOG;
    pairs->message_has_escapes = pair->has_escapes;
}

void alog_pairs_take(alog_pairs *pairs, const alog_reader *r, const alog_pair *pair) {
    uint8_t room[DOTTED_BYTES];
    const uint8_t *name = pair->key.ptr;
    size_t len = pair->key.len;
    if (pair->parent.len) {
        name = room;
        len = dotted(pair, room);
        if (!len) return;
    }
    const alog_span wanted = r->config->key_field;
    if (wanted.len && wanted.len == len && !pairs->key.ptr && memcmp(wanted.ptr, name, len) == 0) pairs->key = pair->value;
    alog_role role;
    uint8_t rank;
    if (find_name(name, len, &role, &rank)) take_role(pairs, r, pair, role, rank);
}

int alog_pairs_taken(const alog_pairs *pairs, const alog_pair *pair) {
    for (int role = ALOG_ROLE_TIME; role <= ALOG_ROLE_PID; role++)
        if (pairs->rank[role] && pairs->value[role].ptr == pair->value.ptr) return 1;
    return 0;
}

void alog_pairs_give(const alog_pairs *pairs, alog_reader *r) {
    if (pairs->rank[ALOG_ROLE_TIME]) r->out->timestamp_ns = pairs->time_ns;
    r->out->otel = pairs->otel;
    r->out->host = pairs->value[ALOG_ROLE_HOST];
    r->out->program = pairs->value[ALOG_ROLE_PROGRAM];
    r->out->pid = pairs->value[ALOG_ROLE_PID];
    r->out->key = pairs->key;
}

/* ---- escapes ---------------------------------------------------------------------------------------- */

static int hex4(const uint8_t *p, size_t n, size_t at, uint32_t *value) {
    if (n - at < 4) return 0;
    uint32_t v = 0;
    for (size_t i = 0; i < 4; i++) {
        const uint8_t c = p[at + i], lower = c | 0x20;
        if (!alog_is_digit(c) && (lower < 'a' || lower > 'f')) return 0;
        v = v << 4 | (uint32_t)(alog_is_digit(c) ? c - '0' : lower - 'a' + 10);
    }
    *value = v;
    return 1;
}

static size_t put_utf8(uint32_t c, uint8_t *to) {
    if (c < 0x80) return to[0] = (uint8_t)c, 1;
    if (c < 0x800) {
        to[0] = (uint8_t)(0xc0 | c >> 6);
        to[1] = (uint8_t)(0x80 | (c & 0x3f));
        return 2;
    }
    if (c < 0x10000) {
        to[0] = (uint8_t)(0xe0 | c >> 12);
        to[1] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
        to[2] = (uint8_t)(0x80 | (c & 0x3f));
        return 3;
    }
    to[0] = (uint8_t)(0xf0 | c >> 18);
    to[1] = (uint8_t)(0x80 | (c >> 12 & 0x3f));
    to[2] = (uint8_t)(0x80 | (c >> 6 & 0x3f));
    to[3] = (uint8_t)(0x80 | (c & 0x3f));
    return 4;
}

/* \uXXXX at `at` (on the u), with its second half where it has one. Returns the end, 0 when it is no escape. */
static size_t unicode_escape(const uint8_t *p, size_t n, size_t at, uint32_t *c) {
    uint32_t low;
    if (!hex4(p, n, at + 1, c)) return 0;
    at += 5;
    if (*c < 0xd800 || *c > 0xdfff) return at;
    if (*c < 0xdc00 && n - at >= 6 && p[at] == '\\' && p[at + 1] == 'u' && hex4(p, n, at + 2, &low) && low >= 0xdc00 && low <= 0xdfff) {
        *c = 0x10000 + ((*c - 0xd800) << 10) + (low - 0xdc00);
        return at + 6;
    }
    *c = 0xfffd;
    return at;
}

size_t alog_unescape(const uint8_t *from, size_t n, uint8_t *to) {
    static const char codes[] = "nrtbf\"\\/", meanings[] = "\n\r\t\b\f\"\\/";
    size_t at = 0, len = 0;
    while (at < n) {
        const uint8_t c = from[at++];
        if (c != '\\' || at >= n) {
            to[len++] = c;
            continue;
        }
        const char *code = memchr(codes, from[at], sizeof codes - 1);
        uint32_t point;
        const size_t end = from[at] == 'u' ? unicode_escape(from, n, at, &point) : 0;
        if (code) {
            to[len++] = (uint8_t)meanings[code - codes];
            at++;
        } else if (end) {
            len += put_utf8(point, to + len);
            at = end;
        } else
            to[len++] = c;
    }
    return len;
}

void alog_pairs_message(const alog_pairs *pairs, alog_reader *r) {
    alog_span m = pairs->value[ALOG_ROLE_MESSAGE];
    if (pairs->message_has_escapes) {
        uint8_t *to = r->room ? r->room : r->own + (m.ptr - r->text);
        const int is_key = pairs->key.ptr == m.ptr;
        m = alog_span_of(to, alog_unescape(m.ptr, m.len, to));
        if (is_key && !r->room) r->out->key = m; /* its escapes are gone */
    }
    alog_reader inner = *r;
    inner.text = m.ptr;
    inner.len = m.len;
    alog_set_message(&inner, 0);
}
