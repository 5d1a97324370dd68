/* mask_lanes.h: what the code paths with vectors have in common of what mask_quick.h asks for. */
#include "lanes.h"

#define QUICK_SHAPES 1

/* A token by class: bit i is byte i; bits behind the token are 0. */
typedef struct {
    uint64_t digit, hex, letter; /* hex: a-f, A-F; letter: the others */
    uint64_t under, joint;       /* joint: one of + , - . */
    uint64_t dot, slash, colon;  /* slash: either one */
} quick_class;

static inline quick_pair quick_half(const uint8_t *p, unsigned len) {
    static const uint8_t kept[32] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    };
    const __m128i both = _mm_and_si128(alog_lane_load(p), alog_lane_load(kept + 16 - len));
    return (quick_pair){(uint64_t)_mm_cvtsi128_si64(both), (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(both, both))};
}
