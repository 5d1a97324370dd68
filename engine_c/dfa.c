/* dfa.c: loads tables (untrusted: every index is checked) and walks them. A start is tried only where the first two bytes
 * can begin a match, so that text without candidates is passed over quickly. */
#include "dfa.h"

#include <stdlib.h>
#include <string.h>

enum { HEADER = 36, NONE = 0xffff };

struct alog_dfa {
    uint32_t states, classes, patterns, max_match;
    uint32_t start[3];
    uint8_t class_of[256];
    uint8_t first[256];      /* a match may begin with this byte */
    uint8_t pair[65536 / 8]; /* and with these two, or the first alone is one */
    uint8_t must[256];       /* every match holds one of these, if has_must */
    int has_must;
    uint8_t *accepting; /* per state: any of its four accepts */
    uint16_t *accept;   /* [states][4] */
    uint16_t *next;     /* [states][classes] */
};

/* ---- loading ------------------------------------------------------------------------------------------ */

static uint32_t read32(const uint8_t *p) {
    return (uint32_t)p[0] | (uint32_t)p[1] << 8 | (uint32_t)p[2] << 16 | (uint32_t)p[3] << 24;
}

static int read16s(uint16_t *to, const uint8_t *p, size_t count, uint32_t limit, uint32_t also) {
    for (size_t i = 0; i < count; i++) {
        to[i] = (uint16_t)(p[2 * i] | p[2 * i + 1] << 8);
        if (to[i] >= limit && to[i] != also) return 0;
    }
    return 1;
}

static int read_header(alog_dfa *dfa, const uint8_t *table, size_t len) {
    if (len < HEADER + 256 || memcmp(table, "ALGD", 4) != 0 || read32(table + 4) != 1) return 0;
    dfa->states = read32(table + 8);
    dfa->classes = read32(table + 12);
    dfa->patterns = read32(table + 16);
    dfa->max_match = read32(table + 20);
    if (dfa->states < 1 || dfa->states > 65535 || dfa->classes < 1 || dfa->classes > 256) return 0;
    if (dfa->patterns < 1 || dfa->patterns >= NONE || dfa->max_match < 1 || dfa->max_match > 65535) return 0;
    for (unsigned i = 0; i < 3; i++) {
        dfa->start[i] = read32(table + 24 + 4 * i);
        if (dfa->start[i] >= dfa->states) return 0;
    }
    memcpy(dfa->class_of, table + HEADER, 256);
    for (unsigned i = 0; i < 256; i++)
        if (dfa->class_of[i] >= dfa->classes) return 0;
    return len == HEADER + 256 + (size_t)dfa->states * (8 + 2 * (size_t)dfa->classes);
}

static uint32_t step(const alog_dfa *dfa, uint32_t state, uint8_t byte) {
    return dfa->next[(size_t)state * dfa->classes + dfa->class_of[byte]];
}

static void fill_filters(alog_dfa *dfa) {
    for (size_t state = 0; state < dfa->states; state++)
        for (unsigned i = 0; i < 4; i++) dfa->accepting[state] |= dfa->accept[4 * state + i] != NONE;
    for (unsigned context = 0; context < 3; context++) {
        for (unsigned one = 0; one < 256; one++) {
            const uint32_t state = step(dfa, dfa->start[context], (uint8_t)one);
            if (!state) continue;
            dfa->first[one] = 1;
            for (unsigned two = 0; two < 256; two++)
                if (dfa->accepting[state] || step(dfa, state, (uint8_t)two))
                    dfa->pair[one << 5 | two >> 3] |= (uint8_t)(1u << (two & 7));
        }
    }
}

int alog_dfa_digits_alike(const alog_dfa *dfa) {
    for (unsigned digit = '1'; digit <= '9'; digit++)
        if (dfa->class_of[digit] != dfa->class_of['0']) return 0;
    return 1;
}

const uint8_t *alog_dfa_must(const alog_dfa *dfa) { return dfa->has_must ? dfa->must : NULL; }

/* Whether something can match without any byte of a class. `seen` and `stack` have room for all states. */
static int matches_without(const alog_dfa *dfa, unsigned without, uint8_t *seen, uint32_t *stack) {
    size_t depth = 0;
    memset(seen, 0, dfa->states);
    for (unsigned i = 0; i < 3; i++) {
        if (!seen[dfa->start[i]]) stack[depth++] = dfa->start[i];
        seen[dfa->start[i]] = 1;
    }
    while (depth) {
        const uint16_t *row = dfa->next + (size_t)stack[--depth] * dfa->classes;
        for (unsigned class = 0; class < dfa->classes; class ++) {
            if (class == without || !row[class]) continue;
            if (dfa->accepting[row[class]]) return 1;
            if (!seen[row[class]]) stack[depth++] = row[class];
            seen[row[class]] = 1;
        }
    }
    return 0;
}

/* How often a byte stands in logs, about: a guess that only speed depends on. */
static unsigned commonness(unsigned byte) {
    static const char common[] = " 0123456789aeinorst";
    if (memchr(common, (int)byte, sizeof common - 1)) return 8;
    return byte >= 'a' && byte <= 'z' ? 4 : 1;
}

/* Finds the rarest class that no match goes without, where that is soon done: a text without it is passed over, be it
 * a megabyte of what could begin a match. */
