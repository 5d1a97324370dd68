/* header_syslog.c: syslog lines (RFC 3164 in its many forms, RFC 5424) and kernel ring buffer lines. */
#include "header_scan.h"
#include "header_time.h"

#define PID_BYTES 32

/* <0> .. <191>. Returns the end, 0 when there is none. */
static size_t priority(const uint8_t *p, size_t n, unsigned *value) {
    if (n < 3 || p[0] != '<') return 0;
    const size_t end = alog_skip_digits(p, n < 5 ? n : 5, 1);
    if (end == 1 || end == 5 || end >= n || p[end] != '>') return 0;
    unsigned v = 0;
    for (size_t i = 1; i < end; i++) v = v * 10 + (unsigned)(p[i] - '0');
    *value = v;
    return v <= 191 ? end + 1 : 0;
}

/* "[   12.345678] " at `at`. Returns the end of the bracket, `at` when there is none. */
static size_t kernel_stamp(const uint8_t *p, size_t n, size_t at) {
    if (at >= n || p[at] != '[') return at;
    const size_t from = alog_skip_blank(p, n, at + 1);
    const size_t dot = alog_skip_digits(p, n, from);
    if (dot == from || dot - from > 9 || dot >= n || p[dot] != '.') return at;
    const size_t end = alog_skip_digits(p, n, dot + 1);
    return end > dot + 1 && end < n && p[end] == ']' ? end + 1 : at;
}

/* ---- RFC 3164 --------------------------------------------------------------------------------------- */

/* Where a program's name ends: at a control byte, a blank, one of : [ ] or `n`. */
static size_t name_end(const uint8_t *p, size_t n, size_t at) {
#if ALOG_LANES
    for (; at < n && n - at >= 16; at += 16) {
        const __m128i bytes = alog_lane_load(p + at);
        const __m128i brackets = _mm_or_si128(alog_lane_is(bytes, '['), alog_lane_is(bytes, ']'));
        const __m128i others = _mm_or_si128(alog_lane_range(bytes, 0, ' '), alog_lane_is(bytes, ':'));
        const uint32_t found = alog_lane_bits(_mm_or_si128(brackets, others));
        if (found) return at + (size_t)__builtin_ctz(found);
    }
#endif
    while (at < n && p[at] > ' ' && p[at] != ':' && p[at] != '[' && p[at] != ']') at++;
    return at;
}

/* "prog:", "prog[pid]:", "prog(pam_unix)[pid]:", "prog 1.4.1:" at `at`. Returns the end, 0 when there is no tag. *stop is
 * where the program's name ends. */
static size_t tag(alog_reader *r, size_t at, int *has_pid, size_t *stop) {
    const uint8_t *p = r->text;
    const size_t n = r->len;
    size_t end = name_end(p, n, at);
    *has_pid = 0;
    *stop = end;
    if (end == at || end >= n) return 0;
    r->out->program = alog_span_of(p + at, end - at);
    if (p[end] == '[') {
        const size_t from = end + 1;
        size_t close = alog_skip_digits(p, n - from > PID_BYTES ? from + PID_BYTES : n, from);
        while (close < n && close - from <= PID_BYTES && p[close] > ' ' && p[close] != ']') close++;
        if (close == from || close - from > PID_BYTES || close + 1 >= n) return 0;
        if (p[close] != ']' || p[close + 1] != ':') return 0;
        r->out->pid = alog_span_of(p + from, close - from);
        *has_pid = 1;
        return close + 2;
    }
    if (p[end] == ' ' && end + 1 < n && alog_is_digit(p[end + 1])) { /* "syslogd 1.4.1: restart." */
        end++;
        while (end < n && (alog_is_digit(p[end]) || p[end] == '.')) end++;
    }
    if (end >= n || p[end] != ':') return 0;
    return end + 1 == n || alog_is_blank(p[end + 1]) ? end + 1 : 0;
}

/* Host and tag from `at` on; the host may be missing. Returns where the message begins, 0 without a tag. */
static size_t host_and_tag(alog_reader *r, size_t at, int *has_pid) {
    alog_fields *out = r->out;
    size_t host_end;
    size_t end = tag(r, at, has_pid, &host_end);
    if (end && (*has_pid || host_end == end - 1)) return end;
    out->program = out->pid = (alog_span){0};
    host_end = alog_skip_word(r->text, r->len, host_end);
    out->host = alog_span_of(r->text + at, host_end - at);
    size_t from = alog_skip_blank(r->text, r->len, host_end), stop;
    if (ALOG_STARTS(r->text + from, r->len - from, "-- ")) from += 3; /* login writes "-- root[2421]: ..." */
    end = tag(r, from, has_pid, &stop);
    if (end) return end;
    out->program = out->pid = (alog_span){0};
    return 0;
}

static int is_kernel(alog_span program) { return program.len == 6 && memcmp(program.ptr, "kernel", 6) == 0; }

static void kernel_message(alog_reader *r, size_t at) {
    at = alog_skip_blank(r->text, r->len, at);
    if (is_kernel(r->out->program)) at = kernel_stamp(r->text, r->len, at);
    alog_set_message(r, at);
}

/* rsyslog's ISO form is taken for syslog only with a host and a pid, or with a numeric zone, a host and a tag; a source
 * whose lines are known to be syslog needs only the zone. */
static int iso_is_syslog(const alog_reader *r, const alog_stamp *stamp, size_t tag_end, int has_pid) {
    if (stamp->layout == ALOG_STAMP_MONTH) return 1;
    if (has_pid && r->out->host.len) return stamp->zone != ALOG_ZONE_NONE;
    if (stamp->zone != ALOG_ZONE_OFFSET) return 0;
    return (tag_end && r->out->host.len) || r->state->kind == ALOG_HEADER_RFC3164;
}

