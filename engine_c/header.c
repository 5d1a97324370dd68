/* header.c: finds a source's kind by vote and reads each line with the reader of that kind (see header.h). */
#include "header_again.h"
#include "header_scan.h"
#include "header_time.h"

#define VOTES 20        /* lines that decide */
#define MOST_MISSES 100 /* lines in a row that do not fit before the vote is taken again */

/* ---- readers ---------------------------------------------------------------------------------------- */

static uint8_t read_log4j(alog_reader *r) {
    if (r->len && r->text[0] == '-') return alog_read_columns(r); /* no application begins a line so */
    const uint8_t kind = alog_read_app(r);
    if (kind) return kind;
    alog_fields_clear(r->out);
    return alog_read_columns(r);
}

static alog_read_fn *const readers[ALOG_HEADER_COUNT] = {
    [ALOG_HEADER_RFC3164] = alog_read_syslog, [ALOG_HEADER_RFC5424] = alog_read_rfc5424,
    [ALOG_HEADER_ISO8601] = read_log4j,       [ALOG_HEADER_LOG4J] = read_log4j,
    [ALOG_HEADER_KLOG] = alog_read_klog,      [ALOG_HEADER_CLF] = alog_read_clf,
    [ALOG_HEADER_DMESG] = alog_read_dmesg,    [ALOG_HEADER_JSON] = alog_read_json,
    [ALOG_HEADER_LOGFMT] = alog_read_logfmt,  [ALOG_HEADER_DOCKER] = alog_read_json,
    [ALOG_HEADER_CRI] = alog_read_cri,
};

/* A reader and whether it may have written to `out` when it returns 0. */
typedef struct {
    alog_read_fn *read;
    int writes;
} any_reader;

/* What may begin with a given byte, most specific first. */
static const any_reader with_brace[] = {{alog_read_json, 1}, {0}};
static const any_reader with_angle[] = {{alog_read_rfc5424, 1}, {alog_read_syslog, 1}, {alog_read_dmesg, 1}, {0}};
static const any_reader with_square[] = {{alog_read_dmesg, 1}, {alog_read_app, 1}, {0}};
static const any_reader with_digit[] = {{alog_read_cri, 0},     {alog_read_syslog, 1}, {alog_read_app, 1},
                                        {alog_read_columns, 1}, {alog_read_clf, 0},    {0}};
static const any_reader with_letter[] = {
    {alog_read_syslog, 1}, {alog_read_klog, 0},  {alog_read_app, 1},    {alog_read_columns, 1},
    {alog_read_clf, 0},    {alog_read_audit, 0}, {alog_read_logfmt, 0}, {0}};
static const any_reader with_other[] = {{alog_read_app, 1}, {alog_read_columns, 1}, {alog_read_clf, 0}, {0}};
static const any_reader with_blank[] = {{0}};

static const any_reader *readers_for(uint8_t first) {
    if (first == '{') return with_brace;
    if (first == '<') return with_angle;
    if (first == '[') return with_square;
    if (alog_is_digit(first)) return with_digit;
    if (alog_is_alpha(first) || first == '@' || first == '_') return with_letter;
    return alog_is_blank(first) ? with_blank : with_other;
}

uint8_t alog_read_any(alog_reader *r) {
    alog_fields_clear(r->out);
    if (!r->len) return 0;
    for (const any_reader *any = readers_for(r->text[0]); any->read; any++) {
        const uint8_t kind = any->read(r);
        if (kind) return kind;
        if (any->writes) alog_fields_clear(r->out);
    }
    return 0;
}

/* ---- the vote --------------------------------------------------------------------------------------- */

static int has_kind(const alog_header_state *state) {
    return state->kind != ALOG_HEADER_AUTO && state->kind != ALOG_HEADER_NONE;
}

static void settle(alog_header_state *state) {
    unsigned total = 0, best = ALOG_HEADER_NONE + 1;
    for (unsigned kind = 0; kind < ALOG_HEADER_COUNT; kind++) total += state->votes[kind];
    if (total < VOTES) return;
    for (unsigned kind = best; kind < ALOG_HEADER_COUNT; kind++)
        if (state->votes[kind] > state->votes[best]) best = kind;
    if ((total - state->votes[ALOG_HEADER_NONE]) * 2 >= total) {
        state->kind = (uint8_t)best;
        state->voted = 1;
    }
    memset(state->votes, 0, sizeof state->votes);
}

