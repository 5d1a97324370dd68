/* infer_answers.c: the two generations of answers (infer_answers.h). */
#include "infer_answers.h"

#include <stdlib.h>
#include <string.h>

#include "hash.h"

enum { MOST_ROWS = 65536, FEWEST_ROWS = 2 * ALOG_ANSWERS_AT_ONCE, MOST_BYTES = 32 << 20 }; /* of a generation */

typedef struct {
    uint32_t *rows; /* [cap][width] */
    alog_answer *answers;
    uint32_t *index; /* open addressing, 1 + number of a row; twice as large as cap at least */
    uint32_t count;
} generation;

struct alog_answers {
    alog_model *model;
    uint32_t width, cap, index_mask;
    uint64_t seed;
    generation young, old;
    uint32_t asked[ALOG_ANSWERS_AT_ONCE], asked_count; /* numbers of rows without an answer */
};

static int make(const alog_answers *answers, generation *one) {
    one->rows = malloc(sizeof *one->rows * answers->cap * answers->width);
    one->answers = malloc(sizeof *one->answers * answers->cap);
    one->index = calloc((size_t)answers->index_mask + 1, sizeof *one->index);
    return one->rows && one->answers && one->index;
}

static void drop(generation *one) {
    free(one->rows);
    free(one->answers);
    free(one->index);
}

alog_answers *alog_answers_new(alog_model *model, uint64_t seed) {
    alog_answers *answers = calloc(1, sizeof *answers);
    if (!answers) return NULL;
    answers->model = model;
    answers->seed = seed;
    answers->width = alog_model_about(model)->window + 1;
    const size_t room = MOST_BYTES / (sizeof(uint32_t) * answers->width + sizeof(alog_answer));
    answers->cap = room > MOST_ROWS ? MOST_ROWS : room < FEWEST_ROWS ? FEWEST_ROWS : (uint32_t)room;
    answers->index_mask = 2 * MOST_ROWS - 1;
    if (make(answers, &answers->young) && make(answers, &answers->old)) return answers;
    alog_answers_free(answers);
    return NULL;
}

void alog_answers_free(alog_answers *answers) {
    if (!answers) return;
    drop(&answers->young);
    drop(&answers->old);
    free(answers);
}

void alog_answers_begin(alog_answers *answers) {
    if (answers->cap - answers->young.count >= ALOG_ANSWERS_AT_ONCE) return;
    const generation old = answers->old;
    answers->old = answers->young;
    answers->young = old;
    answers->young.count = 0;
    memset(answers->young.index, 0, sizeof *old.index * ((size_t)answers->index_mask + 1));
}

static uint32_t *row_at(const alog_answers *answers, const generation *one, uint32_t number) {
    return one->rows + (size_t)number * answers->width;
}

/* Where a row stands in the index, or would. */
static uint32_t *slot_of(const alog_answers *answers, const generation *one, const uint32_t *row, uint64_t hash) {
    const size_t size = sizeof *row * answers->width;
    uint32_t at = (uint32_t)hash & answers->index_mask;
    while (one->index[at] && memcmp(row_at(answers, one, one->index[at] - 1), row, size) != 0)
        at = (at + 1) & answers->index_mask;
    return &one->index[at];
}

uint32_t alog_answers_want(alog_answers *answers, const uint32_t *row) {
    const uint64_t hash = alog_hash((const uint8_t *)row, sizeof *row * answers->width, answers->seed);
    generation *young = &answers->young;
    uint32_t *slot = slot_of(answers, young, row, hash);
    if (*slot) return *slot - 1;
    const uint32_t number = young->count++;
    *slot = number + 1;
    memcpy(row_at(answers, young, number), row, sizeof *row * answers->width);
    const uint32_t older = *slot_of(answers, &answers->old, row, hash);
    if (older)
        young->answers[number] = answers->old.answers[older - 1];
    else
        answers->asked[answers->asked_count++] = number;
    return number;
}

int alog_answers_settle(alog_answers *answers, char *why, size_t why_size) {
    const uint32_t *rows[ALOG_MODEL_BATCH];
    alog_answer found[ALOG_MODEL_BATCH];
    for (uint32_t at = 0; at < answers->asked_count; at += ALOG_MODEL_BATCH) {
        const uint32_t left = answers->asked_count - at, n = left < ALOG_MODEL_BATCH ? left : ALOG_MODEL_BATCH;
        for (uint32_t i = 0; i < n; i++) rows[i] = row_at(answers, &answers->young, answers->asked[at + i]);
        if (!alog_model_ask(answers->model, rows, n, found, why, why_size)) return 0;
        for (uint32_t i = 0; i < n; i++) answers->young.answers[answers->asked[at + i]] = found[i];
    }
    answers->asked_count = 0;
    return 1;
}

const alog_answer *alog_answers_of(const alog_answers *answers, uint32_t number) {
    return &answers->young.answers[number];
}
