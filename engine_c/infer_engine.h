/* infer_engine.h: the engine a model was trained with: its settings, and the templates it had learned. */
#ifndef ALOG_INFER_ENGINE_H
#define ALOG_INFER_ENGINE_H

#include "infer_vocab.h"

typedef struct {
    alog_engine *engine;
    uint8_t header; /* alog_header_kind of its sources */
} alog_mined;

/* With the state that was saved beside the vocabulary (NULL: it has learned nothing). 0 with the reason, in words for a
 * person, in `why`: damaged, or mined with other settings than the vocabulary. */
int alog_mined_new(alog_mined *mined, const alog_vocab *vocab, const uint8_t *state, size_t len, char *why,
                   size_t why_size);

#endif
