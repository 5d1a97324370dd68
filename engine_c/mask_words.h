/* mask_words.h: what mask_quick.h reads bytes with where there are no vectors: 64-bit words. */
#include <string.h>

#include "hash.h"
#include "mask_scan.h"

#define QUICK_SHAPES 0 /* tokens with marks all go to mask_match.c */

static inline uint64_t quick_scan(const uint8_t *p, uint64_t *space, uint64_t *mark) {
    const alog_scan scan = alog_scan_words(p);
    *space = scan.space;
    *mark = scan.mark;
    return scan.high;
}

static inline quick_pair quick_half(const uint8_t *p, unsigned len) {
    if (len > 8) return (quick_pair){alog_load64(p), alog_load64(p + 8) & ~UINT64_C(0) >> (8 * (16 - len))};
    return (quick_pair){len ? alog_load64(p) & ~UINT64_C(0) >> (8 * (8 - len)) : 0, 0};
}

static inline void quick_copy(uint8_t *to, const uint8_t *from) { memcpy(to, from, 32); }
