/* unicode.c: decodes single characters and looks them up in the tables of make_tables.py. */
#include "unicode.h"

#include "unicode_table.h"

/* Decodes the sequence at text[at] (a byte from 0x80 on); its length, or 0 when it is not valid UTF-8. */
static size_t decode(const uint8_t *text, size_t len, size_t at, uint32_t *point) {
    const uint8_t lead = text[at];
    const size_t size = lead < 0xc2 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf5 ? 4 : 0;
    if (!size || len - at < size) return 0;
    uint32_t value = lead & (0x7fu >> size);
    for (size_t i = 1; i < size; i++) {
        if ((text[at + i] & 0xc0) != 0x80) return 0;
        value = value << 6 | (text[at + i] & 0x3f);
    }
    if (size == 3 && (value < 0x800 || (value >= 0xd800 && value < 0xe000))) return 0;
    if (size == 4 && (value < 0x10000 || value > 0x10ffff)) return 0;
    *point = value;
    return size;
}

static int within(const uint32_t (*ranges)[2], size_t count, uint32_t point) {
    size_t low = 0, high = count;
    while (low < high) {
        const size_t middle = (low + high) / 2;
        if (point > ranges[middle][1])
            low = middle + 1;
        else
            high = middle;
    }
    return low < count && point >= ranges[low][0];
}

size_t alog_wide_space(const uint8_t *text, size_t len, size_t at) {
    const uint8_t lead = text[at];
    if (lead != 0xc2 && (lead < 0xe1 || lead > 0xe3)) return 0; /* no white space elsewhere: see the table */
    uint32_t point;
    const size_t size = decode(text, len, at, &point);
    if (!size) return 0;
    return within(alog_space_ranges, sizeof alog_space_ranges / sizeof *alog_space_ranges, point) ? size : 0;
}

int alog_has_digit(const uint8_t *text, size_t len) {
    for (size_t at = 0; at < len;) {
        if (text[at] < 0x80) {
            if ((uint8_t)(text[at] - '0') < 10) return 1;
            at++;
            continue;
        }
        uint32_t point;
        const size_t size = decode(text, len, at, &point);
        if (size && within(alog_digit_ranges, sizeof alog_digit_ranges / sizeof *alog_digit_ranges, point)) return 1;
        at += size ? size : 1;
    }
    return 0;
}

int alog_is_utf8(const uint8_t *text, size_t len) {
    for (size_t at = 0; at < len;) {
        uint32_t point;
        const size_t size = text[at] < 0x80 ? 1 : decode(text, len, at, &point);
        if (!size) return 0;
        at += size;
    }
    return 1;
}
