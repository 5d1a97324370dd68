/* infer_engine.c: an engine from a vocabulary and a saved state (infer_engine.h). */
#define _GNU_SOURCE
#include "infer_engine.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

static const char *reason_of(alog_status status) {
    switch (status) {
    case ALOG_NOMEM: return "memory is out";
    case ALOG_FULL: return "the engine's state has more templates than 256 MiB hold";
    case ALOG_INVALID: return "a setting of the engine is out of its range";
    default: return "the engine's state or a mask's table is damaged";
    }
}

static int told(alog_engine *engine, alog_status status, char *why, size_t size) {
    if (!engine) (void)snprintf(why, size, "%s", reason_of(status));
    return engine != NULL;
}

static int new_engine(alog_mined *mined, const alog_vocab *vocab, char *why, size_t size) {
    alog_engine_config config;
    alog_status status = ALOG_OK;
    alog_settings_config(alog_vocab_settings(vocab), alog_vocab_tables(vocab), &config);
    if (getrandom(&config.seed, sizeof config.seed, 0) != sizeof config.seed) config.seed = 0;
    mined->engine = alog_engine_new(&config, &status);
    mined->header = config.header_kind;
    return told(mined->engine, status, why, size);
}

/* The settings a state was saved under, with what only the vocabulary says. */
static int read_settings(alog_settings *settings, uint8_t *meta, size_t len, const alog_vocab *vocab, char *why,
                         size_t size) {
    const alog_settings *known = alog_vocab_settings(vocab);
    alog_json in;
    alog_settings_default(settings);
    alog_json_begin(&in, meta, len);
    alog_settings_read(settings, &in);
    alog_json_end(&in);
    const char *other = in.wrong ? NULL : alog_settings_differ(settings, known);
    if (in.wrong) (void)snprintf(why, size, "settings of the engine's state: %s is wanted", in.wrong);
    if (other)
        (void)snprintf(why, size, "the engine's state was saved with another %s than the vocabulary's templates",
                       other);
    if (in.wrong || other) return 0;
    settings->sim_th = known->sim_th;
    settings->given |= known->given;
    const char *missing = alog_settings_missing(settings);
    if (missing) (void)snprintf(why, size, "neither the engine's state nor the vocabulary says %s", missing);
    return !missing;
}

int alog_mined_new(alog_mined *mined, const alog_vocab *vocab, const uint8_t *state, size_t len, char *why,
                   size_t why_size) {
    alog_span meta;
    *mined = (alog_mined){0};
    if (!state) return new_engine(mined, vocab, why, why_size);
    alog_status status = alog_engine_meta(state, len, &meta);
    if (status != ALOG_OK) return told(NULL, status, why, why_size);
    uint8_t *own = malloc(meta.len + 1); /* strings are decoded where they stand */
    if (!own) return told(NULL, ALOG_NOMEM, why, why_size);
    if (meta.len) memcpy(own, meta.ptr, meta.len);
    alog_settings settings;
    int made = read_settings(&settings, own, meta.len, vocab, why, why_size);
    if (made) {
        alog_engine_config config;
        alog_settings_config(&settings, alog_vocab_tables(vocab), &config);
        mined->engine = alog_engine_load(&config, state, len, &status);
        mined->header = config.header_kind;
        made = told(mined->engine, status, why, why_size);
    }
    free(own);
    return made;
}
