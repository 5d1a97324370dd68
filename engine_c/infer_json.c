/* infer_json.c: reads JSON (infer_json.h). */
#include "infer_json.h"

#include <stdlib.h>
#include <string.h>

#include "unicode.h"

void alog_json_fail(alog_json *in, const char *wanted) {
    if (!in->wrong) in->wrong = wanted;
}

static void skip_space(alog_json *in) {
    while (in->at < in->len && memchr(" \t\r\n", in->text[in->at], 4)) in->at++;
}

/* The byte that stands next, 0 at the end and after a failure. */
static uint8_t next(alog_json *in) {
    if (in->wrong) return 0;
    skip_space(in);
    return in->at < in->len ? in->text[in->at] : 0;
}

static int take(alog_json *in, char wanted) {
    if (next(in) != (uint8_t)wanted) return 0;
    in->at++;
    return 1;
}

void alog_json_begin(alog_json *in, uint8_t *text, size_t len) {
    *in = (alog_json){.text = text, .len = len};
    if (!alog_is_utf8(text, len)) alog_json_fail(in, "UTF-8");
    if (memchr(text, 0, len)) alog_json_fail(in, "text without NUL"); /* next() gives 0 at the end */
}

void alog_json_end(alog_json *in) {
    if (!in->wrong && (next(in) || in->at < in->len)) alog_json_fail(in, "the end");
}

void alog_json_enter(alog_json *in, char open) {
    if (!take(in, open)) alog_json_fail(in, open == '{' ? "an object" : "an array");
    in->fresh = 1;
}

int alog_json_more(alog_json *in, char close) {
    const int fresh = in->fresh;
    in->fresh = 0;
    if (take(in, close) || in->wrong) return 0;
    if (fresh) return 1;
    if (!take(in, ',')) alog_json_fail(in, "a comma or the end of an object or array");
    return !in->wrong;
}

alog_span alog_json_name(alog_json *in) {
    const alog_span name = alog_json_string(in);
    if (!take(in, ':')) alog_json_fail(in, "a colon");
    return name;
}

/* ---- strings ------------------------------------------------------------------------------------------ */

static int hex_digit(uint8_t c) {
    if ((uint8_t)(c - '0') < 10) return c - '0';
    c |= 0x20;
    return (uint8_t)(c - 'a') < 6 ? c - 'a' + 10 : -1;
}

/* Four hexadecimal digits at text[at]; UINT32_MAX when they are none. */
static uint32_t four_digits(const alog_json *in, size_t at) {
    uint32_t value = 0;
    if (in->len - at < 4) return UINT32_MAX;
    for (size_t i = 0; i < 4; i++) {
        const int digit = hex_digit(in->text[at + i]);
        if (digit < 0) return UINT32_MAX;
        value = value << 4 | (uint32_t)digit;
    }
    return value;
}

static size_t encode(uint8_t *to, uint32_t point) {
    if (point < 0x80) return to[0] = (uint8_t)point, 1;
    const size_t size = point < 0x800 ? 2 : point < 0x10000 ? 3 : 4;
    for (size_t i = size - 1; i; i--, point >>= 6) to[i] = (uint8_t)(0x80 | (point & 0x3f));
    to[0] = (uint8_t)((0xf00u >> size) | point);
    return size;
}

/* The character of a \u escape whose digits begin at in->at, a surrogate pair taken together. */
static uint32_t escaped_point(alog_json *in) {
    uint32_t point = four_digits(in, in->at);
    if (point == UINT32_MAX) return UINT32_MAX;
    in->at += 4;
    if (point < 0xd800 || point >= 0xe000) return point;
    if (point >= 0xdc00 || in->len - in->at < 6 || memcmp(in->text + in->at, "\\u", 2) != 0) return UINT32_MAX;
    const uint32_t low = four_digits(in, in->at + 2);
    if (low < 0xdc00 || low >= 0xe000) return UINT32_MAX;
    in->at += 6;
    return 0x10000 + ((point - 0xd800) << 10) + (low - 0xdc00);
}

