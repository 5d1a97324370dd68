/* infer_vocab.c: reads vocab.json and looks templates up in it (infer_vocab.h). */
#define _GNU_SOURCE
#include "infer_vocab.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "hash.h"
#include "infer_sha256.h"
#include "unicode.h"

typedef struct {
    uint64_t fingerprint;
    alog_span text;
    size_t token;    /* of its first token's hash */
    uint32_t tokens; /* how many */
} entry;

struct alog_vocab {
    uint8_t *bytes; /* of the file; what spans lie in */
    entry *entries;
    uint32_t count, cap;
    uint32_t *index; /* open addressing by fingerprint, 1 + place */
    uint32_t index_mask;
    uint32_t *by_length; /* places in order of length, those of one length in order */
    uint64_t *tokens;    /* hashes of the tokens of all texts */
    uint64_t seed;
    alog_settings settings;
    alog_span tables[ALOG_SETTINGS_LISTED];
    size_t table_count;
    alog_span state;
    uint8_t *engine; /* the settings as alogd/models/vocabulary.py hashes them */
    size_t engine_len;
    char hash[65];
    uint8_t seen; /* members of the file, one bit each */
};

static const char *const special[ALOG_SPECIAL] = {"<pad>", "<unk>", "<mask>", "<dist>"};

/* ---- reading ------------------------------------------------------------------------------------------ */

static void keep_engine(alog_vocab *vocab, alog_json *in) {
    free(vocab->engine);
    vocab->engine = alog_json_dense(in, &vocab->engine_len);
    if (!vocab->engine) alog_json_fail(in, "memory");
}

static void name_vocabulary(alog_vocab *vocab) {
    static const char head[] = "[[\"<pad>\",\"<unk>\",\"<mask>\",\"<dist>\"],[";
    alog_sha256 sum;
    alog_sha256_begin(&sum);
    alog_sha256_add(&sum, head, sizeof head - 1);
    for (uint32_t i = 0; i < vocab->count; i++) {
        char text[24];
        const int n = snprintf(text, sizeof text, "%s\"%016llx\"", i ? "," : "",
                               (unsigned long long)vocab->entries[i].fingerprint);
        alog_sha256_add(&sum, text, (size_t)n);
    }
    alog_sha256_add(&sum, "],", 2);
    alog_sha256_add(&sum, vocab->engine, vocab->engine_len);
    alog_sha256_add(&sum, "]", 1);
    alog_sha256_end(&sum, vocab->hash);
}

static uint64_t read_fingerprint(alog_json *in) {
    const alog_span text = alog_json_string(in);
    uint64_t value = 0;
    if (text.len != 16) return alog_json_fail(in, "a fingerprint of 16 hexadecimal digits"), 0;
    for (size_t i = 0; i < 16; i++) {
        const char *digits = "0123456789abcdef";
        const char *digit = memchr(digits, text.ptr[i], 16);
        if (!digit) return alog_json_fail(in, "a fingerprint of 16 hexadecimal digits"), 0;
        value = value << 4 | (uint64_t)(digit - digits);
    }
    return value;
}

static void add_template(alog_vocab *vocab, alog_json *in, uint64_t fingerprint, alog_span text) {
    if (vocab->count == ALOG_VOCAB_TEMPLATES) {
        alog_json_fail(in, "at most 100,000 templates");
        return;
    }
    if (vocab->count == vocab->cap) {
        const uint32_t cap = vocab->cap ? 2 * vocab->cap : 256;
        entry *more = realloc(vocab->entries, sizeof *more * cap);
        if (!more) {
            alog_json_fail(in, "memory");
            return;
        }
        vocab->entries = more;
        vocab->cap = cap;
    }
    vocab->entries[vocab->count++] = (entry){.fingerprint = fingerprint, .text = text};
}

