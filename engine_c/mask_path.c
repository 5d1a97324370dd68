/* mask_path.c: chooses the masker's code path when a masker is made. */
#include "mask_path.h"

#include <stdlib.h>
#include <string.h>

enum { PATHS_MAX = 3 };

#if ALOG_PATH_AVX2
static int has_avx2(void) {
    __builtin_cpu_init();
    return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") &&
           __builtin_cpu_supports("popcnt");
}
#endif

size_t alog_mask_paths(alog_mask_path *out, size_t cap) {
    alog_mask_path found[PATHS_MAX];
    size_t count = 0;
#if ALOG_PATH_AVX2
    if (has_avx2()) found[count++] = (alog_mask_path){"avx2", alog_mask_avx2};
#endif
#if ALOG_PATH_SSE2
    found[count++] = (alog_mask_path){"sse2", alog_mask_sse2};
#endif
    found[count++] = (alog_mask_path){"plain", alog_mask_plain};
    if (count > cap) count = cap;
    memcpy(out, found, count * sizeof *out);
    return count;
}

alog_mask_path alog_mask_path_chosen(void) {
    alog_mask_path paths[PATHS_MAX];
    const size_t count = alog_mask_paths(paths, PATHS_MAX);
    const char *wanted = getenv("ALOGD_CPU");
    for (size_t i = 0; wanted && i < count; i++)
        if (strcmp(paths[i].name, wanted) == 0) return paths[i];
    return paths[0];
}
