/* mask_scan.h: the class scan of the masker: 64 bytes of text to bit masks, lowest bit first.
 *
 * One function, two ways to do it: SSE2 where the compiler targets it, else 64-bit words. */
#ifndef ALOG_MASK_SCAN_H
#define ALOG_MASK_SCAN_H

#include <string.h>

#include "alog.h"
#include "lanes.h"

typedef struct {
    uint64_t space; /* ASCII white space of str.split(): 0x09-0x0d, 0x1c-0x20 */
    uint64_t mark;  /* '/', '0'-'9', '\\': without one of them only a MAC or a UUID of letters can be masked */
    uint64_t colon;
    uint64_t dash;
    uint64_t high; /* 0x80-0xff: part of a character beyond ASCII */
} alog_scan;

#define ALOG_SCAN_LOW UINT64_C(0x0101010101010101)
#define ALOG_SCAN_TOP UINT64_C(0x8080808080808080)

/* Top bit of each byte where low <= byte < high; bytes must be below 0x80, and so must low and high. */
static inline uint64_t alog_scan_range(uint64_t bytes, uint64_t low, uint64_t high) {
    return ((bytes + ALOG_SCAN_LOW * (0x80 - low)) & ~(bytes + ALOG_SCAN_LOW * (0x80 - high))) & ALOG_SCAN_TOP;
}

/* The top bits of 8 bytes as 8 bits. */
static inline uint64_t alog_scan_tops(uint64_t tops) { return ((tops >> 7) * UINT64_C(0x0102040810204080)) >> 56; }

/* Reads 64 bytes. */
static inline alog_scan alog_scan_words(const uint8_t *p) {
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
        scan.space |= alog_scan_tops(space & ~high) << (8 * i);
        scan.mark |= alog_scan_tops(mark & ~high) << (8 * i);
        scan.colon |= alog_scan_tops(alog_scan_range(low, ':', ';') & ~high) << (8 * i);
        scan.dash |= alog_scan_tops(alog_scan_range(low, '-', '.') & ~high) << (8 * i);
        scan.high |= alog_scan_tops(high) << (8 * i);
    }
    return scan;
}

#if ALOG_LANES

static inline uint64_t alog_scan_bits(__m128i lanes, unsigned lane) {
    return (uint64_t)alog_lane_bits(lanes) << (16 * lane);
}

/* Reads `lanes` times 16 bytes; bits behind them are 0. */
static inline alog_scan alog_scan_lanes(const uint8_t *p, unsigned lanes) {
    alog_scan scan = {0, 0, 0, 0, 0};
    for (unsigned i = 0; i < lanes; i++) {
        const __m128i bytes = alog_lane_load(p + 16 * i);
        const __m128i space = _mm_or_si128(alog_lane_range(bytes, 0x09, 4), alog_lane_range(bytes, 0x1c, 4));
        const __m128i mark = _mm_or_si128(alog_lane_range(bytes, '/', 10), alog_lane_is(bytes, '\\'));
        scan.space |= alog_scan_bits(space, i);
        scan.mark |= alog_scan_bits(mark, i);
        scan.colon |= alog_scan_bits(alog_lane_is(bytes, ':'), i);
        scan.dash |= alog_scan_bits(alog_lane_is(bytes, '-'), i);
        scan.high |= alog_scan_bits(bytes, i);
    }
    return scan;
}

static inline alog_scan alog_scan_block(const uint8_t *p) { return alog_scan_lanes(p, 4); }

/* `seen` of 64 bytes whose last `len` < 64 are wanted; what is behind them reads as space. */
static inline alog_scan alog_scan_behind(alog_scan seen, size_t len) {
    const unsigned gone = (unsigned)(64 - len);
    return (alog_scan){seen.space >> gone | ~UINT64_C(0) << len, seen.mark >> gone, seen.colon >> gone,
                       seen.dash >> gone, seen.high >> gone};
}

/* As alog_scan_block for the last `len` < 64 bytes of a text of which `before` precede them. */
static inline alog_scan alog_scan_last(const uint8_t *p, size_t len, size_t before) {
    if (before + len >= 64) return alog_scan_behind(alog_scan_block(p + len - 64), len);
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

static inline alog_scan alog_scan_block(const uint8_t *p) { return alog_scan_words(p); }

static inline alog_scan alog_scan_last(const uint8_t *p, size_t len, size_t before) {
    (void)before;
    uint8_t block[64];
    memset(block, ' ', sizeof block);
    memcpy(block, p, len);
    return alog_scan_block(block);
}

#endif

/* The 64 bytes from text[at] on; what is behind the text reads as space. */
static inline alog_scan alog_scan_at(const uint8_t *text, size_t len, size_t at) {
    return len - at < 64 ? alog_scan_last(text + at, len - at, at) : alog_scan_block(text + at);
}

#endif
