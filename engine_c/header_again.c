/* header_again.c: sets of a few headers each, chosen by their first bytes (header_again.h). */
#include "header_again.h"

#include "header_time.h"

enum { DIGITS_MAX = 20, WAYS = ALOG_MEMO_HEADER_WAYS };

/* What must be the same for a header to mean the same; never 0. */
static uint16_t sort_of(const alog_header_state *state, int number_first) {
    return (uint16_t)(state->kind | (unsigned)state->memo_layout << 4 | (unsigned)number_first << 15);
}

/* Those that begin as `text` does. */
static alog_memo_headers *set_of(alog_header_memo *memo, const uint8_t *text) {
    return &memo->headers[alog_load64(text) * UINT64_C(0x9e3779b97f4a7c15) >> (64 - ALOG_MEMO_HEADER_BITS)];
}

/* Its last eight bytes have been compared. */
static int stands_at(const alog_memo_header *known, const uint8_t *text) {
    size_t at = 0;
#if ALOG_LANES
    for (; known->len - at >= 16; at += 16)
        if (alog_lane_bits(_mm_cmpeq_epi8(alog_lane_load(text + at), alog_lane_load(known->text + at))) != 0xffff)
            return 0;
#endif
    for (; at + 8 < known->len; at += 8)
        if (alog_load64(text + at) != alog_load64(known->text + at)) return 0;
    return 1;
}

/* The header that stands at `text`, of which there are `n` >= 8 bytes. */
static const alog_memo_header *find(alog_header_memo *memo, const uint8_t *text, size_t n, uint16_t sort) {
    alog_memo_headers *set = set_of(memo, text);
    for (unsigned i = 0; i < WAYS; i++) {
        const uint8_t place = set->order[i];
        const alog_memo_header *known = &set->headers[place];
        if (known->sort != sort || known->len > n || alog_load64(text + known->len - 8) != known->end) continue;
        if (!stands_at(known, text)) continue;
        if (i) {
            set->order[i] = set->order[i - 1];
            set->order[i - 1] = place;
            if (i == WAYS - 1) alog_trial_found(&memo->learning); /* where new ones stand */
        }
        return known;
    }
    return NULL;
}

/* The end of a number at `at`, 0 when it is none or a very long one. */
static size_t number_end(const uint8_t *p, size_t n, size_t at) {
    const size_t end = alog_skip_digits(p, n, at);
    return end == at || end - at > DIGITS_MAX ? 0 : end;
}

static alog_span part(const uint8_t *text, size_t at, size_t len) {
    return len ? alog_span_of(text + at, len) : (alog_span){0};
}

/* The state after such a line, as the reader of the source's kind and the vote leave it. */
static void note(alog_header_state *state, const alog_clock *clock, int64_t timestamp_ns) {
    alog_clock_keep(state, clock);
    state->last_ns = timestamp_ns;
    state->misses = 0;
    alog_body_begins(state);
}

/* What is found in a line whose header, `known`, has its text at `text` and its message at `message`. */
static void give(const alog_memo_header *known, const uint8_t *text, const uint8_t *message, const uint8_t *end,
                 alog_fields *out) {
    while (end > message && (alog_is_blank(end[-1]) || end[-1] == '\r' || end[-1] == '\n')) end--;
    out->begins = 1;
    out->otel = known->otel;
    out->host = part(text, known->host, known->host_len);
    out->program = part(text, known->program, known->program_len);
    out->message = alog_span_of(message, (size_t)(end - message));
    out->key = (alog_span){0};
}

int alog_header_again(alog_header_state *state, const alog_header_config *config, const uint8_t *line, size_t len,
                      alog_fields *out) {
    alog_clock clock;
    if (!config->memo || !alog_clock_read(state, line, len, &clock)) return 0;
    size_t at = clock.end, begin = 0, end = 0;
    if (len - at < 10) return 0;
    const int number_first = line[at] == ' ' && alog_is_digit(line[at + 1]);
    if (number_first) {
        begin = at + 1;
        at = end = number_end(line, len, begin);
        if (!end || len - at < 8) return 0;
    }
    const uint8_t *text = line + at;
    const alog_memo_header *known = find(config->memo, text, len - at, sort_of(state, number_first));
    if (!known) return 0;
    size_t message = at + known->message;
    if (known->tail_len) {
        begin = at + known->len;
        end = number_end(line, len, begin);
        if (!end || len - end < 8 || alog_load_upto8(line + end, known->tail_len) != known->tail) return 0;
        message = end + known->tail_len;
    }
    if (message >= len || alog_is_blank(line[message])) return 0;
    give(known, text, line + message, line + len, out);
    out->pid = part(line, begin, end - begin);
    out->timestamp_ns = clock.ns - known->offset_s * ALOG_NS_PER_S;
    note(state, &clock, out->timestamp_ns);
    return 1;
}

