/* header_fields.c: the meaning of keys and values in JSON lines and logfmt (see header_fields.h). */
#include "header_fields.h"

#include "header_time.h"

#define DOTTED_BYTES 48 /* of "parent.key"; longer names mean nothing to us */

typedef struct {
    const char *name;
    uint8_t len, role, rank; /* the lowest rank of a role wins */
} known_name;

/* Names by their first byte: most keys of a line are none of them, and that must be seen at once. */
#define NAME(text, role, rank) {text, sizeof(text) - 1, ALOG_ROLE_##role, rank}
static const known_name names_a[] = {
    NAME("asctime", TIME, 8),
    NAME("app", PROGRAM, 5),
};
static const known_name names_b[] = {
    NAME("body", MESSAGE, 9),
};
static const known_name names_c[] = {
    NAME("component", PROGRAM, 6),
    NAME("c", PROGRAM, 12),
};
static const known_name names_d[] = {
    NAME("datetime", TIME, 7),
};
static const known_name names_e[] = {
    NAME("eventTime", TIME, 11),
    NAME("event", MESSAGE, 8),
};
static const known_name names_f[] = {
    NAME("fields.message", MESSAGE, 5),
};
static const known_name names_h[] = {
    NAME("host", HOST, 1),
    NAME("hostname", HOST, 2),
    NAME("host.name", HOST, 4),
    NAME("host.hostname", HOST, 5),
};
static const known_name names_l[] = {
    NAME("level", LEVEL, 1),         NAME("lvl", LEVEL, 3),          NAME("log.level", LEVEL, 4),
    NAME("levelname", LEVEL, 5),     NAME("loglevel", LEVEL, 6),     NAME("logger", PROGRAM, 2),
    NAME("logger_name", PROGRAM, 8), NAME("log.logger", PROGRAM, 9), NAME("log", MESSAGE, 7),
};
static const known_name names_upper_m[] = {
    NAME("MESSAGE", MESSAGE, 3),
};
static const known_name names_m[] = {
    NAME("message", MESSAGE, 1),
    NAME("msg", MESSAGE, 2),
};
static const known_name names_n[] = {
    NAME("name", PROGRAM, 10),
};
static const known_name names_upper_p[] = {
    NAME("PRIORITY", LEVEL, 7),
};
static const known_name names_p[] = {
    NAME("program", PROGRAM, 7),
    NAME("pid", PID, 1),
    NAME("process.pid", PID, 4),
};
static const known_name names_upper_s[] = {
    NAME("SYSLOG_IDENTIFIER", PROGRAM, 1),
    NAME("SYSLOG_PID", PID, 3),
};
static const known_name names_s[] = {
    NAME("severity", LEVEL, 2),        NAME("s", LEVEL, 8),
    NAME("service", PROGRAM, 3),       NAME("service.name", PROGRAM, 4),
    NAME("short_message", MESSAGE, 6), NAME("stream", STREAM, 1),
};
static const known_name names_t[] = {
    NAME("timestamp", TIME, 2),   NAME("time", TIME, 3),       NAME("ts", TIME, 4),
    NAME("t", TIME, 5),           NAME("t.$date", TIME, 6),    NAME("time_iso8601", TIME, 9),
    NAME("time_local", TIME, 10), NAME("target", PROGRAM, 11),
};
static const known_name names_at[] = {
    NAME("@timestamp", TIME, 1),
    NAME("@message", MESSAGE, 4),
};
static const known_name names_underscore[] = {
    NAME("_SOURCE_REALTIME_TIMESTAMP", TIME, 12),
    NAME("__REALTIME_TIMESTAMP", TIME, 13),
    NAME("_HOSTNAME", HOST, 3),
    NAME("_PID", PID, 2),
};
#undef NAME

static const known_name *names_with(uint8_t first, size_t *count) {
    switch (first) {
#define NAMES(letter, rows) \
    case letter: *count = sizeof(rows) / sizeof *(rows); return rows
        NAMES('a', names_a);
        NAMES('b', names_b);
        NAMES('c', names_c);
        NAMES('d', names_d);
        NAMES('e', names_e);
        NAMES('f', names_f);
        NAMES('h', names_h);
        NAMES('l', names_l);
        NAMES('M', names_upper_m);
        NAMES('m', names_m);
        NAMES('n', names_n);
        NAMES('P', names_upper_p);
        NAMES('p', names_p);
        NAMES('S', names_upper_s);
        NAMES('s', names_s);
        NAMES('t', names_t);
        NAMES('@', names_at);
        NAMES('_', names_underscore);
#undef NAMES
    default: *count = 0; return NULL;
    }
}

#define RANK_LOG 7

/* ---- values ----------------------------------------------------------------------------------------- */

static int64_t time_of(const alog_reader *r, const alog_pair *pair) {
    const alog_span v = pair->value;
    const int64_t epoch = alog_epoch_ns(v.ptr, v.len);
    if (epoch != ALOG_NO_TIME || !pair->is_string) return epoch;
    alog_stamp stamp;
    if (!alog_stamp_read(r->state, r->config->utc_offset_s, v.ptr, v.len, &stamp) || stamp.len != v.len)
        return ALOG_NO_TIME;
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

static const known_name *find_name(const uint8_t *p, size_t n) {
    size_t count;
    const known_name *rows = n ? names_with(p[0], &count) : NULL;
    if (!rows) return NULL;
    for (size_t i = 0; i < count; i++)
        if (rows[i].len == n && alog_is_equal((const uint8_t *)rows[i].name, p, n)) return &rows[i];
    return NULL;
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

static void take_key(alog_pairs *pairs, const alog_reader *r, const uint8_t *name, size_t len, alog_span value) {
    const alog_span wanted = r->config->key_field;
    if (wanted.len && wanted.len == len && !pairs->key.ptr && memcmp(wanted.ptr, name, len) == 0) pairs->key = value;
}

void alog_pairs_meaning(alog_span key, uint8_t *role, uint8_t *rank) {
    const known_name *known = find_name(key.ptr, key.len);
    *role = known ? known->role : ALOG_ROLE_NONE;
    *rank = known ? known->rank : 0;
}

void alog_pairs_take_known(alog_pairs *pairs, const alog_reader *r, const alog_pair *pair, uint8_t role, uint8_t rank) {
    take_key(pairs, r, pair->key.ptr, pair->key.len, pair->value);
    if (role) take_role(pairs, r, pair, (alog_role)role, rank);
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
    take_key(pairs, r, name, len, pair->value);
    const known_name *known = find_name(name, len);
    if (known) take_role(pairs, r, pair, (alog_role)known->role, known->rank);
}

int alog_pairs_taken(const alog_pairs *pairs, const alog_pair *pair) {
    for (int role = ALOG_ROLE_TIME; role <= ALOG_ROLE_PID; role++)
        if (pairs->value[role].ptr == pair->value.ptr) return 1; /* NULL where there is none */
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
    if (*c < 0xdc00 && n - at >= 6 && p[at] == '\\' && p[at + 1] == 'u' && hex4(p, n, at + 2, &low) && low >= 0xdc00 &&
        low <= 0xdfff) {
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
        const size_t slash = alog_find_either(from, n, at, '\\', '\\'), run = slash - at;
        memmove(to + len, from + at, run);
        len += run;
        at = slash + 1;
        if (slash >= n) break;
        if (at == n) {
            to[len++] = '\\';
            break;
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
            to[len++] = '\\';
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
