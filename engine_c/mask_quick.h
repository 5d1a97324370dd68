/* mask_quick.h: the masker for the common message: all masks, nothing beyond ASCII, a few kilobytes at most.
 *
 * Included once by each file of a code path (mask_plain.c, mask_sse2.c, mask_avx2.c), which names its function in
 * QUICK_NAME and in QUICK_READS the header that reads bytes:
 *   quick_scan(p, &space, &mark)   64 bytes to bit masks, lowest bit first: white space of str.split(); bytes of which
 *                                  every mask but a MAC or a UUID of letters holds one: '/', digits, '\', 0x80-0xff
 *   quick_half(p, len)             the first `len` <= 16 bytes as two numbers; 16 can be read
 *   quick_copy(to, from)           32 bytes; they can be read and written
 *   QUICK_SHAPES, quick_shape      whether a token can be read by class, and that; 32 bytes can be read
 *
 * Tokens of the shapes that most have are masked here from their bit masks; each test that fails sends the token to
 * mask_match.c, so that what is here may be narrow but must be right where it answers. A message it does not take
 * (returns 0) is masked by mask.c from the beginning. Tests and a fuzzer hold the two to the same tokens. */
#include "hash.h"
#include "mask_match.h"
#include "mask_path.h"
#include "mask_state.h"
#include "mask_text.h"
#include "unicode.h"

enum {
    QUICK_MAX = 4096,  /* bytes of a message */
    QUICK_SLACK = 64,  /* bytes that can be read from a token on, and are needed behind what is written */
    QUICK_TOKEN = 32,  /* longest token with a shape */
    LETTERED_MIN = 17, /* bytes of a MAC, the shortest that is masked without a mark */
};

typedef struct {
    uint64_t a, b;
} quick_pair;

typedef struct {
    const alog_masker *masker;
    const uint8_t *text;
    size_t len;
    alog_tokens *out;
    size_t written; /* of out->text */
    uint8_t tail[64 + QUICK_SLACK]; /* the last 64 bytes of the text */
} quick;

/* A token by class: bit i is byte i; bits behind the token are 0. */
typedef struct {
    uint64_t digit, hex, letter; /* hex: a-f, A-F; letter: the others */
    uint64_t under, joint;       /* joint: one of + , - . */
    uint64_t dot, slash, colon;  /* slash: either one */
    uint64_t zero, x, open;      /* open: one of ( [ { */
    uint64_t equals, high;
} quick_class;

#include QUICK_READS

static inline uint64_t low_bits(unsigned n) { return n < 64 ? (UINT64_C(1) << n) - 1 : ~UINT64_C(0); }
static inline unsigned first_bit(uint64_t bits) { return (unsigned)__builtin_ctzll(bits); }
static inline unsigned last_bit(uint64_t bits) { return 63 - (unsigned)__builtin_clzll(bits); }

/* ---- tokens ------------------------------------------------------------------------------------------- */

/* Where the bytes from text[at] on stand with slack behind them. */
static inline const uint8_t *slack_at(const quick *q, size_t at) {
    return at + QUICK_SLACK <= q->len ? q->text + at : q->tail + (at + 64 - q->len);
}

static inline uint64_t hash_slack(const uint8_t *p, size_t len, uint64_t seed) {
    if (len > 16) return alog_hash_inline(p, len, seed);
    const quick_pair pair = quick_half(p, (unsigned)len);
    return alog_hash_end(pair.a, pair.b, seed, len, seed);
}

static inline void put(quick *q, uint64_t hash, size_t length, int has_digit) {
    alog_tokens *out = q->out;
    const uint32_t i = out->count++;
    out->hash[i] = hash;
    out->offset[i] = (uint32_t)q->written;
    out->length[i] = (uint32_t)length;
    out->flags[i] = (uint8_t)(has_digit ? ALOG_TOKEN_DIGIT : 0);
    q->written += length;
    out->text[q->written++] = ' ';
}

/* A token of at most 32 bytes as it is. */
static inline void put_plain(quick *q, const uint8_t *p, size_t len) {
    uint8_t *to = q->out->text + q->written;
    quick_copy(to, p);
    put(q, hash_slack(p, len, q->masker->seed), len, 0);
}

/* A token that is one match from end to end. */
static inline void put_shown(quick *q, uint32_t mask) {
    const alog_span shown = alog_mask_shown(mask);
    memcpy(q->out->text + q->written, shown.ptr, 8);
    put(q, q->masker->shown_hash[__builtin_ctz(mask)], shown.len, 0);
}

