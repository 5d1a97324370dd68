/* mask_shapes.h: masks a token by the classes of its bytes, as bit masks; the part of mask_quick.h for code paths with
 * vectors. Every function that answers (not 0) has made sure that no other alternative of alogd/reference/masks.py
 * comes before its own at any place of the token; in doubt it returns 0 and mask_match.c has its say. */

enum { SHAPE_MAX = 32 };

static inline int more_than_two(uint64_t bits) {
    bits &= bits - 1;
    return (bits & (bits - 1)) != 0;
}

static inline int more_than_three(uint64_t bits) { return more_than_two(bits & (bits - 1)); }

/* Whether a list may begin at the token at p, as in "[ 1, 2 ]". */
static inline int after_open(const uint8_t *p) { return p[-2] == '[' || p[-2] == '(' || p[-2] == '{'; }

/* p[0, begin) + a mask's name + p[end, len). */
static inline void put_replaced(quick *q, size_t i, const uint8_t *p, unsigned begin, unsigned end, unsigned len,
                                uint32_t mask) {
    if (begin == 0 && end == len) {
        put_shown(q, i, mask);
        return;
    }
    const alog_span shown = alog_mask_shown(mask);
    quick_copy(q->to, p);
    memcpy(q->to + begin, shown.ptr, 8);
    quick_copy(q->to + begin + shown.len, p + end);
    put_written(q, i, begin + shown.len + (len - end));
}

/* ---- addresses and hexadecimal ---------------------------------------------------------------------------- */

/* One IPv4 address with or without a port, and no other digits: 1.2.3.4, /1.2.3.4:80, rhost=1.2.3.4, (1.2.3.4), */
static inline int put_address(quick *q, size_t i, const uint8_t *p, unsigned len, const quick_class *c) {
    const unsigned first = first_bit(c->digit);
    const uint64_t word = c->digit | c->hex | c->letter | c->under;
    uint64_t slash = c->slash;
    unsigned start = first, at = first;
    if (first && p[first - 1] == '/') slash &= ~(UINT64_C(1) << --start);
    if (slash || c->colon & low_bits(first)) return 0;
    if (start && (word | c->joint) >> (start - 1) & 1) return 0;
    for (unsigned part = 0; part < 3; part++) {
        const unsigned digits = first_bit(~(c->digit >> at));
        if (digits - 1 > 2 || !(c->dot >> (at + digits) & 1)) return 0;
        at += digits + 1;
    }
    const unsigned digits = first_bit(~(c->digit >> at));
    if (digits - 1 > 2) return 0;
    at += digits;
    if (c->colon >> at & 1) {
        const unsigned port = first_bit(~(c->digit >> at >> 1));
        if (port > 5) return 0;
        at += port ? port + 1 : 0;
    }
    if (word >> at & 1 || c->digit >> at) return 0;
    if (c->joint >> at & 1 && p[at] == ',') return 0;
    put_replaced(q, i, p, start, at, len, ALOG_MASK_IP);
    return 1;
}

/* Whether there may be hexadecimal: six hex digits in a row, among them a digit and a letter; 0x...; or eight digits in
 * a row that begin with 0. */
static inline int like_hex(const uint8_t *p, const quick_class *c) {
    const uint64_t hex = c->digit | c->hex, two = hex & hex >> 1;
    const uint64_t mixed = (c->digit & c->hex << 1) | (c->hex & c->digit << 1);
    const uint64_t pair = c->digit & c->digit >> 1, four = pair & pair >> 2;
    if (mixed && two & two >> 2 & two >> 4) return 1;
    for (uint64_t x = c->letter & c->digit << 1; x; x &= x - 1)
        if ((p[first_bit(x)] | 0x20) == 'x') return 1;
    for (uint64_t begins = c->digit & ~(c->digit << 1) & four & four >> 4; begins; begins &= begins - 1)
        if (p[first_bit(begins)] == '0') return 1;
    return 0;
}

/* One hexadecimal number and no other digits: 0x1f, deadbe1f: */
static inline int put_hex(quick *q, size_t i, const uint8_t *p, unsigned len, const quick_class *c) {
    const uint64_t hex = c->digit | c->hex, alnum = hex | c->letter;
    const unsigned first = first_bit(c->digit);
    const uint64_t others = ~alnum & low_bits(first);
    const unsigned begin = others ? last_bit(others) + 1 : 0;
    const unsigned end = begin + first_bit(~(alnum >> begin)), size = end - begin;
    const uint64_t run = low_bits(end) & ~low_bits(begin);
    if (c->digit >> end || (begin && c->joint >> (begin - 1) & 1)) return 0;
    if (p[begin] == '0' && (p[begin + 1] | 0x20) == 'x') {
        if (size < 3 || c->letter & run & ~(UINT64_C(2) << begin)) return 0;
    } else {
        const uint64_t letters = c->hex & run, upper = letters & quick_upper(p);
        if (c->letter & run || size < 6 || (upper && upper != letters)) return 0;
        if (!letters && (p[begin] != '0' || size < 8)) return 0;
    }
    put_replaced(q, i, p, begin, end, len, ALOG_MASK_HEX);
    return 1;
}

