/* header_time.h: reads time stamps in the layouts logs use, by arithmetic alone.
 *
 * A stamp is: text up to the seconds in one of the layouts, then a fraction, then a zone. The text up to the
 * seconds is remembered in the state (see alog_stamp_keep): the next line's is nearly always the same. */
#ifndef ALOG_HEADER_TIME_H
#define ALOG_HEADER_TIME_H

#include "header.h"

typedef enum {
    ALOG_STAMP_NONE = 0,
    ALOG_STAMP_ISO,       /* 2026-01-02T03:04:05, a blank or _ for the T, a blank-padded hour */
    ALOG_STAMP_SLASH,     /* 2026/01/02 03:04:05 */
    ALOG_STAMP_SHORT,     /* 26/01/02 03:04:05 */
    ALOG_STAMP_PACKED,    /* 260102 030405 */
    ALOG_STAMP_PACKED_D,  /* 260102  3:04:05 */
    ALOG_STAMP_MONTH,     /* Jan  2 03:04:05 */
    ALOG_STAMP_MONTH_Y,   /* Jan  2 2026 03:04:05 */
    ALOG_STAMP_CTIME,     /* Fri Jan  2 03:04:05.123 2026 */
    ALOG_STAMP_JUL,       /* Jan 2, 2026 3:04:05 AM */
    ALOG_STAMP_LOGCAT,    /* 01-02 03:04:05 */
    ALOG_STAMP_DOTTED,    /* 01.02 03:04:05 */
    ALOG_STAMP_GERMAN,    /* 02.01.2026 03:04:05 */
    ALOG_STAMP_HEALTH,    /* 20260102-3:4:5:678 */
    ALOG_STAMP_CLF,       /* 02/Jan/2026:03:04:05 +0000 */
    ALOG_STAMP_DAY_FIRST, /* 02 Jan 2026 03:04:05 */
    ALOG_STAMP_DASHED,    /* 02-Jan-2026 03:04:05 */
    ALOG_STAMP_KLOG,      /* 0102 03:04:05 */
    ALOG_STAMP_KLOG_Y,    /* 20260102 03:04:05 */
    ALOG_STAMP_CLOCK,     /* 03:04:05.678, without a date: no time */
    ALOG_STAMP_EPOCH,     /* 1767323045.678, 1767323045678 */
    ALOG_STAMP_COUNT,
} alog_stamp_layout;

typedef enum { ALOG_ZONE_NONE = 0, ALOG_ZONE_Z, ALOG_ZONE_OFFSET, ALOG_ZONE_NAME } alog_zone;

typedef struct {
    int64_t ns;      /* since 1970 UTC; ALOG_NO_TIME without a date or out of the years 1970..2261 */
    size_t len;      /* of the stamp with fraction and zone */
    int64_t base_ns; /* up to the seconds, before the zone */
    int64_t day_ns;  /* its midnight */
    int32_t year;
    uint8_t month;    /* 0 when the stamp names its year */
    uint8_t text_len; /* of the text up to the seconds; 0 = not worth remembering */
    uint8_t layout;
    uint8_t zone;
    uint8_t known; /* the text was the remembered one */
} alog_stamp;

/* Reads a stamp at the start of `p`; the layout is found by its shape. Changes nothing: a caller that keeps the
 * line calls alog_stamp_keep. Returns 0 when there is no stamp or it names no real day or time of day. */
int alog_stamp_read(const alog_header_state *state, int32_t utc_offset_s, const uint8_t *p, size_t n, alog_stamp *out);
int alog_stamp_read_as(alog_stamp_layout layout, const alog_header_state *state, int32_t utc_offset_s, const uint8_t *p,
                       size_t n, alog_stamp *out);

/* A zone at `at`: Z, +hh, +hhmm, +hh:mm, UTC ...: sets *zone, and *offset_s where it names one. Returns its end, `at` when
 * there is none. */
size_t alog_zone_read(const uint8_t *p, size_t n, size_t at, int32_t *offset_s, uint8_t *zone);

/* Remembers the stamp, its year and month. */
void alog_stamp_keep(alog_header_state *state, const uint8_t *p, const alog_stamp *stamp);

#define ALOG_NS_PER_S INT64_C(1000000000)

typedef struct {
    int64_t ns;      /* before the zone */
    int64_t base_ns; /* up to the seconds */
    size_t end;      /* of the seconds and their fraction */
    uint64_t text;   /* the eight bytes before the seconds' end */
} alog_clock;

/* The stamp at the start of `p` up to its zone, where it is the remembered one but for its clock. 0 when it is not, or when
 * the remembered one has no clock of fixed width at its end or no day. */
int alog_clock_read(const alog_header_state *state, const uint8_t *p, size_t n, alog_clock *out);
/* Remembers it, as alog_stamp_keep would. */
void alog_clock_keep(alog_header_state *state, const alog_clock *clock);

/* Epoch in s, ms, us or ns, told apart by size, with an optional fraction; the whole of `p` must be the number.
 * ALOG_NO_TIME when it is not one or lies before 1973. */
int64_t alog_epoch_ns(const uint8_t *p, size_t n);

#endif
