/* fuzz_leaf.c: any sequence of token lists: a leaf with postings must answer as a scan of it does, before and after a
 * restart.
 *
 * Input: 4 bytes of settings, then a byte for each choice: the length of a line, its words out of a few, and now and
 * then a repeat, so that clusters match, lose words, are evicted, and leaves get and lose their postings. */
#include <stdlib.h>
#include <string.h>

#include "drain.h"
#include "hash.h"
#include "token.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_TOKENS = 40, LINES_A_BYTE = 8, MOST_LINES = 4096 };

static uint64_t next_random(uint64_t *state) {
    *state ^= *state << 13;
    *state ^= *state >> 7;
    *state ^= *state << 17;
    return *state;
}

static void put_word(alog_tokens *tokens, uint32_t place, uint32_t word, uint64_t seed) {
    uint8_t *text = tokens->text + (size_t)place * 4;
    const int star = word == 0 && place % 3 == 0;
    const uint8_t bytes[3] = {(uint8_t)('a' + word % 26), (uint8_t)('a' + word / 26 % 26), (uint8_t)('a' + word / 676)};
    memcpy(text, star ? (const uint8_t *)"<*>" : bytes, 3);
    tokens->offset[place] = place * 4;
    tokens->length[place] = 3;
    tokens->flags[place] = word % 7 == 6 ? ALOG_TOKEN_DIGIT : 0;
    tokens->hash[place] = alog_hash(text, 3, seed);
}

static void make_line(alog_tokens *tokens, uint8_t choice, uint64_t *state, const alog_drain_config *config) {
    const uint32_t words = (choice & 64 ? 40u : 1u) * (2u + (choice & 31u));
    tokens->count = choice & 128 ? (uint32_t)(next_random(state) % config->max_tokens) : 6;
    for (uint32_t i = 0; i < tokens->count; i++)
        put_word(tokens, i, i == 0 && choice & 32 ? 1 : (uint32_t)(next_random(state) % words), config->seed);
}

static void learn(alog_drain *drain, const alog_tokens *tokens) {
    uint32_t best, equal;
    alog_match match;
    const uint32_t scanned = alog_drain_find(drain, tokens, &best, &equal);
    const alog_status status = alog_drain_add(drain, tokens, &match);
    if (status == ALOG_OK && match.change == ALOG_CREATED ? scanned != 0 : scanned != match.slot) abort();
}

static alog_drain *restart(alog_drain *drain, const alog_drain_config *config) {
    alog_output out = {0};
    alog_status status;
    alog_drain_save(drain, &out);
    if (out.failed) abort();
    alog_drain *again = alog_drain_new(config, &status);
    alog_input in = {.at = out.bytes, .end = out.bytes + out.len};
    if (!again || alog_drain_load(again, &in) != ALOG_OK) abort();
    if (alog_drain_memory(again) != alog_drain_memory(drain)) abort();
    free(out.bytes);
    alog_drain_free(drain);
    return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 5) return 0;
    const uint32_t caps[4] = {0, 30, 100, 1000};
    const alog_drain_config config = {.depth = 3 + data[0] % 3,
                                      .sim_th = (data[0] >> 4) / 15.0,
                                      .max_children = 1 + data[1] % 8,
                                      .max_clusters = caps[data[1] >> 6],
                                      .numeric = data[1] >> 5 & 1,
                                      .max_tokens = MOST_TOKENS,
                                      .max_memory = data[2] & 1 ? 1 << 17 : 1 << 22,
                                      .seed = alog_seed(data[3])};
    alog_status status;
    alog_drain *drain = alog_drain_new(&config, &status);
    alog_tokens *tokens = alog_tokens_new(MOST_TOKENS, (size_t)MOST_TOKENS * 4);
    if (!drain || !tokens) abort();
    uint64_t state = data[2] * UINT64_C(0x9e3779b97f4a7c15) + 1;
    for (size_t i = 4; i < size && (i - 4) * LINES_A_BYTE < MOST_LINES; i++) {
        for (int k = 0; k < LINES_A_BYTE; k++) {
            make_line(tokens, data[i], &state, &config);
            learn(drain, tokens);
        }
        if (data[i] % 61 == 60) drain = restart(drain, &config);
    }
    alog_tokens_free(tokens);
    alog_drain_free(drain);
    return 0;
}