static void read_template(alog_vocab *vocab, alog_json *in) {
    uint64_t fingerprint = 0;
    alog_span text = {0};
    unsigned seen = 0;
    alog_json_enter(in, '{');
    while (alog_json_more(in, '}')) {
        const alog_span name = alog_json_name(in);
        const unsigned which = alog_span_is(name, "fingerprint") ? 1 : alog_span_is(name, "text") ? 2 : 0;
        if (!which || seen & which) alog_json_fail(in, "\"fingerprint\" and \"text\" of a template");
        seen |= which;
        if (which == 1) fingerprint = read_fingerprint(in);
        if (which == 2) text = alog_json_string(in);
    }
    if (seen != 3) alog_json_fail(in, "\"fingerprint\" and \"text\" of a template");
    if (!in->wrong) add_template(vocab, in, fingerprint, text);
}

static void read_special(alog_json *in) {
    unsigned n = 0;
    alog_json_enter(in, '[');
    while (alog_json_more(in, ']')) {
        const alog_span name = alog_json_string(in);
        if (n == ALOG_SPECIAL || !alog_span_is(name, special[n])) alog_json_fail(in, "the special entries of schema 1");
        n++;
    }
    if (n != ALOG_SPECIAL) alog_json_fail(in, "the special entries of schema 1");
}

/* Base64 (RFC 4648, padded) where it stands. */
static alog_span decode64(alog_json *in, alog_span text) {
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint8_t *const begin = in->text + (text.ptr ? text.ptr - in->text : 0), *to = begin;
    size_t len = text.len;
    if (len % 4) alog_json_fail(in, "base64");
    for (int i = 0; i < 2 && len && begin[len - 1] == '='; i++) len--;
    uint32_t bits = 0;
    for (size_t i = 0; i < len; i++) {
        const char *letter = memchr(letters, begin[i], 64);
        if (!letter) return alog_json_fail(in, "base64"), (alog_span){0};
        bits = bits << 6 | (uint32_t)(letter - letters);
        if (i % 4) *to++ = (uint8_t)(bits >> (6 - 2 * (i % 4)));
    }
    return (alog_span){begin, (size_t)(to - begin)};
}

static void read_tables(alog_vocab *vocab, alog_json *in) {
    alog_json_enter(in, '[');
    while (alog_json_more(in, ']')) {
        if (vocab->table_count == ALOG_SETTINGS_LISTED) {
            alog_json_fail(in, "fewer tables of masks");
            return;
        }
        vocab->tables[vocab->table_count++] = decode64(in, alog_json_string(in));
    }
}

static void read_state(alog_vocab *vocab, alog_json *in) {
    if (alog_json_null(in)) return;
    vocab->state = alog_json_string(in);
    const alog_span name = vocab->state;
    if (!name.len || memchr(name.ptr, '/', name.len) || memchr(name.ptr, 0, name.len) || alog_span_is(name, ".") ||
        alog_span_is(name, ".."))
        alog_json_fail(in, "the name of a file beside it");
}

typedef enum { SCHEMA, THE_SPECIAL, TEMPLATES, ENGINE, STATE, TABLES, FILE_MEMBERS } file_member;

static void read_member(alog_vocab *vocab, alog_json *in, file_member which) {
    switch (which) {
    case SCHEMA:
        if (alog_json_integer(in, UINT32_MAX) != 1) alog_json_fail(in, "schema 1");
        break;
    case THE_SPECIAL: read_special(in); break;
    case TEMPLATES:
        alog_json_enter(in, '[');
        while (alog_json_more(in, ']')) read_template(vocab, in);
        break;
    case ENGINE:
        keep_engine(vocab, in);
        alog_settings_read(&vocab->settings, in);
        break;
    case STATE: read_state(vocab, in); break;
    case TABLES: read_tables(vocab, in); break;
    default: alog_json_fail(in, "a member that this alog-infer knows"); break;
    }
}

static void read_file(alog_vocab *vocab, alog_json *in) {
    static const char *const names[FILE_MEMBERS] = {"schema", "special", "templates", "engine", "state", "mask_tables"};
    const unsigned needed = 1u << SCHEMA | 1u << THE_SPECIAL | 1u << TEMPLATES | 1u << ENGINE;
    alog_json_enter(in, '{');
    while (alog_json_more(in, '}')) {
        const alog_span name = alog_json_name(in);
        unsigned which = 0;
        while (which < FILE_MEMBERS && !alog_span_is(name, names[which])) which++;
        if (vocab->seen >> which & 1) alog_json_fail(in, "each member once");
        vocab->seen |= (uint8_t)(1u << which);
        read_member(vocab, in, (file_member)which);
    }
    alog_json_end(in);
    if ((vocab->seen & needed) != needed) alog_json_fail(in, "schema, special, templates and engine");
}