/* Decodes the escape behind a backslash; at least as long as what it stands for. Returns the bytes written. */
static size_t unescape(alog_json *in, uint8_t *to) {
    static const char letters[] = "\"\\/bfnrt", meanings[] = "\"\\/\b\f\n\r\t";
    if (in->at == in->len) return 0;
    const uint8_t letter = in->text[in->at++];
    if (letter == 'u') {
        const uint32_t point = escaped_point(in);
        return point == UINT32_MAX ? 0 : encode(to, point);
    }
    const char *found = memchr(letters, letter, sizeof letters - 1);
    if (!found) return 0;
    *to = (uint8_t)meanings[found - letters];
    return 1;
}

alog_span alog_json_string(alog_json *in) {
    if (!take(in, '"')) return alog_json_fail(in, "a string"), (alog_span){0};
    uint8_t *const begin = in->text + in->at, *to = begin;
    while (in->at < in->len) {
        const uint8_t c = in->text[in->at++];
        if (c == '"') return (alog_span){begin, (size_t)(to - begin)};
        if (c < 0x20) break;
        if (c != '\\') {
            *to++ = c;
            continue;
        }
        const size_t size = unescape(in, to);
        if (!size) return alog_json_fail(in, "an escape there is"), (alog_span){0};
        to += size;
    }
    alog_json_fail(in, "the end of a string");
    return (alog_span){0};
}

/* ---- the others --------------------------------------------------------------------------------------- */

static size_t digits_at(const alog_json *in, size_t at) {
    size_t n = 0;
    while (at + n < in->len && (uint8_t)(in->text[at + n] - '0') < 10) n++;
    return n;
}

/* Length of the number at in->at by JSON's grammar; 0 when there is none. *whole: without fraction and exponent. */
static size_t number_length(alog_json *in, int *whole) {
    (void)next(in);
    size_t at = in->at;
    if (at < in->len && in->text[at] == '-') at++;
    const size_t digits = digits_at(in, at);
    if (!digits || (digits > 1 && in->text[at] == '0')) return 0;
    at += digits;
    const size_t integer_end = at;
    if (at < in->len && in->text[at] == '.') {
        const size_t fraction = digits_at(in, at + 1);
        if (!fraction) return 0;
        at += 1 + fraction;
    }
    if (at < in->len && (in->text[at] | 0x20) == 'e') {
        at++;
        if (at < in->len && (in->text[at] == '-' || in->text[at] == '+')) at++;
        const size_t exponent = digits_at(in, at);
        if (!exponent) return 0;
        at += exponent;
    }
    *whole = at == integer_end;
    return at - in->at;
}

uint64_t alog_json_integer(alog_json *in, uint64_t most) {
    int whole = 0;
    if (in->wrong) return 0;
    const size_t len = number_length(in, &whole);
    if (!len || !whole || in->text[in->at] == '-') return alog_json_fail(in, "a whole number"), 0;
    uint64_t value = 0;
    for (size_t i = 0; i < len; i++) {
        const uint64_t digit = (uint64_t)(in->text[in->at + i] - '0');
        if (digit > most || value > (most - digit) / 10) return alog_json_fail(in, "a smaller number"), 0;
        value = 10 * value + digit;
    }
    in->at += len;
    return value;
}

double alog_json_number(alog_json *in) {
    char text[64];
    int whole = 0;
    if (in->wrong) return 0;
    const size_t len = number_length(in, &whole);
    if (!len || len >= sizeof text) return alog_json_fail(in, "a number"), 0.0;
    memcpy(text, in->text + in->at, len);
    text[len] = 0;
    in->at += len;
    return strtod(text, NULL); /* the program sets no locale: "." is the decimal point */
}

static int take_word(alog_json *in, const char *word) {
    const size_t len = strlen(word);
    if (next(in) != (uint8_t)*word || in->len - in->at < len || memcmp(in->text + in->at, word, len) != 0) return 0;
    in->at += len;
    return 1;
}

