/* infer_settings.h: how the templates of a model were mined, as vocab.json ("engine") and the engine's saved state say.
 *
 * The names are those of EngineConfig in alogd/engine/settings.py; a setting that is not known here is refused, never
 * passed over. */
#ifndef ALOG_INFER_SETTINGS_H
#define ALOG_INFER_SETTINGS_H

#include "engine.h"
#include "infer_json.h"

enum { ALOG_SETTINGS_LISTED = 256 }; /* most user masks, most delimiters */

typedef struct {
    uint32_t given; /* one bit a setting, in the order of its table in infer_settings.c */
    uint32_t depth, max_children, max_line_bytes, max_tokens, masks;
    double sim_th;
    uint8_t numeric, multiline, keep_empty, header, key;
    alog_span key_name; /* spans lie in the text that was read */
    alog_span delimiters[ALOG_SETTINGS_LISTED];
    size_t delimiter_count;
    alog_span mask_names[ALOG_SETTINGS_LISTED], mask_patterns[ALOG_SETTINGS_LISTED];
    size_t mask_count;
} alog_settings;

/* Those of a stream that was told nothing. */
void alog_settings_default(alog_settings *settings);
/* Reads an object of settings over what they are. The reader fails for one that is unknown or out of its range. */
void alog_settings_read(alog_settings *settings, alog_json *in);
/* The name of the first setting that both were given and that is not the same in both; NULL when there is none. */
const char *alog_settings_differ(const alog_settings *one, const alog_settings *other);
/* The name of the first setting that was not given; NULL when all were. */
const char *alog_settings_missing(const alog_settings *settings);

/* The configuration they mean. `tables`: of the user masks, in order. Points into `settings`. */
void alog_settings_config(const alog_settings *settings, const alog_span *tables, alog_engine_config *config);

#endif
