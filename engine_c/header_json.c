/* header_json.c: JSON lines, docker's json-file among them: one pass, no recursion, two levels deep. */
#include "header_fields.h"

enum { KEPT_PARTS = 64 };

/* What a message is put together of, in order. */
typedef enum { SCALAR, OBJECT_SKIPPED, ARRAY_SKIPPED, OPENED, CLOSED } json_part_kind;

typedef struct {
    alog_span key, value;
    json_part_kind kind;
} json_part;

/* What is done with each pair. */
typedef struct {
    alog_reader *r;
    alog_pairs *pairs;
    uint8_t *to;     /* where "key=value ..." is put together; NULL on the first pass, */
    json_part *kept; /* which keeps the parts so that most lines are walked once */
    uint32_t parts;  /* of them all, also those that are not kept */
    size_t len;
    uint32_t count;
    uint8_t last; /* place of the last pair in the memo */
} json_walk;

static size_t skip_space(const uint8_t *p, size_t n, size_t at) {
    if (at < n && p[at] > ' ') return at;
    while (at < n && (p[at] == ' ' || p[at] == '\t' || p[at] == '\n' || p[at] == '\r')) at++;
    return at;
}

/* The closing quote of the string that begins at `at` (after its quote); `n` when it is not closed. */
static size_t string_end(const uint8_t *p, size_t n, size_t at, uint8_t *has_escapes) {
    for (;;) {
        at = alog_find_either(p, n, at, '"', '\\');
        if (at >= n) return n;
        if (p[at] == '"') return at;
        *has_escapes = 1;
        at += 2; /* may be behind the end */
    }
}

/* The end of the object or array that opens at `at`, strings minded; 0 when it is not closed. */
static size_t skip_nested(const uint8_t *p, size_t n, size_t at) {
    size_t depth = 0;
    uint8_t has_escapes;
    for (; at < n; at++) {
        if (p[at] == '"') {
            at = string_end(p, n, at + 1, &has_escapes);
        } else if (p[at] == '{' || p[at] == '[') {
            depth++;
        } else if ((p[at] == '}' || p[at] == ']') && --depth == 0) {
            return at + 1;
        }
    }
    return 0;
}

#define FIVE(c) [c] = 1, [(c) + 1] = 1, [(c) + 2] = 1, [(c) + 3] = 1, [(c) + 4] = 1

/* Letters, digits and -+. */
static const uint8_t is_scalar_byte[256] = {
    FIVE('0'), FIVE('5'), FIVE('A'), FIVE('F'), FIVE('K'), FIVE('P'), FIVE('U'), FIVE('a'), FIVE('f'),
    FIVE('k'), FIVE('p'), FIVE('u'), ['Z'] = 1, ['z'] = 1, ['-'] = 1, ['+'] = 1, ['.'] = 1,
};

static size_t scalar_end(const uint8_t *p, size_t n, size_t at) {
    while (at < n && is_scalar_byte[p[at]]) at++;
    return at;
}

/* ---- putting a message together --------------------------------------------------------------------- */

static void put(json_walk *walk, alog_span s) {
    if (s.len > walk->r->len - walk->len)
        s.len = walk->r->len - walk->len; /* cannot be: JSON is longer than its rendering */
    alog_copy(walk->to + walk->len, s.ptr, s.len);
    walk->len += s.len;
}

static void put_byte(json_walk *walk, uint8_t c) {
    if (walk->len < walk->r->len) walk->to[walk->len++] = c;
}

/* "key=" with a blank before it unless it is the first in its object. */
static void put_key(json_walk *walk, alog_span key) {
    if (walk->len && walk->to[walk->len - 1] != '{') put_byte(walk, ' ');
    put(walk, key);
    put_byte(walk, '=');
}

static int is_header(const json_walk *walk, alog_span value) {
    const alog_pair pair = {.value = value};
    return alog_pairs_taken(walk->pairs, &pair);
}

static void put_part(json_walk *walk, const json_part *part) {
    if (part->kind == CLOSED) {
        put_byte(walk, '}');
        return;
    }
    if (part->kind == SCALAR && is_header(walk, part->value)) return;
    put_key(walk, part->key);
    if (part->kind == SCALAR) put(walk, part->value);
    if (part->kind == OPENED) put_byte(walk, '{');
    if (part->kind == OBJECT_SKIPPED) put(walk, alog_span_of((const uint8_t *)"{}", 2));
    if (part->kind == ARRAY_SKIPPED) put(walk, alog_span_of((const uint8_t *)"[]", 2));
}

static void on_part(json_walk *walk, json_part_kind kind, alog_span key, alog_span value) {
    if (walk->to)
        put_part(walk, &(json_part){key, value, kind});
    else if (walk->parts++ < KEPT_PARTS)
        walk->kept[walk->parts - 1] = (json_part){key, value, kind};
}

static void on_scalar(json_walk *walk, const alog_pair *pair) {
    walk->count++;
    on_part(walk, SCALAR, pair->key, pair->value);
    if (!walk->to) alog_pairs_take(walk->pairs, walk->r, pair);
}

