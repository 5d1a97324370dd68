/* header_lead.c: an application's line from its start: what leads to the stamp, the stamp, and what follows it. */
#include "header_app.h"

#define LEAD_BYTES 128 /* of a word before the stamp */
#define INNER_BYTES 96 /* between a stamp and the bracket that closes it */

static int stamp_at(const alog_reader *r, size_t at, alog_stamp *stamp) {
    return alog_stamp_read(r->state, r->config->utc_offset_s, r->text + at, r->len - at, stamp);
}

/* ---- before the stamp ------------------------------------------------------------------------------- */

/* "123:M 02 Jan 2026 ..." */
static int redis_lead(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    const size_t end = alog_skip_digits(p, r->len, 0);
    if (r->len - end < 4 || p[end] != ':' || p[end + 2] != ' ') return 0;
    if (p[end + 1] != 'M' && p[end + 1] != 'S' && p[end + 1] != 'C' && p[end + 1] != 'X') return 0;
    r->out->pid = alog_span_of(p, end);
    line->redis = 1;
    line->at = end + 3;
    return 1;
}

/* "I, [stamp" (Ruby), "E [stamp" (CUPS), "[I stamp" (Tornado). */
static int letter_lead(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    if (r->len < 6) return 0;
    const size_t letter = p[0] == '[';
    const uint8_t otel = alog_level_of_letter(p[letter]);
    if (!otel) return 0;
    if (letter && p[2] == ' ')
        line->at = 3;
    else if (!letter && p[1] == ',' && p[2] == ' ' && p[3] == '[')
        line->at = 4;
    else if (!letter && p[1] == ' ' && p[2] == '[')
        line->at = 3;
    else
        return 0;
    line->in_bracket = 1;
    r->out->otel = otel;
    line->level_found = 1;
    return 1;
}

/* "INFO 2026-...", "WARN  [2026-...". `next` follows the level. */
static int level_lead(alog_reader *r, alog_app_line *line, uint8_t otel, size_t next, alog_stamp *stamp) {
    size_t at = alog_separator(r->text, r->len, next);
    const uint8_t bracket = at < r->len && r->text[at] == '[';
    at += bracket;
    if (!stamp_at(r, at, stamp)) return 0;
    alog_set_level(r, line, otel, at);
    line->in_bracket = bracket;
    return 1;
}

/* "nova-api.log 2026-05-16 00:00:00.008 ...", "update-alternatives 2026-...". */
static int word_lead(alog_reader *r, alog_app_line *line, alog_stamp *stamp) {
    const uint8_t *p = r->text;
    if (!alog_is_alpha(p[0]) && p[0] != '/') return 0;
    const size_t end = alog_skip_word(p, r->len < LEAD_BYTES ? r->len : LEAD_BYTES, 0);
    if (end >= r->len || p[end] != ' ') return 0;
    if (r->len - end < 20 || p[end + 5] != '-' || !stamp_at(r, end + 1, stamp)) return 0;
    r->out->program = alog_span_of(p, end);
    line->at = end + 1;
    return 1;
}

/* "ERROR: msg", "[INFO] msg", "INFO:root:msg": a level alone begins a line. */
static uint8_t level_only(alog_reader *r, uint8_t otel, size_t next) {
    const uint8_t *p = r->text;
    if (p[next - 1] != ':' && p[next - 1] != ']') return 0;
    r->out->otel = otel;
    size_t end = next;
    while (end < r->len && (alog_is_alpha(p[end]) || alog_is_digit(p[end]) || p[end] == '.' || p[end] == '_')) end++;
    if (p[next - 1] == ':' && end > next && end < r->len && p[end] == ':') {
        r->out->program = alog_span_of(p + next, end - next);
        next = end + 1;
    }
    alog_set_message(r, next);
    return ALOG_HEADER_LOG4J;
}

/* ---- after the stamp -------------------------------------------------------------------------------- */

