/* mask_sse2.c: the code path of the masker for every x86-64 processor: 32 bytes are two vectors. Empty elsewhere. */
#include "mask_path.h"

#if ALOG_PATH_SSE2
#define QUICK_NAME alog_mask_sse2
#define QUICK_READS "mask_sse2.h"
#include "mask_quick.h"
#endif
