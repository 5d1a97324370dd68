/* infer_answers.h: answers a model gave to rows it saw before: logs repeat themselves, so most rows never reach it.
 *
 *     alog_answers_begin(answers);
 *     number[i] = alog_answers_want(answers, row);        at most ALOG_ANSWERS_AT_ONCE times
 *     alog_answers_settle(answers, why, sizeof why);      asks the model for those that are not known
 *     alog_answers_of(answers, number[i]);                good until the next begin
 *
 * Bounded by two generations: when the younger may not hold what comes it becomes the older, whose answers are then
 * forgotten; what is wanted again moves to the younger. Rows are compared whole. */
#ifndef ALOG_INFER_ANSWERS_H
#define ALOG_INFER_ANSWERS_H

#include "infer_model.h"

enum { ALOG_ANSWERS_AT_ONCE = 4096 };

typedef struct alog_answers alog_answers;

/* NULL when memory is out. */
alog_answers *alog_answers_new(alog_model *model, uint64_t seed);
void alog_answers_free(alog_answers *answers);

void alog_answers_begin(alog_answers *answers);
/* Copies a row of window + 1 numbers unless it is known. */
uint32_t alog_answers_want(alog_answers *answers, const uint32_t *row);
int alog_answers_settle(alog_answers *answers, char *why, size_t why_size);
const alog_answer *alog_answers_of(const alog_answers *answers, uint32_t number);

#endif