int alog_json_bool(alog_json *in) {
    if (take_word(in, "true")) return 1;
    if (!take_word(in, "false")) alog_json_fail(in, "true or false");
    return 0;
}

int alog_json_null(alog_json *in) { return take_word(in, "null"); }

int alog_span_is(alog_span span, const char *text) {
    return span.len == strlen(text) && memcmp(span.ptr, text, span.len) == 0;
}

/* ---- an object as it is hashed ------------------------------------------------------------------------ */

enum { MEMBERS = 32 };

typedef struct {
    size_t name, name_end, value, value_end; /* in the text; a name with its quotes */
} member;

typedef struct {
    const uint8_t *text;
    size_t len, at;
} scan;

static void pass_space(scan *s) {
    while (s->at < s->len && memchr(" \t\r\n", s->text[s->at], 4)) s->at++;
}

static void pass_string(scan *s) {
    for (s->at++; s->at < s->len && s->text[s->at] != '"'; s->at++)
        if (s->text[s->at] == '\\') s->at++;
    s->at++;
}

/* Over a value up to the comma or brace behind it. */
static void pass_value(scan *s) {
    size_t depth = 0;
    while (s->at < s->len) {
        const uint8_t c = s->text[s->at];
        if (c == '"') {
            pass_string(s);
            continue;
        }
        if (!depth && (c == ',' || c == '}')) return;
        if (c == '[') depth++;
        if (c == ']' && depth) depth--;
        s->at++;
    }
}

/* The members of the object at `at`; what is malformed gives anything, and is refused when it is read. */
static size_t find_members(const alog_json *in, member *members) {
    scan s = {in->text, in->len, in->at};
    size_t n = 0;
    pass_space(&s);
    for (s.at++; n < MEMBERS; s.at++) {
        member *one = &members[n];
        pass_space(&s);
        if (s.at >= s.len || s.text[s.at] != '"') return n;
        one->name = s.at;
        pass_string(&s);
        one->name_end = s.at;
        pass_space(&s);
        s.at++; /* the colon */
        pass_space(&s);
        one->value = s.at;
        pass_value(&s);
        one->value_end = s.at;
        if (s.at >= s.len) return 0;
        n++;
        if (s.text[s.at] == '}') return n;
    }
    return n;
}

static int before(const alog_json *in, const member *a, const member *b) {
    const size_t a_len = a->name_end - a->name, b_len = b->name_end - b->name;
    const int order = memcmp(in->text + a->name, in->text + b->name, a_len < b_len ? a_len : b_len);
    return order ? order < 0 : a_len < b_len;
}

static uint8_t *copy_dense(uint8_t *to, const alog_json *in, size_t begin, size_t end) {
    scan s = {in->text, end, begin};
    while (s.at < end) {
        const size_t at = s.at;
        if (s.text[at] == '"') {
            pass_string(&s);
        } else {
            s.at++;
            if (memchr(" \t\r\n", s.text[at], 4)) continue;
        }
        const size_t stop = s.at < end ? s.at : end;
        memcpy(to, s.text + at, stop - at);
        to += stop - at;
    }
    return to;
}

uint8_t *alog_json_dense(const alog_json *in, size_t *len) {
    member members[MEMBERS];
    const size_t n = in->wrong ? 0 : find_members(in, members);
    for (size_t i = 1; i < n; i++) {
        const member one = members[i];
        size_t at = i;
        for (; at && before(in, &one, &members[at - 1]); at--) members[at] = members[at - 1];
        members[at] = one;
    }
    uint8_t *const begin = malloc(in->len + 2);
    if (!begin) return NULL;
    uint8_t *to = begin;
    *to++ = '{';
    for (size_t i = 0; i < n; i++) {
        if (i) *to++ = ',';
        to = copy_dense(to, in, members[i].name, members[i].name_end);
        *to++ = ':';
        to = copy_dense(to, in, members[i].value, members[i].value_end);
    }
    *to++ = '}';
    *len = (size_t)(to - begin);
    return begin;
}
