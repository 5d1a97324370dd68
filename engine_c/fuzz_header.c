/* fuzz_header.c: any lines to one source: every span lies in its line or in the scratch, the state stays valid, and reading a
 * line from a copy of the state, without the memo, gives the same fields. */
#include <stdlib.h>
#include <string.h>

#include "header.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { CONFIG_BYTES = 4, KEYS = 4 };

static void require(int holds) {
    if (!holds) abort();
}

static int lies_in(alog_span s, const uint8_t *buffer, size_t len) {
    return s.ptr >= buffer && s.ptr <= buffer + len && s.len <= (size_t)(buffer + len - s.ptr);
}

static void check_span(alog_span s, const uint8_t *line, const uint8_t *scratch, size_t len) {
    if (!s.ptr) {
        require(s.len == 0);
        return;
    }
    require(lies_in(s, line, len) || lies_in(s, scratch, len));
}

static int is_same(alog_span a, alog_span b) { return a.len == b.len && (!a.len || memcmp(a.ptr, b.ptr, a.len) == 0); }

/* The line and the scratch have exactly `len` bytes, so that the sanitizer sees one byte too far. */
static void read_line(alog_header_state *state, const alog_header_config *config, const uint8_t *text, size_t len,
                      uint32_t *inside) {
    uint8_t *line = malloc(len), *scratch = malloc(len), *other = malloc(len);
    if (len && (!line || !scratch || !other)) abort();
    if (len) memcpy(line, text, len);
    alog_header_state copy = *state;
    alog_fields fields, again;
    alog_header_read(state, config, line, len, scratch, &fields);
    const alog_header_config plain = {.utc_offset_s = config->utc_offset_s, .key_field = config->key_field};
    if (len && memchr(line, 0x1b, len))
        alog_header_read(&copy, &plain, line, len, other, &again);
    else
        alog_header_read_plain(&copy, &plain, line, len, other, &again);
    require(memcmp(&copy, state, sizeof copy) == 0 && alog_header_state_valid(state));
    require(fields.timestamp_ns == again.timestamp_ns && fields.otel == again.otel && fields.begins == again.begins);
    require(is_same(fields.message, again.message) && is_same(fields.key, again.key) &&
            is_same(fields.program, again.program) && is_same(fields.host, again.host) &&
            is_same(fields.pid, again.pid));
    require(fields.otel <= 24 && alog_severity_of_otel(fields.otel) <= 100);
    check_span(fields.host, line, scratch, len);
    check_span(fields.program, line, scratch, len);
    check_span(fields.pid, line, scratch, len);
    check_span(fields.message, line, scratch, len);
    check_span(fields.key, line, scratch, len);
    if (fields.begins || !alog_line_continues(line, len, state, inside)) *inside = 0;
    free(line);
    free(scratch);
    free(other);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static const char *const keys[KEYS] = {"", "msg", "a.b", "log"};
    if (size < CONFIG_BYTES) return 0;
    const char *key = keys[data[1] % KEYS];
    alog_header_memo memo = {0};
    const alog_header_config config = {
        .utc_offset_s = (data[2] - 128) * 600, .key_field = {(const uint8_t *)key, strlen(key)}, .memo = &memo};
    alog_header_state state;
    memset(&state, 0, sizeof state);
    state.kind = data[0] % ALOG_HEADER_COUNT;
    state.year = 1969 + data[3] * 2;
    uint32_t inside = 0;
    data += CONFIG_BYTES;
    size -= CONFIG_BYTES;
    while (size) {
        const uint8_t *newline = memchr(data, '\n', size);
        const size_t len = newline ? (size_t)(newline - data) : size;
        read_line(&state, &config, data, len, &inside);
        data += len + (newline != NULL);
        size -= len + (newline != NULL);
    }
    return 0;
}
