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
} alog_output;

typedef struct {
    const uint8_t *at, *end;
    uint8_t failed; /* the data end too early, or hold something that cannot be */
} alog_input;

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
