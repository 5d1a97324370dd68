/* infer_lines.h: the line number of a record's offset, from the blocks as they go by.
 *
 * A record may be shown long after its first line was read. Of what lies before the present block only two places can
 * be one's beginning: that of the record that is still open, and that of the line that is still open. */
#ifndef ALOG_INFER_LINES_H
#define ALOG_INFER_LINES_H

#include "alog.h"

typedef struct {
    uint64_t offset, line; /* a line's first byte, and its number from 1 */
} alog_line_place;

typedef struct {
    const uint8_t *block;
    size_t len, at;         /* of the block; what has been counted of it */
    uint64_t base;          /* offset of the block */
    alog_line_place now;    /* the line that holds, or follows, block[at] */
    alog_line_place record; /* where the open record begins */
} alog_lines;

/* Before a file's first block. */
void alog_lines_begin(alog_lines *lines);
/* A block was fed at the offset where the last one ended. Ask for its records now, in order. */
void alog_lines_block(alog_lines *lines, const uint8_t *block, size_t len);
/* Line of an offset at which a record begins. */
uint64_t alog_lines_number(alog_lines *lines, uint64_t offset);
/* All records of the block were asked for; `consumed` is what alog_engine_consumed says. */
void alog_lines_end(alog_lines *lines, uint64_t consumed);

#endif
