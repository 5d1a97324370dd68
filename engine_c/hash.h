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

/* Two secrets are drawn from the seed: with one of them known, a text that makes a factor zero would
 * erase the rest of the token from its hash. */
static inline uint64_t alog_hash_inline(const uint8_t *p, size_t len, uint64_t seed) {
    const uint64_t other = ((seed << 32) | (seed >> 32)) ^ UINT64_C(0x9e3779b97f4a7c15);
    uint64_t a, b, state = seed;
    if (len >= 8) {
        size_t at = 0;
        for (; len - at > 16; at += 16) state = alog_mix(alog_load64(p + at) ^ other, alog_load64(p + at + 8) ^ state);
        a = len > 16 ? alog_load64(p + len - 16) : alog_load64(p);
        b = alog_load64(p + len - 8);
    } else if (len >= 4) {
        a = alog_load32(p);
        b = alog_load32(p + len - 4);
    } else if (len > 0) {
        a = (uint64_t)p[0] << 16 | (uint64_t)p[len >> 1] << 8 | p[len - 1];
        b = 0;
    } else {
        a = b = 0;
    }
    uint64_t h = alog_mix(alog_mix(a ^ other, b ^ state) ^ seed, len ^ other);
    return h | (h == 0);
}

/* Same text, same value, on every host and in every version. */
uint64_t alog_fingerprint(const uint8_t *text, size_t len);

#endif