uint8_t alog_read_syslog(alog_reader *r) {
    unsigned pri = 0;
    alog_stamp stamp;
    const size_t from = priority(r->text, r->len, &pri);
    const uint8_t *p = r->text + from;
    const size_t n = r->len - from;
    if (n < 14) return 0;
    const int iso = alog_is_digit(p[0]);
    if (iso ? p[10] != 'T' : p[3] != ' ') return 0;
    if (!alog_stamp_read_as(iso ? ALOG_STAMP_ISO : ALOG_STAMP_MONTH, r->state, r->config->utc_offset_s, p, n, &stamp))
        return 0;
    size_t at = from + stamp.len;
    if (at < r->len && r->text[at] == ':') at++; /* Cisco: "Jun  9 06:06:20: %LINK-3-UPDOWN: ..." */
    if (at < r->len && !alog_is_blank(r->text[at])) return 0;
    at = alog_skip_blank(r->text, r->len, at);
    int has_pid = 0;
    const size_t tag_end = host_and_tag(r, at, &has_pid);
    if (iso && !iso_is_syslog(r, &stamp, tag_end, has_pid)) return 0;
    if (!r->wrapped) alog_stamp_keep(r->state, p, &stamp);
    r->out->timestamp_ns = stamp.ns;
    if (from) r->out->otel = alog_level_of_syslog(pri);
    if (tag_end && !from && !iso && !is_kernel(r->out->program)) { /* what the tag is, its own text says */
        r->layout = stamp.layout;
        r->seen = tag_end;
    }
    kernel_message(r, tag_end ? tag_end : (size_t)(r->out->host.ptr - r->text) + r->out->host.len);
    return ALOG_HEADER_RFC3164;
}

/* ---- RFC 5424 --------------------------------------------------------------------------------------- */

/* The next field and the blank after it; "-" is empty. Returns 0 when the line ends inside it. */
static size_t field(const uint8_t *p, size_t n, size_t at, alog_span *out) {
    size_t end = at;
    while (end < n && p[end] != ' ') end++;
    if (end == at || end >= n) return 0;
    *out = end - at == 1 && p[at] == '-' ? (alog_span){0} : alog_span_of(p + at, end - at);
    return end + 1;
}

/* [id name="value"][...]; quotes are escaped with a backslash. Returns the end, 0 when it is not closed. */
static size_t structured_data(const uint8_t *p, size_t n, size_t at) {
    if (at < n && p[at] == '-') return at + 1;
    while (at < n && p[at] == '[') {
        int quoted = 0;
        for (at++; at < n && (quoted || p[at] != ']'); at++) {
            if (p[at] == '"') quoted = !quoted;
            if (p[at] == '\\' && quoted) at++;
        }
        if (at >= n) return 0;
        if (++at == n || p[at] == ' ') return at;
    }
    return 0;
}

uint8_t alog_read_rfc5424(alog_reader *r) {
    const uint8_t *p = r->text;
    const size_t n = r->len;
    unsigned pri = 0;
    alog_span time, msgid;
    size_t at = priority(p, n, &pri);
    if (!at || n - at < 3 || p[at] != '1' || p[at + 1] != ' ') return 0;
    at = field(p, n, at + 2, &time);
    if (at) at = field(p, n, at, &r->out->host);
    if (at) at = field(p, n, at, &r->out->program);
    if (at) at = field(p, n, at, &r->out->pid);
    if (at) at = field(p, n, at, &msgid);
    if (at) at = structured_data(p, n, at);
    if (!at || (at < n && p[at] != ' ')) return 0;
    alog_stamp stamp;
    if (time.len) {
        if (!alog_stamp_read_as(ALOG_STAMP_ISO, r->state, r->config->utc_offset_s, time.ptr, time.len, &stamp))
            return 0;
        if (stamp.len != time.len) return 0;
        r->out->timestamp_ns = stamp.ns;
        if (!r->wrapped) alog_stamp_keep(r->state, time.ptr, &stamp);
    }
    at = alog_skip_blank(p, n, at);
    if (ALOG_STARTS(p + at, n - at, "\xef\xbb\xbf")) at += 3;
    r->out->otel = alog_level_of_syslog(pri);
    alog_set_message(r, at);
    return ALOG_HEADER_RFC5424;
}

/* ---- the kernel ------------------------------------------------------------------------------------- */

/* "<4>[   12.345678][T10420] message": seconds since a boot the line does not name, so no time. */
uint8_t alog_read_dmesg(alog_reader *r) {
    unsigned pri = 0;
    const uint8_t *p = r->text;
    const size_t from = priority(p, r->len, &pri);
    size_t at = kernel_stamp(p, r->len, from);
    if (at == from) return 0;
    size_t caller = at < r->len && p[at] == ' ' ? at + 1 : at;
    if (caller < r->len && p[caller] == '[') {
        caller = alog_skip_blank(p, r->len, caller + 1);
        const size_t end = caller < r->len ? alog_skip_digits(p, r->len, caller + 1) : caller;
        if (end > caller + 1 && end < r->len && p[end] == ']' && (p[caller] == 'T' || p[caller] == 'C')) {
            if (p[caller] == 'T') r->out->pid = alog_span_of(p + caller + 1, end - caller - 1);
            at = end + 1;
        }
    }
    if (from) r->out->otel = alog_level_of_syslog(pri);
    alog_set_message(r, at);
    return ALOG_HEADER_DMESG;
}
