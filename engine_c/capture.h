/* capture.h: the texts of records as columns, for who looks at logs at rest: masked message, host, program, level.
 *
 *     alog_engine_capture(engine, &status);                  // once; costs nothing where it is not called
 *     alog_engine_feed(engine, source, block, len, &batch);
 *     const alog_capture *texts = alog_engine_captured(engine);   // of the records in `batch`, in their order
 *
 * Texts lie as Arrow's string arrays do: all bytes of a column in one piece, record i from offset[i] to offset[i + 1].
 * The message is masked whole, as alogd/reference/masks.py does, however many tokens it has; one that grows beyond
 * three times max_line_bytes, as users' masks can make it, is cut between tokens. The bytes are those of the log, which
 * may be no UTF-8.
 *
 * Good until the engine's next call. A source is fed to its end, flush included, before the next one is begun: the
 * record that is still open stands behind the finished ones. Memory grows with the block, and never for a line alone. */
#ifndef ALOG_CAPTURE_H
#define ALOG_CAPTURE_H

#include "header.h"
#include "mask.h"

typedef struct {
    uint8_t *bytes;
    size_t len, cap;
    int32_t *offset; /* as many as there are records, and one more */
} alog_text_column;

typedef struct {
    size_t rows; /* finished */
    size_t rows_cap;
    uint8_t open; /* one more has a host, a program and a level, and no message yet */
    alog_text_column masked, host, program;
    uint8_t *otel;      /* OpenTelemetry severity number, 0 where the line names none */
    alog_status status; /* ALOG_NOMEM, or ALOG_FULL beyond 2 GiB: what is here is not all */
    alog_tokens *tokens;
} alog_capture;

/* NULL when memory is out. */
alog_capture *alog_capture_new(uint32_t max_line_bytes);
void alog_capture_free(alog_capture *capture);

/* Forgets the finished records; the open one becomes the first. */
void alog_capture_clear(alog_capture *capture);
void alog_capture_begin(alog_capture *capture, const alog_fields *fields);
void alog_capture_end(alog_capture *capture, const alog_masker *masker, alog_span message);

#endif
