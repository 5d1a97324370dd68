/* severity.c: the severity of a text by the phrases of the severity rules, one walk for all of them.
 *
 * Rules speak of what is in the log, but Drain answers for masked text, and only answers can be remembered. So the
 * masked text is searched, and a phrase that the masks would change stands in the table twice: as it is and masked.
 * Where the masked form is found (ALOG_SEVERITY_RAW), the message itself is searched too. */
#include <string.h>

#include "engine_state.h"

/* Phrases may overlap, so the search goes on one byte after each match's begin. */
uint8_t alog_severity_of_text(const alog_engine *engine, const uint8_t *text, size_t len, int32_t *rule) {
    uint8_t most = 0, raw = 0;
    size_t from = 0, begin, end;
    *rule = -1;
    while (engine->severity_dfa && most < engine->top_severity && from < len) {
        const int found = alog_dfa_find(engine->severity_dfa, text, len, from, &begin, &end);
        if (found < 0) break;
        const uint8_t severity = engine->severities[found] & ALOG_SEVERITY_MASK;
        raw |= engine->severities[found] & ALOG_SEVERITY_RAW;
        if (severity > most) {
            most = severity;
            *rule = found;
        }
        from = begin + 1;
    }
    return most | raw;
}

uint8_t alog_severity_of_message(const alog_engine *engine, alog_span message, uint8_t found, int32_t *rule) {
    uint8_t severity = found & ALOG_SEVERITY_MASK;
    if (!(found & ALOG_SEVERITY_RAW)) return severity;
    int32_t own;
    const uint8_t more = alog_severity_of_text(engine, message.ptr, message.len, &own) & ALOG_SEVERITY_MASK;
    if (more <= severity) return severity;
    *rule = own;
    return more;
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
