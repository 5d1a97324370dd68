/* header_level.c: level words, letters and numbers as OpenTelemetry severity numbers. */
#include "header_scan.h"

enum {
    TRACE = 1,
    VERBOSE = 2,
    DEBUG = 5,
    FINE = 6,
    CONFIG = 7,
    INFO = 9,
    NOTICE = 10,
    WARN = 13,
    ERROR = 17,
    CRITICAL = 18,
    ALERT = 19,
    FATAL = 21
};

/* A word of at most eight lower-case bytes as a number. */
#define AT(word, i) ((uint64_t)(uint8_t)(sizeof(word) - 1 > (i) ? (word)[i] : 0) << (8 * (i)))
#define WORD(word) \
    (AT(word, 0) | AT(word, 1) | AT(word, 2) | AT(word, 3) | AT(word, 4) | AT(word, 5) | AT(word, 6) | AT(word, 7))

static const struct {
    uint64_t word;
    uint8_t otel, weak;
} levels[] = {
    {WORD("info"), INFO, 0},        {WORD("error"), ERROR, 0},     {WORD("warn"), WARN, 0},
    {WORD("debug"), DEBUG, 0},      {WORD("warning"), WARN, 0},    {WORD("notice"), NOTICE, 0},
    {WORD("fatal"), FATAL, 0},      {WORD("trace"), TRACE, 0},     {WORD("err"), ERROR, 0},
    {WORD("crit"), CRITICAL, 0},    {WORD("severe"), ERROR, 0},    {WORD("critical"), CRITICAL, 0},
    {WORD("alert"), ALERT, 0},      {WORD("emerg"), FATAL, 0},     {WORD("panic"), FATAL, 0},
    {WORD("failure"), CRITICAL, 1}, {WORD("inf"), INFO, 0},        {WORD("wrn"), WARN, 0},
    {WORD("dbg"), DEBUG, 0},        {WORD("verbose"), VERBOSE, 0}, {WORD("ftl"), FATAL, 0},
    {WORD("trc"), TRACE, 0},        {WORD("debug1"), DEBUG, 0},    {WORD("debug2"), DEBUG, 0},
    {WORD("debug3"), DEBUG, 0},     {WORD("debug4"), DEBUG, 0},    {WORD("debug5"), DEBUG, 0},
    {WORD("finest"), TRACE, 0},     {WORD("finer"), DEBUG, 0},     {WORD("fine"), FINE, 1},
    {WORD("config"), CONFIG, 1},    {WORD("log"), INFO, 1},        {WORD("note"), INFO, 1},
    {WORD("system"), INFO, 1},      {WORD("hint"), INFO, 1},       {WORD("detail"), INFO, 1},
    {WORD("context"), INFO, 1},     {WORD("query"), INFO, 1},      {WORD("dbug"), DEBUG, 0},
    {WORD("eror"), ERROR, 0}, /* codespell:ignore eror */
};

#define LONGEST 11

/* The words of more than eight bytes. */
static uint8_t level_of_long_word(const uint8_t *p, size_t n, int *weak) {
    uint8_t lower[LONGEST];
    for (size_t i = 0; i < n; i++) lower[i] = (uint8_t)(alog_is_upper(p[i]) ? p[i] | 0x20 : p[i]);
    *weak = n == 9 && memcmp(lower, "statement", 9) == 0;
    if (*weak || (n == 11 && memcmp(lower, "information", 11) == 0)) return INFO;
    return n == 9 && memcmp(lower, "emergency", 9) == 0 ? FATAL : 0;
}

/* Three to eight bytes as a number, capitals as small letters. 0 when one of them is no letter or digit: then it is no
 * word of the table, and "warn" and "warn\0" would be one number. */
static uint64_t lower_word(const uint8_t *p, size_t n) {
    uint64_t word;
    if (n == 8)
        word = alog_load64(p);
    else if (n >= 4)
        word = alog_load32(p) | (uint64_t)alog_load32(p + n - 4) << (8 * (n - 4));
    else
        word = (uint64_t)p[0] | (uint64_t)p[1] << 8 | (uint64_t)p[2] << 16;
    const uint64_t ones = UINT64_C(0x0101010101010101);
    /* in a byte below 0x80 the top bit tells: more than 'Z', at least 'A' */
    const uint64_t past = word + ones * (0x7f - 'Z'), from = word + ones * (0x80 - 'A');
    const uint64_t present = n == 8 ? ALOG_TOPS : ALOG_TOPS >> (8 * (8 - n));
    if (word & ALOG_TOPS || ((word + ones * (0x80 - '0')) & present) != present) return 0;
    return word | (from & ~past & ALOG_TOPS) >> 2;
}

/* How long the level words are that begin with a letter: a bit for each length from 3 to 8. Most words are told from levels
 * by this alone. */
static const uint16_t lengths[26] = {
    ['a' - 'a'] = 1 << 5,
    ['c' - 'a'] = 1 << 4 | 1 << 6 | 1 << 7 | 1 << 8,
    ['d' - 'a'] = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6,
    ['e' - 'a'] = 1 << 3 | 1 << 4 | 1 << 5,
    ['f' - 'a'] = 1 << 3 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 7,
    ['h' - 'a'] = 1 << 4,
    ['i' - 'a'] = 1 << 3 | 1 << 4,
    ['l' - 'a'] = 1 << 3,
    ['n' - 'a'] = 1 << 4 | 1 << 6,
    ['p' - 'a'] = 1 << 5,
    ['q' - 'a'] = 1 << 5,
    ['s' - 'a'] = 1 << 6,
    ['t' - 'a'] = 1 << 3 | 1 << 5,
    ['v' - 'a'] = 1 << 7,
    ['w' - 'a'] = 1 << 3 | 1 << 4 | 1 << 7,
};

