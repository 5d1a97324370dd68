/* mask_scan.h: the class scan of the masker: 64 bytes of text to bit masks, lowest bit first.
 *
 * One function, two ways to do it: SSE2 where the compiler targets it, else 64-bit words. A wider variant
 * (AVX2, AVX-512) is another definition of alog_scan_block with the same result. */
#ifndef ALOG_MASK_SCAN_H
#define ALOG_MASK_SCAN_H

#include <string.h>

#include "alog.h"

typedef struct {
    uint64_t space; /* ASCII white space of str.split(): 0x09-0x0d, 0x1c-0x20 */
    uint64_t mark;  /* '/', '0'-'9', '\\': without one of them only a MAC or a UUID of letters can be masked */
    uint64_t colon;
    uint64_t dash;
    uint64_t high; /* 0x80-0xff: part of a character beyond ASCII */
} alog_scan;

#if defined(__SSE2__)
#include <emmintrin.h>

/* 1 bits where low <= byte <= low + width */
static inline __m128i alog_scan_range(__m128i bytes, char low, char width) {
    const __m128i shifted = _mm_sub_epi8(bytes, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(shifted, _mm_set1_epi8(width)), shifted);
}

static inline uint64_t alog_scan_bits(__m128i lanes, unsigned lane) {
    return (uint64_t)(uint32_t)_mm_movemask_epi8(lanes) << (16 * lane);
}

/* Reads `lanes` times 16 bytes; bits behind them are 0. */
static inline alog_scan alog_scan_lanes(const uint8_t *p, unsigned lanes) {
    alog_scan scan = {0, 0, 0, 0, 0};
    for (unsigned i = 0; i < lanes; i++) {
        const __m128i bytes = _mm_loadu_si128((const __m128i *)(const void *)(p + 16 * i));
        const __m128i space = _mm_or_si128(alog_scan_range(bytes, 0x09, 4), alog_scan_range(bytes, 0x1c, 4));
        const __m128i mark = _mm_or_si128(alog_scan_range(bytes, '/', 10), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\\')));
        scan.space |= alog_scan_bits(space, i);
        scan.mark |= alog_scan_bits(mark, i);
        scan.colon |= alog_scan_bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8(':')), i);
        scan.dash |= alog_scan_bits(_mm_cmpeq_epi8(bytes, _mm_set1_epi8('-')), i);
        scan.high |= alog_scan_bits(bytes, i);
    }
    return scan;
}

static inline alog_scan alog_scan_block(const uint8_t *p) { return alog_scan_lanes(p, 4); }

/* As alog_scan_block for the last `len` < 64 bytes: what is behind them reads as space. */
static inline alog_scan alog_scan_last(const uint8_t *p, size_t len) {
    const unsigned whole = (unsigned)(len / 16), rest = (unsigned)(len % 16);
    alog_scan scan = alog_scan_lanes(p, whole);
    if (rest) {
        uint8_t lane[16] = {0};
        memcpy(lane, p + 16 * whole, rest);
        const alog_scan last = alog_scan_lanes(lane, 1);
        scan.space |= last.space << (16 * whole);
        scan.mark |= last.mark << (16 * whole);
        scan.colon |= last.colon << (16 * whole);
        scan.dash |= last.dash << (16 * whole);
        scan.high |= last.high << (16 * whole);
    }
    scan.space |= ~UINT64_C(0) << len;
    return scan;
}

#else

#define ALOG_SCAN_LOW UINT64_C(0x0101010101010101)
#define ALOG_SCAN_TOP UINT64_C(0x8080808080808080)

/* Top bit of each byte where low <= byte < high; bytes must be below 0x80, and so must low and high. */
static inline uint64_t alog_scan_range(uint64_t bytes, uint64_t low, uint64_t high) {
    return ((bytes + ALOG_SCAN_LOW * (0x80 - low)) & ~(bytes + ALOG_SCAN_LOW * (0x80 - high))) & ALOG_SCAN_TOP;
}

/* The top bits of 8 bytes as 8 bits. */
static inline uint64_t alog_scan_bits(uint64_t tops) { return ((tops >> 7) * UINT64_C(0x0102040810204080)) >> 56; }

/* Reads 64 bytes. */
static inline alog_scan alog_scan_block(const uint8_t *p) {
    alog_scan scan = {0, 0, 0, 0, 0};
    for (unsigned i = 0; i < 8; i++) {
        uint64_t bytes;
        memcpy(&bytes, p + 8 * i, 8);
#if defined(__BYTE_ORDER__) && __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
        bytes = __builtin_bswap64(bytes);
#endif
        const uint64_t high = bytes & ALOG_SCAN_TOP, low = bytes & ~ALOG_SCAN_TOP;
        const uint64_t space = alog_scan_range(low, 0x09, 0x0e) | alog_scan_range(low, 0x1c, 0x21);
        const uint64_t mark = alog_scan_range(low, '/', ':') | alog_scan_range(low, '\\', ']');
        scan.space |= alog_scan_bits(space & ~high) << (8 * i);
        scan.mark |= alog_scan_bits(mark & ~high) << (8 * i);
        scan.colon |= alog_scan_bits(alog_scan_range(low, ':', ';') & ~high) << (8 * i);
        scan.dash |= alog_scan_bits(alog_scan_range(low, '-', '.') & ~high) << (8 * i);
        scan.high |= alog_scan_bits(high) << (8 * i);
    }
    return scan;
}

/* As alog_scan_block for the last `len` < 64 bytes: what is behind them reads as space. */
static inline alog_scan alog_scan_last(const uint8_t *p, size_t len) {
    uint8_t block[64];
    memset(block, ' ', sizeof block);
    memcpy(block, p, len);
    return alog_scan_block(block);
}

#endif

#endif