/* "[stamp INFO  module]", "[stamp: INFO/worker]", "[stamp #1234]", "[stamp web:12]"; `at` follows the stamp. */
static int close_bracket(alog_reader *r, alog_app_line *line, uint8_t layout) {
    const uint8_t *p = r->text;
    const size_t limit = r->len - line->at > INNER_BYTES ? line->at + INNER_BYTES : r->len;
    size_t at = line->at, end = at;
    while (end < limit && p[end] != ']') end++;
    if (end >= limit) return 0;
    line->at = end + 1;
    while (at < end && (alog_is_blank(p[at]) || p[at] == ':' || p[at] == ',')) at++;
    if (at == end) return 1;
    if (p[at] == '#') {
        const size_t digits = alog_skip_digits(p, end, at + 1);
        if (digits > at + 1) r->out->pid = alog_span_of(p + at + 1, digits - at - 1);
        return 1;
    }
    size_t word = at;
    while (word < end && alog_is_alpha(p[word])) word++;
    int weak = 0;
    const uint8_t otel = alog_level_of_word(p + at, word - at, &weak);
    if (otel && !weak && (word == end || p[word] == '/' || alog_is_blank(p[word]))) {
        alog_set_level(r, line, otel, line->at);
        at = word;
        while (at < end && (alog_is_blank(p[at]) || p[at] == '/')) at++;
    }
    while (end > at && alog_is_blank(p[end - 1])) end--;
    if (end > at && layout != ALOG_STAMP_DASHED) r->out->program = alog_span_of(p + at, end - at);
    return 1;
}

/* "Step_LSC|30002312|msg" */
static void piped(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    const size_t n = r->len, end = alog_name_end(p, n, line->at);
    if (end == line->at || end >= n || p[end] != '|') return;
    const size_t digits = alog_skip_digits(p, n, end + 1);
    if (digits == end + 1 || digits >= n || p[digits] != '|') return;
    r->out->program = alog_span_of(p + line->at, end - line->at);
    r->out->pid = alog_span_of(p + end + 1, digits - end - 1);
    line->at = digits + 1;
}

/* "PHP Warning:  msg" */
static int php(alog_reader *r, alog_app_line *line) {
    static const struct {
        const char *words;
        uint8_t len, otel;
    } kinds[] = {{"Notice:", 7, 10},
                 {"Deprecated:", 11, 10},
                 {"Warning:", 8, 13},
                 {"Parse error:", 12, 17},
                 {"Fatal error:", 12, 21}};
    const uint8_t *p = r->text + line->at;
    const size_t n = r->len - line->at;
    if (!ALOG_STARTS(p, n, "PHP ")) return 0;
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++) {
        if (!alog_starts(p + 4, n - 4, kinds[i].words, kinds[i].len)) continue;
        r->out->program = alog_span_of(p, 3);
        alog_set_level(r, line, kinds[i].otel, line->at + 4 + kinds[i].len);
        return 1;
    }
    return 0;
}

/* "chrome.exe - msg", "chrome.exe *64 - msg" (Proxifier). */
static void proxied(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    const size_t n = r->len, end = alog_name_end(p, n, line->at);
    if (end == line->at) return;
    size_t next = end;
    if (ALOG_STARTS(p + next, n - next, " *64")) next += 4;
    if (!ALOG_STARTS(p + next, n - next, " - ")) return;
    r->out->program = alog_span_of(p + line->at, end - line->at);
    line->at = next + 3;
}

static void redis_level(alog_reader *r, alog_app_line *line) {
    static const char marks[] = ".-*#";
    static const uint8_t otel[] = {5, 5, 10, 13};
    const size_t at = alog_skip_blank(r->text, r->len, line->at);
    if (at >= r->len || (at + 1 < r->len && !alog_is_blank(r->text[at + 1]))) return;
    for (size_t i = 0; i < 4; i++)
        if (r->text[at] == (uint8_t)marks[i]) alog_set_level(r, line, otel[i], at + 1);
}

/* "INFO ", "148 INFO ": what nearly all lines have next, without asking for all that may stand there. */
static int usual_level(alog_reader *r, alog_app_line *line) {
    const uint8_t *p = r->text;
    const size_t n = r->len, at = alog_skip_blank(p, n, line->at), end = alog_skip_digits(p, n, at);
    size_t level = at;
    if (end > at) {
        level = alog_skip_blank(p, n, end);
        if (level == end) return 0;
    }
    const uint8_t otel = alog_level_usual(p + level, n - level);
    if (!otel) return 0;
    if (end > at) {
        r->out->pid = alog_span_of(p + at, end - at);
        r->out->program = (alog_span){0};
    }
    alog_set_level(r, line, otel, level + 4 + (p[level + 4] != ' '));
    return 1;
}

