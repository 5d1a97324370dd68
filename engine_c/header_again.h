/* header_again.h: lines whose header is one that was read lately, but for its clock and a number such as a pid: what stands
 * between the stamp and the message is compared, and where it is the same, so is all that was found in it.
 *
 * A reader that succeeds tells how far it looked (alog_reader.seen). What is kept then is every byte it looked at behind
 * the stamp, and all that it found is a function of these bytes, of the stamp's layout and of the source's kind; only a run
 * of digits whose value nobody asked for may differ, in length too. So this changes speed and nothing else. */
#ifndef ALOG_HEADER_AGAIN_H
#define ALOG_HEADER_AGAIN_H

#include "header_scan.h"

/* Does what a reader and the vote do for a line of this sort. 0 when it is none: then nothing was changed. */
int alog_header_again(alog_header_state *state, const alog_header_config *config, const uint8_t *line, size_t len,
                      alog_fields *out);

/* Keeps the header of a line that the reader of the source's kind has just read, if it is one that can be kept. */
void alog_header_learn(const alog_reader *r);

#endif