/* ---- looking up ---------------------------------------------------------------------------------------- */

/* Hashes of a text's tokens, cut at every space; `to` NULL: only how many there are. */
static uint32_t cut(const alog_vocab *vocab, alog_span text, uint64_t *to) {
    uint32_t n = 0;
    for (size_t at = 0; at <= text.len; n++) {
        const uint8_t *space = at < text.len ? memchr(text.ptr + at, ' ', text.len - at) : NULL;
        const size_t end = space ? (size_t)(space - text.ptr) : text.len;
        if (to) to[n] = alog_hash(text.len ? text.ptr + at : (const uint8_t *)"", end - at, vocab->seed);
        at = end + 1;
    }
    return n;
}

static uint32_t *slot_of(const alog_vocab *vocab, uint64_t fingerprint) {
    uint32_t at = (uint32_t)fingerprint & vocab->index_mask;
    while (vocab->index[at] && vocab->entries[vocab->index[at] - 1].fingerprint != fingerprint)
        at = (at + 1) & vocab->index_mask;
    return &vocab->index[at];
}

/* Places in order of length: a counting sort would need the longest text's length in memory, a merge needs none. */
static void sort_by_length(const alog_vocab *vocab, uint32_t *to, uint32_t *spare, uint32_t from, uint32_t end) {
    if (end - from < 2) return;
    const uint32_t middle = from + (end - from) / 2;
    sort_by_length(vocab, to, spare, from, middle);
    sort_by_length(vocab, to, spare, middle, end);
    uint32_t a = from, b = middle;
    for (uint32_t i = from; i < end; i++) {
        const int left = b == end || (a < middle && vocab->entries[to[a]].tokens <= vocab->entries[to[b]].tokens);
        spare[i] = left ? to[a++] : to[b++];
    }
    memcpy(to + from, spare + from, sizeof *to * (end - from));
}

static const char *build_index(alog_vocab *vocab) {
    size_t tokens = 0;
    uint32_t size = 16;
    while (size < 2 * vocab->count) size *= 2;
    if (getrandom(&vocab->seed, sizeof vocab->seed, 0) != sizeof vocab->seed) return "the system has no random numbers";
    for (uint32_t i = 0; i < vocab->count; i++) {
        entry *one = &vocab->entries[i];
        one->token = tokens;
        one->tokens = cut(vocab, one->text, NULL);
        tokens += one->tokens;
    }
    uint32_t *spare = malloc(sizeof *spare * (vocab->count + 1));
    vocab->index = calloc(size, sizeof *vocab->index);
    vocab->index_mask = size - 1;
    vocab->by_length = malloc(sizeof *vocab->by_length * (vocab->count + 1));
    vocab->tokens = malloc(sizeof *vocab->tokens * (tokens + 1));
    if (!spare || !vocab->index || !vocab->by_length || !vocab->tokens) return free(spare), "memory is out";
    int twice = 0;
    for (uint32_t i = 0; i < vocab->count; i++) {
        const entry *one = &vocab->entries[i];
        cut(vocab, one->text, vocab->tokens + one->token);
        vocab->by_length[i] = i;
        uint32_t *slot = slot_of(vocab, one->fingerprint);
        twice |= *slot != 0;
        *slot = i + 1;
    }
    sort_by_length(vocab, vocab->by_length, spare, 0, vocab->count);
    free(spare);
    return twice ? "a fingerprint stands twice in it" : NULL;
}