/* As mask.c masks text[begin, end); 0 for a list, which goes on behind `end`. */
static int put_searched(quick *q, size_t begin, size_t end, int colon) {
    const alog_search search = {q->text, q->len, end, ALOG_MASK_ALL, colon};
    uint8_t *const token = q->out->text + q->written, *to = token;
    size_t copied = begin;
    alog_match match;
    int digits = 0;
    for (size_t from = begin; from < end && alog_mask_next(&search, from, &match); from = match.end) {
        if (match.end > end) return 0;
        digits |= !match.mask;
        if (!match.mask) continue;
        memcpy(to, q->text + copied, match.begin - copied);
        to += match.begin - copied;
        const alog_span shown = alog_mask_shown(match.mask);
        memcpy(to, shown.ptr, 8);
        to += shown.len;
        copied = match.end;
    }
    memcpy(to, q->text + copied, end - copied);
    to += end - copied;
    const size_t length = (size_t)(to - token);
    put(q, alog_hash_inline(token, length, q->masker->seed), length, digits && alog_has_digit(token, length));
    return 1;
}

#if QUICK_SHAPES

static inline int more_than_two(uint64_t bits) {
    bits &= bits - 1;
    return (bits & (bits - 1)) != 0;
}

static inline int more_than_three(uint64_t bits) { return more_than_two(bits & (bits - 1)); }

/* Whether a list may begin at the token at `begin`, as in "[ 1, 2 ]". */
static inline uint64_t after_open(const quick *q, size_t begin) {
    if (begin < 2) return 0;
    const uint8_t c = q->text[begin - 2];
    return c == '[' || c == '(' || c == '{';
}

/* p[0, begin) + a mask's name + p[end, len). */
static inline void put_replaced(quick *q, const uint8_t *p, unsigned begin, unsigned end, unsigned len, uint32_t mask) {
    if (begin == 0 && end == len) {
        put_shown(q, mask);
        return;
    }
    const alog_span shown = alog_mask_shown(mask);
    uint8_t *token = q->out->text + q->written;
    quick_copy(token, p);
    memcpy(token + begin, shown.ptr, 8);
    memmove(token + begin + shown.len, p + end, 32);
    const size_t length = begin + shown.len + (len - end);
    put(q, hash_slack(token, length, q->masker->seed), length, 0);
}

/* One IPv4 address with or without a port, and no other digits: 1.2.3.4, /1.2.3.4:80, rhost=1.2.3.4, (1.2.3.4), */
static inline int put_address(quick *q, const uint8_t *p, unsigned len, const quick_class *c) {
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
    put_replaced(q, p, start, at, len, ALOG_MASK_IP);
    return 1;
}

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

/* Whether a process id may stand behind a '=': pid=1, "pid"=1. */
static inline int like_pid(const uint8_t *p, const quick_class *c) {
    for (uint64_t ends = c->equals & c->digit >> 1; ends; ends &= ends - 1) {
        const unsigned end = first_bit(ends);
        if (end && p[end - 1] == '"') return 1;
        if (end >= 3 && (p[end - 3] | 0x20) == 'p' && (p[end - 2] | 0x20) == 'i' && (p[end - 1] | 0x20) == 'd') return 1;
    }
    return 0;
}

/* Six hex digits in a row with both a digit and a letter, 0x..., or eight digits in a row that begin with 0. */
static inline int like_hex(const quick_class *c) {
    const uint64_t hex = c->digit | c->hex;
    const uint64_t mixed = (c->digit & c->hex << 1) | (c->hex & c->digit << 1);
    const uint64_t two = hex & hex >> 1;
    if (mixed && two & two >> 2 & two >> 4) return 1;
    if (c->zero & c->x >> 1) return 1;
    const uint64_t pair = c->digit & c->digit >> 1, four = pair & pair >> 2;
    return (c->zero & ~(c->digit << 1) & four & four >> 4) != 0;
}

