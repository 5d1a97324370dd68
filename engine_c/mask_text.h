/* mask_text.h: a text as the alternatives of the masks read it. Each is a function that returns where its match at `i`
 * ends, 0 when there is none; bytes outside the text read as NUL, which no pattern names. */
#ifndef ALOG_MASK_TEXT_H
#define ALOG_MASK_TEXT_H

#include <string.h>

#include "hash.h"
#include "lanes.h"
#include "mask_class.h"

typedef struct {
    const uint8_t *p;
    size_t n;
} alog_text;

static inline uint8_t at(alog_text t, size_t i) { return i < t.n ? t.p[i] : 0; }
static inline uint8_t before(alog_text t, size_t i, size_t back) { return i >= back ? t.p[i - back] : 0; }
static inline int is(uint8_t c, unsigned classes) { return (alog_class[c] & classes) != 0; }
static inline int digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }

/* Where the digits from i on end, eight bytes a step. */
static inline size_t run_digits(alog_text t, size_t i) {
    for (; t.n - i >= 8; i += 8) {
        const uint64_t low = alog_load64(t.p + i) ^ UINT64_C(0x3030303030303030);
        const uint64_t others = ((low + UINT64_C(0x7676767676767676)) | low) & UINT64_C(0x8080808080808080);
        if (others) return i + ((unsigned)__builtin_ctzll(others) >> 3);
    }
    while (i < t.n && digit(t.p[i])) i++;
    return i;
}

static inline size_t run(alog_text t, size_t i, unsigned classes) {
    while (i < t.n && is(t.p[i], classes)) i++;
    return i;
}

/* Where the letters from i on end. */
static inline size_t run_letters(alog_text t, size_t i) {
#if ALOG_LANES
    for (; t.n - i >= 16; i += 16) {
        const __m128i lower = _mm_or_si128(alog_lane_load(t.p + i), _mm_set1_epi8(0x20));
        const uint32_t others = alog_lane_bits(alog_lane_range(lower, 'a', 'z' - 'a')) ^ 0xffff;
        if (others) return i + (unsigned)__builtin_ctz(others);
    }
#endif
    return run(t, i, CLASS_LETTER);
}

static inline size_t run_upto(alog_text t, size_t i, unsigned classes, size_t most) {
    const size_t stop = t.n - i < most ? t.n : i + most;
    while (i < stop && is(t.p[i], classes)) i++;
    return i;
}

static inline int begins(alog_text t, size_t i, const char *word, size_t len) {
    return t.n - i >= len && memcmp(t.p + i, word, len) == 0;
}

size_t alog_match_uuid(alog_text t, size_t i);
size_t alog_match_mac(alog_text t, size_t i);
size_t alog_match_ipv4(alog_text t, size_t i);
size_t alog_match_ipv6(alog_text t, size_t i);

/* A host and its port (*mask becomes ALOG_MASK_IP) or a place in a file (0), each if `masks` has its mask. */
size_t alog_match_named(alog_text t, size_t i, uint32_t masks, uint32_t *mask);

/* /dev/..., and a device's name; `letters` is where the run of letters from i on ends. */
size_t alog_match_dev(alog_text t, size_t i);
size_t alog_match_device(alog_text t, size_t i, size_t letters);

#endif
