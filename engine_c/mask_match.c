/* mask_match.c: one function for each alternative of alogd/reference/masks.py; each returns where its match ends, 0 when
 * there is none. Bytes outside the text read as NUL, which no pattern names. */
#include "mask_match.h"

#include <string.h>

#include "hash.h"
#include "mask.h"
#include "mask_class.h"
#include "unicode.h"

typedef struct {
    const uint8_t *p;
    size_t n;
} text;

static inline uint8_t at(text t, size_t i) { return i < t.n ? t.p[i] : 0; }
static inline uint8_t before(text t, size_t i, size_t back) { return i >= back ? t.p[i - back] : 0; }
static inline int is(uint8_t c, unsigned classes) { return (alog_class[c] & classes) != 0; }
static inline int digit(uint8_t c) { return (uint8_t)(c - '0') < 10; }

/* Where the digits from i on end, eight bytes a step. */
static size_t run_digits(text t, size_t i) {
    for (; t.n - i >= 8; i += 8) {
        const uint64_t low = alog_load64(t.p + i) ^ UINT64_C(0x3030303030303030);
        const uint64_t others = ((low + UINT64_C(0x7676767676767676)) | low) & UINT64_C(0x8080808080808080);
        if (others) return i + ((unsigned)__builtin_ctzll(others) >> 3);
    }
    while (i < t.n && digit(t.p[i])) i++;
    return i;
}

static inline size_t run(text t, size_t i, unsigned classes) {
    while (i < t.n && is(t.p[i], classes)) i++;
    return i;
}

static inline size_t run_upto(text t, size_t i, unsigned classes, size_t most) {
    const size_t stop = t.n - i < most ? t.n : i + most;
    while (i < stop && is(t.p[i], classes)) i++;
    return i;
}

/* ---- uuid, mac ---------------------------------------------------------------------------------------- */

static size_t match_uuid(text t, size_t i) {
    static const uint8_t widths[5] = {8, 4, 4, 4, 12};
    if (t.n - i < 36 || t.p[i + 8] != '-' || is(before(t, i, 1), CLASS_ALNUM)) return 0;
    for (unsigned part = 0; part < 5; part++) {
        if (part && at(t, i++) != '-') return 0;
        const size_t end = run_upto(t, i, CLASS_HEX, widths[part]);
        if (end - i != widths[part]) return 0;
        i = end;
    }
    return is(at(t, i), CLASS_ALNUM) ? 0 : i;
}

static size_t match_mac(text t, size_t i) {
    const uint8_t prior = before(t, i, 1);
    if (t.n - i < 17 || is(prior, CLASS_WORD) || prior == ':' || prior == '-') return 0;
    const uint8_t joint = t.p[i + 2];
    if (joint != ':' && joint != '-') return 0;
    for (unsigned part = 0; part < 6; part++, i += 3) {
        if (!is(t.p[i], CLASS_HEX) || !is(t.p[i + 1], CLASS_HEX)) return 0;
        if (part < 5 && t.p[i + 2] != joint) return 0;
    }
    const uint8_t next = at(t, --i);
    if (is(next, CLASS_WORD)) return 0;
    return (next == ':' || next == '-') && is(at(t, i + 1), CLASS_WORD) ? 0 : i;
}

/* ---- ip ----------------------------------------------------------------------------------------------- */

static size_t quad(text t, size_t i) {
    for (unsigned part = 0; part < 4; part++) {
        if (part && at(t, i++) != '.') return 0;
        const size_t end = run_upto(t, i, CLASS_DIGIT, 3);
        if (end == i) return 0;
        i = end;
    }
    return i;
}

static int quad_may_end(text t, size_t i) {
    const uint8_t next = at(t, i);
    return !is(next, CLASS_WORD) && !(next == '.' && digit(at(t, i + 1)));
}

static size_t match_ipv4(text t, size_t i) {
    const uint8_t prior = before(t, i, 1);
    if (is(prior, CLASS_WORD) || prior == '.') return 0;
    size_t best = 0;
    for (;;) {
        i = quad(t, i + (at(t, i) == '/'));
        if (!i) return best;
        if (quad_may_end(t, i)) best = i;
        if (at(t, i) == ':' || at(t, i) == '/') {
            const size_t end = run_upto(t, i + 1, CLASS_DIGIT, 5);
            if (end > i + 1 && !digit(at(t, end))) {
                i = end;
                if (quad_may_end(t, i)) best = i;
            }
        }
        if (at(t, i++) != ',') return best;
    }
}

