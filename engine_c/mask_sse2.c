/* mask_sse2.c: the code path of the masker for every x86-64 processor: 32 bytes are two vectors. Empty elsewhere. */
#include "mask_path.h"

#if ALOG_PATH_SSE2
#include "lanes.h"

typedef struct {
    __m128i low, high;
} lanes;

static inline lanes lanes_load(const uint8_t *p) { return (lanes){alog_lane_load(p), alog_lane_load(p + 16)}; }
static inline lanes lanes_all(char c) { return (lanes){_mm_set1_epi8(c), _mm_set1_epi8(c)}; }

static inline lanes lanes_is(lanes bytes, char c) {
    return (lanes){alog_lane_is(bytes.low, c), alog_lane_is(bytes.high, c)};
}

static inline lanes lanes_or(lanes a, lanes b) {
    return (lanes){_mm_or_si128(a.low, b.low), _mm_or_si128(a.high, b.high)};
}

static inline uint64_t lanes_bits(lanes bytes) {
    return alog_lane_bits(bytes.low) | alog_lane_bits(bytes.high) << 16;
}

static inline lanes lanes_range(lanes bytes, char low, char width) {
    return (lanes){alog_lane_range(bytes.low, low, width), alog_lane_range(bytes.high, low, width)};
}

static inline void quick_copy(uint8_t *to, const uint8_t *from) {
    const lanes bytes = lanes_load(from);
    _mm_storeu_si128((__m128i *)(void *)to, bytes.low);
    _mm_storeu_si128((__m128i *)(void *)(to + 16), bytes.high);
}

#define QUICK_NAME alog_mask_sse2
#define QUICK_READS "mask_lanes.h"
#include "mask_quick.h"

#endif