alog_vocab *alog_vocab_read(uint8_t *bytes, size_t len, char *why, size_t why_size) {
    alog_vocab *vocab = calloc(1, sizeof *vocab);
    if (!vocab) {
        free(bytes);
        (void)snprintf(why, why_size, "memory is out");
        return NULL;
    }
    vocab->bytes = bytes;
    alog_settings_default(&vocab->settings);
    alog_json in;
    alog_json_begin(&in, bytes, len);
    if (len > ALOG_VOCAB_BYTES) alog_json_fail(&in, "a file of at most 256 MiB");
    read_file(vocab, &in);
    const char *wrong = in.wrong ? NULL : build_index(vocab);
    if (!in.wrong && !wrong && vocab->table_count != vocab->settings.mask_count)
        wrong = "it has user masks but not their tables (mask_tables); write it anew: alogd retrain";
    if (in.wrong)
        (void)snprintf(why, why_size, "byte %zu: %s is wanted", in.at, in.wrong);
    else if (wrong)
        (void)snprintf(why, why_size, "%s", wrong);
    if (in.wrong || wrong) {
        alog_vocab_free(vocab);
        return NULL;
    }
    name_vocabulary(vocab);
    return vocab;
}

void alog_vocab_free(alog_vocab *vocab) {
    if (!vocab) return;
    free(vocab->bytes);
    free(vocab->entries);
    free(vocab->index);
    free(vocab->by_length);
    free(vocab->tokens);
    free(vocab->engine);
    free(vocab);
}

static uint32_t nearest(const alog_vocab *vocab, const uint64_t *tokens, uint32_t count) {
    uint32_t low = 0, high = vocab->count, best = ALOG_UNK, most = 0;
    while (low < high) {
        const uint32_t middle = low + (high - low) / 2;
        if (vocab->entries[vocab->by_length[middle]].tokens < count)
            low = middle + 1;
        else
            high = middle;
    }
    for (; low < vocab->count; low++) {
        const uint32_t place = vocab->by_length[low];
        if (vocab->entries[place].tokens != count) break;
        const uint64_t *other = vocab->tokens + vocab->entries[place].token;
        uint32_t equal = 0;
        for (uint32_t i = 0; i < count; i++) equal += tokens[i] == other[i];
        if (2 * (uint64_t)equal < count || equal <= most) continue;
        best = ALOG_SPECIAL + place;
        most = equal;
    }
    return best;
}

uint32_t alog_vocab_number(const alog_vocab *vocab, const uint8_t *text, size_t len) {
    const uint32_t place = *slot_of(vocab, alog_fingerprint(text, len));
    if (place) return ALOG_SPECIAL + place - 1;
    const uint32_t count = cut(vocab, (alog_span){text, len}, NULL);
    uint64_t *tokens = malloc(sizeof *tokens * count); /* once a new template */
    if (!tokens) return UINT32_MAX;
    cut(vocab, (alog_span){text, len}, tokens);
    const uint32_t number = nearest(vocab, tokens, count);
    free(tokens);
    return number;
}

uint32_t alog_vocab_size(const alog_vocab *vocab) { return ALOG_SPECIAL + vocab->count; }

alog_span alog_vocab_text(const alog_vocab *vocab, uint32_t number) {
    if (number >= ALOG_SPECIAL) return vocab->entries[number - ALOG_SPECIAL].text;
    return (alog_span){(const uint8_t *)special[number], strlen(special[number])};
}

const char *alog_vocab_hash(const alog_vocab *vocab) { return vocab->hash; }
const alog_settings *alog_vocab_settings(const alog_vocab *vocab) { return &vocab->settings; }
const alog_span *alog_vocab_tables(const alog_vocab *vocab) { return vocab->tables; }
alog_span alog_vocab_state(const alog_vocab *vocab) { return vocab->state; }

/* ---- display ------------------------------------------------------------------------------------------ */

size_t alog_display(const uint8_t *text, size_t len, uint8_t *to) {
    uint8_t *const begin = to;
    for (size_t at = 0; at < len;) {
        const uint8_t c = text[at];
        const size_t size = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
        if (size <= len - at && alog_is_utf8(text + at, size)) {
            memcpy(to, text + at, size);
            to += size;
            at += size;
            continue;
        }
        *to++ = '\\';
        *to++ = 'x';
        *to++ = (uint8_t) "0123456789abcdef"[c >> 4];
        *to++ = (uint8_t) "0123456789abcdef"[c & 15];
        at++;
    }
    return (size_t)(to - begin);
}
