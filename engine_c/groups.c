/* groups.c: see groups.h. */
#include "groups.h"

static int64_t row_of(const uint64_t *keys, const int64_t *order, size_t count, uint64_t group) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = low + (high - low) / 2;
        if (keys[middle] < group)
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && keys[low] == group ? order[low] + 1 : 0;
}

void alog_group_rows(const uint64_t *keys, const int64_t *order, size_t count, const uint64_t *group, size_t n,
                     int64_t *out) {
    for (size_t i = 0; i < n; i++)
        out[i] = i > 0 && group[i] == group[i - 1] ? out[i - 1] : row_of(keys, order, count, group[i]);
}