static void on_skipped(json_walk *walk, alog_span key, uint8_t open) {
    walk->count++;
    on_part(walk, open == '{' ? OBJECT_SKIPPED : ARRAY_SKIPPED, key, (alog_span){0});
}

static void on_opened(json_walk *walk, alog_span key) { on_part(walk, OPENED, key, (alog_span){0}); }

static void on_closed(json_walk *walk) { on_part(walk, CLOSED, (alog_span){0}, (alog_span){0}); }

/* ---- walking ---------------------------------------------------------------------------------------- */

static alog_pair_memo *memo_of(const json_walk *walk) {
    return walk->r->config->memo ? &walk->r->config->memo->json : NULL;
}

/* Goes over what stands before a known pair: the end of an inner object, the beginning of one. */
static void cross(json_walk *walk, alog_pair *pair, const alog_memo_pair *known, const uint8_t *text) {
    if (known->closes) {
        on_closed(walk);
        pair->parent = (alog_span){0};
    }
    if (!known->parent_len) return;
    pair->parent = alog_span_of(text + known->parent_at, known->parent_len);
    on_opened(walk, pair->parent);
}

/* The pair after the value that ends at `at` (the first: whose brace stands there), if its key was seen in this place
 * before: what stands before its value is then known byte for byte. Returns the value's end, 0 when the pair has to be
 * walked. */
static size_t known_pair(json_walk *walk, alog_pair *pair, size_t at) {
    const uint8_t *p = walk->r->text;
    const size_t n = walk->r->len;
    uint8_t last = walk->last;
    if (at && at < n && p[at] == '{') return 0; /* only the first pair has a brace there */
    const alog_memo_pair *known = alog_pair_recall(memo_of(walk), &last, p, n, at);
    if (!known || known->inside != (pair->parent.ptr != NULL)) return 0;
    const size_t from = at + known->len;
    uint8_t has_escapes = 0;
    const size_t end = known->is_string ? string_end(p, n, from, &has_escapes) : scalar_end(p, n, from);
    if (known->is_string ? end >= n : end == from) return 0;
    walk->last = last;
    cross(walk, pair, known, p + at);
    pair->key = alog_span_of(p + at + known->key_at, known->key_len);
    pair->value = alog_span_of(p + from, end - from);
    pair->is_string = known->is_string;
    pair->has_escapes = has_escapes;
    if (walk->to || pair->parent.ptr) {
        on_scalar(walk, pair);
    } else {
        walk->count++;
        on_part(walk, SCALAR, pair->key, pair->value);
        alog_pairs_take_known(walk->pairs, walk->r, pair, known->role, known->rank);
    }
    return end + known->is_string;
}

/* What was crossed on the way from one value to the next. */
typedef struct {
    size_t begin; /* behind the last value */
    unsigned inside, closes, opens;
} json_crossing;

/* Keeps a pair that has been walked. */
static void keep_pair(json_walk *walk, const alog_pair *pair, const json_crossing *way) {
    const uint8_t *begin = walk->r->text + way->begin;
    if (!pair->value.ptr || (size_t)(pair->value.ptr - begin) > ALOG_MEMO_PAIR_BYTES) return;
    if (way->closes > way->inside || way->opens > 1) return; /* an empty object, or one after another */
    alog_memo_pair found = {.key_at = (uint8_t)(pair->key.ptr - begin),
                            .key_len = (uint8_t)pair->key.len,
                            .is_string = pair->is_string,
                            .inside = (uint8_t)way->inside,
                            .closes = (uint8_t)way->closes};
    if (way->opens) {
        found.parent_at = (uint8_t)(pair->parent.ptr - begin);
        found.parent_len = (uint8_t)pair->parent.len;
    }
    if (!pair->parent.ptr) alog_pairs_meaning(pair->key, &found.role, &found.rank);
    alog_pair_remember(memo_of(walk), &walk->last, alog_span_of(begin, (size_t)(pair->value.ptr - begin)), &found);
}

static size_t walk_value(json_walk *walk, alog_pair *pair, size_t at) {
    const uint8_t *p = walk->r->text;
    const size_t n = walk->r->len;
    if (at >= n) return 0;
    if (p[at] == '"') {
        pair->has_escapes = 0;
        const size_t end = string_end(p, n, at + 1, &pair->has_escapes);
        if (end >= n) return 0;
        pair->value = alog_span_of(p + at + 1, end - at - 1);
        pair->is_string = 1;
        on_scalar(walk, pair);
        return end + 1;
    }
    if (p[at] == '{' || p[at] == '[') {
        const size_t end = skip_nested(p, n, at);
        pair->value = (alog_span){0};
        if (end) on_skipped(walk, pair->key, p[at]);
        return end;
    }
    const size_t end = scalar_end(p, n, at);
    if (end == at) return 0;
    pair->value = alog_span_of(p + at, end - at);
    pair->is_string = pair->has_escapes = 0;
    on_scalar(walk, pair);
    return end;
}

