/* snapshot.c: the primitives of saved state (snapshot.h). */
#include "snapshot.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

static const uint8_t magic[8] = {'A', 'L', 'O', 'G', 'S', 'N', 'A', 'P'};
static const uint64_t checksum_seed = UINT64_C(0x616c6f6764);

static int grow(alog_output *out, size_t len) {
    size_t cap = out->cap ? out->cap : 4096;
    while (cap - out->len < len && cap < SIZE_MAX / 2) cap *= 2;
    uint8_t *bytes = out->fixed || cap - out->len < len ? NULL : realloc(out->bytes, cap);
    if (!bytes) return 0;
    out->bytes = bytes;
    out->cap = cap;
    return 1;
}

uint8_t *alog_put_room(alog_output *out, size_t len) {
    if (out->failed) return NULL;
    if (out->fixed && !out->bytes) {
        out->len += len;
        return NULL;
    }
    if (len > out->cap - out->len && !grow(out, len)) {
        out->failed = 1;
        return NULL;
    }
    uint8_t *room = out->bytes + out->len;
    out->len += len;
    return room;
}

static void store_le(uint8_t *p, uint64_t value, size_t bytes) {
    for (size_t i = 0; i < bytes; i++) p[i] = (uint8_t)(value >> (8 * i));
}

static void put_le(alog_output *out, uint64_t value, size_t bytes) {
    uint8_t *p = alog_put_room(out, bytes);
    if (p) store_le(p, value, bytes);
}

void alog_put_u8(alog_output *out, uint8_t value) { put_le(out, value, 1); }
void alog_put_u32(alog_output *out, uint32_t value) { put_le(out, value, 4); }
void alog_put_u64(alog_output *out, uint64_t value) { put_le(out, value, 8); }

void alog_put_bytes(alog_output *out, const void *ptr, size_t len) {
    uint8_t *p = alog_put_room(out, len);
    if (p && len) memcpy(p, ptr, len);
}

void alog_put_span(alog_output *out, const void *ptr, size_t len) {
    if (len >= UINT32_MAX) out->failed = 1;
    alog_put_u32(out, (uint32_t)len);
    alog_put_bytes(out, ptr, len);
}

static const uint8_t *take(alog_input *in, size_t len) {
    if (in->failed || len > (size_t)(in->end - in->at)) {
        in->failed = 1;
        return NULL;
    }
    const uint8_t *p = in->at;
    in->at += len;
    return p;
}

static uint64_t get_le(alog_input *in, size_t bytes) {
    const uint8_t *p = take(in, bytes);
    uint64_t value = 0;
    for (size_t i = 0; p && i < bytes; i++) value |= (uint64_t)p[i] << (8 * i);
    return value;
}

uint8_t alog_get_u8(alog_input *in) { return (uint8_t)get_le(in, 1); }
uint32_t alog_get_u32(alog_input *in) { return (uint32_t)get_le(in, 4); }
uint64_t alog_get_u64(alog_input *in) { return get_le(in, 8); }

void alog_get_bytes(alog_input *in, void *ptr, size_t len) {
    const uint8_t *p = take(in, len);
    if (p && len) memcpy(ptr, p, len);
    if (!p) memset(ptr, 0, len);
}

alog_span alog_get_run(alog_input *in, size_t len) {
    const uint8_t *p = take(in, len);
    return (alog_span){p, p ? len : 0};
}

alog_span alog_get_span(alog_input *in) { return alog_get_run(in, alog_get_u32(in)); }

void alog_snapshot_begin(alog_output *out) {
    alog_put_bytes(out, magic, sizeof magic);
    alog_put_u32(out, ALOG_SNAPSHOT_VERSION);
    alog_put_u64(out, 0);
    alog_put_u64(out, 0);
}

void alog_snapshot_end(alog_output *out) {
    if (out->failed || !out->bytes) return;
    const size_t len = out->len - ALOG_SNAPSHOT_HEADER;
    store_le(out->bytes + 12, len, 8);
    store_le(out->bytes + 20, alog_hash_inline(out->bytes + ALOG_SNAPSHOT_HEADER, len, checksum_seed), 8);
}

alog_status alog_snapshot_open(const uint8_t *data, size_t len, alog_input *in) {
    alog_input head = {data, data + len, 0};
    const uint8_t *name = take(&head, sizeof magic);
    if (!name || memcmp(name, magic, sizeof magic) != 0) return ALOG_CORRUPT;
    if (alog_get_u32(&head) != ALOG_SNAPSHOT_VERSION) return ALOG_CORRUPT;
    const uint64_t payload = alog_get_u64(&head), checksum = alog_get_u64(&head);
    if (head.failed || payload != (uint64_t)(head.end - head.at)) return ALOG_CORRUPT;
    if (alog_hash_inline(head.at, (size_t)payload, checksum_seed) != checksum) return ALOG_CORRUPT;
    *in = head;
    return ALOG_OK;
}