static int ipv6_may_end(text t, size_t i) {
    const uint8_t next = at(t, i), after = at(t, i + 1);
    if (is(next, CLASS_WORD)) return 0;
    if (next == ':') return !is(after, CLASS_WORD) && after != ':';
    return !(next == '.' && digit(after));
}

/* With its zone (fe80::1%eth0), where it has one. */
static size_t ipv6_end(text t, size_t i) {
    if (at(t, i) == '%') {
        const size_t end = run_upto(t, i + 1, CLASS_ALNUM, 15);
        if (end > i + 1 && ipv6_may_end(t, end)) return end;
    }
    return ipv6_may_end(t, i) ? i : 0;
}

/* Up to `most` groups joined by single colons, from a hex digit on. */
static size_t ipv6_groups(text t, size_t i, unsigned most, unsigned *count) {
    for (*count = 1;; (*count)++) {
        i = run_upto(t, i, CLASS_HEX, 4);
        if (*count == most || at(t, i) != ':' || !is(at(t, i + 1), CLASS_HEX)) return i;
        i++;
    }
}

/* What follows the '::', which may end in an IPv4 address. */
static size_t ipv6_tail(text t, size_t i) {
    size_t from = i;
    unsigned count;
    for (unsigned groups = 0; groups < 5; groups++) {
        const size_t end = run_upto(t, from, CLASS_HEX, 4);
        if (end == from || at(t, end) != ':') break;
        from = end + 1;
    }
    const size_t mapped = quad(t, from);
    const size_t end = mapped ? ipv6_end(t, mapped) : 0;
    if (end) return end;
    return ipv6_end(t, is(at(t, i), CLASS_HEX) ? ipv6_groups(t, i, 7, &count) : i);
}

static size_t match_ipv6(text t, size_t i) {
    const uint8_t prior = before(t, i, 1);
    if (is(prior, CLASS_WORD) || prior == ':' || prior == '.') return 0;
    size_t first = i;
    while (first - i < 39 && (is(at(t, first), CLASS_HEX_LOWER | CLASS_HEX_UPPER) || at(t, first) == ':')) first++;
    if (!digit(at(t, first))) return 0;
    if (at(t, i) != ':') {
        unsigned count;
        i = ipv6_groups(t, i, 8, &count);
        if (count == 8) return ipv6_end(t, i);
    }
    if (at(t, i) != ':' || at(t, i + 1) != ':') return 0;
    return ipv6_tail(t, i + 2);
}

/* ---- host:port and file:line ----------------------------------------------------------------------------- */

static int one_of(const uint8_t *p, size_t len, const char *const *words, size_t count) {
    for (size_t i = 0; i < count; i++)
        if (strlen(words[i]) == len && memcmp(words[i], p, len) == 0) return 1;
    return 0;
}

static int is_domain(const uint8_t *label, size_t len, size_t labels) {
    static const char *const domains[] = {"com", "net",   "org",   "edu", "gov",  "io",       "info", "dev",
                                          "app", "cloud", "local", "lan", "corp", "internal", "svc",  "localdomain"};
    static const char *const suffixes[] = {"cc", "go", "hh", "hs", "js", "ml", "mm",
                                           "pl", "py", "rb", "rs", "sh", "so", "ts"};
    if (one_of(label, len, domains, sizeof domains / sizeof *domains)) return 1;
    if (len != 2 || labels < 3 || one_of(label, len, suffixes, sizeof suffixes / sizeof *suffixes)) return 0;
    return label[0] >= 'a' && label[0] <= 'z' && label[1] >= 'a' && label[1] <= 'z';
}

/* Labels joined by dots, a colon and a number: `mask` becomes IP for a host, 0 for a place in a file. */
static size_t match_named(text t, size_t i, uint32_t masks, uint32_t *mask) {
    const uint8_t prior = before(t, i, 1);
    if (is(prior, CLASS_WORD) || prior == '.' || prior == '-') return 0;
    const int letter = !digit(t.p[i]);
    size_t label = i, labels = 1;
    for (;; i++) {
        const uint8_t c = at(t, i);
        if (is(c, CLASS_WORD) || c == '-') continue;
        if (i == label) return 0;
        if (c != '.') break;
        label = i + 1;
        labels++;
    }
    if (labels < 2 || at(t, i) != ':') return 0;
    const size_t end = run(t, i + 1, CLASS_DIGIT);
    if (end == i + 1 || is(at(t, end), CLASS_WORD)) return 0;
    if ((masks & ALOG_MASK_IP) && end - i <= 6 && is_domain(t.p + label, i - label, labels)) {
        *mask = ALOG_MASK_IP;
        return end;
    }
    *mask = 0;
    return (masks & ALOG_MASK_NUM) && letter && run(t, label, CLASS_LETTER) == i ? end : 0;
}

