/* mask_avx2.h: what mask_quick.h reads bytes with on AVX2. A byte's classes are those that a table for its low half and
 * one for its high half both name: each class is a bit and, in a table of characters, a rectangle. */
#include "mask_lanes.h"

enum { SCAN_LOW, SCAN_HIGH, SHAPE_LOW, SHAPE_HIGH, PATH_LOW, PATH_HIGH, NIBBLE, DOT, BACKSLASH, SEVEN, TABLES };

/* SCAN: 0-2 white space (0x09-0x0d, 0x1c-0x1f, 0x20), 3 '/', 4 digits, 5 '\\'.
 * SHAPE: 0 ':', 1 '/', 2 "+,-.", 3 '_', 4 and 5 letters from g on, 6 a-f, 7 digits.
 * PATH: a bit for each row of the table, what may stand in a path. */
static const uint8_t avx2_tables[TABLES][32] = {
    [SCAN_LOW] = {0x14, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x11, 0x01, 0x01, 0x23, 0x03, 0x02, 0x0a,
                  0x14, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x10, 0x11, 0x01, 0x01, 0x23, 0x03, 0x02, 0x0a},
    [SCAN_HIGH] = {0x01, 0x02, 0x0c, 0x10, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                   0x01, 0x02, 0x0c, 0x10, 0x00, 0x20, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
    [SHAPE_LOW] = {0x90, 0xd0, 0xd0, 0xd0, 0xd0, 0xd0, 0xd0, 0xb0, 0xb0, 0xb0, 0x31, 0x24, 0x24, 0x24, 0x24, 0x2a,
                   0x90, 0xd0, 0xd0, 0xd0, 0xd0, 0xd0, 0xd0, 0xb0, 0xb0, 0xb0, 0x31, 0x24, 0x24, 0x24, 0x24, 0x2a},
    [SHAPE_HIGH] = {0x00, 0x00, 0x06, 0x81, 0x60, 0x18, 0x60, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                    0x00, 0x00, 0x06, 0x81, 0x60, 0x18, 0x60, 0x10, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
    [PATH_LOW] = {0x3a, 0x7e, 0x7a, 0x7e, 0x7e, 0x7e, 0x7e, 0x7a, 0x7a, 0x7a, 0x76, 0x54, 0x50, 0x5c, 0x56, 0x7c,
                  0x3a, 0x7e, 0x7a, 0x7e, 0x7e, 0x7e, 0x7e, 0x7a, 0x7a, 0x7a, 0x76, 0x54, 0x50, 0x5c, 0x56, 0x7c},
    [PATH_HIGH] = {0x00, 0x00, 0x04, 0x08, 0x10, 0x20, 0x40, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
                   0x00, 0x00, 0x04, 0x08, 0x10, 0x20, 0x40, 0x02, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00},
    [NIBBLE] = {0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f,
                0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f, 0x0f},
    [DOT] = "................................",
    [BACKSLASH] = "\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\\",
    [SEVEN] = {7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7},
};

static inline __m256i avx2_load(const uint8_t *p) { return _mm256_loadu_si256((const __m256i *)(const void *)p); }
static inline uint64_t avx2_tops(__m256i bytes) { return (uint32_t)_mm256_movemask_epi8(bytes); }

/* The tables as memory: compilers that see what is in them make each anew with several instructions. */
static inline const uint8_t (*avx2_constants(void))[32] {
    const uint8_t(*tables)[32] = avx2_tables;
    __asm__("" : "+r"(tables));
    return tables;
}

static inline __m256i avx2_classes(__m256i bytes, const uint8_t (*tables)[32], unsigned low, unsigned high) {
    const __m256i upper = _mm256_and_si256(_mm256_srli_epi16(bytes, 4), avx2_load(tables[NIBBLE]));
    return _mm256_and_si256(_mm256_shuffle_epi8(avx2_load(tables[low]), bytes),
                            _mm256_shuffle_epi8(avx2_load(tables[high]), upper));
}

static inline void quick_copy(uint8_t *to, const uint8_t *from) {
    _mm256_storeu_si256((__m256i *)(void *)to, avx2_load(from));
}

static inline uint64_t quick_scan(const uint8_t *p, uint64_t *space, uint64_t *mark) {
    const uint8_t(*tables)[32] = avx2_constants();
    const __m256i one = avx2_load(p), two = avx2_load(p + 32), zero = _mm256_setzero_si256();
    const __m256i first = avx2_classes(one, tables, SCAN_LOW, SCAN_HIGH);
    const __m256i second = avx2_classes(two, tables, SCAN_LOW, SCAN_HIGH);
    const __m256i seven = avx2_load(tables[SEVEN]);
    *mark = avx2_tops(_mm256_cmpgt_epi8(first, seven)) | avx2_tops(_mm256_cmpgt_epi8(second, seven)) << 32;
    *space = avx2_tops(_mm256_cmpgt_epi8(first, zero)) | avx2_tops(_mm256_cmpgt_epi8(second, zero)) << 32;
    *space &= ~*mark;
    return avx2_tops(_mm256_or_si256(one, two));
}

static inline quick_class quick_shape(const uint8_t *p, uint64_t inside) {
    const uint8_t(*tables)[32] = avx2_constants();
    const __m256i bytes = avx2_load(p), classes = avx2_classes(bytes, tables, SHAPE_LOW, SHAPE_HIGH);
    const __m256i letter = _mm256_or_si256(_mm256_slli_epi16(classes, 2), _mm256_slli_epi16(classes, 3));
    const __m256i backslash = _mm256_cmpeq_epi8(bytes, avx2_load(tables[BACKSLASH]));
    quick_class c;
    c.digit = avx2_tops(classes) & inside;
    c.hex = avx2_tops(_mm256_slli_epi16(classes, 1)) & inside;
    c.letter = avx2_tops(letter) & inside;
    c.under = avx2_tops(_mm256_slli_epi16(classes, 4)) & inside;
    c.joint = avx2_tops(_mm256_slli_epi16(classes, 5)) & inside;
    c.dot = avx2_tops(_mm256_cmpeq_epi8(bytes, avx2_load(tables[DOT]))) & inside;
    c.slash = avx2_tops(_mm256_or_si256(_mm256_slli_epi16(classes, 6), backslash)) & inside;
    c.colon = avx2_tops(_mm256_slli_epi16(classes, 7)) & inside;
    return c;
}

/* Of 32 bytes, those without the bit that makes a letter small. */
static inline uint64_t quick_upper(const uint8_t *p) { return ~avx2_tops(_mm256_slli_epi16(avx2_load(p), 2)); }

/* Of 32 bytes, those that are neither of a path's parts nor a slash, and the slashes. */
static inline void quick_path(const uint8_t *p, uint64_t *others, uint64_t *slashes) {
    const __m256i bytes = avx2_load(p);
    const __m256i classes = avx2_classes(bytes, avx2_constants(), PATH_LOW, PATH_HIGH);
    *others = avx2_tops(_mm256_cmpeq_epi8(classes, _mm256_setzero_si256()));
    *slashes = avx2_tops(_mm256_cmpeq_epi8(bytes, _mm256_set1_epi8('/')));
}
