/* watermark.c: see watermark.h; its plain twin is alogd/reference/watermark.py. */
#include "watermark.h"

#include <string.h>

void alog_watermark_init(alog_watermark *mark) {
    memset(mark, 0, sizeof *mark);
    mark->ns = ALOG_NO_TIME;
    mark->against_ns = ALOG_NO_TIME;
    mark->patience = ALOG_PATIENCE;
}

static void jump(alog_watermark *mark, int64_t stamp, uint32_t support) {
    mark->ns = stamp;
    mark->support = support;
    mark->against = 0;
    mark->against_ns = ALOG_NO_TIME;
}

static void advance(alog_watermark *mark, int64_t stamp) {
    if (stamp > alog_add_ns(mark->ns, ALOG_HOUR_NS)) {
        jump(mark, stamp, 1);
        return;
    }
    if (mark->support < ALOG_SETTLED) mark->support++;
    if (stamp > mark->ns) mark->ns = stamp;
}

static void remove_suspect(alog_watermark *mark, uint32_t i) {
    mark->suspect_count--;
    memmove(&mark->suspects[i], &mark->suspects[i + 1], (mark->suspect_count - i) * sizeof mark->suspects[0]);
}

static void add_suspect(alog_watermark *mark, uint32_t source, int64_t stamp) {
    mark->outliers++;
    if (mark->suspect_count == ALOG_SUSPECTS_MAX) remove_suspect(mark, 0);
    mark->suspects[mark->suspect_count++] = (alog_suspect){.source = source, .stamp = stamp};
}

/* The source's suspect, if it has one, is confirmed or dropped by the source's next stamp. */
static void judge_suspect(alog_watermark *mark, uint32_t source, int64_t stamp) {
    for (uint32_t i = 0; i < mark->suspect_count; i++) {
        if (mark->suspects[i].source != source) continue;
        int64_t suspect = mark->suspects[i].stamp;
        remove_suspect(mark, i);
        if (stamp >= alog_add_ns(suspect, -ALOG_HOUR_NS)) advance(mark, suspect);
        return;
    }
}

static int contradict(alog_watermark *mark, int64_t stamp, uint32_t open_keys) {
    if (mark->support >= ALOG_SETTLED) return 0;
    mark->against++;
    if (stamp > mark->against_ns) mark->against_ns = stamp;
    if (mark->against < mark->patience || mark->against < 4 * mark->support || mark->against < open_keys / 4) return 0;
    mark->undone++;
    if (mark->patience < ALOG_PATIENCE_MAX) mark->patience *= 2;
    jump(mark, mark->against_ns, mark->against < ALOG_SETTLED ? mark->against : ALOG_SETTLED);
    return 1;
}

int alog_watermark_see(alog_watermark *mark, uint32_t source, int64_t stamp, uint32_t open_keys) {
    if (stamp == ALOG_NO_TIME) return 0;
    if (mark->ns == ALOG_NO_TIME) {
        jump(mark, stamp, 1);
        return 1;
    }
    if (mark->suspect_count > 0) judge_suspect(mark, source, stamp);
    if (stamp > alog_add_ns(mark->ns, ALOG_WEEK_NS)) {
        add_suspect(mark, source, stamp);
        return 0;
    }
    if (stamp >= alog_add_ns(mark->ns, -ALOG_HOUR_NS)) {
        advance(mark, stamp);
        return 0;
    }
    mark->late++;
    return contradict(mark, stamp, open_keys);
}

int alog_watermark_vouch(alog_watermark *mark, int64_t stamp) {
    int began = mark->ns == ALOG_NO_TIME && stamp != ALOG_NO_TIME;
    if (stamp > mark->ns) jump(mark, stamp, ALOG_SETTLED);
    return began;
}
