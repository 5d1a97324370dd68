/* mask_lanes.h: what mask_quick.h reads bytes with, on vectors: 32 bytes are one `lanes`, a type of the code path's
 * file, with its lanes_load, lanes_all, lanes_is, lanes_range, lanes_or and lanes_bits (one bit for each byte's top). */
#include "lanes.h"

#define QUICK_SHAPES 1

/* A token by class: bit i is byte i; bits behind the token are 0. */
typedef struct {
    uint64_t digit, hex, letter; /* hex: a-f, A-F; letter: the others */
    uint64_t under, joint;       /* joint: one of + , - . */
    uint64_t dot, slash, colon;  /* slash: either one */
    uint64_t zero, x, upper;     /* upper: not of the small letters */
    uint64_t open, equals;       /* open: one of ( [ { */
} quick_class;

static inline uint64_t quick_scan(const uint8_t *p, uint64_t *space, uint64_t *mark) {
    const lanes one = lanes_load(p), two = lanes_load(p + 32);
    const lanes spaces = lanes_or(lanes_range(one, 0x09, 4), lanes_range(one, 0x1c, 4));
    const lanes more = lanes_or(lanes_range(two, 0x09, 4), lanes_range(two, 0x1c, 4));
    *space = lanes_bits(spaces) | lanes_bits(more) << 32;
    *mark = lanes_bits(lanes_or(lanes_range(one, '/', 10), lanes_is(one, '\\'))) |
            lanes_bits(lanes_or(lanes_range(two, '/', 10), lanes_is(two, '\\'))) << 32;
    return lanes_bits(lanes_or(one, two));
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
    c.upper = lanes_bits(lanes_range(bytes, 'A', 'Z' - 'A')) & inside;
    return c;
}

/* Of 32 bytes, those that are not of a path's parts nor a slash, and the slashes. */
static inline void quick_path(const uint8_t *p, uint64_t *others, uint64_t *slashes) {
    const lanes bytes = lanes_load(p);
    const lanes letter = lanes_range(lanes_or(bytes, lanes_all(0x20)), 'a', 'z' - 'a');
    const lanes word = lanes_or(lanes_or(letter, lanes_range(bytes, '0', 9)), lanes_is(bytes, '_'));
    const lanes joints = lanes_or(lanes_range(bytes, '*', 1), lanes_range(bytes, '-', 2)); /* * + - . / */
    const lanes first = lanes_or(lanes_range(bytes, '#', 3), lanes_is(bytes, '!'));          /* # $ % & ! */
    const lanes last = lanes_or(lanes_range(bytes, '?', 1), lanes_or(lanes_is(bytes, '='), lanes_is(bytes, '~')));
    *others = ~lanes_bits(lanes_or(lanes_or(word, joints), lanes_or(first, last)));
    *slashes = lanes_bits(lanes_is(bytes, '/'));
}
