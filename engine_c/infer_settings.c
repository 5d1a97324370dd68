/* infer_settings.c: reads and compares the settings of an engine (infer_settings.h). */
#include "infer_settings.h"

#include <string.h>

enum { MAX_MEMORY = 256 << 20 }; /* of EngineConfig: bytes of templates and tree */

typedef enum {
    DEPTH,
    SIM_TH,
    MAX_CHILDREN,
    DELIMITERS,
    NUMERIC,
    MASKS,
    USER_MASKS,
    HEADER,
    MULTILINE,
    MAX_LINE_BYTES,
    MAX_TOKENS,
    KEY,
    KEEP_EMPTY,
    SETTINGS,
} setting;

static const char *const names[SETTINGS] = {
    [DEPTH] = "depth",
    [SIM_TH] = "sim_th",
    [MAX_CHILDREN] = "max_children",
    [DELIMITERS] = "extra_delimiters",
    [NUMERIC] = "parametrize_numeric_tokens",
    [MASKS] = "masks",
    [USER_MASKS] = "user_masks",
    [HEADER] = "header",
    [MULTILINE] = "multiline",
    [MAX_LINE_BYTES] = "max_line_bytes",
    [MAX_TOKENS] = "max_tokens",
    [KEY] = "key",
    [KEEP_EMPTY] = "keep_empty",
};

/* In the order of alogd/engine/names.py. */
static const char *const mask_names[] = {"path", "hex", "ip", "mac", "uuid", "pid", "device", "num"};
static const char *const header_names[ALOG_HEADER_COUNT] = {"auto",   "none",   "rfc3164", "rfc5424", "iso8601",
                                                            "log4j",  "klog",   "clf",     "dmesg",   "json",
                                                            "logfmt", "docker", "cri"};
static const char *const key_names[] = {"none", "source", "host", "program", "pid", "field", "mask"};

#define COUNT(array) ((uint32_t)(sizeof(array) / sizeof *(array)))

void alog_settings_default(alog_settings *settings) {
    *settings = (alog_settings){
        .depth = 4,
        .max_children = 100,
        .max_line_bytes = 65536,
        .max_tokens = 512,
        .masks = ALOG_MASK_ALL,
        .sim_th = 0.4,
        .numeric = 1,
        .multiline = 1,
        .header = ALOG_HEADER_AUTO,
        .key = ALOG_KEY_NONE,
    };
}

/* ---- reading ------------------------------------------------------------------------------------------ */

/* Place of a text in a list; `count` when it is not there. */
static uint32_t place_of(alog_span text, const char *const *list, uint32_t count) {
    uint32_t i = 0;
    while (i < count && !alog_span_is(text, list[i])) i++;
    return i;
}

static uint8_t read_name(alog_json *in, const char *const *list, uint32_t count, const char *wanted) {
    const uint32_t number = place_of(alog_json_string(in), list, count);
    if (number == count) alog_json_fail(in, wanted);
    return (uint8_t)(number % count);
}

static uint32_t read_masks(alog_json *in) {
    uint32_t masks = 0;
    alog_json_enter(in, '[');
    while (alog_json_more(in, ']')) masks |= 1u << read_name(in, mask_names, COUNT(mask_names), "a mask there is");
    return masks;
}

static size_t read_list(alog_json *in, alog_span *list) {
    size_t n = 0;
    alog_json_enter(in, '[');
    while (alog_json_more(in, ']')) {
        if (n == ALOG_SETTINGS_LISTED) alog_json_fail(in, "fewer entries");
        if (n < ALOG_SETTINGS_LISTED) list[n++] = alog_json_string(in);
    }
    return n;
}

/* [name, text]; `name` is read by the caller's own means when the pair is a key. */
static void read_pair(alog_json *in, alog_span *first, alog_span *second) {
    alog_span pair[ALOG_SETTINGS_LISTED] = {{0}};
    if (read_list(in, pair) != 2) alog_json_fail(in, "a pair");
    *first = pair[0];
    *second = pair[1];
}

static void read_user_masks(alog_json *in, alog_settings *settings) {
    settings->mask_count = 0;
    alog_json_enter(in, '[');
    while (alog_json_more(in, ']')) {
        const size_t n = settings->mask_count;
        if (n == ALOG_SETTINGS_LISTED) {
            alog_json_fail(in, "fewer user masks");
            return;
        }
        read_pair(in, &settings->mask_names[n], &settings->mask_patterns[n]);
        settings->mask_count++;
    }
}

static void read_key(alog_json *in, alog_settings *settings) {
    alog_span kind;
    read_pair(in, &kind, &settings->key_name);
    const uint32_t number = place_of(kind, key_names, COUNT(key_names));
    if (number == COUNT(key_names)) alog_json_fail(in, "a key there is");
    settings->key = (uint8_t)(number % COUNT(key_names));
}

