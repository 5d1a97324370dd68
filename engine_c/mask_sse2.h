/* mask_sse2.h: what mask_quick.h reads bytes with on SSE2: classes are ranges of bytes. */
#include "mask_lanes.h"

typedef struct {
    __m128i low, high;
} lanes;

static inline lanes lanes_load(const uint8_t *p) { return (lanes){alog_lane_load(p), alog_lane_load(p + 16)}; }

static inline lanes lanes_is(lanes bytes, char c) {
    return (lanes){alog_lane_is(bytes.low, c), alog_lane_is(bytes.high, c)};
}

static inline lanes lanes_or(lanes a, lanes b) {
    return (lanes){_mm_or_si128(a.low, b.low), _mm_or_si128(a.high, b.high)};
}

static inline uint64_t lanes_bits(lanes bytes) { return alog_lane_bits(bytes.low) | alog_lane_bits(bytes.high) << 16; }

static inline lanes lanes_range(lanes bytes, char low, char width) {
    return (lanes){alog_lane_range(bytes.low, low, width), alog_lane_range(bytes.high, low, width)};
}

static inline lanes lanes_lower(lanes bytes) {
    const __m128i bit = _mm_set1_epi8(0x20);
    return lanes_or(bytes, (lanes){bit, bit});
}

static inline void quick_copy(uint8_t *to, const uint8_t *from) {
    const lanes bytes = lanes_load(from);
    _mm_storeu_si128((__m128i *)(void *)to, bytes.low);
    _mm_storeu_si128((__m128i *)(void *)(to + 16), bytes.high);
}

static inline uint64_t quick_scan(const uint8_t *p, uint64_t *space, uint64_t *mark) {
    const lanes one = lanes_load(p), two = lanes_load(p + 32);
    *space = lanes_bits(lanes_or(lanes_range(one, 0x09, 4), lanes_range(one, 0x1c, 4))) |
             lanes_bits(lanes_or(lanes_range(two, 0x09, 4), lanes_range(two, 0x1c, 4))) << 32;
    *mark = lanes_bits(lanes_or(lanes_range(one, '/', 10), lanes_is(one, '\\'))) |
            lanes_bits(lanes_or(lanes_range(two, '/', 10), lanes_is(two, '\\'))) << 32;
    return lanes_bits(lanes_or(one, two));
}

static inline quick_class quick_shape(const uint8_t *p, uint64_t inside) {
    const lanes bytes = lanes_load(p), lower = lanes_lower(bytes);
    quick_class c;
    c.digit = lanes_bits(lanes_range(bytes, '0', 9)) & inside;
    c.hex = lanes_bits(lanes_range(lower, 'a', 5)) & inside;
    c.letter = lanes_bits(lanes_range(lower, 'g', 'z' - 'g')) & inside;
    c.under = lanes_bits(lanes_is(bytes, '_')) & inside;
    c.joint = lanes_bits(lanes_range(bytes, '+', 3)) & inside;
    c.dot = lanes_bits(lanes_is(bytes, '.')) & inside;
    c.slash = lanes_bits(lanes_or(lanes_is(bytes, '/'), lanes_is(bytes, '\\'))) & inside;
    c.colon = lanes_bits(lanes_is(bytes, ':')) & inside;
    return c;
}

/* Of 32 bytes, the capital letters. */
static inline uint64_t quick_upper(const uint8_t *p) { return lanes_bits(lanes_range(lanes_load(p), 'A', 'Z' - 'A')); }

/* Of 32 bytes, those that are neither of a path's parts nor a slash, and the slashes. */
static inline void quick_path(const uint8_t *p, uint64_t *others, uint64_t *slashes) {
    const lanes bytes = lanes_load(p);
    const lanes letter = lanes_range(lanes_lower(bytes), 'a', 'z' - 'a');
    const lanes word = lanes_or(lanes_or(letter, lanes_range(bytes, '0', 9)), lanes_is(bytes, '_'));
    const lanes joints = lanes_or(lanes_range(bytes, '*', 1), lanes_range(bytes, '-', 2)); /* * + - . / */
    const lanes first = lanes_or(lanes_range(bytes, '#', 3), lanes_is(bytes, '!'));        /* # $ % & ! */
    const lanes last = lanes_or(lanes_range(bytes, '?', 1), lanes_or(lanes_is(bytes, '='), lanes_is(bytes, '~')));
    *others = ~lanes_bits(lanes_or(lanes_or(word, joints), lanes_or(first, last)));
    *slashes = lanes_bits(lanes_is(bytes, '/'));
}