static alog_status fill_must(alog_dfa *dfa) {
    enum { STEPS_MAX = 1 << 21 };
    if ((uint64_t)dfa->states * dfa->classes * dfa->classes > STEPS_MAX) return ALOG_OK;
    uint8_t *seen = malloc(dfa->states);
    uint32_t *stack = malloc(sizeof *stack * dfa->states);
    unsigned best = 0, rarest = 0;
    for (unsigned class = 0; seen && stack && class < dfa->classes; class ++) {
        unsigned common = 0;
        for (unsigned i = 0; i < 256; i++) common += dfa->class_of[i] == class ? commonness(i) : 0;
        if (!common || (rarest && common >= rarest) || matches_without(dfa, class, seen, stack)) continue;
        best = class;
        rarest = common;
    }
    const alog_status status = seen && stack ? ALOG_OK : ALOG_NOMEM;
    free(seen);
    free(stack);
    dfa->has_must = rarest != 0;
    for (unsigned i = 0; i < 256; i++) dfa->must[i] = dfa->class_of[i] == best;
    return status;
}

alog_dfa *alog_dfa_load(const uint8_t *table, size_t len, alog_status *status) {
    alog_dfa *dfa = calloc(1, sizeof *dfa);
    if (!dfa) return *status = ALOG_NOMEM, NULL;
    *status = ALOG_CORRUPT;
    if (read_header(dfa, table, len)) {
        const size_t cells = (size_t)dfa->states * dfa->classes;
        const uint8_t *accept = table + HEADER + 256, *next = accept + (size_t)8 * dfa->states;
        dfa->accepting = calloc(dfa->states, 1);
        dfa->accept = malloc((size_t)8 * dfa->states);
        dfa->next = malloc(2 * cells);
        if (!dfa->accepting || !dfa->accept || !dfa->next) {
            *status = ALOG_NOMEM;
        } else if (read16s(dfa->accept, accept, (size_t)4 * dfa->states, dfa->patterns, NONE) &&
                   read16s(dfa->next, next, cells, dfa->states, 0)) {
            fill_filters(dfa);
            *status = fill_must(dfa);
            if (*status == ALOG_OK) return dfa;
        }
    }
    alog_dfa_free(dfa);
    return NULL;
}

void alog_dfa_free(alog_dfa *dfa) {
    if (!dfa) return;
    free(dfa->accepting);
    free(dfa->accept);
    free(dfa->next);
    free(dfa);
}

/* ---- matching ----------------------------------------------------------------------------------------- */

static int is_word(uint8_t c) { return (uint8_t)(c - '0') < 10 || (uint8_t)((c | 0x20) - 'a') < 26 || c == '_'; }

/* The pattern that matches when a walk in `state` stands before text[at]. */
static unsigned accepted(const alog_dfa *dfa, uint32_t state, const uint8_t *text, size_t len, size_t at) {
    const int ends = at == len;
    const int boundary = is_word(text[at - 1]) != (!ends && is_word(text[at]));
    return dfa->accept[(size_t)4 * state + (unsigned)(2 * ends + boundary)];
}

/* The walk that failed last: from its begin to `until` it stayed in one state. A walk that comes to that state before
 * `until` goes on as it did and fails too, so that a run of digits is not walked from each of them. */
typedef struct {
    size_t until;
    uint32_t state;
} failed;

static uint32_t first_state(const alog_dfa *dfa, const uint8_t *text, size_t begin) {
    return step(dfa, dfa->start[begin == 0 ? 0 : is_word(text[begin - 1]) ? 2 : 1], text[begin]);
}

/* Longest match that begins at `begin`; -1 for none, and then *last says how it failed. */
static int match_from(const alog_dfa *dfa, const uint8_t *text, size_t len, size_t begin, size_t *end, failed *last) {
    const size_t stop = len - begin < dfa->max_match ? len : begin + dfa->max_match;
    const uint32_t first = first_state(dfa, text, begin);
    if (!first || (begin < last->until && first == last->state)) return -1;
    uint32_t state = first;
    size_t at = begin + 1, until = at;
    int best = -1;
    for (;;) {
        if (dfa->accepting[state]) {
            const unsigned pattern = accepted(dfa, state, text, len, at);
            if (pattern != NONE) {
                best = (int)pattern;
                *end = at;
            }
        }
        if (at == stop) break;
        state = step(dfa, state, text[at]);
        if (!state) break;
        if (state == first && until == at) until++;
        at++;
    }
    /* one that the bound ended could have gone on from a later begin */
    *last = state && at < len ? (failed){0, 0} : (failed){until, first};
    return best;
}

static int may_begin(const alog_dfa *dfa, const uint8_t *text, size_t len, size_t at) {
    if (!dfa->first[text[at]]) return 0;
    return at + 1 == len || dfa->pair[(size_t)text[at] << 5 | text[at + 1] >> 3] >> (text[at + 1] & 7) & 1;
}

int alog_dfa_find(const alog_dfa *dfa, const uint8_t *text, size_t len, size_t from, size_t *begin, size_t *end) {
    size_t must = from; /* no byte before it is one that a match needs */
    failed last = {0, 0};
    for (size_t at = from; at < len; at++) {
        if (!may_begin(dfa, text, len, at)) continue;
        if (dfa->has_must) {
            if (must < at) must = at;
            while (must < len && !dfa->must[text[must]]) must++;
            if (must == len) return -1;
            if (must - at >= dfa->max_match) {
                at = must - dfa->max_match;
                continue;
            }
        }
        const int pattern = match_from(dfa, text, len, at, end, &last);
        if (pattern < 0) continue;
        *begin = at;
        return pattern;
    }
    return -1;
}
