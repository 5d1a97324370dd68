/* trial.h: whether looking for what may have been seen before is worth while.
 *
 * A memo costs a line that it does not know, and a log of which nothing comes again would pay for each of its lines. So
 * beside so many looks in vain enough must have found something, or the memo rests for a while, without being looked at or
 * added to, and is then tried anew. All is counted in lines, so that a log costs the same whenever it is read; what a memo
 * finds is what a search would, so resting changes no result. Zeroed, it begins with a trial. */
#ifndef ALOG_TRIAL_H
#define ALOG_TRIAL_H

#include <stdint.h>

enum {
    ALOG_TRIAL_MISSES = 2048,
    ALOG_TRIAL_FINDS = ALOG_TRIAL_MISSES / 8, /* a find saves some four times what a look costs */
    ALOG_TRIAL_REST = 15 * ALOG_TRIAL_MISSES, /* lines: trials in vain are a sixteenth of them */
};

typedef struct {
    uint32_t found, missed; /* since the last judgement; a find too many for 32 bits costs a rest at worst */
    uint32_t rest;          /* lines still to come without a look; 0: it looks */
} alog_trial;

/* Whether to look for this line. */
static inline int alog_trial_looks(const alog_trial *trial) { return trial->rest == 0; }

static inline void alog_trial_found(alog_trial *trial) { trial->found++; }

/* Nothing was found, or looked for. */
static inline void alog_trial_missed(alog_trial *trial) {
    if (trial->rest) {
        trial->rest--;
        return;
    }
    if (++trial->missed < ALOG_TRIAL_MISSES) return;
    if (trial->found < ALOG_TRIAL_FINDS) trial->rest = ALOG_TRIAL_REST;
    trial->found = trial->missed = 0;
}

#endif
