/* alike.c: a table of two places a hash, the one used for longer first to go (alike.h). */
#include "alike.h"

#include <stdlib.h>

#include "hash.h"

enum { PLACES = 16384 }; /* a power of two; 256 KiB, in a core's second cache */

typedef struct {
    uint64_t hash, line;
} place;

struct alog_alike {
    uint64_t seed;
    place places[PLACES];
    uint8_t text[ALOG_ALIKE_MAX];
};

alog_alike *alog_alike_new(uint64_t seed) {
    alog_alike *alike = calloc(1, sizeof *alike);
    if (alike) alike->seed = seed;
    return alike;
}

void alog_alike_free(alog_alike *alike) { free(alike); }

static uint8_t is_digit(uint8_t byte) { return (uint8_t)(byte - '0') < 10; }

/* One byte, by the one before it; without branches, so that compilers make sixteen at a time. */
static inline uint8_t alike_byte(uint8_t byte, uint8_t before) {
    const uint8_t leading = (uint8_t)(byte == '0') & (uint8_t)!is_digit(before);
    return (is_digit(byte) && !leading) ? '1' : byte;
}

static inline void make_16_alike(uint8_t *to, const uint8_t *from, const uint8_t *before) {
    uint8_t bytes[16], prior[16];
    memcpy(bytes, from, 16);
    memcpy(prior, before, 16);
    for (unsigned i = 0; i < 16; i++) bytes[i] = alike_byte(bytes[i], prior[i]);
    memcpy(to, bytes, 16);
}

static inline void make_alike(uint8_t *to, const uint8_t *from, size_t len) {
    uint8_t before[16] = {0};
    if (len < 16) {
        for (size_t i = 0; i < len; i++) to[i] = alike_byte(from[i], i ? from[i - 1] : 0);
        return;
    }
    memcpy(before + 1, from, 15);
    make_16_alike(to, from, before);
    for (size_t at = 16; at + 16 <= len; at += 16) make_16_alike(to + at, from + at, from + at - 1);
    if (len > 16) make_16_alike(to + len - 16, from + len - 16, from + len - 17); /* the rest, some of it again */
}

uint64_t alog_alike_hash(alog_alike *alike, const uint8_t *message, size_t len) {
    if (len == 0 || len > ALOG_ALIKE_MAX) return 0;
    make_alike(alike->text, message, len);
    return alog_hash_inline(alike->text, len, alike->seed);
}

static size_t first_place(uint64_t hash) { return (size_t)(hash % PLACES) & ~(size_t)1; }

uint64_t alog_alike_find(const alog_alike *alike, uint64_t hash) {
    const place *at = &alike->places[first_place(hash)];
    if (at[0].hash == hash) return at[0].line;
    return at[1].hash == hash ? at[1].line : 0;
}

void alog_alike_remember(alog_alike *alike, uint64_t hash, uint64_t line) {
    place *at = &alike->places[first_place(hash)];
    if (at[0].hash != hash) at[1] = at[0];
    at[0] = (place){hash, line};
}