/* ---- device ------------------------------------------------------------------------------------------- */

static size_t numbered(text t, size_t i, size_t most) {
    const size_t end = run_upto(t, i, CLASS_DIGIT, most);
    return end > i ? end : 0;
}

static int begins(text t, size_t i, const char *word, size_t len) {
    return t.n - i >= len && memcmp(t.p + i, word, len) == 0;
}

static size_t match_dev(text t, size_t i) {
    size_t end = 0;
    const uint8_t prior = before(t, i, 1);
    if (!begins(t, i, "/dev", 4) || is(prior, CLASS_WORD) || prior == '.' || prior == '-') return 0;
    for (i += 4; at(t, i) == '/';) {
        size_t j = i + 1;
        while (is(at(t, j), CLASS_WORD) || at(t, j) == '.' || at(t, j) == '+' || at(t, j) == '-') j++;
        if (j == i + 1) break;
        end = i = j;
    }
    return end;
}

/* tty, ttyS, ttyUSB */
static size_t device_tty(text t, size_t i) {
    size_t j = i + 3;
    while (j < i + 6 && at(t, j) >= 'A' && at(t, j) <= 'Z') j++;
    return numbered(t, j, 4);
}

/* sda1, hdb2, vda1, xvda1 */
static size_t device_disk(text t, size_t i) {
    i += at(t, i) == 'x';
    const uint8_t c = at(t, i);
    if (at(t, i + 1) != 'd') return 0;
    if (c != 'v' && (before(t, i, 1) == 'x' || (c != 'h' && c != 's'))) return 0;
    size_t j = i + 2;
    while (j < i + 4 && at(t, j) >= 'a' && at(t, j) <= 'z') j++;
    return j > i + 2 ? numbered(t, j, 3) : 0;
}

/* nvme0n1p2, mmcblk0p1 */
static size_t device_flash(text t, size_t i) {
    if (begins(t, i, "nvme", 4)) {
        i = numbered(t, i + 4, 3);
        if (!i || at(t, i++) != 'n') return 0;
    } else if (begins(t, i, "mmcblk", 6)) {
        i += 6;
    } else {
        return 0;
    }
    const size_t end = numbered(t, i, 3);
    const size_t part = end && at(t, end) == 'p' ? numbered(t, end + 1, 3) : 0;
    return part ? part : end;
}

/* eno1, ens3, enp3s0f1, wlp2s0 */
static size_t device_slot(text t, size_t i) {
    if (!begins(t, i, "en", 2) && !begins(t, i, "wl", 2)) return 0;
    i += 2;
    if (at(t, i) == 'p') {
        i = numbered(t, i + 1, 3);
        if (!i || at(t, i++) != 's') return 0;
    } else if (at(t, i) == 'o' || at(t, i) == 's') {
        i++;
    } else {
        return 0;
    }
    const size_t end = numbered(t, i, 4);
    const size_t function = end && at(t, end) == 'f' ? numbered(t, end + 1, 3) : 0;
    return function ? function : end;
}

static size_t device_name(text t, size_t i) {
    static const struct {
        char name[7];
        uint8_t len;
    } plain[] = {{"eth", 3}, {"wlan", 4}, {"bond", 4}, {"team", 4},  {"tun", 3},    {"tap", 3},
                 {"ppp", 3}, {"ib", 2},   {"br", 2},   {"virbr", 5}, {"docker", 6}, {"loop", 4},
                 {"sr", 2},  {"vcs", 3},  {"vcsa", 4}, {"dm-", 3},   {"pts/", 4}};
    for (size_t k = 0; k < sizeof plain / sizeof *plain; k++) {
        if (t.p[i] != (uint8_t)plain[k].name[0] || !begins(t, i, plain[k].name, plain[k].len)) continue;
        const size_t end = numbered(t, i + plain[k].len, 4);
        if (end) return end;
    }
    if (begins(t, i, "tty", 3)) return device_tty(t, i);
    const size_t disk = device_disk(t, i);
    if (disk) return disk;
    const size_t flash = device_flash(t, i);
    return flash ? flash : device_slot(t, i);
}