/* ---- learning --------------------------------------------------------------------------------------- */

/* Where a span of the line lies in the kept text; 0 when it does not. */
static int place_in(const alog_memo_header *kept, const uint8_t *text, alog_span span, uint8_t *at, uint8_t *len) {
    *at = *len = 0;
    if (!span.len) return 1;
    if (span.ptr < text || span.ptr + span.len > text + kept->len) return 0;
    *at = (uint8_t)(span.ptr - text);
    *len = (uint8_t)span.len;
    return 1;
}

/* Whether headers learned lately came again: where each host or program has lines of its own, learning costs more than
 * it spares. Those known already are looked for all the same. */
static int worth_learning(alog_header_memo *memo) {
    if (!memo) return 0;
    const int worth = alog_trial_looks(&memo->learning);
    alog_trial_missed(&memo->learning);
    return worth;
}

static void keep(alog_memo_headers *set, const alog_memo_header *header) {
    if (!set->headers[0].sort) /* unused so far */
        for (unsigned i = 0; i < WAYS; i++) set->order[i] = (uint8_t)i;
    unsigned i = 0;
    while (i < WAYS - 1 && set->headers[set->order[i]].sort) i++;
    set->headers[set->order[i]] = *header; /* a new one has the last place: it goes up by being met again */
}

/* Cuts what stands from `from` to `to` in the line in two at the number that is the pid. 0 when it cannot be kept. */
static int cut_at_number(const alog_reader *r, size_t *from, size_t *to, alog_memo_header *kept, int *number_first) {
    const uint8_t *line = r->text;
    const alog_span pid = r->out->pid;
    *number_first = 0;
    if (!pid.len) return line[*from] != ' ' || !alog_is_digit(line[*from + 1]);
    const size_t number = (size_t)(pid.ptr - line), behind = number + pid.len;
    if (number_end(line, r->len, number) != behind || number <= *from) return 0;
    *number_first = number == *from + 1 && line[*from] == ' ';
    if (*number_first) {
        *from = behind;
        return 1;
    }
    if (line + *to != r->out->message.ptr || *to - behind > sizeof kept->tail) return 0;
    kept->tail_len = (uint8_t)(*to - behind);
    kept->tail = alog_load_upto8(line + behind, kept->tail_len);
    *to = number;
    return 1;
}

void alog_header_learn(const alog_reader *r) {
    const uint8_t *line = r->text;
    const alog_fields *out = r->out;
    const size_t message = (size_t)(out->message.ptr - line);
    alog_memo_header kept = {.otel = out->otel};
    alog_clock clock;
    int number_first;
    if (!worth_learning(r->config->memo) || r->own || r->layout != r->state->memo_layout ||
        out->timestamp_ns == ALOG_NO_TIME)
        return;
    if (!alog_clock_read(r->state, line, r->len, &clock)) return;
    if (message >= r->len || r->seen > r->len || r->seen < clock.end) return;
    size_t from = clock.end, to = r->seen > message ? r->seen : message;
    if (!cut_at_number(r, &from, &to, &kept, &number_first)) return;
    if (to < from + 8 || to - from > sizeof kept.text) return;
    kept.len = (uint8_t)(to - from);
    memcpy(kept.text, line + from, kept.len);
    kept.end = alog_load64(line + to - 8);
    kept.message = (uint8_t)(kept.tail_len ? 0 : message - from);
    kept.sort = sort_of(r->state, number_first);
    kept.offset_s = (int32_t)((clock.ns - out->timestamp_ns) / ALOG_NS_PER_S);
    if (!place_in(&kept, line + from, out->host, &kept.host, &kept.host_len)) return;
    if (!place_in(&kept, line + from, out->program, &kept.program, &kept.program_len)) return;
    keep(set_of(r->config->memo, line + from), &kept);
}