static void rest_of_line(alog_reader *r, alog_app_line *line, uint8_t layout) {
    if (line->redis) {
        redis_level(r, line);
        return;
    }
    if (!line->level_found && usual_level(r, line)) {
        alog_after_level(r, line);
        line->usual = 1;
        return;
    }
    line->at = alog_separator(r->text, r->len, line->at);
    size_t next;
    alog_span module;
    const uint8_t otel = alog_level_at(r->text, r->len, line->at, &next, &module);
    if (module.len) r->out->program = module;
    if (otel) alog_set_level(r, line, otel, next);
    if (line->level_found) {
        alog_after_level(r, line);
        return;
    }
    if (alog_level_later(r, line) || php(r, line)) return;
    if (layout == ALOG_STAMP_HEALTH) piped(r, line);
    if (layout == ALOG_STAMP_DOTTED && line->bracketed) proxied(r, line);
}

static int is_boundary(uint8_t c) { return alog_is_blank(c) || c == ',' || c == ':' || c == '|' || c == ';'; }

/* ---- the line --------------------------------------------------------------------------------------- */

/* Finds the stamp. Returns 1 with `stamp` read at line->at, 0 when there is none; then *otel and *next tell of a
 * level that stands alone. */
static int lead(alog_reader *r, alog_app_line *line, alog_stamp *stamp, uint8_t *otel, size_t *next) {
    const uint8_t *p = r->text;
    *otel = 0;
    if (alog_is_digit(p[0])) {
        return stamp_at(r, 0, stamp) || (redis_lead(r, line) && stamp_at(r, line->at, stamp));
    }
    if (letter_lead(r, line) && stamp_at(r, line->at, stamp)) return 1;
    *line = (alog_app_line){0};
    r->out->otel = 0;
    if (p[0] == '[' && stamp_at(r, 1, stamp)) {
        line->in_bracket = 1;
        line->at = 1;
        return 1;
    }
    if (p[0] != '[' && !alog_is_upper(p[0])) return word_lead(r, line, stamp);
    *otel = alog_level_at(p, r->len, 0, next, NULL);
    if (*otel && p[0] != '[' && !alog_is_upper(p[1])) *otel = 0; /* "Error: ..." is no level of its own */
    if (*otel) return level_lead(r, line, *otel, *next, stamp);
    if (p[0] == '[') return 0;
    if (stamp_at(r, 0, stamp) && stamp->layout != ALOG_STAMP_MONTH) return 1; /* those are syslog's */
    return word_lead(r, line, stamp);
}

uint8_t alog_read_app(alog_reader *r) {
    if (r->len < 6) return 0;
    alog_app_line line = {0};
    alog_stamp stamp;
    uint8_t otel;
    size_t next = 0;
    if (!lead(r, &line, &stamp, &otel, &next)) return otel ? level_only(r, otel, next) : 0;
    const size_t begin = line.at;
    line.bracketed = line.in_bracket;
    line.at += stamp.len;
    if (line.in_bracket) {
        if (!close_bracket(r, &line, stamp.layout)) return 0;
    } else {
        if (line.at < r->len && !is_boundary(r->text[line.at])) return 0;
        line.columns = line.at < r->len && r->text[line.at] == ',';
    }
    rest_of_line(r, &line, stamp.layout);
    if (!r->wrapped) alog_stamp_keep(r->state, r->text + begin, &stamp);
    r->out->timestamp_ns = stamp.ns;
    alog_set_message(r, line.at);
    if (line.usual && alog_is_digit(r->text[0])) {
        r->layout = stamp.layout;
        r->seen = line.seen;
    }
    if (line.bracketed && line.level_found) alog_trailing_logger(r);
    return line.level_found ? ALOG_HEADER_LOG4J : ALOG_HEADER_ISO8601;
}
