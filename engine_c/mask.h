/* mask.h: replaces the parts of a message that vary by nature (paths, addresses, numbers ...) by
 * <PATH> <HEX> <IP> <MAC> <UUID> <PID> <DEVICE> <NUM>, and cuts the result into tokens, in one pass.
 *
 * The meaning of every mask is fixed by the regular expressions in alogd/reference/masks.py; this file
 * must give the same text on every input. Tokens are cut as Python's str.split() does after Drain3's
 * extra delimiters became spaces (Unicode white space included; bytes that are not UTF-8 are content). */
#ifndef ALOG_MASK_H
#define ALOG_MASK_H

#include "dfa.h"
#include "token.h"

enum {
    ALOG_MASK_PATH = 1 << 0,
    ALOG_MASK_HEX = 1 << 1,
    ALOG_MASK_IP = 1 << 2,
    ALOG_MASK_MAC = 1 << 3,
    ALOG_MASK_UUID = 1 << 4,
    ALOG_MASK_PID = 1 << 5,
    ALOG_MASK_DEVICE = 1 << 6,
    ALOG_MASK_NUM = 1 << 7,
    ALOG_MASK_ALL = 0xff,
};

typedef struct {
    uint32_t builtin;             /* ALOG_MASK_* of the masks that are on; 0 = text is taken as it is */
    const alog_span *user_tables; /* compiled by alogd/engine/dfa.py; applied before the built-in masks, in order */
    const alog_span *user_names;  /* "BLK" is shown as <BLK>; UTF-8, not empty */
    size_t user_count;
    const alog_span *delimiters; /* Drain3's extra_delimiters; UTF-8, not empty */
    size_t delimiter_count;
    uint64_t seed; /* of alog_hash */
} alog_mask_config;

typedef struct alog_masker alog_masker;

/* Copies all it needs. NULL with *status set: ALOG_INVALID for an unknown mask bit, a name or a delimiter that is empty
 * or not UTF-8; ALOG_CORRUPT for a damaged table; ALOG_NOMEM. */
alog_masker *alog_masker_new(const alog_mask_config *config, alog_status *status);
void alog_masker_free(alog_masker *masker);

/* Whether neither user masks nor delimiters tell one digit from another; no built-in mask does (alike.h). */
int alog_masker_digits_alike(const alog_masker *masker);

/* Masks and cuts one message. Never fails: one with too many tokens, or too long once masked, is cut between tokens
 * (tokens->truncated). With delimiters the text is as they leave it: stripped, and each of them a space.
 * Many threads may use one masker, each with tokens of its own. */
void alog_mask_tokens(const alog_masker *masker, const uint8_t *message, size_t len, alog_tokens *out);

/* The same tokens, much faster for most messages; where in the text they stand means nothing. */
void alog_mask_line(const alog_masker *masker, const uint8_t *message, size_t len, alog_tokens *out);

#endif
