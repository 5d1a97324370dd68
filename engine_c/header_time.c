/* header_time.c: time stamps by arithmetic alone; the layouts are data (see header_time.h for their looks). */
#include "header_time.h"

#include "header_scan.h"

#define FRACTION_DIGITS 18 /* more digits than that are no fraction */

/* Y m d y: digits of a date; D: day, one or two digits, blank-padded; b month name; a weekday name; H M S: two digits;
 * G: hour, blank-padded; h i s: one or two digits; p: AM or PM; T: T, t, _ or a blank; F: fraction in the
 * middle. Anything else stands for itself. */
static const struct {
    const char *pattern;
    uint8_t clock;  /* bytes of a clock of fixed width: 8 with colons, 6 without; 0 = none */
    uint8_t behind; /* bytes of the stamp behind it */
} layouts[ALOG_STAMP_COUNT] = {
    [ALOG_STAMP_ISO] = {"Y-m-dTG:M:S", 8, 0},       [ALOG_STAMP_SLASH] = {"Y/m/d H:M:S", 8, 0},
    [ALOG_STAMP_SHORT] = {"y/m/d H:M:S", 8, 0},     [ALOG_STAMP_PACKED] = {"ymd HMS", 6, 0},
    [ALOG_STAMP_PACKED_D] = {"ymd G:M:S", 8, 0},    [ALOG_STAMP_MONTH] = {"b D H:M:S", 8, 0},
    [ALOG_STAMP_MONTH_Y] = {"b D Y H:M:S", 8, 0},   [ALOG_STAMP_CTIME] = {"a b D H:M:SF Y", 8, 5},
    [ALOG_STAMP_JUL] = {"b D, Y h:M:S p", 0, 0},    [ALOG_STAMP_LOGCAT] = {"m-d H:M:S", 8, 0},
    [ALOG_STAMP_DOTTED] = {"m.d H:M:S", 8, 0},      [ALOG_STAMP_GERMAN] = {"d.m.Y H:M:S", 8, 0},
    [ALOG_STAMP_HEALTH] = {"Ymd-h:i:s", 0, 0},      [ALOG_STAMP_CLF] = {"d/b/Y:H:M:S", 8, 0},
    [ALOG_STAMP_DAY_FIRST] = {"d b Y H:M:S", 8, 0}, [ALOG_STAMP_DASHED] = {"d-b-Y H:M:S", 8, 0},
    [ALOG_STAMP_KLOG] = {"md H:M:S", 8, 0},         [ALOG_STAMP_KLOG_Y] = {"Ymd H:M:S", 8, 0},
    [ALOG_STAMP_CLOCK] = {"H:M:S", 0, 0},
};

typedef struct {
    int year, month, day, hour, minute, second, pm;
    int64_t fraction_ns;
    int has_fraction;
} civil;

