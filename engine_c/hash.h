/* hash.h: the two hashes of the engine.
 *
 * alog_hash (declared in token.h) is keyed and fast: tokens and window keys. Its inline form is here so that
 * the masker and the token cutter can hash without a call. It never returns 0, which is kept for the wildcard.
 * alog_fingerprint is unkeyed BLAKE2b with an 8 byte digest, so that a template has the same name on every
 * host: `printf %s "text" | b2sum -l 64` prints it. */
#ifndef ALOG_HASH_H
#define ALOG_HASH_H

#include <string.h>

#include "alog.h"
#include "token.h"

static inline uint64_t alog_load64(const uint8_t *p) {
    uint64_t v;
    memcpy(&v, p, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    return v;
}

static inline void alog_store64(uint8_t *p, uint64_t v) {
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap64(v);
#endif
    memcpy(p, &v, 8);
}

static inline uint32_t alog_load32(const uint8_t *p) {
    uint32_t v;
    memcpy(&v, p, 4);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
    v = __builtin_bswap32(v);
#endif
    return v;
}

__extension__ typedef unsigned __int128 alog_u128;

static inline uint64_t alog_mix(uint64_t a, uint64_t b) {
    alog_u128 product = (alog_u128)a * b;
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The first `len` <= 8 bytes of p as a number, the lowest first. */
static inline uint64_t alog_load_upto8(const uint8_t *p, size_t len) {
    if (len == 8) return alog_load64(p);
    if (len >= 4) return alog_load32(p) | (uint64_t)alog_load32(p + len - 4) << (8 * (len - 4));
    if (len == 0) return 0;
    return p[0] | (uint64_t)p[len >> 1] << (8 * (len >> 1)) | (uint64_t)p[len - 1] << (8 * (len - 1));
}

/* The seed that hashes are made with: a drawn one as it is, a small one, given by hand, spread over all bits. With 0 as it
 * is, every text of up to eight bytes has one hash. Spreading what was spread changes nothing. */
static inline uint64_t alog_seed(uint64_t given) {
    if (given >> 32) return given;
    return alog_mix(given ^ UINT64_C(0xa0761d6478bd642f), UINT64_C(0xe7037ed1a0b428db)) | UINT64_C(1) << 63;
}

/* Two secrets are drawn from the seed: with one of them known, a text that makes a factor zero would
 * erase the rest of the token from its hash. */
static inline uint64_t alog_hash_end(uint64_t a, uint64_t b, uint64_t state, size_t len, uint64_t seed) {
    const uint64_t other = ((seed << 32) | (seed >> 32)) ^ UINT64_C(0x9e3779b97f4a7c15);
    const uint64_t h = alog_mix(alog_mix(a ^ other, b ^ state) ^ seed, len ^ other);
    return h + (h == 0);
}

/* Up to 16 bytes are two numbers, filled up with zeros, so that a vector with a mask over it can give them. */
static inline uint64_t alog_hash_inline(const uint8_t *p, size_t len, uint64_t seed) {
    const uint64_t other = ((seed << 32) | (seed >> 32)) ^ UINT64_C(0x9e3779b97f4a7c15);
    if (len <= 8) return alog_hash_end(alog_load_upto8(p, len), 0, seed, len, seed);
    const uint64_t last = alog_load64(p + len - 8);
    if (len <= 16) return alog_hash_end(alog_load64(p), last >> (8 * (16 - len)), seed, len, seed);
    uint64_t state = seed;
    for (size_t at = 0; len - at > 16; at += 16)
        state = alog_mix(alog_load64(p + at) ^ other, alog_load64(p + at + 8) ^ state);
    return alog_hash_end(alog_load64(p + len - 16), last, state, len, seed);
}

/* Same text, same value, on every host and in every version. */
uint64_t alog_fingerprint(const uint8_t *text, size_t len);

#endif
