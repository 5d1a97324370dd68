/* key.c: the window key of a record, a hash that is the same after a restart. */
#include "engine_state.h"
#include "hash.h"

enum { KEY_SALT = 0x6b6579 };

static uint64_t hash_span(const alog_engine *engine, alog_span text) {
    return alog_hash_inline(text.ptr, text.len, engine->config.seed ^ KEY_SALT);
}

/* The same process id on two hosts is two processes. */
static uint64_t hash_on_host(const alog_engine *engine, alog_span text, alog_span host) {
    const uint64_t h = hash_span(engine, text);
    if (!host.len) return h;
    const uint64_t mixed = alog_mix(h, hash_span(engine, host) | 1);
    return mixed | (mixed == 0);
}

static alog_span mask_match(const alog_engine *engine, alog_span message) {
    size_t begin, end;
    if (alog_dfa_find(engine->key_dfa, message.ptr, message.len, 0, &begin, &end) < 0) return (alog_span){NULL, 0};
    return (alog_span){message.ptr + begin, end - begin};
}

static alog_span key_text(const alog_engine *engine, const alog_fields *fields) {
    switch (engine->config.key) {
    case ALOG_KEY_HOST: return fields->host;
    case ALOG_KEY_PROGRAM: return fields->program;
    case ALOG_KEY_PID: return fields->pid;
    case ALOG_KEY_FIELD: return fields->key;
    case ALOG_KEY_MASK: return mask_match(engine, fields->message);
    default: return (alog_span){NULL, 0};
    }
}

uint64_t alog_record_key(const alog_engine *engine, uint32_t source, const alog_fields *fields, alog_span *text) {
    *text = (alog_span){NULL, 0};
    if (engine->config.key == ALOG_KEY_NONE) return 0;
    if (engine->config.key == ALOG_KEY_SOURCE) {
        const uint64_t h = alog_mix(engine->config.seed ^ KEY_SALT, source + UINT64_C(0x9e3779b97f4a7c15));
        return h | (h == 0);
    }
    *text = key_text(engine, fields);
    if (!text->len) return 0;
    /* a program is the same thing on every host: a thousand hosts must not make a thousand sparse windows of it */
    return engine->config.key == ALOG_KEY_PID ? hash_on_host(engine, *text, fields->host) : hash_span(engine, *text);
}
