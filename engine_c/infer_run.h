/* infer_run.h: from a log's bytes to its anomalies: engine, numbers, histories, answers, results, in blocks.
 *
 * Nothing depends on how the bytes were cut: templates are known by their first text, rows by their history. */
#ifndef ALOG_INFER_RUN_H
#define ALOG_INFER_RUN_H

#include "infer_answers.h"
#include "infer_engine.h"
#include "infer_results.h"
#include "infer_vocab.h"

enum { ALOG_RUN_BLOCK = 256 << 10 }; /* most bytes of a block */

typedef struct alog_run alog_run;

/* Nothing is owned but what it makes. NULL when memory is out. */
alog_run *alog_run_new(const alog_mined *mined, const alog_vocab *vocab, alog_model *model, alog_results *results,
                       uint32_t k, uint32_t most_keys);
void alog_run_free(alog_run *run);

/* Each of these: 0 when the run has failed, and alog_run_wrong says why. */
int alog_run_feed(alog_run *run, const uint8_t *block, size_t len, int sync);
int alog_run_anew(alog_run *run);              /* what comes next is another file's beginning */
int alog_run_settle(alog_run *run, int ended); /* judges the last record; `ended`: its last line is whole */
const char *alog_run_wrong(const alog_run *run);

const alog_totals *alog_run_totals(alog_run *run);

#endif
