/* mask_path.h: the code paths of the masker, and which of them is taken.
 *
 * All paths give the same tokens; they differ in speed. The widest that compiler and processor have is taken, unless
 * the environment names another in ALOGD_CPU (plain, sse2, avx2): what is unknown or not there is passed over.
 * A wider path is a file like mask_avx2.c, a line in mask_path.c, and its name here. */
#ifndef ALOG_MASK_PATH_H
#define ALOG_MASK_PATH_H

#include "mask.h"

#if defined(__x86_64__) && defined(__SSE2__)
#define ALOG_PATH_SSE2 1
#else
#define ALOG_PATH_SSE2 0
#endif
#if defined(__x86_64__)
#define ALOG_PATH_AVX2 1
#else
#define ALOG_PATH_AVX2 0
#endif

/* Masks a message with all masks and cuts it: tokens as alog_mask_line gives them. Returns 0 for a message it does not
 * take; `out` is then undefined. */
typedef int alog_mask_quick(const alog_masker *masker, const uint8_t *message, size_t len, alog_tokens *out);

alog_mask_quick alog_mask_plain;
#if ALOG_PATH_SSE2
alog_mask_quick alog_mask_sse2;
#endif
#if ALOG_PATH_AVX2
alog_mask_quick alog_mask_avx2;
#endif

typedef struct {
    const char *name;
    alog_mask_quick *mask;
} alog_mask_path;

/* The path to take, by processor and environment. */
alog_mask_path alog_mask_path_chosen(void);

/* The paths that this processor has, the widest first; at most `cap` of them are written. */
size_t alog_mask_paths(alog_mask_path *out, size_t cap);

#endif
