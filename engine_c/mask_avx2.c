/* mask_avx2.c: the code path of the masker for processors with AVX2 and BMI: 32 bytes are one vector. Empty where
 * the compiler does not make code for x86-64; taken only where the processor has them (mask_path.c). */
#include "mask_path.h"

#if ALOG_PATH_AVX2
#include <immintrin.h>
#include <string.h>

#include "hash.h"
#include "mask_match.h"
#include "mask_state.h"
#include "mask_text.h"
#include "unicode.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,popcnt")
#endif

typedef __m256i lanes;

static inline lanes lanes_load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
static inline lanes lanes_all(char c) { return _mm256_set1_epi8(c); }
static inline lanes lanes_is(lanes bytes, char c) { return _mm256_cmpeq_epi8(bytes, _mm256_set1_epi8(c)); }
static inline lanes lanes_or(lanes a, lanes b) { return _mm256_or_si256(a, b); }
static inline uint64_t lanes_bits(lanes bytes) { return (uint32_t)_mm256_movemask_epi8(bytes); }

/* 0xff where low <= byte <= low + width. */
static inline lanes lanes_range(lanes bytes, char low, char width) {
    const __m256i shifted = _mm256_sub_epi8(bytes, _mm256_set1_epi8(low));
    return _mm256_cmpeq_epi8(_mm256_min_epu8(shifted, _mm256_set1_epi8(width)), shifted);
}

static inline void quick_copy(uint8_t *to, const uint8_t *from) {
    _mm256_storeu_si256((__m256i *)(void *)to, lanes_load(from));
}

#define QUICK_NAME alog_mask_avx2
#define QUICK_READS "mask_lanes.h"
#include "mask_quick.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
