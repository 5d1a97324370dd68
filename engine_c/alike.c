/* alike.c: a table of two places a hash, the one used for longer first to go (alike.h). */
#include "alike.h"

#include <stdlib.h>

#include "hash.h"
#include "lanes.h"
#include "trial.h"

enum { PLACES = 16384 }; /* a power of two; 256 KiB, in a core's second cache */

typedef struct {
    uint64_t hash, line;
} place;

struct alog_alike {
    uint64_t seed;
    alog_trial trial;
    place places[PLACES];
    uint8_t text[ALOG_ALIKE_MAX];
};

alog_alike *alog_alike_new(uint64_t seed) {
    alog_alike *alike = calloc(1, sizeof *alike);
    if (alike) alike->seed = seed;
    return alike;
}

void alog_alike_free(alog_alike *alike) { free(alike); }

/* Every digit is a '1' then, but a '0' with no digit before it. Eight bytes, the lowest first; `before` has the top bit of
 * its lowest byte set when a digit stands before them, and gets it for what follows. */
static inline uint64_t alike_8(uint64_t word, uint64_t *before) {
    const uint64_t tops = UINT64_C(0x8080808080808080), ones = UINT64_C(0x0101010101010101);
    const uint64_t v = word ^ ones * '0', low = v & ~tops; /* digits are their values, '0' is 0 */
    const uint64_t digits = ~((low + ones * (0x80 - 10)) | v) & tops, zeros = ~((low + ~tops) | v) & tops;
    const uint64_t behind = digits << 8 | *before;
    const uint64_t changed = ((digits & (behind | ~zeros)) >> 7) * 0xff;
    *before = digits >> 56;
    return (word & ~changed) | (ones * '1' & changed);
}

static uint64_t digit_at(const uint8_t *p) { return (uint8_t)(*p - '0') < 10 ? 0x80 : 0; }

static void make_words_alike(uint8_t *to, const uint8_t *from, size_t len) {
    uint64_t before = 0;
    size_t at = 0;
    for (; len - at >= 8; at += 8) alog_store64(to + at, alike_8(alog_load64(from + at), &before));
    if (at == len) return;
    if (at) { /* the last eight, some of them again */
        before = len > 8 ? digit_at(from + len - 9) : 0;
        alog_store64(to + len - 8, alike_8(alog_load64(from + len - 8), &before));
        return;
    }
    uint8_t last[8];
    alog_store64(last, alike_8(alog_load_upto8(from, len), &before));
    memcpy(to, last, len);
}

#if ALOG_LANES
static inline void make_16_alike(uint8_t *to, __m128i bytes, __m128i before) {
    const __m128i digits = alog_lane_range(bytes, '0', 9), behind = alog_lane_range(before, '0', 9);
    const __m128i kept = _mm_andnot_si128(behind, alog_lane_is(bytes, '0'));
    const __m128i changed = _mm_andnot_si128(kept, digits);
    const __m128i made = _mm_or_si128(_mm_andnot_si128(changed, bytes), _mm_and_si128(changed, _mm_set1_epi8('1')));
    _mm_storeu_si128((__m128i *)(void *)to, made);
}

static inline void make_alike(uint8_t *to, const uint8_t *from, size_t len) {
    if (len < 16) {
        make_words_alike(to, from, len);
        return;
    }
    const __m128i first = alog_lane_load(from);
    make_16_alike(to, first, _mm_slli_si128(first, 1));
    for (size_t at = 16; at + 16 <= len; at += 16)
        make_16_alike(to + at, alog_lane_load(from + at), alog_lane_load(from + at - 1));
    if (len > 16) /* the rest, some of it again */
        make_16_alike(to + len - 16, alog_lane_load(from + len - 16), alog_lane_load(from + len - 17));
}
#else
static inline void make_alike(uint8_t *to, const uint8_t *from, size_t len) { make_words_alike(to, from, len); }
#endif

uint64_t alog_alike_hash(alog_alike *alike, const uint8_t *message, size_t len) {
    if (len == 0 || len > ALOG_ALIKE_MAX || !alog_trial_looks(&alike->trial)) return 0;
    make_alike(alike->text, message, len);
    return alog_hash_inline(alike->text, len, alike->seed);
}

static size_t first_place(uint64_t hash) { return (size_t)(hash % PLACES) & ~(size_t)1; }

uint64_t alog_alike_find(const alog_alike *alike, uint64_t hash) {
    const place *at = &alike->places[first_place(hash)];
    if (at[0].hash == hash) return at[0].line;
    return at[1].hash == hash ? at[1].line : 0;
}

void alog_alike_spared(alog_alike *alike) { alog_trial_found(&alike->trial); }

void alog_alike_failed(alog_alike *alike) { alog_trial_missed(&alike->trial); }

void alog_alike_remember(alog_alike *alike, uint64_t hash, uint64_t line) {
    place *at = &alike->places[first_place(hash)];
    if (at[0].hash != hash) at[1] = at[0];
    at[0] = (place){hash, line};
}
