/* mask_state.h: a masker from within. */
#ifndef ALOG_MASK_STATE_H
#define ALOG_MASK_STATE_H

#include "mask.h"
#include "mask_path.h"

struct alog_masker {
    uint32_t builtin;
    alog_mask_path path;
    uint64_t seed;
    uint64_t shown_hash[8]; /* of <PATH> and so on, by the number of their bit */
    size_t user_count, delimiter_count;
    alog_dfa **user;
    uint32_t user_needs[256]; /* bit i: all that user[i] matches holds this byte or another with that bit */
    uint32_t user_always;     /* bit i: user[i] needs nothing */
    alog_span *shown;         /* <NAME>, in `bytes` */
    alog_span *delimiters;    /* in `bytes` */
    uint8_t *bytes;
};

#endif
