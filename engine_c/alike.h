/* alike.h: messages that differ in nothing but the digits of their numbers have the same masked tokens; which, is
 * remembered, so that such a message is neither masked nor cut again.
 *
 * No mask looks at which digit stands where a digit is asked for, but at a 0 that a run of digits begins with (0x1f, and
 * 00001234, which is hexadecimal); see alogd/reference/masks.py. So with every other digit made a 1, two messages
 * that are the same bytes have the same tokens, unless these hold digits themselves (a place such as main.c:52 keeps
 * its own): those are not remembered, and nothing is where user masks or delimiters tell digits apart.
 *
 * What is remembered is true whatever Drain has learned; a message is known by a keyed 64-bit hash, as tokens are.
 * Where it spares too little, it rests now and then (trial.h). */
#ifndef ALOG_ALIKE_H
#define ALOG_ALIKE_H

#include "alog.h"

enum { ALOG_ALIKE_MAX = 4096 }; /* bytes of a message; longer ones are not remembered */

typedef struct alog_alike alog_alike;

/* 260 KB. NULL when memory is out. */
alog_alike *alog_alike_new(uint64_t seed);
void alog_alike_free(alog_alike *alike);

/* The hash of a message with its digits made alike; 0 for one that is too long, and for all while this rests. */
uint64_t alog_alike_hash(alog_alike *alike, const uint8_t *message, size_t len);
/* What was remembered of messages with this hash, or 0. */
uint64_t alog_alike_find(const alog_alike *alike, uint64_t hash);
/* For each message: whether masking it was spared. */
void alog_alike_spared(alog_alike *alike);
void alog_alike_failed(alog_alike *alike);
void alog_alike_remember(alog_alike *alike, uint64_t hash, uint64_t line);

#endif
