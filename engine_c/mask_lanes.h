/* mask_lanes.h: what mask_quick.h reads bytes with, on vectors: 32 bytes are one `lanes`, a type of the code path's
 * file, with its lanes_load, lanes_all, lanes_is, lanes_range, lanes_or and lanes_bits (one bit for each byte's top). */
#include "lanes.h"

#define QUICK_SHAPES 1

static inline void quick_scan(const uint8_t *p, uint64_t *space, uint64_t *mark) {
    uint64_t spaces[2], marks[2];
    for (unsigned i = 0; i < 2; i++) {
        const lanes bytes = lanes_load(p + 32 * i);
        const lanes slashes = lanes_or(lanes_range(bytes, '/', 10), lanes_is(bytes, '\\'));
        spaces[i] = lanes_bits(lanes_or(lanes_range(bytes, 0x09, 4), lanes_range(bytes, 0x1c, 4)));
        marks[i] = lanes_bits(lanes_or(slashes, bytes)); /* of the bytes themselves the top bits */
    }
    *space = spaces[0] | spaces[1] << 32;
    *mark = marks[0] | marks[1] << 32;
}

static inline quick_pair quick_half(const uint8_t *p, unsigned len) {
    static const uint8_t kept[32] = {
        0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
    };
    const __m128i both = _mm_and_si128(alog_lane_load(p), alog_lane_load(kept + 16 - len));
    return (quick_pair){(uint64_t)_mm_cvtsi128_si64(both), (uint64_t)_mm_cvtsi128_si64(_mm_unpackhi_epi64(both, both))};
}

static inline quick_class quick_shape(const uint8_t *p, uint64_t inside) {
    const lanes bytes = lanes_load(p), lower = lanes_or(bytes, lanes_all(0x20));
    quick_class c;
    c.digit = lanes_bits(lanes_range(bytes, '0', 9)) & inside;
    c.hex = lanes_bits(lanes_range(lower, 'a', 5)) & inside;
    c.letter = lanes_bits(lanes_range(lower, 'g', 'z' - 'g')) & inside;
    c.under = lanes_bits(lanes_is(bytes, '_')) & inside;
    c.joint = lanes_bits(lanes_range(bytes, '+', 3)) & inside;
    c.dot = lanes_bits(lanes_is(bytes, '.')) & inside;
    c.slash = lanes_bits(lanes_or(lanes_is(bytes, '/'), lanes_is(bytes, '\\'))) & inside;
    c.colon = lanes_bits(lanes_is(bytes, ':')) & inside;
    c.zero = lanes_bits(lanes_is(bytes, '0')) & inside;
    c.x = lanes_bits(lanes_is(lower, 'x')) & inside;
    c.open = lanes_bits(lanes_or(lanes_is(bytes, '('), lanes_is(lower, '{'))) & inside;
    c.equals = lanes_bits(lanes_is(bytes, '=')) & inside;
    c.high = lanes_bits(bytes) & inside;
    return c;
}