/* Days since 1970-01-01 of a day in the proleptic Gregorian calendar (years from March, in eras of 400). */
static int64_t days_from_civil(int64_t y, int m, int d) {
    y -= m <= 2;
    const int64_t era = (y >= 0 ? y : y - 399) / 400;
    const int64_t yoe = y - era * 400;
    const int64_t doy = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static int is_leap(int y) { return (y % 4 == 0 && y % 100 != 0) || y % 400 == 0; }

static int days_in_month(int y, int m) {
    static const uint8_t days[13] = {0, 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31};
    return days[m] + (m == 2 && is_leap(y));
}

/* ---- parts of a stamp ------------------------------------------------------------------------------- */

static int month_of(const uint8_t *p) {
    static const char names[] = "janfebmaraprmayjunjulaugsepoctnovdec";
    const char a = (char)(p[0] | 0x20), b = (char)(p[1] | 0x20), c = (char)(p[2] | 0x20);
    for (int m = 0; m < 12; m++)
        if (names[3 * m] == a && names[3 * m + 1] == b && names[3 * m + 2] == c) return m + 1;
    return 0;
}

static int is_weekday(const uint8_t *p) {
    static const char names[] = "montuewedthufrisatsun";
    const char a = (char)(p[0] | 0x20), b = (char)(p[1] | 0x20), c = (char)(p[2] | 0x20);
    for (int d = 0; d < 7; d++)
        if (names[3 * d] == a && names[3 * d + 1] == b && names[3 * d + 2] == c) return 1;
    return 0;
}

/* One or two digits, with a leading blank where `padded` and only one is there. */
static size_t loose_digits(const uint8_t *p, size_t n, size_t at, int padded, int *value) {
    if (padded && at < n && p[at] == ' ') return alog_digits(p, n, at + 1, 1, value);
    const size_t end = alog_digits(p, n, at, 2, value);
    return end ? end : alog_digits(p, n, at, 1, value);
}

/* Two digits, or a blank and one. */
static size_t padded_digits(const uint8_t *p, size_t n, size_t at, int *value) {
    if (at < n && p[at] == ' ') return alog_digits(p, n, at + 1, 1, value);
    return alog_digits(p, n, at, 2, value);
}

/* The first `count` (at most nine) digits at `p`, as billionths. */
static int64_t billionths(const uint8_t *p, size_t count) {
    static const int32_t scales[10] = {1000000000, 100000000, 10000000, 1000000, 100000, 10000, 1000, 100, 10, 1};
    int64_t value = 0;
    for (size_t i = 0; i < count; i++) value = value * 10 + (p[i] - '0');
    return value * scales[count];
}

/* A separator of `marks` and digits; nine of them count. Returns `at` when there is none. */
static size_t fraction(const uint8_t *p, size_t n, size_t at, const char *marks, civil *c) {
    if (at >= n || (p[at] != (uint8_t)marks[0] && p[at] != (uint8_t)marks[1] && p[at] != (uint8_t)marks[2])) return at;
    const size_t begin = at + 1;
    const size_t end = alog_skip_digits(p, n - begin > FRACTION_DIGITS ? begin + FRACTION_DIGITS : n, begin);
    if (end == begin) return at;
    c->fraction_ns = billionths(p + begin, end - begin < 9 ? end - begin : 9);
    c->has_fraction = 1;
    return end;
}

static size_t part(char code, const uint8_t *p, size_t n, size_t at, civil *c) {
    size_t end;
    switch (code) {
    case 'Y': return alog_digits(p, n, at, 4, &c->year);
    case 'y':
        end = alog_digits(p, n, at, 2, &c->year);
        c->year += 2000;
        return end;
    case 'm': return alog_digits(p, n, at, 2, &c->month);
    case 'd': return alog_digits(p, n, at, 2, &c->day);
    case 'D': return loose_digits(p, n, at, 1, &c->day);
    case 'b':
        if (n - at < 3) return 0;
        c->month = month_of(p + at);
        return c->month ? at + 3 : 0;
    case 'a': return n - at >= 3 && is_weekday(p + at) ? at + 3 : 0;
    case 'H': return alog_digits(p, n, at, 2, &c->hour);
    case 'G': return padded_digits(p, n, at, &c->hour);
    case 'h': return loose_digits(p, n, at, 0, &c->hour);
    case 'M': return alog_digits(p, n, at, 2, &c->minute);
    case 'i': return loose_digits(p, n, at, 0, &c->minute);
    case 'S': return alog_digits(p, n, at, 2, &c->second);
    case 's': return loose_digits(p, n, at, 0, &c->second);
    case 'T': return at < n && (p[at] == 'T' || p[at] == 't' || p[at] == ' ' || p[at] == '_') ? at + 1 : 0;
    case 'F': return fraction(p, n, at, "..,", c);
    case 'p':
        if (n - at < 2 || (p[at + 1] | 0x20) != 'm') return 0;
        c->pm = (p[at] | 0x20) == 'p' ? 2 : (p[at] | 0x20) == 'a' ? 1 : 0;
        return c->pm ? at + 2 : 0;
    default: return at < n && p[at] == (uint8_t)code ? at + 1 : 0;
    }
}

/* ---- whole stamps ----------------------------------------------------------------------------------- */

/* A year for a stamp without one. Six months back or more is a new year; December right after January is
 * a straggler of the old one. */
static int year_for(const alog_header_state *state, int month) {
    if (!state->month) return state->year;
    const int step = month - state->month;
    if (step <= -6 && state->year < 9999) return state->year + 1;
    return step == 11 && state->year > 1 ? state->year - 1 : state->year;
}

static int is_real(const civil *c, int yearless) {
    if (c->month < 1 || c->month > 12 || c->day < 1) return 0;
    /* 29 February under a wrong guess of the year is the day after the 28th */
    if (c->day > (yearless && c->month == 2 ? 29 : days_in_month(c->year, c->month))) return 0;
    if (c->minute > 59 || c->second > 60) return 0;
    return c->hour < 24 || (c->hour == 24 && c->minute == 0 && c->second == 0);
}

static void base_of(const civil *c, alog_stamp *out) {
    out->base_ns = out->day_ns = ALOG_NO_TIME;
    if (c->year < 1970 || c->year > 2261) return;
    out->day_ns = days_from_civil(c->year, c->month, c->day) * 86400 * ALOG_NS_PER_S;
    out->base_ns = out->day_ns + (c->hour * 3600 + c->minute * 60 + c->second) * ALOG_NS_PER_S;
}

/* Seconds of the day of a clock in fixed width, "hh:mm:ss" or "hhmmss"; -1 when it is none (or 24:00, or a leap second).
 * All digits are looked at at once. */
static int clock_seconds(const uint8_t *p, size_t width) {
    const uint64_t text = width == 8 ? alog_load64(p) : alog_load32(p) | (uint64_t)alog_load32(p + 2) << 16;
    const uint64_t zeros = width == 8 ? UINT64_C(0x30303a30303a3030) : UINT64_C(0x303030303030);
    const uint64_t more = width == 8 ? UINT64_C(0x76767f76767f7676) : UINT64_C(0x767676767676);
    const uint64_t v = text ^ zeros; /* digits are their values now, colons 0 */
    if (((v + more) | v) & ALOG_TOPS) return -1;
    const uint64_t pairs = v * 10 + (v >> 8); /* each even byte with its neighbour: at most 99, no carry */
    const unsigned step = width == 8 ? 24 : 16;
    const unsigned h = pairs & 0xff, m = pairs >> step & 0xff, s = pairs >> (2 * step) & 0xff;
    return h > 23 || m > 59 || s > 59 ? -1 : (int)(h * 3600 + m * 60 + s);
}

/* "2026-01-02T03:04:05" without anything odd, as nearly all are. Returns its length, 0 for what the layouts' reader has
 * to look at. */
static size_t parse_iso(const uint8_t *p, size_t n, civil *c) {
    if (n < 19 || !part('T', p, n, 10, c)) return 0;
    const uint64_t date = alog_load64(p) ^ UINT64_C(0x2d30302d30303030); /* YYYY-mm-: values of digits, 0 for marks */
    const unsigned ten = p[8] - (unsigned)'0', one = p[9] - (unsigned)'0';
    if (((date + UINT64_C(0x7f76767f76767676)) | date) & ALOG_TOPS || ten > 9 || one > 9) return 0;
    const int seconds = clock_seconds(p + 11, 8);
    if (seconds < 0) return 0;
    const uint64_t pairs = date * 10 + (date >> 8);
    c->year = (int)((pairs & 0xff) * 100 + (pairs >> 16 & 0xff));
    c->month = (int)(pairs >> 40 & 0xff);
    c->day = (int)(ten * 10 + one);
    c->hour = seconds / 3600;
    c->minute = seconds / 60 % 60;
    c->second = seconds % 60;
    return 19;
}

/* Matches the layout up to the seconds and gives its value. Returns the end, 0 when it does not fit. */
static size_t parse(alog_stamp_layout layout, const alog_header_state *state, const uint8_t *p, size_t n, civil *c,
                    alog_stamp *out) {
    size_t at = layout == ALOG_STAMP_ISO ? parse_iso(p, n, c) : 0;
    for (const char *code = at ? "" : layouts[layout].pattern; *code; code++) {
        if (*code == 'F') {
            at = part('F', p, n, at, c);
            continue;
        }
        at = part(*code, p, n, at, c);
        if (!at) return 0;
    }
    if (layout == ALOG_STAMP_CLOCK) {
        if (c->hour > 23 || c->minute > 59 || c->second > 60) return 0;
        out->base_ns = ALOG_NO_TIME;
        return at;
    }
    const int yearless = c->year < 0;
    if (c->pm) {
        if (c->hour < 1 || c->hour > 12) return 0;
        c->hour = c->hour % 12 + (c->pm == 2 ? 12 : 0);
    }
    if (yearless) {
        if (c->month < 1 || c->month > 12) return 0;
        c->year = year_for(state, c->month);
        out->month = (uint8_t)c->month;
    }
    if (!is_real(c, yearless)) return 0;
    out->year = c->year;
    base_of(c, out);
    return at;
}

/* ---- the remembered stamp --------------------------------------------------------------------------- */

/* A stamp that is the last one but for its clock. Returns its end, 0 when it is not. */
static size_t from_memo(alog_stamp_layout layout, const alog_header_state *state, const uint8_t *p, size_t n,
                        alog_stamp *out) {
    const size_t kept = state->memo_len, width = layouts[layout].clock, behind = layouts[layout].behind;
    if (state->memo_layout != layout || n < kept || (n > kept && alog_is_digit(p[kept])))
        return 0; /* 3:4:5 is not 3:4:56 */
    if (alog_is_equal(p, state->memo, kept)) {
        out->base_ns = state->memo_ns;
        out->known = 1;
        return kept;
    }
    if (!width || kept < width + behind) return 0;
    const size_t date = kept - width - behind;
    if (!alog_is_equal(p, state->memo, date) || !alog_is_equal(p + kept - behind, state->memo + kept - behind, behind))
        return 0;
    const int seconds = clock_seconds(p + date, width);
    if (seconds < 0) return 0;
    out->base_ns = state->memo_day_ns == ALOG_NO_TIME ? ALOG_NO_TIME : state->memo_day_ns + seconds * ALOG_NS_PER_S;
    out->day_ns = state->memo_day_ns;
    out->text_len = (uint8_t)kept;
    return kept;
}

/* Whether the remembered stamp's date, of `len` bytes, stands at `p`, which has eight more. */
static int has_date(const alog_header_state *state, const uint8_t *p, size_t len) {
    const uint64_t other = alog_load64(p) ^ alog_load64(state->memo);
    if (len < 8) return len == 0 || other << (64 - 8 * len) == 0;
    return other == 0 && alog_is_equal(p + 8, state->memo + 8, len - 8);
}

int alog_clock_read(const alog_header_state *state, const uint8_t *p, size_t n, alog_clock *out) {
    const size_t kept = state->memo_len, width = layouts[state->memo_layout].clock;
    if (!width || layouts[state->memo_layout].behind || kept < 8 || n <= kept || alog_is_digit(p[kept])) return 0;
    if (state->memo_day_ns == ALOG_NO_TIME || !has_date(state, p, kept - width)) return 0;
    out->ns = out->base_ns = state->memo_ns;
    out->text = alog_load64(p + kept - 8);
    if (out->text != alog_load64(state->memo + kept - 8)) {
        const int seconds = clock_seconds(p + kept - width, width);
        if (seconds < 0) return 0;
        out->ns = out->base_ns = state->memo_day_ns + seconds * ALOG_NS_PER_S;
    }
    out->end = kept;
    if (p[kept] != '.' && p[kept] != ',') return 1;
    civil c = {0};
    out->end = fraction(p, n, kept, "..,", &c);
    out->ns += c.fraction_ns;
    return 1;
}

void alog_clock_keep(alog_header_state *state, const alog_clock *clock) {
    alog_store64(state->memo + state->memo_len - 8, clock->text); /* with what stands before it, which is the same */
    state->memo_ns = clock->base_ns;
}

/* ---- reading ---------------------------------------------------------------------------------------- */

static const char *fraction_marks(alog_stamp_layout layout) { return layout == ALOG_STAMP_HEALTH ? ":::" : "..,"; }

/* What alog_zone_read finds nothing in is mostly known by its first bytes. */
static int may_be_zone(const uint8_t *p, size_t n, size_t at) {
    if (at >= n) return 0;
    if (p[at] != ' ') return p[at] == '+' || p[at] == '-' || (p[at] | 0x20) == 'z';
    if (n - at < 4) return 0;
    if (p[at + 1] == '+' || p[at + 1] == '-') return 1;
    return alog_is_upper(p[at + 1]) && alog_is_upper(p[at + 2]) && alog_is_upper(p[at + 3]);
}

int alog_stamp_read_as(alog_stamp_layout layout, const alog_header_state *state, int32_t utc_offset_s, const uint8_t *p,
                       size_t n, alog_stamp *out) {
    civil c = {.year = -1};
    *out = (alog_stamp){.layout = (uint8_t)layout};
    if (layout == ALOG_STAMP_NONE || layout >= ALOG_STAMP_COUNT) return 0;
    size_t at = from_memo(layout, state, p, n, out);
    if (!at) {
        at = parse(layout, state, p, n, &c, out);
        if (!at) return 0;
        if (at <= sizeof state->memo && !c.has_fraction && layout != ALOG_STAMP_CLOCK) out->text_len = (uint8_t)at;
    }
    if (layout != ALOG_STAMP_CTIME) at = fraction(p, n, at, fraction_marks(layout), &c);
    if (layout == ALOG_STAMP_CLOCK && !c.has_fraction) return 0;
    int32_t offset_s = utc_offset_s;
    out->len = at;
    if (may_be_zone(p, n, at)) out->len = alog_zone_read(p, n, at, &offset_s, &out->zone);
    out->ns = out->base_ns == ALOG_NO_TIME ? ALOG_NO_TIME : out->base_ns + c.fraction_ns - offset_s * ALOG_NS_PER_S;
    return 1;
}

void alog_stamp_keep(alog_header_state *state, const uint8_t *p, const alog_stamp *stamp) {
    if (stamp->known) return;
    if (stamp->month) {
        state->month = stamp->month;
        state->year = stamp->year;
    }
    if (!stamp->text_len) return;
    memcpy(state->memo, p, stamp->text_len);
    state->memo_len = stamp->text_len;
    state->memo_layout = stamp->layout;
    state->memo_ns = stamp->base_ns;
    state->memo_day_ns = stamp->day_ns;
}

/* ---- epochs ----------------------------------------------------------------------------------------- */

#define EPOCH_S_LIMIT INT64_C(9200000000) /* seconds of the year 2261; and so on, by thousands */
#define EPOCH_S_FIRST INT64_C(100000000)  /* 1973: smaller numbers are counters and run times */

int64_t alog_epoch_ns(const uint8_t *p, size_t n) {
    const size_t whole = alog_skip_digits(p, n, 0);
    if (whole < 9 || whole > 19) return ALOG_NO_TIME;
    uint64_t value = 0;
    size_t i = 0;
    for (; whole - i >= 8; i += 8) value = value * 100000000 + (uint64_t)alog_eight_digits(p + i);
    for (; i < whole; i++) value = value * 10 + (uint64_t)(p[i] - '0');
    if (value > INT64_MAX || (int64_t)value < EPOCH_S_FIRST) return ALOG_NO_TIME;
    civil c = {0};
    if (fraction(p, n, whole, "...", &c) != n) return ALOG_NO_TIME;
    int64_t unit = ALOG_NS_PER_S, limit = EPOCH_S_LIMIT;
    while (unit > 1 && (int64_t)value >= limit) {
        unit /= 1000;
        limit *= 1000;
    }
    return (int64_t)value * unit + c.fraction_ns / (ALOG_NS_PER_S / unit);
}

static int read_epoch(const uint8_t *p, size_t n, alog_stamp *out) {
    *out = (alog_stamp){.layout = ALOG_STAMP_EPOCH};
    const size_t whole = alog_skip_digits(p, n, 0);
    civil c = {0};
    if (whole != 10 && whole != 13) return 0;
    const size_t end = fraction(p, n, whole, "...", &c);
    out->ns = alog_epoch_ns(p, end);
    out->len = end;
    return p[0] == '1' && out->ns != ALOG_NO_TIME;
}

/* ---- shapes ----------------------------------------------------------------------------------------- */

static alog_stamp_layout shape_of_digits(const uint8_t *p, size_t n) {
    if (p[4] == '-') return ALOG_STAMP_ISO;
    if (p[4] == '/') return ALOG_STAMP_SLASH;
    if (p[2] == '/') return p[5] == '/' ? ALOG_STAMP_SHORT : ALOG_STAMP_CLF;
    if (p[2] == '-') return alog_is_digit(p[3]) ? ALOG_STAMP_LOGCAT : ALOG_STAMP_DASHED;
    if (p[2] == '.') return p[5] == '.' ? ALOG_STAMP_GERMAN : ALOG_STAMP_DOTTED;
    if (p[2] == ' ') return ALOG_STAMP_DAY_FIRST;
    if (p[2] == ':') return ALOG_STAMP_CLOCK;
    if (p[6] == ' ') return n > 9 && p[9] == ':' ? ALOG_STAMP_PACKED_D : ALOG_STAMP_PACKED;
    if (n > 8 && p[8] == '-') return ALOG_STAMP_HEALTH;
    if (n > 8 && p[8] == ' ') return ALOG_STAMP_KLOG_Y;
    return ALOG_STAMP_EPOCH;
}

/* Weekday or month; "Jan  2 03", "Jan 2 2026" and "Jan 2, 2026" differ after the day. */
static alog_stamp_layout shape_of_name(const uint8_t *p, size_t n) {
    if (p[3] != ' ') return ALOG_STAMP_NONE;
    if (alog_is_alpha(p[4])) return ALOG_STAMP_CTIME;
    size_t at = 4 + (p[4] == ' ');
    at = alog_skip_digits(p, n, at);
    if (at < n && p[at] == ',') return ALOG_STAMP_JUL;
    return n - at > 3 && p[at + 3] == ':' ? ALOG_STAMP_MONTH : ALOG_STAMP_MONTH_Y;
}

int alog_stamp_read(const alog_header_state *state, int32_t utc_offset_s, const uint8_t *p, size_t n, alog_stamp *out) {
    if (n < 8) return 0;
    alog_stamp_layout layout = ALOG_STAMP_NONE;
    if (alog_is_digit(p[0]))
        layout = shape_of_digits(p, n);
    else if (alog_is_alpha(p[0]))
        layout = shape_of_name(p, n);
    if (layout == ALOG_STAMP_EPOCH) return read_epoch(p, n, out);
    return alog_stamp_read_as(layout, state, utc_offset_s, p, n, out);
}