/* `"key":` at `at`. Returns where the value begins, 0 when it is malformed. */
static size_t walk_key(const json_walk *walk, size_t at, alog_span *key) {
    const uint8_t *p = walk->r->text;
    const size_t n = walk->r->len;
    if (at >= n || p[at] != '"') return 0;
    uint8_t has_escapes;
    const size_t end = string_end(p, n, at + 1, &has_escapes);
    if (end >= n) return 0;
    *key = alog_span_of(p + at + 1, end - at - 1);
    at = skip_space(p, n, end + 1);
    return at < n && p[at] == ':' ? skip_space(p, n, at + 1) : 0;
}

/* Walks the object that opens at `at`; objects in it are walked too, what stands in those is skipped. Returns the end,
 * 0 when the text is malformed or cut: the pairs before that have been given. */
static size_t walk_object(json_walk *walk, size_t at) {
    const uint8_t *p = walk->r->text;
    const size_t n = walk->r->len;
    alog_pair pair = {0};
    json_crossing way = {.begin = at};
    for (int first = 1;;) { /* `at` is behind a value or an object or, for an object's first pair, on its brace */
        if (at == way.begin) {
            const size_t known = known_pair(walk, &pair, at);
            if (known) {
                way.begin = at = known;
                way.inside = pair.parent.ptr != NULL;
                first = 0;
                continue;
            }
        }
        at = first ? at + 1 : skip_space(p, n, at);
        const int comma = !first && at < n && p[at] == ',';
        if (!first && !comma && (at >= n || p[at] != '}')) return 0;
        first = 0;
        at = skip_space(p, n, at + (size_t)comma);
        if (at < n && p[at] == '}' && !comma) {
            at++;
            if (!pair.parent.ptr) return at;
            on_closed(walk);
            pair.parent = (alog_span){0};
            way.closes++;
            continue;
        }
        at = walk_key(walk, at, &pair.key);
        if (!at) return 0;
        if (at < n && p[at] == '{' && !pair.parent.ptr && pair.key.len) {
            pair.parent = pair.key;
            on_opened(walk, pair.key);
            way.opens++;
            first = 1;
            continue;
        }
        at = walk_value(walk, &pair, at);
        if (!at) return 0;
        keep_pair(walk, &pair, &way);
        way = (json_crossing){.begin = at, .inside = pair.parent.ptr != NULL};
    }
}

/* A JSON line without a message: its scalars in order, without those that are header. A line of many parts is walked
 * once more. */
static void render(const json_walk *first) {
    alog_reader *r = first->r;
    if (!r->room) {
        alog_set_message(r, 0);
        return;
    }
    json_walk walk = {.r = r, .pairs = first->pairs, .to = r->room};
    if (first->parts > KEPT_PARTS)
        walk_object(&walk, 0);
    else
        for (uint32_t i = 0; i < first->parts; i++) put_part(&walk, &first->kept[i]);
    r->out->message = alog_span_of(r->room, walk.len);
}

/* docker's json-file: {"log":"text\n","stream":"stderr","time":"..."}; the text is a line of its own. */
static void docker(alog_reader *r, const alog_pairs *pairs) {
    const alog_span log = pairs->value[ALOG_ROLE_MESSAGE];
    uint8_t *own = r->room ? r->room : r->own + (log.ptr - r->text);
    size_t n = log.len;
    if (!r->room && r->out->key.ptr == log.ptr) r->out->key = (alog_span){0}; /* about to be written over */
    if (pairs->message_has_escapes)
        n = alog_unescape(log.ptr, n, own);
    else
        memmove(own, log.ptr, n);
    const int whole = n && own[n - 1] == '\n';
    const int goes_on = r->state->partial;
    r->state->partial = !whole;
    if (whole) n--;
    alog_read_wrapped(r, alog_span_of(own, n), own);
    if (goes_on) r->out->begins = 0;
}

uint8_t alog_read_json(alog_reader *r) {
    if (r->len < 7 || r->text[0] != '{') return 0;
    alog_pairs pairs = {0};
    json_part kept[KEPT_PARTS];
    json_walk walk = {.r = r, .pairs = &pairs, .kept = kept};
    const size_t end = walk_object(&walk, 0);
    const int complete = end && skip_space(r->text, r->len, end) == r->len;
    if (!walk.count || (!complete && !pairs.rank[ALOG_ROLE_TIME] && !pairs.rank[ALOG_ROLE_MESSAGE])) return 0;
    if (r->stamped && !pairs.rank[ALOG_ROLE_TIME]) return 0;
    alog_pairs_give(&pairs, r);
    if (pairs.message_is_log && pairs.rank[ALOG_ROLE_STREAM] && pairs.rank[ALOG_ROLE_TIME] && !r->wrapped) {
        docker(r, &pairs);
        return ALOG_HEADER_DOCKER;
    }
    if (pairs.rank[ALOG_ROLE_MESSAGE])
        alog_pairs_message(&pairs, r);
    else if (complete)
        render(&walk);
    else
        alog_set_message(r, 0);
    return ALOG_HEADER_JSON;
}