/* ---- paths -------------------------------------------------------------------------------------------------- */

/* A token that is a path of two parts or more from end to end; only an address and /dev/... come before that. */
static inline int put_path(quick *q, size_t i, const uint8_t *p, size_t len) {
    if (p[1] == '/' || (uint8_t)(p[1] - '0') < 10 || (p[1] == 'd' && p[2] == 'e' && p[3] == 'v')) return 0;
    uint64_t slashes = 0;
    for (size_t at = 0; at < len; at += 32) {
        uint64_t others, found;
        quick_path(p + at, &others, &found);
        const uint64_t inside = low_bits(len - at < 32 ? len - at : 32);
        if (others & inside) return 0;
        slashes |= at ? found & inside : found & inside & ~UINT64_C(1);
    }
    if (!slashes) return 0;
    put_shown(q, i, ALOG_MASK_PATH);
    return 1;
}

/* ---- devices, process ids, lists ---------------------------------------------------------------------------- */

/* Whether a name that the kernel gives to devices may begin with these two letters; bit 0 is 'a'. */
static inline int device_letters(uint8_t one, uint8_t two) {
#define AND(c) (1u << ((c) - 'a'))
    static const uint32_t second[26] = {
        ['b' - 'a'] = AND('o') | AND('r'),
        ['d' - 'a'] = AND('o') | AND('m'),
        ['e' - 'a'] = AND('t') | AND('n'),
        ['h' - 'a'] = AND('d'),
        ['i' - 'a'] = AND('b'),
        ['l' - 'a'] = AND('o'),
        ['m' - 'a'] = AND('m'),
        ['n' - 'a'] = AND('v'),
        ['p' - 'a'] = AND('p') | AND('t'),
        ['s' - 'a'] = AND('r') | AND('d'),
        ['t' - 'a'] = AND('t') | AND('a') | AND('e') | AND('u'),
        ['v' - 'a'] = AND('c') | AND('d') | AND('i'),
        ['w' - 'a'] = AND('l'),
        ['x' - 'a'] = AND('v'),
    };
#undef AND
    const unsigned a = (unsigned)one - 'a', b = (unsigned)two - 'a';
    return a < 26 && b < 26 && second[a] >> b & 1;
}

/* Whether letters before a digit may be a device's name: eth0, dm-0. */
static inline int like_device(const uint8_t *p, const quick_class *c) {
    const uint64_t letters = c->hex | c->letter;
    for (uint64_t ends = letters & c->digit >> 1; ends; ends &= ends - 1) {
        const uint64_t others = ~letters & low_bits(first_bit(ends));
        const unsigned begin = others ? last_bit(others) + 1 : 0;
        if (device_letters(p[begin], p[begin + 1])) return 1;
    }
    for (uint64_t ends = letters & c->joint >> 1 & c->digit >> 2; ends; ends &= ends - 1) {
        const unsigned end = first_bit(ends);
        if (end && p[end] == 'm' && p[end - 1] == 'd') return 1;
    }
    return 0;
}

/* Whether a list or a process id may stand behind a bracket: (1, 2), x[1]; neither does in (1) and [1]: */
static inline int like_list(const uint8_t *p, unsigned len, const quick_class *c, unsigned digit) {
    const unsigned end = digit + first_bit(~(c->digit >> digit));
    return (digit > 1 && p[digit - 1] == '[') || end == len || c->joint >> end & 1;
}

/* Whether a number with a meaning of its own may stand somewhere: pid=1, "pid":1, (1, 2), x[1]. */
static inline int like_kept(const uint8_t *p, unsigned len, const quick_class *c) {
    for (uint64_t begins = c->digit & ~(c->digit << 1); begins; begins &= begins - 1) {
        const unsigned i = first_bit(begins);
        const uint8_t *prior = p + i - 1;
        switch (*prior) {
        case '=':
        case ':':
            if (prior[-1] == '"') return 1;
            if ((prior[-1] | 0x20) == 'd' && (prior[-2] | 0x20) == 'i' && (prior[-3] | 0x20) == 'p') return 1;
            break;
        case '(':
        case '[':
        case '{':
            if (like_list(p, len, c, i)) return 1;
            break;
        case '+':
        case '-':
            if (prior[-1] == '(' || prior[-1] == '[' || prior[-1] == '{') return 1;
            break;
        default: break;
        }
    }
    return 0;
}

/* Whether a host and its port or a place in a file may be there: a.com:80, main.c:12. */
static inline int like_place(const quick_class *c) {
    return c->colon & c->digit >> 1 && c->dot & (c->hex | c->letter) >> 1;
}

/* ---- numbers ---------------------------------------------------------------------------------------------- */

