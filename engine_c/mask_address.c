/* mask_address.c: masks of what names a machine: UUID, MAC, IPv4, IPv6, host:port; and of a place in a file. */
#include "lanes.h"
#include "mask.h"
#include "mask_text.h"

/* ---- uuid, mac ---------------------------------------------------------------------------------------- */

size_t alog_match_uuid(alog_text t, size_t i) {
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

size_t alog_match_mac(alog_text t, size_t i) {
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

#if ALOG_LANES
/* As quad, where 16 bytes can be read: three digits at most and a dot, four times over. */
static size_t quad_of_lane(alog_text t, size_t i) {
    const __m128i bytes = alog_lane_load(t.p + i);
    uint32_t others = ~alog_lane_bits(alog_lane_range(bytes, '0', 9));
    uint32_t dots = alog_lane_bits(alog_lane_is(bytes, '.'));
    for (unsigned part = 0; part < 3; part++) {
        const unsigned digits = (unsigned)__builtin_ctz(others);
        if (digits - 1 > 2 || !(dots >> digits & 1)) return 0;
        others >>= digits + 1;
        dots >>= digits + 1;
        i += digits + 1;
    }
    const unsigned digits = (unsigned)__builtin_ctz(others);
    return digits ? i + (digits < 3 ? digits : 3) : 0;
}
#endif

static size_t quad(alog_text t, size_t i) {
#if ALOG_LANES
    if (i < t.n && t.n - i >= 16) return quad_of_lane(t, i);
#endif
    for (unsigned part = 0; part < 4; part++) {
        if (part && at(t, i++) != '.') return 0;
        const size_t end = run_upto(t, i, CLASS_DIGIT, 3);
        if (end == i) return 0;
        i = end;
    }
    return i;
}

static int quad_may_end(alog_text t, size_t i) {
    const uint8_t next = at(t, i);
    return !is(next, CLASS_WORD) && !(next == '.' && digit(at(t, i + 1)));
}

size_t alog_match_ipv4(alog_text t, size_t i) {
    const uint8_t prior = before(t, i, 1);
    if (is(prior, CLASS_WORD) || prior == '.') return 0;
    size_t best = 0;
    for (;;) {
        i = quad(t, i + (at(t, i) == '/'));
        if (!i) return best;
        if (quad_may_end(t, i)) best = i;
        if (at(t, i) == ':' || at(t, i) == '/') {
            const size_t end = i + 1 < t.n ? run_digits(t, i + 1) : 0;
            if (end > i + 1 && end - i <= 6) {
                i = end;
                if (quad_may_end(t, i)) best = i;
            }
        }
        if (at(t, i++) != ',') return best;
    }
}

static int ipv6_may_end(alog_text t, size_t i) {
    const uint8_t next = at(t, i), after = at(t, i + 1);
    if (is(next, CLASS_WORD)) return 0;
    if (next == ':') return !is(after, CLASS_WORD) && after != ':';
    return !(next == '.' && digit(after));
}

/* With its zone (fe80::1%eth0), where it has one. */
static size_t ipv6_end(alog_text t, size_t i) {
    if (at(t, i) == '%') {
        const size_t end = run_upto(t, i + 1, CLASS_ALNUM, 15);
        if (end > i + 1 && ipv6_may_end(t, end)) return end;
    }
    return ipv6_may_end(t, i) ? i : 0;
}

/* Up to `most` groups joined by single colons, from a hex digit on. */
static size_t ipv6_groups(alog_text t, size_t i, unsigned most, unsigned *count) {
    for (*count = 1;; (*count)++) {
        i = run_upto(t, i, CLASS_HEX, 4);
        if (*count == most || at(t, i) != ':' || !is(at(t, i + 1), CLASS_HEX)) return i;
        i++;
    }
}

/* What follows the '::', which may end in an IPv4 address. */
static size_t ipv6_tail(alog_text t, size_t i) {
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

size_t alog_match_ipv6(alog_text t, size_t i) {
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

size_t alog_match_named(alog_text t, size_t i, uint32_t masks, uint32_t *mask) {
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
