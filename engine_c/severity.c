/* severity.c: the severity of a text by the phrases of the severity rules, one walk for all of them. */
#include <string.h>

#include "engine_state.h"

/* Phrases may overlap, so the search goes on one byte after each match's begin. */
uint8_t alog_severity_of_text(const alog_engine *engine, const uint8_t *text, size_t len, int32_t *rule) {
    uint8_t most = 0;
    size_t from = 0, begin, end;
    *rule = -1;
    while (engine->severity_dfa && most < engine->top_severity && from < len) {
        const int found = alog_dfa_find(engine->severity_dfa, text, len, from, &begin, &end);
        if (found < 0) break;
        if (*rule < 0 || engine->severities[found] > most) {
            most = engine->severities[found];
            *rule = found;
        }
        from = begin + 1;
    }
    return most;
}

/* White space between tokens must not matter: Drain gives lines that differ only there the same answer. */
uint8_t alog_severity_of_tokens(const alog_engine *engine, const alog_tokens *tokens, int32_t *rule) {
    *rule = -1;
    if (!engine->severity_dfa) return 0;
    size_t len = 0;
    for (uint32_t i = 0; i < tokens->count; i++) {
        if (i) engine->joined[len++] = ' ';
        memcpy(engine->joined + len, tokens->text + tokens->offset[i], tokens->length[i]);
        len += tokens->length[i];
    }
    return alog_severity_of_text(engine, engine->joined, len, rule);
}
