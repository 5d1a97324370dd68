/* infer_lines.c: counts newlines once (infer_lines.h). */
#include "infer_lines.h"

#include <string.h>

void alog_lines_begin(alog_lines *lines) {
    *lines = (alog_lines){.now = {.offset = 0, .line = 1}, .record = {.offset = 0, .line = 1}};
}

void alog_lines_block(alog_lines *lines, const uint8_t *block, size_t len) {
    lines->block = block;
    lines->len = len;
    lines->at = 0;
}

/* Moves on to the last line that begins at or before an offset. */
static void count_to(alog_lines *lines, uint64_t offset) {
    while (lines->at < lines->len) {
        const uint8_t *newline = memchr(lines->block + lines->at, '\n', lines->len - lines->at);
        if (!newline) break;
        const size_t next = (size_t)(newline - lines->block) + 1;
        if (lines->base + next > offset) return;
        lines->at = next;
        lines->now.offset = lines->base + next;
        lines->now.line++;
    }
}

uint64_t alog_lines_number(alog_lines *lines, uint64_t offset) {
    if (offset == lines->record.offset) return lines->record.line;
    count_to(lines, offset);
    return lines->now.line;
}

void alog_lines_end(alog_lines *lines, uint64_t consumed) {
    if (consumed != lines->record.offset) {
        count_to(lines, consumed);
        lines->record = lines->now;
        lines->record.offset = consumed;
    }
    count_to(lines, UINT64_MAX);
    lines->base += lines->len;
    lines->len = lines->at = 0;
}
