/* mask_match.c: the alternation of alogd/reference/masks.py; here are its paths, process ids and numbers. */
#include "mask_match.h"

#include "mask.h"
#include "mask_text.h"
#include "unicode.h"

/* ---- path --------------------------------------------------------------------------------------------- */

static size_t run_wide(alog_text t, size_t i, unsigned classes) {
    for (;; i++) {
        i = run(t, i, classes);
        if (at(t, i) < 0x80 || alog_wide_space(t.p, t.n, i)) return i;
    }
}

static size_t some_rest(alog_text t, size_t i) {
    const size_t end = run_wide(t, i, CLASS_REST);
    return end > i ? end : 0;
}

static size_t match_url(alog_text t, size_t i) {
    const uint8_t prior = before(t, i, 1);
    if (is(prior, CLASS_WORD) || prior == '+' || prior == '.' || prior == '-') return 0;
    size_t j = i + 1;
    while (j < i + 17 && (is(at(t, j), CLASS_ALNUM) || at(t, j) == '+' || at(t, j) == '.' || at(t, j) == '-')) j++;
    if (j == i + 1 || j == i + 17 || !begins(t, j, "://", 3)) return 0;
    return some_rest(t, j + 3);
}

static size_t match_path(alog_text t, size_t i) {
    const uint8_t prior = before(t, i, 1);
    if (is(prior, CLASS_WORD | CLASS_BIND)) return 0;
    size_t j = run_wide(t, i + 1, CLASS_PART);
    if (j == i + 1 || at(t, j) != '/') return 0;
    while (at(t, j) == '/') j = run_wide(t, j + 1, CLASS_PART);
    return j;
}

/* C:\x and \\server\x */
static size_t match_windows(alog_text t, size_t i) {
    if (is(before(t, i, 1), CLASS_WORD)) return 0;
    if (t.p[i] != '\\') return at(t, i + 1) == ':' && at(t, i + 2) == '\\' ? some_rest(t, i + 3) : 0;
    if (at(t, i + 1) != '\\') return 0;
    size_t j = i + 2;
    while (is(at(t, j), CLASS_WORD) || at(t, j) == '.' || at(t, j) == '$' || at(t, j) == '-') j++;
    return j > i + 2 && at(t, j) == '\\' ? some_rest(t, j + 1) : 0;
}

/* ---- hex, pid, num ------------------------------------------------------------------------------------ */

static size_t match_hex(alog_text t, size_t i) {
    if (is(before(t, i, 1), CLASS_ALNUM)) return 0;
    if (t.p[i] == '0' && (at(t, i + 1) | 0x20) == 'x') {
        const size_t end = run(t, i + 2, CLASS_HEX);
        return end > i + 2 && !is(at(t, end), CLASS_ALNUM) ? end : 0;
    }
    unsigned seen = 0;
    size_t j = i;
    for (; j < t.n && is(t.p[j], CLASS_HEX); j++) seen |= alog_class[t.p[j]];
    if (is(at(t, j), CLASS_ALNUM)) return 0;
    seen &= CLASS_HEX;
    if (seen == CLASS_DIGIT) return t.p[i] == '0' && j - i >= 8 ? j : 0;
    if (seen != (CLASS_DIGIT | CLASS_HEX_LOWER) && seen != (CLASS_DIGIT | CLASS_HEX_UPPER)) return 0;
    return j - i >= 6 ? j : 0;
}

static int after_pid(alog_text t, size_t i) {
    size_t j = i;
    if (before(t, j, 1) != '=' && before(t, j, 1) != ':') return 0;
    if (before(t, j, 2) == '"') j--;
    return (before(t, j, 4) | 0x20) == 'p' && (before(t, j, 3) | 0x20) == 'i' && (before(t, j, 2) | 0x20) == 'd';
}

static size_t match_pid(alog_text t, size_t i) {
    const uint8_t owner = before(t, i, 2);
    const size_t end = run_upto(t, i, CLASS_DIGIT, 10);
    if (before(t, i, 1) == '[') return (is(owner, CLASS_WORD) || owner == ')') && at(t, end) == ']' ? end : 0;
    return after_pid(t, i) && !is(at(t, end), CLASS_WORD) && at(t, end) != '.' ? end : 0;
}

static size_t plain_number(alog_text t, size_t i) {
    i += at(t, i) == '+' || at(t, i) == '-';
    const size_t end = run(t, i, CLASS_DIGIT);
    if (end == i) return 0;
    const size_t fraction = at(t, end) == '.' ? run(t, end + 1, CLASS_DIGIT) : 0;
    return fraction > end + 1 ? fraction : end;
}

static int opens(uint8_t c) { return c == '[' || c == '(' || c == '{'; }

/* [0, 1, 2] */
static size_t match_list(alog_text t, size_t i) {
    if (!opens(before(t, i, 1)) && !(before(t, i, 1) == ' ' && opens(before(t, i, 2)))) return 0;
    size_t end = plain_number(t, i), items = 0;
    while (end) {
        size_t j = end + (at(t, end) == ',');
        j += at(t, j) == ' ';
        const size_t next = j > end ? plain_number(t, j) : 0;
        if (!next) break;
        end = next;
        items++;
    }
    if (!items) return 0;
    const uint8_t close = at(t, end + (at(t, end) == ' '));
    return close == ']' || close == ')' || close == '}' ? end : 0;
}

/* From a digit to the last digit of its word. */
static size_t digits_of_word(alog_text t, size_t i) {
    size_t last = i = run_digits(t, i);
    for (; i < t.n && is(t.p[i], CLASS_WORD); i++)
        if (digit(t.p[i])) last = i + 1;
    return last;
}

