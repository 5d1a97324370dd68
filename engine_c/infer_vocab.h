/* infer_vocab.h: vocab.json, a model's templates by number, and where any other template belongs (alogd/models/vocabulary.py).
 *
 * Numbers 0 to 3 are special (ALOG_PAD ...), template i has 4 + i. A template is found by its fingerprint, else it
 * counts as the most similar one of as many tokens, of which half at least must be equal (of those as similar the
 * first), else as ALOG_UNK. */
#ifndef ALOG_INFER_VOCAB_H
#define ALOG_INFER_VOCAB_H

#include "infer_settings.h"

enum { ALOG_PAD = 0, ALOG_UNK = 1, ALOG_MASK_TOKEN = 2, ALOG_END = 3, ALOG_SPECIAL = 4 };
enum { ALOG_VOCAB_TEMPLATES = 100000, ALOG_VOCAB_BYTES = 256 << 20 };

typedef struct alog_vocab alog_vocab;

/* Takes over `bytes`, from malloc, whatever comes of it. NULL with the reason, in words for a person, in `why`. */
alog_vocab *alog_vocab_read(uint8_t *bytes, size_t len, char *why, size_t why_size);
void alog_vocab_free(alog_vocab *vocab);

uint32_t alog_vocab_size(const alog_vocab *vocab); /* special numbers included */
alog_span alog_vocab_text(const alog_vocab *vocab, uint32_t number);
/* The number of a template with this text (valid UTF-8); UINT32_MAX when memory is out. */
uint32_t alog_vocab_number(const alog_vocab *vocab, const uint8_t *text, size_t len);

const char *alog_vocab_hash(const alog_vocab *vocab); /* sha256 of what gives numbers their meaning, 64 digits */
const alog_settings *alog_vocab_settings(const alog_vocab *vocab);
const alog_span *alog_vocab_tables(const alog_vocab *vocab); /* of the user masks, as many as there are */
/* Name of the file beside it that holds the engine's state; empty when there is none. */
alog_span alog_vocab_state(const alog_vocab *vocab);

/* A text as Python's decode("utf-8", "backslashreplace") gives it: \xff for bytes that are no UTF-8. At most four times
 * as long; returns how long. */
size_t alog_display(const uint8_t *text, size_t len, uint8_t *to);

#endif
