/* header_zone.c: the zone behind a time stamp. */
#include "header_scan.h"
#include "header_time.h"

/* +hh, +hhmm, +hh:mm at `at`; `full`: the minutes must be there. Returns the end, `at` when there is none. */
static size_t numeric_zone(const uint8_t *p, size_t n, size_t at, int full, int32_t *offset_s) {
    int h, m = 0;
    if (at >= n || (p[at] != '+' && p[at] != '-')) return at;
    size_t end = alog_digits(p, n, at + 1, 2, &h);
    if (!end) return at;
    size_t with = alog_digits(p, n, end + (end < n && p[end] == ':'), 2, &m);
    if (!with && full) return at;
    if (!with) m = 0;
    if (with) end = with;
    if ((end < n && alog_is_digit(p[end])) || h > 23 || m > 59) return at;
    *offset_s = (p[at] == '-' ? -1 : 1) * (h * 3600 + m * 60);
    return end;
}

/* " UTC", " GMT"; another name of 3 to 5 capitals only before " [" (as PostgreSQL writes it): those are local. */
static size_t named_zone(const uint8_t *p, size_t n, size_t at, int32_t *offset_s) {
    size_t end = at + 1;
    while (end < n && end - at <= 6 && alog_is_upper(p[end])) end++;
    const size_t len = end - at - 1;
    if (len < 3 || len > 5) return at;
    if (len == 3 && (memcmp(p + at + 1, "UTC", 3) == 0 || memcmp(p + at + 1, "GMT", 3) == 0)) {
        if (end < n && !alog_is_blank(p[end]) && p[end] != ']' && p[end] != ',' && p[end] != ':') return at;
        *offset_s = 0;
        return end;
    }
    int weak;
    if (n - end < 3 || p[end] != ' ' || p[end + 1] != '[' || !alog_is_digit(p[end + 2])) return at;
    return alog_level_of_word(p + at + 1, len, &weak) ? at : end;
}

size_t alog_zone_read(const uint8_t *p, size_t n, size_t at, int32_t *offset_s, uint8_t *zone) {
    *zone = ALOG_ZONE_NONE;
    if (at >= n) return at;
    size_t end = at;
    if (p[at] == 'Z' || p[at] == 'z') {
        if (at + 1 < n && (alog_is_alpha(p[at + 1]) || alog_is_digit(p[at + 1]))) return at;
        *zone = ALOG_ZONE_Z;
        *offset_s = 0;
        return at + 1;
    }
    if (p[at] == '+' || p[at] == '-')
        end = numeric_zone(p, n, at, 0, offset_s);
    else if (p[at] == ' ' && at + 1 < n && (p[at + 1] == '+' || p[at + 1] == '-')) {
        end = numeric_zone(p, n, at + 1, 1, offset_s);
        if (end == at + 1) end = at;
    } else if (p[at] == ' ') {
        end = named_zone(p, n, at, offset_s);
        if (end != at) *zone = ALOG_ZONE_NAME;
        return end;
    }
    if (end != at) *zone = ALOG_ZONE_OFFSET;
    return end;
}