uint8_t alog_level_of_word(const uint8_t *p, size_t n, int *weak) {
    if (n < 3 || n > LONGEST || !alog_is_alpha(p[0])) return 0;
    if (n > 8) return level_of_long_word(p, n, weak);
    if (!(lengths[(p[0] | 0x20) - 'a'] >> n & 1)) return 0;
    const uint64_t word = lower_word(p, n);
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (levels[i].word != word) continue;
        *weak = levels[i].weak;
        return levels[i].otel;
    }
    return 0;
}

uint8_t alog_level_of_syslog(unsigned severity) {
    static const uint8_t otel[8] = {FATAL, ALERT, CRITICAL, ERROR, WARN, NOTICE, INFO, DEBUG};
    return otel[severity & 7];
}

uint8_t alog_level_of_letter(uint8_t c) {
    switch (c) {
    case 'V': return TRACE;
    case 'D': return DEBUG;
    case 'I': return INFO;
    case 'N': return NOTICE;
    case 'W': return WARN;
    case 'E': return ERROR;
    case 'C': return CRITICAL;
    case 'A': return ALERT;
    case 'F': return FATAL;
    default: return 0;
    }
}

uint8_t alog_level_of_number(uint64_t number) {
    if (number < 8) return alog_level_of_syslog((unsigned)number);
    if (number < 10 || number > 60 || number % 10) return 0;
    static const uint8_t pino[7] = {0, TRACE, DEBUG, INFO, WARN, ERROR, FATAL};
    return pino[number / 10];
}

uint8_t alog_severity_of_otel(uint8_t otel) {
    if (otel >= FATAL) return 100;
    if (otel > ERROR) return 90;
    if (otel == ERROR) return 80;
    if (otel >= WARN) return 60;
    if (otel >= INFO) return 20;
    if (otel >= DEBUG) return 10;
    return otel ? 5 : 0;
}

/* ---- a level in a line ------------------------------------------------------------------------------ */

static size_t word_end(const uint8_t *p, size_t n, size_t at) {
    const size_t from = at;
    while (at < n && at - from <= LONGEST && (alog_is_alpha(p[at]) || alog_is_digit(p[at]))) at++;
    return at;
}

static size_t module_end(const uint8_t *p, size_t n, size_t at) {
    const size_t from = at;
    while (at < n && at - from <= 32 && (alog_is_alpha(p[at]) || alog_is_digit(p[at]) || p[at] == '_' || p[at] == '.'))
        at++;
    return at;
}

/* [error], [ error ], [core:error], <warn>, (INFO). */
static uint8_t bracketed(const uint8_t *p, size_t n, size_t at, size_t *next, alog_span *module) {
    const uint8_t close = p[at] == '[' ? ']' : p[at] == '<' ? '>' : ')';
    int weak;
    size_t from = alog_skip_blank(p, n, at + 1);
    size_t end = module_end(p, n, from);
    if (p[at] == '[' && end < n && p[end] == ':') {
        if (module) *module = alog_span_of(p + from, end - from);
        from = end + 1;
    }
    end = word_end(p, n, from);
    const uint8_t otel = alog_level_of_word(p + from, end - from, &weak);
    end = alog_skip_blank(p, n, end);
    if (!otel || end >= n || p[end] != close) return 0;
    *next = end + 1;
    return otel;
}

static int is_all_upper(const uint8_t *p, size_t n) {
    for (size_t i = 0; i < n; i++)
        if (!alog_is_upper(p[i]) && !alog_is_digit(p[i])) return 0;
    return 1;
}

uint8_t alog_level_usual(const uint8_t *p, size_t n) {
    if (n < 8) return 0;
    if (memcmp(p, "INFO ", 5) == 0) return INFO;
    if (memcmp(p, "WARN ", 5) == 0) return WARN;
    if (memcmp(p, "ERROR ", 6) == 0) return ERROR;
    if (memcmp(p, "DEBUG ", 6) == 0) return DEBUG;
    return memcmp(p, "FATAL ", 6) == 0 ? FATAL : 0;
}

uint8_t alog_level_at(const uint8_t *p, size_t n, size_t at, size_t *next, alog_span *module) {
    if (module) *module = (alog_span){0};
    if (at >= n) return 0;
    if (p[at] == '[' || p[at] == '<' || p[at] == '(') {
        const uint8_t otel = bracketed(p, n, at, next, module);
        if (!otel && module) *module = (alog_span){0};
        return otel;
    }
    if (!alog_is_alpha(p[at])) return 0;
    const uint8_t usual = alog_level_usual(p + at, n - at);
    if (usual) {
        *next = at + 4 + (p[at + 4] != ' ');
        return usual;
    }
    int weak = 0;
    const size_t end = word_end(p, n, at);
    const uint8_t otel = alog_level_of_word(p + at, end - at, &weak);
    if (!otel) return 0;
    const int upper = is_all_upper(p + at, end - at);
    *next = end;
    if (end < n && p[end] == ':') {
        *next = end + 1;
        return upper || end + 1 == n || alog_is_blank(p[end + 1]) ? otel : 0;
    }
    if (weak) return 0;
    if (end == n) return upper ? otel : 0;
    if (p[end] == '|') return otel;
    if (!alog_is_blank(p[end])) return 0;
    /* a lower-case word is a level only as a column of its own */
    return upper || p[end] == '\t' || (end + 1 < n && alog_is_blank(p[end + 1])) ? otel : 0;
}
