/* snapshot.h: little-endian writing and bounds-checked reading of saved state.
 *
 * An output that ran out of memory and an input that met something wrong keep failing; one check at the end is
 * enough. Inputs return 0 after a failure, never bytes that are not there.
 *
 * File: magic "ALOGSNAP", u32 version, u64 length of the payload, u64 checksum of the payload, payload. */
#ifndef ALOG_SNAPSHOT_H
#define ALOG_SNAPSHOT_H

#include "alog.h"

enum { ALOG_SNAPSHOT_VERSION = 1, ALOG_SNAPSHOT_HEADER = 28 };

typedef struct {
    uint8_t *bytes;
    size_t len, cap;
    uint8_t failed; /* memory is out */
    uint8_t fixed;  /* `bytes` is the caller's and does not grow; NULL: nothing is written, `len` alone counts */
} alog_output;

typedef struct {
    const uint8_t *at, *end;
    uint8_t failed; /* the data end too early, or hold something that cannot be */
} alog_input;

/* Room for so many bytes, to be filled by the caller; NULL when they are counted only, or memory is out. */
uint8_t *alog_put_room(alog_output *out, size_t len);
/* Lays a number down in such room; returns what follows it. */
static inline uint8_t *alog_lay_u32(uint8_t *p, uint32_t value) {
    for (size_t i = 0; i < 4; i++) p[i] = (uint8_t)(value >> (8 * i));
    return p + 4;
}
static inline uint8_t *alog_lay_u64(uint8_t *p, uint64_t value) {
    return alog_lay_u32(alog_lay_u32(p, (uint32_t)value), (uint32_t)(value >> 32));
}

void alog_put_u8(alog_output *out, uint8_t value);
void alog_put_u32(alog_output *out, uint32_t value);
void alog_put_u64(alog_output *out, uint64_t value);
void alog_put_bytes(alog_output *out, const void *ptr, size_t len);
void alog_put_span(alog_output *out, const void *ptr, size_t len); /* u32 length, bytes */

uint8_t alog_get_u8(alog_input *in);
uint32_t alog_get_u32(alog_input *in);
uint64_t alog_get_u64(alog_input *in);
void alog_get_bytes(alog_input *in, void *ptr, size_t len);
alog_span alog_get_run(alog_input *in, size_t len); /* points into the data */
alog_span alog_get_span(alog_input *in);            /* u32 length, bytes */

/* Reserves the header, and fills it in when the payload is complete. */
void alog_snapshot_begin(alog_output *out);
void alog_snapshot_end(alog_output *out);
/* Checks magic, version, length and checksum, and sets an input on the payload. ALOG_CORRUPT otherwise. */
alog_status alog_snapshot_open(const uint8_t *data, size_t len, alog_input *in);

#endif
