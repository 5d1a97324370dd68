/* infer_sha256.h: SHA-256 (FIPS 180-4), piece by piece: the name of a vocabulary. */
#ifndef ALOG_INFER_SHA256_H
#define ALOG_INFER_SHA256_H

#include "alog.h"

typedef struct {
    uint32_t h[8];
    uint64_t total; /* bytes so far */
    uint8_t block[64];
} alog_sha256;

void alog_sha256_begin(alog_sha256 *sum);
void alog_sha256_add(alog_sha256 *sum, const void *bytes, size_t len);
/* 64 hexadecimal digits and a NUL. */
void alog_sha256_end(alog_sha256 *sum, char hex[65]);

#endif
