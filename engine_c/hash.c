/* hash.c: the keyed token hash as a function, the unkeyed fingerprint (BLAKE2b, RFC 7693), and the token columns. */
#include "hash.h"

#include <stdlib.h>

uint64_t alog_hash(const uint8_t *ptr, size_t len, uint64_t seed) { return alog_hash_inline(ptr, len, seed); }

/* ---- fingerprint ------------------------------------------------------------------------------------ */

static const uint64_t blake_iv[8] = {
    UINT64_C(0x6a09e667f3bcc908), UINT64_C(0xbb67ae8584caa73b), UINT64_C(0x3c6ef372fe94f82b),
    UINT64_C(0xa54ff53a5f1d36f1), UINT64_C(0x510e527fade682d1), UINT64_C(0x9b05688c2b3e6c1f),
    UINT64_C(0x1f83d9abfb41bd6b), UINT64_C(0x5be0cd19137e2179),
};

static const uint8_t blake_sigma[10][16] = {
    {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15}, {14, 10, 4, 8, 9, 15, 13, 6, 1, 12, 0, 2, 11, 7, 5, 3},
    {11, 8, 12, 0, 5, 2, 15, 13, 10, 14, 3, 6, 7, 1, 9, 4}, {7, 9, 3, 1, 13, 12, 11, 14, 2, 6, 5, 10, 4, 0, 15, 8},
    {9, 0, 5, 7, 2, 4, 10, 15, 14, 1, 11, 12, 6, 8, 3, 13}, {2, 12, 6, 10, 0, 11, 8, 3, 4, 13, 7, 5, 15, 14, 1, 9},
    {12, 5, 1, 15, 14, 13, 4, 10, 0, 7, 6, 3, 9, 2, 8, 11}, {13, 11, 7, 14, 12, 1, 3, 9, 5, 0, 15, 4, 8, 6, 2, 10},
    {6, 15, 14, 9, 11, 3, 0, 8, 12, 2, 13, 7, 1, 4, 10, 5}, {10, 2, 8, 4, 7, 6, 1, 5, 15, 11, 9, 14, 3, 12, 13, 0},
};

static uint64_t rotate_right(uint64_t x, unsigned n) { return x >> n | x << (64 - n); }

static void blake_quarter(uint64_t *v, unsigned a, unsigned b, unsigned c, unsigned d, uint64_t x, uint64_t y) {
    v[a] = v[a] + v[b] + x;
    v[d] = rotate_right(v[d] ^ v[a], 32);
    v[c] = v[c] + v[d];
    v[b] = rotate_right(v[b] ^ v[c], 24);
    v[a] = v[a] + v[b] + y;
    v[d] = rotate_right(v[d] ^ v[a], 16);
    v[c] = v[c] + v[d];
    v[b] = rotate_right(v[b] ^ v[c], 63);
}

static void blake_block(uint64_t h[8], const uint8_t block[128], uint64_t total, int last) {
    uint64_t v[16], m[16];
    for (unsigned i = 0; i < 16; i++) m[i] = alog_load64(block + (size_t)8 * i);
    for (unsigned i = 0; i < 8; i++) {
        v[i] = h[i];
        v[i + 8] = blake_iv[i];
    }
    v[12] ^= total;
    if (last) v[14] = ~v[14];
    for (unsigned round = 0; round < 12; round++) {
        const uint8_t *s = blake_sigma[round % 10];
        for (unsigned i = 0; i < 4; i++) blake_quarter(v, i, 4 + i, 8 + i, 12 + i, m[s[2 * i]], m[s[2 * i + 1]]);
        for (unsigned i = 0; i < 4; i++)
            blake_quarter(v, i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4, m[s[8 + 2 * i]], m[s[9 + 2 * i]]);
    }
    for (unsigned i = 0; i < 8; i++) h[i] ^= v[i] ^ v[i + 8];
}

uint64_t alog_fingerprint(const uint8_t *text, size_t len) {
    uint64_t h[8];
    uint8_t block[128] = {0};
    memcpy(h, blake_iv, sizeof h);
    h[0] ^= UINT64_C(0x01010000) ^ 8; /* no key, 8 bytes of digest */
    size_t at = 0;
    for (; len - at > 128; at += 128) blake_block(h, text + at, at + 128, 0);
    if (len > at) memcpy(block, text + at, len - at);
    blake_block(h, block, len, 1);
    return __builtin_bswap64(h[0]); /* a digest is printed lowest byte first */
}

/* ---- token columns ------------------------------------------------------------------------------------ */

alog_tokens *alog_tokens_new(uint32_t max_tokens, size_t max_message) {
    alog_tokens *tokens = calloc(1, sizeof *tokens);
    if (!tokens) return NULL;
    /* 64 bytes of slack, so that a masker may write whole vectors */
    tokens->text_cap = max_message > (SIZE_MAX - 64) / 3 ? 0 : 3 * max_message + 64;
    tokens->max_tokens = max_tokens;
    tokens->hash = calloc(max_tokens ? max_tokens : 1, sizeof *tokens->hash);
    tokens->offset = calloc(max_tokens ? max_tokens : 1, sizeof *tokens->offset);
    tokens->length = calloc(max_tokens ? max_tokens : 1, sizeof *tokens->length);
    tokens->flags = calloc((size_t)max_tokens + ALOG_TOKENS_SLACK, sizeof *tokens->flags);
    tokens->text = tokens->text_cap ? malloc(tokens->text_cap + ALOG_TOKENS_EXTRA) : NULL;
    if (tokens->hash && tokens->offset && tokens->length && tokens->flags && tokens->text) return tokens;
    alog_tokens_free(tokens);
    return NULL;
}

void alog_tokens_free(alog_tokens *tokens) {
    if (!tokens) return;
    free(tokens->hash);
    free(tokens->offset);
    free(tokens->length);
    free(tokens->flags);
    free(tokens->text);
    free(tokens);
}
