/* mask_avx2.c: the code path of the masker for processors with AVX2 and BMI: 32 bytes are one vector. Empty where
 * the compiler does not make code for x86-64; taken only where the processor has them (mask_path.c). */
#include "mask_path.h"

#if ALOG_PATH_AVX2
#include <immintrin.h>
#include <string.h>

#include "hash.h"
#include "mask_match.h"
#include "mask_state.h"
#include "mask_text.h"
#include "unicode.h"

#if defined(__clang__)
#pragma clang attribute push(__attribute__((target("avx2,bmi,bmi2,popcnt"))), apply_to = function)
#else
#pragma GCC target("avx2,bmi,bmi2,popcnt")
#endif

#define QUICK_NAME alog_mask_avx2
#define QUICK_READS "mask_avx2.h"
#include "mask_quick.h"

#if defined(__clang__)
#pragma clang attribute pop
#endif

#endif