/* Where the number that begins at the digit `i` ends. */
static inline unsigned number_end(const uint8_t *p, unsigned i, const quick_class *c) {
    const uint64_t word = c->digit | c->hex | c->letter | c->under;
    const uint64_t joins = c->joint & c->digit >> 1, signed_joins = joins & ~c->dot;
    for (;;) {
        const unsigned stop = i + first_bit(~(word >> i));
        const unsigned end = last_bit(c->digit & low_bits(stop)) + 1;
        if (joins >> end & 1)
            i = end + 1;
        else if (c->hex >> end & signed_joins >> (end + 1) & 1 && (p[end] | 0x20) == 'e' && p[end + 1] != ',')
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
static inline void put_numbers(quick *q, const uint8_t *p, unsigned len, const quick_class *c) {
    unsigned first = first_bit(c->digit);
    unsigned begin = number_begin(p, first, c), end = number_end(p, first, c);
    uint64_t rest = c->digit >> end;
    if (!rest) {
        put_replaced(q, p, begin, end, len, ALOG_MASK_NUM);
        return;
    }
    uint8_t *const token = q->out->text + q->written, *to = token;
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
    const size_t length = (size_t)(to - token) + (len - copied);
    put(q, hash_slack(token, length, q->masker->seed), length, 0);
}

/* Masks a token of at most 32 bytes by its shape; 0 when that does not tell. */
static inline int put_shaped(quick *q, size_t at, unsigned len) {
    const uint8_t *p = slack_at(q, at);
    const uint64_t inside = low_bits(len);
    const quick_class c = quick_shape(p, inside);
    const uint64_t dots = c.dot & c.digit << 1 & c.digit >> 1, dashes = c.joint & ~c.dot;
    if (c.high | (after_open(q, at) & (c.digit | c.joint))) return 0;
    if (c.digit == inside) {
        if (p[0] == '0' && len >= 8) return 0;
        put_shown(q, ALOG_MASK_NUM);
        return 1;
    }
    /* a UUID has four dashes, a MAC five of them or of the colons */
    if (more_than_three(dashes) || more_than_three(c.colon) || c.open & (c.digit | c.joint) >> 1) return 0;
    if (more_than_two(dots)) return put_address(q, p, len, &c);
    if (c.slash) return 0;
    if (!c.digit) {
        put_plain(q, p, len);
        return 1;
    }
    if (c.colon & ~(UINT64_C(1) << (len - 1)) || like_hex(&c) || like_device(p, &c) || like_pid(p, &c)) return 0;
    put_numbers(q, p, len, &c);
    return 1;
}

#endif

/* ---- messages ----------------------------------------------------------------------------------------- */

enum { QUICK_BLOCKS = QUICK_MAX / 64 };

typedef struct {
    uint64_t mark[QUICK_BLOCKS + 1];
    uint16_t edge[QUICK_MAX + 2]; /* where tokens begin and end, in turn */
    uint32_t edges;
} quick_map;

static inline uint64_t marks_at(const quick_map *map, size_t at) {
    const size_t block = at / 64;
    const unsigned shift = at % 64;
    return map->mark[block] >> shift | map->mark[block + 1] << 1 << (63 - shift);
}

static inline void note_edges(quick_map *map, uint64_t edges, size_t base) {
    uint32_t n = map->edges;
    for (; edges; edges &= edges - 1) map->edge[n++] = (uint16_t)(base + first_bit(edges));
    map->edges = n;
}

/* Copies the text's last bytes (or all) to the end of q->tail's first 64. */
static inline void copy_tail(quick *q) {
    const size_t len = q->len;
    memset(q->tail + 64, ' ', QUICK_SLACK);
    if (len >= 64) {
        memcpy(q->tail, q->text + len - 64, 64);
        return;
    }
    memset(q->tail, ' ', 64);
    memcpy(q->tail + 64 - len, q->text, len);
}

static inline void map_text(const quick *q, quick_map *map) {
    uint64_t space, mark, prior = 1;
    const size_t whole = q->len / 64;
    map->edges = 0;
    for (size_t block = 0; block < whole; block++) {
        quick_scan(q->text + 64 * block, &space, &mark);
        map->mark[block] = mark;
        note_edges(map, space ^ (space << 1 | prior), 64 * block);
        prior = space >> 63;
    }
    const unsigned rest = q->len % 64;
    map->mark[whole] = map->mark[whole + (whole < QUICK_BLOCKS)] = 0;
    if (rest) {
        quick_scan(q->tail, &space, &mark);
        space = space >> (64 - rest) | ~UINT64_C(0) << rest;
        map->mark[whole] = mark >> (64 - rest);
        note_edges(map, (space ^ (space << 1 | prior)), 64 * whole);
    }
    if (map->edges % 2) map->edge[map->edges++] = (uint16_t)q->len;
}

/* The token between two edges; 0 when the message must be masked by mask.c. */
static inline int put_token(quick *q, size_t begin, size_t end, uint64_t marks) {
    const size_t len = end - begin;
    if (len < LETTERED_MIN) {
        if (!(marks & low_bits((unsigned)len))) {
            put_plain(q, slack_at(q, begin), len);
            return 1;
        }
    }
#if QUICK_SHAPES
    if (len <= QUICK_TOKEN && put_shaped(q, begin, (unsigned)len)) return 1;
#endif
    for (size_t i = begin; i < end; i++)
        if (q->text[i] >= 0x80) return 0;
    return put_searched(q, begin, end, 1);
}

int QUICK_NAME(const alog_masker *masker, const uint8_t *message, size_t len, alog_tokens *out) {
    if (len > QUICK_MAX || 3 * len + QUICK_SLACK > out->text_cap) return 0;
    quick q;
    quick_map map;
    q.masker = masker;
    q.text = message;
    q.len = len;
    q.out = out;
    q.written = 0;
    copy_tail(&q);
    map_text(&q, &map);
    if (map.edges / 2 > out->max_tokens) return 0;
    out->count = 0;
    out->truncated = 0;
    for (uint32_t i = 0; i < map.edges; i += 2)
        if (!put_token(&q, map.edge[i], map.edge[i + 1], marks_at(&map, map.edge[i]))) return 0;
    out->text_len = q.written - (q.written != 0);
    return 1;
}
