/* infer_model.h: a trained DeepLog, run by ONNX Runtime on one thread; detectors/deeplog.py in C.
 *
 * A row is the `window` template numbers before an event (oldest first, ALOG_PAD in front where there were fewer) and
 * the event's own. Rows go through in batches of one fixed size, filled up with empty rows, as in
 * detectors/_network.py: what stands beside a row must not change its answer. */
#ifndef ALOG_INFER_MODEL_H
#define ALOG_INFER_MODEL_H

#include "ort.h"

enum { ALOG_MODEL_BATCH = 16, ALOG_MODEL_BEST = 5, ALOG_MODEL_WINDOW = 512 };

typedef struct {
    uint32_t rank; /* how many templates were likelier (ties: the lower number first); the model's size for <unk> */
    uint32_t best[ALOG_MODEL_BEST]; /* the likeliest, likeliest first */
    double p;                       /* of the event; 0 for <unk> */
} alog_answer;

typedef struct {
    uint32_t window, k,
        size;            /* templates before an event; likeliest that count as expected; entries of the vocabulary */
    int ends;            /* sessions carry the mark of their end */
    char vocabulary[65]; /* its hash */
} alog_model_facts;

typedef struct alog_model alog_model;

/* The graph may be freed afterwards. NULL with the reason, in words for a person, in `why`. */
alog_model *alog_model_new(const alog_ort *ort, const uint8_t *graph, size_t len, char *why, size_t why_size);
void alog_model_free(alog_model *model);
const alog_model_facts *alog_model_about(const alog_model *model);

/* Answers to n <= ALOG_MODEL_BATCH rows of window + 1 numbers below the model's size. 0 with the reason in `why` when
 * the model failed. */
int alog_model_ask(alog_model *model, const uint32_t *const *rows, size_t n, alog_answer *out, char *why,
                   size_t why_size);

#endif