/* `letters` is where the run of letters from i on ends. */
static size_t match_device(text t, size_t i, size_t letters) {
    const uint8_t prior = before(t, i, 1), next = at(t, letters);
    if (is(prior, CLASS_WORD) || prior == '.' || prior == '-') return 0;
    if (letters - i > 6 || !(digit(next) || next == '-' || next == '/')) return 0;
    const size_t end = device_name(t, i);
    return end && !is(at(t, end), CLASS_WORD) ? end : 0;
}

/* ---- path --------------------------------------------------------------------------------------------- */

static size_t run_wide(text t, size_t i, unsigned classes) {
    for (;; i++) {
        i = run(t, i, classes);
        if (at(t, i) < 0x80 || alog_wide_space(t.p, t.n, i)) return i;
    }
}

static size_t some_rest(text t, size_t i) {
    const size_t end = run_wide(t, i, CLASS_REST);
    return end > i ? end : 0;
}

static size_t match_url(text t, size_t i) {
    const uint8_t prior = before(t, i, 1);
    if (is(prior, CLASS_WORD) || prior == '+' || prior == '.' || prior == '-') return 0;
    size_t j = i + 1;
    while (j < i + 17 && (is(at(t, j), CLASS_ALNUM) || at(t, j) == '+' || at(t, j) == '.' || at(t, j) == '-')) j++;
    if (j == i + 1 || j == i + 17 || !begins(t, j, "://", 3)) return 0;
    return some_rest(t, j + 3);
}

static size_t match_path(text t, size_t i) {
    const uint8_t prior = before(t, i, 1);
    if (is(prior, CLASS_WORD | CLASS_BIND)) return 0;
    size_t j = run_wide(t, i + 1, CLASS_PART);
    if (j == i + 1 || at(t, j) != '/') return 0;
    while (at(t, j) == '/') j = run_wide(t, j + 1, CLASS_PART);
    return j;
}

/* C:\x and \\server\x */
static size_t match_windows(text t, size_t i) {
    if (is(before(t, i, 1), CLASS_WORD)) return 0;
    if (t.p[i] != '\\') return at(t, i + 1) == ':' && at(t, i + 2) == '\\' ? some_rest(t, i + 3) : 0;
    if (at(t, i + 1) != '\\') return 0;
    size_t j = i + 2;
    while (is(at(t, j), CLASS_WORD) || at(t, j) == '.' || at(t, j) == '$' || at(t, j) == '-') j++;
    return j > i + 2 && at(t, j) == '\\' ? some_rest(t, j + 1) : 0;
}

/* ---- hex, pid, num ------------------------------------------------------------------------------------ */