static void read_one(alog_json *in, alog_settings *settings, setting which) {
    switch (which) {
    case DEPTH: settings->depth = (uint32_t)alog_json_integer(in, 64); break;
    case SIM_TH: settings->sim_th = alog_json_number(in); break;
    case MAX_CHILDREN: settings->max_children = (uint32_t)alog_json_integer(in, UINT32_C(1) << 31); break;
    case DELIMITERS: settings->delimiter_count = read_list(in, settings->delimiters); break;
    case NUMERIC: settings->numeric = (uint8_t)alog_json_bool(in); break;
    case MASKS: settings->masks = read_masks(in); break;
    case USER_MASKS: read_user_masks(in, settings); break;
    case HEADER: settings->header = read_name(in, header_names, ALOG_HEADER_COUNT, "a header there is"); break;
    case MULTILINE: settings->multiline = (uint8_t)alog_json_bool(in); break;
    case MAX_LINE_BYTES: settings->max_line_bytes = (uint32_t)alog_json_integer(in, 1u << 24); break;
    case MAX_TOKENS: settings->max_tokens = (uint32_t)alog_json_integer(in, 65536); break;
    case KEY: read_key(in, settings); break;
    case KEEP_EMPTY: settings->keep_empty = (uint8_t)alog_json_bool(in); break;
    default: alog_json_fail(in, "a setting of the engine that this alog-infer knows"); break;
    }
}

void alog_settings_read(alog_settings *settings, alog_json *in) {
    alog_json_enter(in, '{');
    while (alog_json_more(in, '}')) {
        const uint32_t which = place_of(alog_json_name(in), names, SETTINGS);
        if (which < SETTINGS && settings->given >> which & 1) alog_json_fail(in, "each setting once");
        settings->given |= 1u << which;
        read_one(in, settings, (setting)which);
    }
}

/* ---- comparing ---------------------------------------------------------------------------------------- */

static int same_span(alog_span a, alog_span b) { return a.len == b.len && (!a.len || !memcmp(a.ptr, b.ptr, a.len)); }

static int same_list(const alog_span *a, size_t a_count, const alog_span *b, size_t b_count) {
    if (a_count != b_count) return 0;
    for (size_t i = 0; i < a_count; i++)
        if (!same_span(a[i], b[i])) return 0;
    return 1;
}

static int same(const alog_settings *a, const alog_settings *b, setting which) {
    switch (which) {
    case DEPTH: return a->depth == b->depth;
    case SIM_TH: return a->sim_th >= b->sim_th && a->sim_th <= b->sim_th;
    case MAX_CHILDREN: return a->max_children == b->max_children;
    case DELIMITERS: return same_list(a->delimiters, a->delimiter_count, b->delimiters, b->delimiter_count);
    case NUMERIC: return a->numeric == b->numeric;
    case MASKS: return a->masks == b->masks;
    case USER_MASKS:
        return same_list(a->mask_names, a->mask_count, b->mask_names, b->mask_count) &&
               same_list(a->mask_patterns, a->mask_count, b->mask_patterns, b->mask_count);
    case HEADER: return a->header == b->header;
    case MULTILINE: return a->multiline == b->multiline;
    case MAX_LINE_BYTES: return a->max_line_bytes == b->max_line_bytes;
    case MAX_TOKENS: return a->max_tokens == b->max_tokens;
    case KEY: return a->key == b->key && same_span(a->key_name, b->key_name);
    default: return a->keep_empty == b->keep_empty;
    }
}

const char *alog_settings_differ(const alog_settings *one, const alog_settings *other) {
    for (uint32_t which = 0; which < SETTINGS; which++)
        if ((one->given & other->given) >> which & 1 && !same(one, other, (setting)which)) return names[which];
    return NULL;
}

const char *alog_settings_missing(const alog_settings *settings) {
    for (uint32_t which = 0; which < SETTINGS; which++)
        if (!(settings->given >> which & 1)) return names[which];
    return NULL;
}

/* ---- an engine's configuration ------------------------------------------------------------------------ */

static uint32_t mask_number(const alog_settings *settings) {
    for (uint32_t i = 0; i < settings->mask_count; i++)
        if (same_span(settings->mask_names[i], settings->key_name)) return i;
    return UINT32_MAX; /* refused by the engine */
}

void alog_settings_config(const alog_settings *settings, const alog_span *tables, alog_engine_config *config) {
    *config = (alog_engine_config){
        .drain = {.depth = settings->depth,
                  .sim_th = settings->sim_th,
                  .max_children = settings->max_children,
                  .numeric = settings->numeric,
                  .max_tokens = settings->max_tokens,
                  .max_memory = MAX_MEMORY},
        .mask = {.builtin = settings->masks,
                 .user_tables = tables,
                 .user_names = settings->mask_names,
                 .user_count = settings->mask_count,
                 .delimiters = settings->delimiters,
                 .delimiter_count = settings->delimiter_count},
        .header_kind = settings->header,
        .multiline = settings->multiline,
        .keep_empty = settings->keep_empty,
        .key = settings->key,
        .multiline_max_lines = 500,
        .multiline_max_bytes = 65536,
        .max_line_bytes = settings->max_line_bytes,
        .max_sources = 10000,
    };
    if (settings->key == ALOG_KEY_FIELD) config->header.key_field = settings->key_name;
    if (settings->key == ALOG_KEY_MASK) config->key_mask = mask_number(settings);
}
