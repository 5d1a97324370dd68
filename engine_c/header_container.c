/* header_container.c: lines a container runtime wrapped: the CRI format, and the line inside a wrapping. */
#include "header_scan.h"
#include "header_time.h"

#define ESCAPE 0x1b

size_t alog_strip_colours(const uint8_t *text, size_t len, uint8_t *to) {
    size_t at = 0, out = 0;
    while (at < len) {
        if (text[at] != ESCAPE || at + 1 >= len || text[at + 1] != '[') {
            to[out++] = text[at++];
            continue;
        }
        size_t end = at + 2;
        while (end < len && text[end] >= 0x20 && text[end] <= 0x3f) end++;
        if (end < len && text[end] >= 0x40 && text[end] <= 0x7e) {
            at = end + 1;
            continue;
        }
        to[out++] = text[at++];
    }
    return out;
}

/* Takes over what the inner line knew; its time only where the runtime gave none. */
static void take_inner(alog_fields *out, const alog_fields *inner) {
    if (inner->otel) out->otel = inner->otel;
    if (inner->host.len) out->host = inner->host;
    if (inner->program.len) out->program = inner->program;
    if (inner->pid.len) out->pid = inner->pid;
    if (!out->key.len) out->key = inner->key;
    if (out->timestamp_ns == ALOG_NO_TIME) out->timestamp_ns = inner->timestamp_ns;
    out->message = inner->message;
    out->begins = 1;
}

void alog_read_wrapped(alog_reader *r, alog_span text, uint8_t *own) {
    alog_fields found;
    alog_reader inner = *r;
    if (own && memchr(text.ptr, ESCAPE, text.len)) text.len = alog_strip_colours(text.ptr, text.len, own);
    inner.text = text.ptr;
    inner.len = text.len;
    inner.room = own ? NULL : r->room;
    inner.own = own;
    inner.wrapped = 1;
    inner.stamped = 0; /* the wrapping has the time */
    inner.out = &found;
    if (alog_read_any(&inner)) {
        take_inner(r->out, &found);
        alog_body_begins(r->state);
        return;
    }
    inner.out = r->out;
    alog_set_message(&inner, 0);
    r->out->begins = !alog_body_note(r->state, text.ptr, text.len);
}

/* "2026-01-02T03:04:05.123456789Z stderr F msg"; P: the line goes on in the next one. */
uint8_t alog_read_cri(alog_reader *r) {
    const uint8_t *p = r->text;
    const size_t n = r->len;
    alog_stamp stamp;
    if (r->wrapped || n < 29 || p[10] != 'T') return 0;
    if (!alog_stamp_read_as(ALOG_STAMP_ISO, r->state, r->config->utc_offset_s, p, n, &stamp)) return 0;
    size_t at = stamp.len;
    if (stamp.zone == ALOG_ZONE_NONE) return 0;
    if (!ALOG_STARTS(p + at, n - at, " stdout ") && !ALOG_STARTS(p + at, n - at, " stderr ")) return 0;
    at += 8;
    if (at >= n || (p[at] != 'F' && p[at] != 'P') || (at + 1 < n && p[at + 1] != ' ')) return 0;
    const int goes_on = r->state->partial;
    r->state->partial = p[at] == 'P';
    at += at + 1 < n ? 2 : 1;
    alog_stamp_keep(r->state, p, &stamp);
    r->out->timestamp_ns = stamp.ns;
    alog_read_wrapped(r, alog_span_of(p + at, n - at), r->own ? r->own + at : NULL);
    if (goes_on) r->out->begins = 0;
    return ALOG_HEADER_CRI;
}
