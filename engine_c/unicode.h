/* unicode.h: what the token rules need to know of UTF-8: white space of str.split(), digits of str.isdigit().
 *
 * Text is read as Python decodes it with "surrogateescape": a byte that is not part of a valid sequence is a
 * character of its own, neither white space nor digit. */
#ifndef ALOG_UNICODE_H
#define ALOG_UNICODE_H

#include "alog.h"

/* Length of the white space beyond ASCII that begins at text[at]; 0 when there is none. */
size_t alog_wide_space(const uint8_t *text, size_t len, size_t at);

/* Whether any character of the text is a digit. */
int alog_has_digit(const uint8_t *text, size_t len);

/* Whether the text is valid UTF-8. */
int alog_is_utf8(const uint8_t *text, size_t len);

#endif
