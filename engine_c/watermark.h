/* watermark.h: log time of a stream, the largest plausible stamp so far.
 *
 * A lone stamp must not close every window (a clock reset to 1970, a forged line of the year 2100), and a quiet
 * log must still get on. So:
 *  - the first stamp sets it; a stamp up to 7 days ahead moves it at once (a log with one line a day gets on);
 *  - a stamp further ahead is a suspect: its record counts as being at the watermark, and the watermark moves
 *    there only when the next stamp of the same source is no more than 1 h before the suspect;
 *  - a stamp more than 1 h behind moves nothing and is counted as late;
 *  - a jump (more than 1 h) is undone when late stamps outnumber those near it 4 : 1 and are at least 16, a
 *    bound that doubles with each undo; after 1000 stamps near it, it stands for good. Going back sets the
 *    watermark to the largest of the late stamps.
 * No clock is read. Plain data, saved field by field by its owner. */
#ifndef ALOG_WATERMARK_H
#define ALOG_WATERMARK_H

#include "alog.h"

#define ALOG_HOUR_NS INT64_C(3600000000000)
#define ALOG_WEEK_NS (INT64_C(168) * ALOG_HOUR_NS)

enum {
    ALOG_SUSPECTS_MAX = 64, /* sources with a suspect; the oldest gives way, unconfirmed */
    ALOG_SETTLED = 1000,
    ALOG_PATIENCE = 16,
    ALOG_PATIENCE_MAX = 1 << 30,
};

typedef struct {
    uint32_t source;
    int64_t stamp;
} alog_suspect;

typedef struct {
    int64_t ns;       /* ALOG_NO_TIME before the first stamp */
    uint32_t support; /* stamps near it since its last jump, at most ALOG_SETTLED */
    uint32_t against; /* late stamps since then, and the largest of them */
    int64_t against_ns;
    uint32_t patience; /* late stamps, at least, before it goes back */
    uint32_t suspect_count;
    alog_suspect suspects[ALOG_SUSPECTS_MAX]; /* oldest first */
    uint64_t late, outliers, undone;
} alog_watermark;

void alog_watermark_init(alog_watermark *mark);

/* Takes one stamp (ALOG_NO_TIME is ignored). True when time began or went back: what was armed before must be
 * armed again. Going back costs its caller O(open_keys), so it waits for a quarter as many late stamps. */
int alog_watermark_see(alog_watermark *mark, uint32_t source, int64_t stamp, uint32_t open_keys);

/* Moves on to a time the caller answers for; never back. True when time began with it. */
int alog_watermark_vouch(alog_watermark *mark, int64_t stamp);

/* a + b held inside 64 bits. */
static inline int64_t alog_add_ns(int64_t a, int64_t b) {
    if (b > 0 && a > INT64_MAX - b) return INT64_MAX;
    if (b < 0 && a < INT64_MIN - b) return INT64_MIN;
    return a + b;
}

#endif
