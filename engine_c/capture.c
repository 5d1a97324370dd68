/* capture.c: columns that grow by doubling, and are kept from block to block (capture.h). */
#include "capture.h"

#include <stdlib.h>
#include <string.h>

enum { FIRST_ROWS = 1024, FIRST_BYTES = 65536, MOST_TOKENS = 1 << 20 };

alog_capture *alog_capture_new(uint32_t max_line_bytes) {
    alog_capture *capture = calloc(1, sizeof *capture);
    if (!capture) return NULL;
    /* a masked text is three times as long at most, and a token is followed by white space */
    const uint64_t tokens = (uint64_t)max_line_bytes * 3 / 2 + 1;
    capture->tokens = alog_tokens_new(tokens < MOST_TOKENS ? (uint32_t)tokens : MOST_TOKENS, max_line_bytes);
    if (capture->tokens) return capture;
    free(capture);
    return NULL;
}

void alog_capture_free(alog_capture *capture) {
    if (!capture) return;
    alog_text_column *columns[] = {&capture->masked, &capture->host, &capture->program};
    for (size_t i = 0; i < 3; i++) {
        free(columns[i]->bytes);
        free(columns[i]->offset);
    }
    free(capture->otel);
    alog_tokens_free(capture->tokens);
    free(capture);
}

/* ---- room --------------------------------------------------------------------------------------------- */

static int grow_offsets(alog_text_column *column, size_t rows) {
    int32_t *offset = realloc(column->offset, (rows + 1) * sizeof *offset);
    if (!offset) return 0;
    if (!column->offset) offset[0] = 0;
    column->offset = offset;
    return 1;
}

static int room_for_row(alog_capture *capture) {
    if (capture->rows + 1 < capture->rows_cap) return 1;
    const size_t rows = capture->rows_cap ? 2 * capture->rows_cap : FIRST_ROWS;
    uint8_t *otel = realloc(capture->otel, rows);
    if (otel) capture->otel = otel;
    if (otel && grow_offsets(&capture->masked, rows) && grow_offsets(&capture->host, rows) &&
        grow_offsets(&capture->program, rows)) {
        capture->rows_cap = rows;
        return 1;
    }
    capture->status = ALOG_NOMEM;
    return 0;
}

/* Writes text number `row`, behind those before it. */
static void put(alog_capture *capture, alog_text_column *column, size_t row, const uint8_t *text, size_t len) {
    const size_t begin = (size_t)column->offset[row], need = begin + len;
    column->offset[row + 1] = column->offset[row];
    column->len = begin;
    if (need > INT32_MAX) {
        capture->status = ALOG_FULL;
        return;
    }
    if (need > column->cap) {
        const size_t cap = need < FIRST_BYTES ? FIRST_BYTES : 2 * need;
        uint8_t *bytes = realloc(column->bytes, cap);
        if (!bytes) {
            capture->status = ALOG_NOMEM;
            return;
        }
        column->bytes = bytes;
        column->cap = cap;
    }
    if (len) memcpy(column->bytes + begin, text, len);
    column->len = need;
    column->offset[row + 1] = (int32_t)need;
}

/* ---- rows --------------------------------------------------------------------------------------------- */

/* The text of row `row` becomes the first and only one, or none stays. */
static void keep_only(alog_text_column *column, size_t row, int kept) {
    if (!column->offset) return;
    const size_t begin = (size_t)column->offset[row], len = kept ? column->len - begin : 0;
    if (len) memmove(column->bytes, column->bytes + begin, len);
    column->len = len;
    column->offset[0] = 0;
    if (kept) column->offset[1] = (int32_t)len;
}

void alog_capture_clear(alog_capture *capture) {
    const size_t rows = capture->rows;
    capture->rows = 0;
    capture->status = ALOG_OK;
    keep_only(&capture->masked, rows, 0);
    keep_only(&capture->host, rows, capture->open);
    keep_only(&capture->program, rows, capture->open);
    if (capture->open) capture->otel[0] = capture->otel[rows];
}

static void begin_row(alog_capture *capture, alog_span host, alog_span program, uint8_t otel) {
    if (!room_for_row(capture)) return;
    put(capture, &capture->host, capture->rows, host.ptr, host.len);
    put(capture, &capture->program, capture->rows, program.ptr, program.len);
    capture->otel[capture->rows] = otel;
    capture->open = 1;
}

void alog_capture_begin(alog_capture *capture, const alog_fields *fields) {
    begin_row(capture, fields->host, fields->program, fields->otel);
}

void alog_capture_end(alog_capture *capture, const alog_masker *masker, alog_span message) {
    const alog_span none = {NULL, 0};
    if (!capture->open) begin_row(capture, none, none, 0); /* it was begun before anything was captured */
    if (!capture->open) return;
    alog_mask_tokens(masker, message.ptr, message.len, capture->tokens);
    put(capture, &capture->masked, capture->rows, capture->tokens->text, capture->tokens->text_len);
    capture->open = 0;
    capture->rows++;
}