/* `fits`: the line was of the source's kind; `found`: its own kind, 0 for a line without a header. */
static void vote(alog_header_state *state, int fits, uint8_t found) {
    if (has_kind(state)) {
        state->misses = fits ? 0 : (uint16_t)(state->misses + 1);
        if (!state->voted || state->misses < MOST_MISSES) {
            if (state->misses == MOST_MISSES) state->misses--;
            return;
        }
        state->kind = ALOG_HEADER_AUTO;
        state->misses = 0;
        return;
    }
    if (!found && state->joins) return;
    state->votes[found ? found : ALOG_HEADER_NONE]++;
    settle(state);
}

/* ---- the line --------------------------------------------------------------------------------------- */

/* The source's own kind first; then any, which must carry a stamp when the source has a kind: a body may hold JSON. */
static uint8_t read_kinds(alog_reader *r, int *fits) {
    const uint8_t kind = r->state->kind;
    *fits = 0;
    if (has_kind(r->state)) {
        const uint8_t found = r->len ? readers[kind](r) : 0;
        if (found) return *fits = 1, found;
        alog_fields_clear(r->out);
        if (!r->state->voted) return 0;
    }
    r->stamped = (uint8_t)has_kind(r->state);
    const uint8_t found = alog_read_any(r);
    if (found && found != ALOG_HEADER_DMESG && has_kind(r->state) && r->out->timestamp_ns == ALOG_NO_TIME) {
        alog_fields_clear(r->out);
        return 0;
    }
    return found;
}

static void without_header(alog_reader *r) {
    r->out->message = alog_span_of(r->text, r->len);
    if (has_kind(r->state))
        r->state->joins = 1;
    else
        alog_body_note(r->state, r->text, r->len);
}

static void with_header(alog_reader *r, uint8_t found) {
    if (r->out->timestamp_ns != ALOG_NO_TIME) r->state->last_ns = r->out->timestamp_ns;
    if (found == ALOG_HEADER_CRI || found == ALOG_HEADER_DOCKER) { /* the wrapped line has been looked at */
        r->state->joins = !r->out->begins;
        return;
    }
    r->out->begins = 1;
    alog_body_begins(r->state);
}

static void read_line(alog_reader *r) {
    int fits;
    const uint8_t found = read_kinds(r, &fits);
    if (found)
        with_header(r, found);
    else
        without_header(r);
    vote(r->state, fits, found);
    if (fits && r->seen) alog_header_learn(r);
}

/* Whether the line is more than a message; skips the byte order mark. */
static int begin_line(alog_reader *r) {
    alog_fields_clear(r->out);
    if (r->state->kind == ALOG_HEADER_NONE) {
        without_header(r);
        return 0;
    }
    if (ALOG_STARTS(r->text, r->len, "\xef\xbb\xbf")) {
        r->text += 3;
        r->len -= 3;
    }
    return 1;
}

void alog_header_read(alog_header_state *state, const alog_header_config *config, const uint8_t *line, size_t len,
                      uint8_t *scratch, alog_fields *out) {
    if (!len || !memchr(line, 0x1b, len)) {
        alog_header_read_plain(state, config, line, len, scratch, out);
        return;
    }
    alog_reader r = {.state = state, .config = config, .text = line, .len = len, .room = scratch, .out = out};
    if (!begin_line(&r)) return;
    r.len = alog_strip_colours(r.text, r.len, scratch);
    r.text = r.own = scratch;
    r.room = NULL;
    read_line(&r);
}

void alog_header_read_plain(alog_header_state *state, const alog_header_config *config, const uint8_t *line, size_t len,
                            uint8_t *scratch, alog_fields *out) {
    if (state->memo_len && alog_header_again(state, config, line, len, out)) return;
    alog_reader r = {.state = state, .config = config, .text = line, .len = len, .room = scratch, .out = out};
    if (begin_line(&r)) read_line(&r);
}

int alog_header_state_valid(const alog_header_state *state) {
    if (state->kind >= ALOG_HEADER_COUNT || state->month > 12 || state->memo_len > sizeof state->memo) return 0;
    if (state->memo_layout >= ALOG_STAMP_COUNT || state->voted > 1 || state->partial > 1 || state->joins > 1 ||
        state->plain > 1)
        return 0;
    if (state->body >= 64 || state->year < -9999 || state->year > 9999 || state->misses > MOST_MISSES) return 0;
    for (unsigned kind = 0; kind < ALOG_HEADER_COUNT; kind++)
        if (state->votes[kind] > VOTES) return 0;
    return 1;
}
