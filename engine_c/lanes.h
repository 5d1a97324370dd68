/* lanes.h: 16 bytes at a time, where the compiler targets SSE2; whoever includes it has a way without. */
#ifndef ALOG_LANES_H
#define ALOG_LANES_H

#if defined(__SSE2__)
#define ALOG_LANES 1
#include <emmintrin.h>

#include "alog.h"

static inline __m128i alog_lane_load(const uint8_t *p) { return _mm_loadu_si128((const __m128i *)(const void *)p); }

static inline __m128i alog_lane_is(__m128i bytes, char c) { return _mm_cmpeq_epi8(bytes, _mm_set1_epi8(c)); }

/* 0xff where low <= byte <= low + width. */
static inline __m128i alog_lane_range(__m128i bytes, char low, char width) {
    const __m128i shifted = _mm_sub_epi8(bytes, _mm_set1_epi8(low));
    return _mm_cmpeq_epi8(_mm_min_epu8(shifted, _mm_set1_epi8(width)), shifted);
}

/* One bit for each byte, lowest first. */
static inline uint32_t alog_lane_bits(__m128i lane) { return (uint32_t)_mm_movemask_epi8(lane); }

#else
#define ALOG_LANES 0
#endif

#endif