/* Where the number that begins at the digit `i` ends. */
static inline unsigned number_end(const uint8_t *p, unsigned i, const quick_class *c) {
    const uint64_t word = c->digit | c->hex | c->letter | c->under;
    const uint64_t joins = (c->joint | c->colon) & c->digit >> 1, signs = c->joint & ~c->dot & c->digit >> 1;
    for (;;) {
        const unsigned stop = i + first_bit(~(word >> i));
        const unsigned end = last_bit(c->digit & low_bits(stop)) + 1;
        if (joins >> end & 1)
            i = end + 1;
        else if (c->hex >> end & signs >> (end + 1) & 1 && (p[end] | 0x20) == 'e' && p[end + 1] != ',')
            i = end + 2;
        else
            return end;
    }
}

/* Where the number with this first digit begins: at its sign, where it has one. */
static inline unsigned number_begin(const uint8_t *p, unsigned i, const quick_class *c) {
    if (!i || !((c->joint & ~c->dot) >> (i - 1) & 1) || p[i - 1] == ',') return i;
    if (i == 1) return 0;
    const uint8_t prior = p[i - 2];
    return (c->digit | c->hex | c->letter) >> (i - 2) & 1 || prior == ')' || prior == ']' ? i : i - 1;
}

/* A token in which numbers are all that can be masked. */
static inline void put_numbers(quick *q, size_t i, const uint8_t *p, unsigned len, const quick_class *c) {
    unsigned first = first_bit(c->digit);
    unsigned begin = number_begin(p, first, c), end = number_end(p, first, c);
    uint64_t rest = c->digit >> end;
    if (!rest) {
        put_replaced(q, i, p, begin, end, len, ALOG_MASK_NUM);
        return;
    }
    uint8_t *to = q->to;
    unsigned copied = 0;
    for (;;) {
        quick_copy(to, p + copied);
        to += begin - copied;
        memcpy(to, "<NUM>", 5);
        to += 5;
        copied = end;
        if (!rest) break;
        first = end + first_bit(rest);
        begin = number_begin(p, first, c);
        end = number_end(p, first, c);
        rest = c->digit >> end;
    }
    quick_copy(to, p + copied);
    put_written(q, i, (size_t)(to - q->to) + (len - copied));
}

/* The same for one run of digits, which ends at `end`: what is beside it tells. 0 when it does not. */
static inline int put_number(quick *q, size_t i, const uint8_t *p, unsigned len, const quick_class *c, unsigned first,
                             unsigned end) {
    const uint8_t *digits = p + first;
    unsigned begin = first;
    if ((c->hex | c->letter) & (c->digit << 1 | c->digit >> 1)) {
        if (like_device(p, c) || like_hex(p, c)) return 0;
    } else if (end - first >= 8 && *digits == '0') {
        return 0;
    }
    if (first < 2 && after_open(p)) return 0;
    switch (digits[-1]) {
    case '=':
    case ':':
    case '(':
    case '[':
    case '{':
        if (like_kept(p, len, c) || like_place(c)) return 0;
        break;
    case '+':
    case '-':
        if (like_kept(p, len, c) || digits[-2] == 'm') return 0;
        begin = number_begin(p, first, c);
        break;
    default: break;
    }
    put_replaced(q, i, p, begin, end, len, ALOG_MASK_NUM);
    return 1;
}

/* ---- tokens ----------------------------------------------------------------------------------------------- */

/* A token of at most SHAPE_MAX bytes; 0 when its shape does not tell. */
static inline int put_shaped(quick *q, size_t i, const uint8_t *p, unsigned len) {
    const uint64_t inside = low_bits(len);
    const quick_class c = quick_shape(p, inside);
    if (c.digit == inside) {
        if ((p[0] == '0' && len >= 8) || after_open(p)) return 0;
        put_shown(q, i, ALOG_MASK_NUM);
        return 1;
    }
    /* a UUID has four dashes, a MAC five of them or of the colons, an IPv6 address seven colons or two in a row */
    const uint64_t dots = c.dot & c.digit << 1 & c.digit >> 1, dashes = c.joint & ~c.dot;
    if (more_than_three(dashes) || more_than_three(c.colon) || c.colon & c.colon >> 1) return 0;
    if (more_than_two(dots)) return put_address(q, i, p, len, &c);
    if (c.slash) return p[0] == '/' && put_path(q, i, p, len);
    if (!c.digit) {
        put_hashed(q, i, p, len);
        return 1;
    }
    const unsigned first = first_bit(c.digit), end = first + first_bit(~(c.digit >> first));
    if (!(c.digit >> end) && put_number(q, i, p, len, &c, first, end)) return 1;
    if (after_open(p) || like_kept(p, len, &c) || like_place(&c) || like_device(p, &c)) return 0;
    if (like_hex(p, &c)) return put_hex(q, i, p, len, &c);
    put_numbers(q, i, p, len, &c);
    return 1;
}

static inline int put_long(quick *q, size_t i, size_t begin, size_t end) {
    const uint8_t *p = q->text + begin;
    return p[0] == '/' && put_path(q, i, p, end - begin);
}
