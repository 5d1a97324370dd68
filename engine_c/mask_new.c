/* mask_new.c: makes maskers; all they need is copied. */
#include "mask_state.h"

#include <stdlib.h>
#include <string.h>

#include "mask_match.h"
#include "unicode.h"

static int config_is_valid(const alog_mask_config *config) {
    if (config->builtin & ~(uint32_t)ALOG_MASK_ALL) return 0;
    for (size_t i = 0; i < config->user_count; i++)
        if (config->user_names[i].len == 0 || !alog_is_utf8(config->user_names[i].ptr, config->user_names[i].len))
            return 0;
    for (size_t i = 0; i < config->delimiter_count; i++)
        if (config->delimiters[i].len == 0 || !alog_is_utf8(config->delimiters[i].ptr, config->delimiters[i].len))
            return 0;
    return 1;
}

/* Notes what must be in a message for each of the first 32 users' masks; those behind them are always tried. */
static void note_needs(alog_masker *masker) {
    const size_t count = masker->user_count < 32 ? masker->user_count : 32;
    for (size_t i = 0; i < count; i++) {
        const uint8_t *must = alog_dfa_must(masker->user[i]);
        const uint32_t bit = UINT32_C(1) << i;
        if (!must) masker->user_always |= bit;
        for (unsigned byte = 0; must && byte < 256; byte++) masker->user_needs[byte] |= must[byte] ? bit : 0;
    }
}

static alog_status copy_config(alog_masker *masker, const alog_mask_config *config) {
    size_t total = 1;
    for (size_t i = 0; i < config->user_count; i++) total += config->user_names[i].len + 2;
    for (size_t i = 0; i < config->delimiter_count; i++) total += config->delimiters[i].len;
    masker->user = calloc(config->user_count + 1, sizeof *masker->user);
    masker->shown = calloc(config->user_count + 1, sizeof *masker->shown);
    masker->delimiters = calloc(config->delimiter_count + 1, sizeof *masker->delimiters);
    masker->bytes = malloc(total);
    if (!masker->user || !masker->shown || !masker->delimiters || !masker->bytes) return ALOG_NOMEM;
    uint8_t *to = masker->bytes;
    for (size_t i = 0; i < config->user_count; i++) {
        const alog_span name = config->user_names[i];
        masker->shown[i] = (alog_span){to, name.len + 2};
        *to++ = '<';
        memcpy(to, name.ptr, name.len);
        to += name.len;
        *to++ = '>';
    }
    for (size_t i = 0; i < config->delimiter_count; i++) {
        masker->delimiters[i] = (alog_span){to, config->delimiters[i].len};
        memcpy(to, config->delimiters[i].ptr, config->delimiters[i].len);
        to += config->delimiters[i].len;
    }
    masker->delimiter_count = config->delimiter_count;
    return ALOG_OK;
}

alog_masker *alog_masker_new(const alog_mask_config *config, alog_status *status) {
    if (!config_is_valid(config)) return *status = ALOG_INVALID, NULL;
    alog_masker *masker = calloc(1, sizeof *masker);
    if (!masker) return *status = ALOG_NOMEM, NULL;
    masker->builtin = config->builtin;
    masker->seed = config->seed;
    masker->path = alog_mask_path_chosen();
    for (unsigned i = 0; i < 8; i++) {
        const alog_span shown = alog_mask_shown(1u << i);
        masker->shown_hash[i] = alog_hash(shown.ptr, shown.len, config->seed);
    }
    *status = copy_config(masker, config);
    for (size_t i = 0; *status == ALOG_OK && i < config->user_count; i++) {
        masker->user[i] = alog_dfa_load(config->user_tables[i].ptr, config->user_tables[i].len, status);
        if (masker->user[i]) masker->user_count++;
    }
    note_needs(masker);
    if (*status == ALOG_OK) return masker;
    alog_masker_free(masker);
    return NULL;
}

int alog_masker_digits_alike(const alog_masker *masker) {
    for (size_t i = 0; i < masker->user_count; i++)
        if (!alog_dfa_digits_alike(masker->user[i])) return 0;
    for (size_t i = 0; i < masker->delimiter_count; i++)
        for (size_t j = 0; j < masker->delimiters[i].len; j++)
            if (masker->delimiters[i].ptr[j] >= '0' && masker->delimiters[i].ptr[j] <= '9') return 0;
    return 1;
}

void alog_masker_free(alog_masker *masker) {
    if (!masker) return;
    for (size_t i = 0; i < masker->user_count; i++) alog_dfa_free(masker->user[i]);
    free(masker->user);
    free(masker->shown);
    free(masker->delimiters);
    free(masker->bytes);
    free(masker);
}
