/* mask_match.h: the careful half of the masker: where in a text the next mask matches, as the alternation of
 * alogd/reference/masks.py finds it. Looks are bounded, nothing is read twice more than a constant number of times. */
#ifndef ALOG_MASK_MATCH_H
#define ALOG_MASK_MATCH_H

#include "alog.h"

typedef struct {
    size_t begin, end;
    uint32_t mask; /* ALOG_MASK_*, or 0 for text that is kept as it is (main.c:12) */
} alog_match;

/* What is searched: text[from, stop) of `len` bytes; matches may end behind `stop`, and looking back sees the bytes before
 * `from`. `colon` may be 0 when there is none in [from, stop). */
typedef struct {
    const uint8_t *text;
    size_t len, stop;
    uint32_t masks;
    int colon;
} alog_search;

/* The first match that begins in [from, stop); 0 when none. */
int alog_mask_next(const alog_search *search, size_t from, alog_match *match);

/* <IP> for ALOG_MASK_IP and so on; 8 bytes may be read there. */
static inline alog_span alog_mask_shown(uint32_t mask) {
    static const uint8_t shown[8][8] = {
        "<PATH>", "<HEX>", "<IP>", "<MAC>", "<UUID>", "<PID>", {'<', 'D', 'E', 'V', 'I', 'C', 'E', '>'}, "<NUM>"};
    static const uint8_t lengths[8] = {6, 5, 4, 5, 6, 5, 8, 5};
    const unsigned number = (unsigned)__builtin_ctz(mask);
    return (alog_span){shown[number], lengths[number]};
}

#endif
