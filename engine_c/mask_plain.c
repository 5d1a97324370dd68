/* mask_plain.c: the code path of the masker in plain C. */
#define QUICK_NAME alog_mask_plain
#define QUICK_READS "mask_words.h"
#include "mask_quick.h"
