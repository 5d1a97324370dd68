/* groups.h: the row of a per-group table that each window belongs to (alogd/detectors/_groups.py). */
#ifndef ALOG_GROUPS_H
#define ALOG_GROUPS_H

#include "alog.h"

/* out, (n,): order[k] + 1 where group is keys[k], (count,) ascending; 0 for a group that is not there. */
void alog_group_rows(const uint64_t *keys, const int64_t *order, size_t count, const uint64_t *group, size_t n,
                     int64_t *out);

#endif
