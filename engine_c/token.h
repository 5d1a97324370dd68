/* token.h: a masked message as columns of tokens, each known by a keyed 64-bit hash.
 *
 * Filled by the masker (mask.h), read by Drain (drain.h). Memory is allocated once, by alog_tokens_new;
 * a message with more than `max_tokens` tokens is cut there and `truncated` is set. */
#ifndef ALOG_TOKEN_H
#define ALOG_TOKEN_H

#include "alog.h"

enum {
    ALOG_TOKEN_DIGIT = 1, /* holds a character for which Python's str.isdigit() is true */
};

enum {
    ALOG_TOKENS_SLACK = 64,   /* flags that may be written behind the last */
    ALOG_TOKENS_EXTRA = 4352, /* bytes of text beyond text_cap: a message of up to 4 KiB beside its masked text */
};

typedef struct {
    uint32_t count;
    uint32_t max_tokens;
    uint64_t *hash;   /* alog_hash() of the token's bytes, after masking */
    uint32_t *offset; /* where the token begins in `text` */
    uint32_t *length;
    uint8_t *flags;
    uint8_t *text; /* the masked message, or whatever holds its tokens */
    size_t text_len;
    size_t text_cap;
    uint8_t truncated;
} alog_tokens;

/* Room for `max_tokens` tokens of a message of at most `max_message` bytes (the built-in masks never more than
 * treble a message, as "1 2 3": the buffer holds three times that). Returns NULL when memory is out. */
alog_tokens *alog_tokens_new(uint32_t max_tokens, size_t max_message);
void alog_tokens_free(alog_tokens *tokens);

/* Keyed hash of a token. Two tokens are the same to the engine when their hashes are: the seed is
 * secret and random per engine, so that log text cannot be made to collide. */
uint64_t alog_hash(const uint8_t *ptr, size_t len, uint64_t seed);

#endif