static size_t joint(alog_text t, size_t i) {
    const uint8_t c = at(t, i);
    if (c == '.' || c == ':' || c == '-' || c == ',' || c == '/' || c == '+') return i + 1;
    if ((c | 0x20) == 'e' && (at(t, i + 1) == '-' || at(t, i + 1) == '+')) return i + 2;
    return 0;
}

static size_t match_num(alog_text t, size_t i) {
    const size_t list = match_list(t, i);
    if (list) return list;
    if (!digit(t.p[i])) {
        const uint8_t prior = before(t, i, 1);
        if (is(prior, CLASS_ALNUM) || prior == ')' || prior == ']' || !digit(at(t, i + 1))) return 0;
        i++;
    }
    for (;;) {
        i = digits_of_word(t, i);
        const size_t next = joint(t, i);
        if (!next || !digit(at(t, next))) return i;
        i = next;
    }
}

/* ---- the alternation ------------------------------------------------------------------------------------ */

static int found(alog_match *match, size_t begin, size_t end, uint32_t mask) {
    match->begin = begin;
    match->end = end;
    match->mask = mask;
    return end != 0;
}

#define TRY(name, call) \
    if ((masks & ALOG_MASK_##name) && found(match, i, call, ALOG_MASK_##name)) return 1

/* Separators where a UUID or a MAC has them. */
static inline int like_uuid(alog_text t, size_t i) { return t.n - i >= 36 && t.p[i + 8] == '-'; }

static inline int like_mac(alog_text t, size_t i) {
    return t.n - i >= 17 && t.p[i + 2] == t.p[i + 5] && (t.p[i + 2] == ':' || t.p[i + 2] == '-');
}

static int match_at_letter(alog_text t, size_t i, const alog_search *search, size_t letters, alog_match *match) {
    const uint32_t masks = search->masks;
    uint32_t mask = 0;
    size_t end = 0;
    const int hex = is(t.p[i], CLASS_HEX);
    if (hex && like_uuid(t, i)) TRY(UUID, alog_match_uuid(t, i));
    if (hex && like_mac(t, i)) TRY(MAC, alog_match_mac(t, i));
    if (search->colon) {
        if (hex && letters - i <= 4) TRY(IP, alog_match_ipv6(t, i));
        end = masks & (ALOG_MASK_IP | ALOG_MASK_NUM) ? alog_match_named(t, i, masks, &mask) : 0;
        if (end && mask) return found(match, i, end, mask);
    }
    TRY(DEVICE, alog_match_device(t, i, letters));
    if (search->colon) {
        TRY(PATH, match_url(t, i));
        TRY(PATH, letters == i + 1 ? match_windows(t, i) : 0);
    }
    if (hex) TRY(HEX, match_hex(t, i));
    return end ? found(match, i, end, 0) : 0;
}

static int match_at_digit(alog_text t, size_t i, const alog_search *search, alog_match *match) {
    const uint32_t masks = search->masks;
    const uint8_t prior = before(t, i, 1);
    if (is(prior, CLASS_ALNUM)) {
        TRY(NUM, match_num(t, i));
        return 0;
    }
    const size_t digits = run_digits(t, i);
    const uint8_t next = at(t, digits);
    uint32_t mask = 0;
    if (like_uuid(t, i)) TRY(UUID, alog_match_uuid(t, i));
    if (like_mac(t, i)) TRY(MAC, alog_match_mac(t, i));
    if (next == '.' && digits - i <= 3) TRY(IP, alog_match_ipv4(t, i));
    if (search->colon) {
        if (digits - i <= 4) TRY(IP, alog_match_ipv6(t, i));
        TRY(IP, alog_match_named(t, i, ALOG_MASK_IP, &mask));
    }
    if (is(next, CLASS_LETTER) || (t.p[i] == '0' && digits - i >= 8)) TRY(HEX, match_hex(t, i));
    if (prior == '[' || prior == '=' || prior == ':') TRY(PID, match_pid(t, i));
    TRY(NUM, match_num(t, i));
    return 0;
}

static int match_at_mark(alog_text t, size_t i, const alog_search *search, alog_match *match) {
    const uint32_t masks = search->masks;
    switch (t.p[i]) {
    case '/':
        if (digit(at(t, i + 1))) TRY(IP, alog_match_ipv4(t, i));
        if (at(t, i + 1) == 'd') TRY(DEVICE, alog_match_dev(t, i));
        TRY(PATH, match_path(t, i));
        return 0;
    case '\\': TRY(PATH, match_windows(t, i)); return 0;
    case ':':
        if (at(t, i + 1) == ':') TRY(IP, alog_match_ipv6(t, i));
        return 0;
    default: TRY(NUM, match_num(t, i)); return 0;
    }
}

int alog_mask_next(const alog_search *search, size_t from, alog_match *match) {
    const alog_text t = {search->text, search->len};
    for (size_t i = from; i < search->stop;) {
        const unsigned classes = alog_class[t.p[i]];
        if (!(classes & CLASS_START)) {
            i++;
        } else if (classes & CLASS_LETTER) {
            const size_t letters = run_letters(t, i);
            if (!is(before(t, i, 1), CLASS_ALNUM) && match_at_letter(t, i, search, letters, match)) return 1;
            i = letters;
        } else if (classes & CLASS_DIGIT) {
            if (match_at_digit(t, i, search, match)) return 1;
            i = run_digits(t, i);
        } else {
            if (match_at_mark(t, i, search, match)) return 1;
            i++;
        }
    }
    return 0;
}
