/* header_logfmt.c: key=value lines. A line is taken for one only when it begins with a pair and names its time or
 * level: free text is full of "x=1". */
#include "header_fields.h"

#define FIVE(c) [c] = 1, [(c) + 1] = 1, [(c) + 2] = 1, [(c) + 3] = 1, [(c) + 4] = 1

/* Letters, digits and _.-@/ */
static const uint8_t is_key_byte[256] = {
    FIVE('0'), FIVE('5'), FIVE('A'), FIVE('F'), FIVE('K'), FIVE('P'), FIVE('U'), FIVE('a'), FIVE('f'), FIVE('k'),
    FIVE('p'), FIVE('u'), ['Z'] = 1, ['z'] = 1, ['_'] = 1, ['.'] = 1, ['-'] = 1, ['@'] = 1, ['/'] = 1,
};

/* The value of a pair, which begins at `from`, behind its quote if it is `quoted`. Returns the end of both. */
static size_t read_value(const uint8_t *p, size_t n, size_t from, int quoted, alog_pair *pair) {
    size_t at = from;
    pair->is_string = 1;
    pair->has_escapes = 0;
    if (!quoted) {
        at = alog_skip_word(p, n, from);
        pair->value = alog_span_of(p + from, at - from);
        return at;
    }
    for (; (at = alog_find_either(p, n, at, '"', '\\')) < n && p[at] != '"'; at += 2) pair->has_escapes = 1;
    if (at > n) at = n;
    pair->value = alog_span_of(p + from, at - from);
    return at < n ? at + 1 : n;
}

/* A line being read; `last` is the place of the last pair in the memo. */
typedef struct {
    const uint8_t *text;
    size_t len;
    alog_pair_memo *memo;
    uint8_t last;
    uint8_t role, rank; /* what the key means, when `known` */
    uint8_t known;
} logfmt_walk;

/* The next word, blanks before it: a pair (*is_pair; `pair` is zeroed at first), or a bare word. Returns its end, or `len` with *begin there. */
static size_t next_word(logfmt_walk *walk, size_t at, alog_pair *pair, int *is_pair, size_t *begin) {
    const uint8_t *p = walk->text;
    const size_t n = walk->len, before = at;
    uint8_t last = walk->last;
    const alog_memo_pair *known = alog_pair_recall(walk->memo, &last, p, n, at);
    const size_t value = known ? at + known->len : 0;
    walk->known = known && (known->is_string || value == n || p[value] != '"');
    *is_pair = walk->known;
    if (walk->known) {
        walk->last = last;
        walk->role = known->role;
        walk->rank = known->rank;
        *begin = at + known->key_at;
        pair->key = alog_span_of(p + *begin, known->key_len);
        return read_value(p, n, value, known->is_string, pair);
    }
    *begin = at = alog_skip_blank(p, n, at);
    while (at < n && is_key_byte[p[at]]) at++;
    if (at == *begin || at >= n || p[at] != '=') return alog_skip_word(p, n, at);
    *is_pair = 1;
    pair->key = alog_span_of(p + *begin, at - *begin);
    const int quoted = ++at < n && p[at] == '"';
    at += (size_t)quoted;
    if (at - before <= ALOG_MEMO_PAIR_BYTES) {
        alog_memo_pair found = {
            .key_at = (uint8_t)(*begin - before), .key_len = (uint8_t)pair->key.len, .is_string = (uint8_t)quoted};
        alog_pairs_meaning(pair->key, &found.role, &found.rank);
        alog_pair_remember(walk->memo, &walk->last, alog_span_of(p + before, at - before), &found);
    }
    return read_value(p, n, at, quoted, pair);
}

static logfmt_walk walk_of(const alog_reader *r) {
    return (logfmt_walk){.text = r->text, .len = r->len, .memo = r->config->memo ? &r->config->memo->logfmt : NULL};
}

enum { KEPT_WORDS = 32 };

/* The line's first words, so that they need not be found again. */
typedef struct {
    size_t count;
    struct {
        size_t begin, end;
        const uint8_t *value; /* NULL: no pair */
    } words[KEPT_WORDS];
} kept_words;

typedef struct {
    uint8_t *to;
    size_t len;
    size_t end; /* of the last word, in the line */
} rendering;

/* One blank between words, but none where there was none (a="x"b="y"): what is put is never longer than the line. */
static void put_word(rendering *out, const alog_reader *r, size_t begin, size_t end) {
    if (out->len && begin > out->end) out->to[out->len++] = ' ';
    alog_copy(out->to + out->len, r->text + begin, end - begin);
    out->len += end - begin;
    out->end = end;
}

/* A line without a message: its words in order, without those that are header. */
static void render(alog_reader *r, const alog_pairs *pairs, const kept_words *kept) {
    rendering out = {.to = r->room};
    if (!out.to) {
        alog_set_message(r, 0);
        return;
    }
    logfmt_walk walk = walk_of(r);
    alog_pair pair = {0};
    size_t at = 0;
    for (size_t i = 0; i < kept->count; i++) {
        pair.value.ptr = kept->words[i].value;
        at = kept->words[i].end;
        if (!pair.value.ptr || !alog_pairs_taken(pairs, &pair)) put_word(&out, r, kept->words[i].begin, at);
    }
    while (at < r->len) {
        int is_pair;
        size_t begin;
        at = next_word(&walk, at, &pair, &is_pair, &begin);
        if (begin == r->len) break;
        if (!is_pair || !alog_pairs_taken(pairs, &pair)) put_word(&out, r, begin, at);
    }
    r->out->message = alog_span_of(out.to, out.len);
}

uint8_t alog_read_logfmt(alog_reader *r) {
    const size_t first = alog_find_either(r->text, r->len, alog_skip_blank(r->text, r->len, 0), '=', ' ');
    if (first >= r->len || r->text[first] != '=') return 0; /* the first word is no pair */
    alog_pairs pairs = {0};
    logfmt_walk walk = walk_of(r);
    alog_pair pair = {0};
    kept_words kept;
    kept.count = 0;
    size_t at = 0, count = 0;
    while (at < r->len) {
        int is_pair;
        size_t begin;
        at = next_word(&walk, at, &pair, &is_pair, &begin);
        if (begin == r->len) break;
        if (!is_pair && !count) return 0;
        if (walk.known)
            alog_pairs_take_known(&pairs, r, &pair, walk.role, walk.rank);
        else if (is_pair)
            alog_pairs_take(&pairs, r, &pair);
        count += (size_t)is_pair;
        if (kept.count == KEPT_WORDS) continue;
        kept.words[kept.count].begin = begin;
        kept.words[kept.count].end = at;
        kept.words[kept.count++].value = is_pair ? pair.value.ptr : NULL;
    }
    if (count < 2 || (!pairs.rank[ALOG_ROLE_TIME] && !pairs.rank[ALOG_ROLE_LEVEL])) return 0;
    if (r->stamped && !pairs.rank[ALOG_ROLE_TIME]) return 0;
    alog_pairs_give(&pairs, r);
    if (pairs.rank[ALOG_ROLE_MESSAGE])
        alog_pairs_message(&pairs, r);
    else
        render(r, &pairs, &kept);
    return ALOG_HEADER_LOGFMT;
}