static size_t match_hex(text t, size_t i) {
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

static int after_pid(text t, size_t i) {
    size_t j = i;
    if (before(t, j, 1) != '=' && before(t, j, 1) != ':') return 0;
    if (before(t, j, 2) == '"') j--;
    return (before(t, j, 4) | 0x20) == 'p' && (before(t, j, 3) | 0x20) == 'i' && (before(t, j, 2) | 0x20) == 'd';
}

static size_t match_pid(text t, size_t i) {
    const uint8_t owner = before(t, i, 2);
    const size_t end = run_upto(t, i, CLASS_DIGIT, 10);
    if (before(t, i, 1) == '[') return (is(owner, CLASS_WORD) || owner == ')') && at(t, end) == ']' ? end : 0;
    return after_pid(t, i) && !is(at(t, end), CLASS_WORD) && at(t, end) != '.' ? end : 0;
}

static size_t plain_number(text t, size_t i) {
    i += at(t, i) == '+' || at(t, i) == '-';
    const size_t end = run(t, i, CLASS_DIGIT);
    if (end == i) return 0;
    const size_t fraction = at(t, end) == '.' ? run(t, end + 1, CLASS_DIGIT) : 0;
    return fraction > end + 1 ? fraction : end;
}

static int opens(uint8_t c) { return c == '[' || c == '(' || c == '{'; }

/* [0, 1, 2] */
static size_t match_list(text t, size_t i) {
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
static size_t digits_of_word(text t, size_t i) {
    size_t last = i = run_digits(t, i);
    for (; i < t.n && is(t.p[i], CLASS_WORD); i++)
        if (digit(t.p[i])) last = i + 1;
    return last;
}

static size_t joint(text t, size_t i) {
    const uint8_t c = at(t, i);
    if (c == '.' || c == ':' || c == '-' || c == ',' || c == '/' || c == '+') return i + 1;
    if ((c | 0x20) == 'e' && (at(t, i + 1) == '-' || at(t, i + 1) == '+')) return i + 2;
    return 0;
}

static size_t match_num(text t, size_t i) {
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
static inline int like_uuid(text t, size_t i) { return t.n - i >= 36 && t.p[i + 8] == '-'; }

static inline int like_mac(text t, size_t i) {
    return t.n - i >= 17 && t.p[i + 2] == t.p[i + 5] && (t.p[i + 2] == ':' || t.p[i + 2] == '-');
}

static int match_at_letter(text t, size_t i, const alog_search *search, size_t letters, alog_match *match) {
    const uint32_t masks = search->masks;
    uint32_t mask = 0;
    size_t end = 0;
    const int hex = is(t.p[i], CLASS_HEX);
    if (hex && like_uuid(t, i)) TRY(UUID, match_uuid(t, i));
    if (hex && like_mac(t, i)) TRY(MAC, match_mac(t, i));
    if (search->colon) {
        if (hex && letters - i <= 4) TRY(IP, match_ipv6(t, i));
        end = masks & (ALOG_MASK_IP | ALOG_MASK_NUM) ? match_named(t, i, masks, &mask) : 0;
        if (end && mask) return found(match, i, end, mask);
    }
    TRY(DEVICE, match_device(t, i, letters));
    if (search->colon) {
        TRY(PATH, match_url(t, i));
        TRY(PATH, letters == i + 1 ? match_windows(t, i) : 0);
    }
    if (hex) TRY(HEX, match_hex(t, i));
    return end ? found(match, i, end, 0) : 0;
}

static int match_at_digit(text t, size_t i, const alog_search *search, alog_match *match) {
    const uint32_t masks = search->masks;
    const uint8_t prior = before(t, i, 1);
    if (is(prior, CLASS_ALNUM)) {
        TRY(NUM, match_num(t, i));
        return 0;
    }
    const size_t digits = run_digits(t, i);
    const uint8_t next = at(t, digits);
    uint32_t mask = 0;
    if (like_uuid(t, i)) TRY(UUID, match_uuid(t, i));
    if (like_mac(t, i)) TRY(MAC, match_mac(t, i));
    if (next == '.' && digits - i <= 3) TRY(IP, match_ipv4(t, i));
    if (search->colon) {
        if (digits - i <= 4) TRY(IP, match_ipv6(t, i));
        TRY(IP, match_named(t, i, ALOG_MASK_IP, &mask));
    }
    if (is(next, CLASS_LETTER) || (t.p[i] == '0' && digits - i >= 8)) TRY(HEX, match_hex(t, i));
    if (prior == '[' || prior == '=' || prior == ':') TRY(PID, match_pid(t, i));
    TRY(NUM, match_num(t, i));
    return 0;
}

static int match_at_mark(text t, size_t i, const alog_search *search, alog_match *match) {
    const uint32_t masks = search->masks;
    switch (t.p[i]) {
    case '/':
        if (digit(at(t, i + 1))) TRY(IP, match_ipv4(t, i));
        if (at(t, i + 1) == 'd') TRY(DEVICE, match_dev(t, i));
        TRY(PATH, match_path(t, i));
        return 0;
    case '\\': TRY(PATH, match_windows(t, i)); return 0;
    case ':':
        if (at(t, i + 1) == ':') TRY(IP, match_ipv6(t, i));
        return 0;
    default: TRY(NUM, match_num(t, i)); return 0;
    }
}

int alog_mask_next(const alog_search *search, size_t from, alog_match *match) {
    const text t = {search->text, search->len};
    for (size_t i = from; i < search->stop;) {
        const unsigned classes = alog_class[t.p[i]];
        if (!(classes & CLASS_START)) {
            i++;
        } else if (classes & CLASS_LETTER) {
            const size_t letters = run(t, i, CLASS_LETTER);
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

alog_span alog_mask_shown(uint32_t mask) {
    static const struct {
        char shown[16];
        uint8_t len;
    } wildcards[] = {{"<PATH>", 6}, {"<HEX>", 5}, {"<IP>", 4},     {"<MAC>", 5},
                     {"<UUID>", 6}, {"<PID>", 5}, {"<DEVICE>", 8}, {"<NUM>", 5}};
    const unsigned number = (unsigned)__builtin_ctz(mask);
    return (alog_span){(const uint8_t *)wildcards[number].shown, wildcards[number].len};
}
