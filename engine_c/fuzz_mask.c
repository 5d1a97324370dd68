/* fuzz_mask.c: any message under any masks, users' tables (sound and damaged), delimiters and bounds.
 *
 * Besides what the sanitizers see: tokens stand in the text, in order, without white space and with their hash and
 * digit flag; a bound cuts what the unbounded run gives; masking by pieces (a users' mask that finds nothing more than
 * the empty delimiter list does) and masking token by token are the same; so are all code paths (mask_path.h). */
#include "mask.h"

#include <stdlib.h>
#include <string.h>

#include "mask_path.h"
#include "unicode.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { SETTINGS = 8, MESSAGE_MAX = 4096, TABLE_MAX = 600 };

static void check(int holds) {
    if (!holds) abort();
}

static int is_space(const uint8_t *text, size_t len, size_t i) {
    const uint8_t c = text[i];
    if (c >= 0x80) return alog_wide_space(text, len, i) != 0;
    return (c >= 9 && c <= 13) || (c >= 0x1c && c <= 0x20);
}

static void check_tokens(const alog_tokens *tokens, uint64_t seed) {
    size_t at = 0;
    check(tokens->count <= tokens->max_tokens && tokens->text_len <= tokens->text_cap);
    for (uint32_t i = 0; i < tokens->count; i++) {
        const size_t begin = tokens->offset[i], end = begin + tokens->length[i];
        check(begin < end && at <= begin && end <= tokens->text_len);
        for (size_t gap = at; gap < begin; gap++)
            check(tokens->text[gap] >= 0x80 || is_space(tokens->text, begin, gap));
        for (size_t j = begin; j < end; j++) check(!is_space(tokens->text, end, j));
        check(tokens->hash[i] == alog_hash(tokens->text + begin, end - begin, seed));
        check(!!(tokens->flags[i] & ALOG_TOKEN_DIGIT) == alog_has_digit(tokens->text + begin, end - begin));
        at = end;
    }
    if (tokens->truncated) check(tokens->text_len == at);
    for (; at < tokens->text_len; at++) check(tokens->text[at] >= 0x80 || is_space(tokens->text, tokens->text_len, at));
}

static void check_same(const alog_tokens *one, const alog_tokens *other, uint32_t count) {
    check(one->count >= count && other->count >= count);
    for (uint32_t i = 0; i < count; i++) {
        check(one->hash[i] == other->hash[i] && one->length[i] == other->length[i] && one->flags[i] == other->flags[i]);
        check(one->offset[i] == other->offset[i]);
    }
}

static void put32(uint8_t *to, uint32_t value) {
    for (unsigned i = 0; i < 4; i++) to[i] = (uint8_t)(value >> (8 * i));
}

/* A sound table, for one byte and those of its class: states dead, start, matched. */
static size_t write_table(uint8_t *table, uint8_t byte, uint8_t loops) {
    static const uint32_t head[8] = {1, 3, 2, 1, 256, 1, 1, 1};
    memcpy(table, "ALGD", 4);
    for (unsigned i = 0; i < 8; i++) put32(table + 4 + 4 * i, head[i]);
    memset(table + 36, 0, 256 + 3 * 12);
    table[36 + byte] = 1;
    uint8_t *accept = table + 36 + 256, *next = accept + 3 * 8;
    memset(accept, 0xff, 2 * 8);
    next[2 * 3] = 2;
    next[2 * 5] = loops & 1 ? 2 : 0;
    return (size_t)(next + 3 * 4 - table);
}

/* Every code path, where it takes the message, gives what `want` has; whatever room its tokens have. */
static void check_paths(const alog_masker *masker, const uint8_t *message, size_t len, const alog_tokens *want,
                        alog_tokens *out) {
    alog_mask_path paths[8];
    for (size_t k = alog_mask_paths(paths, 8); k-- > 0;) {
        if (!paths[k].mask(masker, message, len, out)) continue;
        check(!out->truncated && out->count == want->count);
        for (uint32_t i = 0; i < out->count; i++) {
            check(out->hash[i] == want->hash[i] && out->flags[i] == want->flags[i]);
            check(out->length[i] == want->length[i]);
            check(memcmp(out->text + out->offset[i], want->text + want->offset[i], out->length[i]) == 0);
        }
    }
}

typedef struct {
    alog_mask_config config;
    alog_span tables[2], names[2], delimiters[2];
    uint8_t bytes[2][TABLE_MAX];
} setup;

/* data: masks, users, delimiters, their bytes, damage. */
static void read_setup(setup *s, const uint8_t *data) {
    static const uint8_t spaced[] = " :", accented[] = "\xc3\xa9";
    memset(s, 0, sizeof *s);
    for (unsigned i = 0; i < 2; i++) {
        s->tables[i] = (alog_span){s->bytes[i], write_table(s->bytes[i], data[3 + i], data[1] >> 4)};
        s->names[i] = (alog_span){(const uint8_t *)"USER", 1 + (data[1] >> (2 + i) & 3u)};
        s->delimiters[i] = i ? (alog_span){accented, 2} : (alog_span){spaced, 1 + (data[2] >> 2 & 1u)};
    }
    if (data[5]) s->bytes[0][(data[5] * 7u + data[6]) % s->tables[0].len] ^= data[5];
    s->config = (alog_mask_config){
        .builtin = data[0],
        .user_tables = s->tables,
        .user_names = s->names,
        .user_count = data[1] & 3 ? (data[1] & 3) - 1u : 0,
        .delimiters = s->delimiters,
        .delimiter_count = data[2] & 3 ? (data[2] & 3) - 1u : 0,
        .seed = data[7],
    };
}

static alog_masker *masker_of(const alog_mask_config *config) {
    alog_status status = ALOG_OK;
    alog_masker *masker = alog_masker_new(config, &status);
    check((masker != NULL) == (status == ALOG_OK));
    return masker;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static setup s;
    if (size < SETTINGS || size > SETTINGS + MESSAGE_MAX) return 0;
    read_setup(&s, data);
    const uint8_t *message = data + SETTINGS;
    const size_t len = size - SETTINGS;
    alog_tokens *wide = alog_tokens_new(MESSAGE_MAX + 1, 16 * (len + 1)),
                *other = alog_tokens_new(MESSAGE_MAX + 1, 16 * (len + 1));
    alog_tokens *narrow = alog_tokens_new(data[7] % 32u, data[6] * 4u);
    check(wide && other && narrow);
    alog_masker *masker = masker_of(&s.config);
    if (masker) {
        alog_mask_tokens(masker, message, len, wide);
        check_tokens(wide, s.config.seed);
        check(!wide->truncated);
        alog_mask_tokens(masker, message, len, narrow);
        check_tokens(narrow, s.config.seed);
        check_same(narrow, wide, narrow->count);
        check(narrow->truncated || narrow->count == wide->count);
        alog_masker_free(masker);
    }
    /* the two ways through: token by token, and the whole message for the sake of a delimiter that is not in it */
    static const uint8_t absent[] = "\xf4\x8f\xbf\xbf";
    const alog_span delimiter = {absent, 4};
    alog_mask_config plain = {.builtin = data[0], .seed = data[7]};
    masker = masker_of(&plain);
    check(masker != NULL);
    alog_mask_tokens(masker, message, len, wide);
    check_tokens(wide, plain.seed);
    alog_masker_free(masker);
    plain.delimiters = &delimiter;
    plain.delimiter_count = 1;
    masker = masker_of(&plain);
    check(masker != NULL);
    alog_mask_tokens(masker, message, len, other);
    alog_masker_free(masker);
    size_t absent_at = 0;
    while (absent_at + 4 <= len && memcmp(message + absent_at, absent, 4) != 0) absent_at++;
    if (absent_at + 4 > len) {
        check(wide->count == other->count);
        for (uint32_t i = 0; i < wide->count; i++)
            check(wide->hash[i] == other->hash[i] && wide->flags[i] == other->flags[i]);
    }
    plain = (alog_mask_config){.builtin = ALOG_MASK_ALL, .seed = data[7]};
    masker = masker_of(&plain);
    check(masker != NULL);
    alog_mask_tokens(masker, message, len, wide);
    check_paths(masker, message, len, wide, other);
    check_paths(masker, message, len, wide, narrow);
    alog_masker_free(masker);
    alog_tokens_free(wide);
    alog_tokens_free(other);
    alog_tokens_free(narrow);
    return 0;
}
