/* mask_quick.h: the masker for the common message: all masks, nothing beyond ASCII, a few kilobytes at most.
 *
 * Included once by each file of a code path (mask_plain.c, mask_sse2.c, mask_avx2.c), which names its function in
 * QUICK_NAME and in QUICK_READS the header that reads bytes:
 *   quick_copy(to, from)           32 bytes
 *   quick_scan(p, &space, &mark)   64 bytes to bit masks, lowest bit first: white space of str.split(); bytes of which
 *                                  every mask but a MAC or a UUID of letters holds one: '/', digits, '\\'.
 *                                  Returns something else than 0 when there are bytes from 0x80 on.
 *   quick_half(p, len)             the first `len` <= 16 bytes as two numbers, filled up with zeros; 16 are read
 *   QUICK_SHAPES, quick_shape, quick_path_end   whether tokens can be read by class, and that (mask_shapes.h)
 *
 * Tokens of the shapes that most have are masked from their bit masks (mask_shapes.h); what has another goes to
 * mask_match.c, and a message that is not common (the function returns 0) to mask.c. So what is here may be narrow but
 * must be right where it answers: tests and a fuzzer hold it to the tokens of mask.c. */
#include <string.h>

#include "hash.h"
#include "mask_match.h"
#include "mask_path.h"
#include "mask_state.h"
#include "unicode.h"

enum {
    QUICK_MAX = 4096,  /* bytes of a message */
    QUICK_SLACK = 64,  /* bytes that are read behind the text, or written behind its tokens */
    QUICK_BEFORE = 32, /* spaces before the text */
    QUICK_BLOCKS = QUICK_MAX / 64,
    LETTERED_MIN = 17, /* bytes of a MAC, the shortest that is masked without a mark */
};

typedef struct {
    uint64_t a, b;
} quick_pair;

typedef struct {
    const alog_masker *masker;
    alog_tokens *out;
    uint8_t *text; /* in `room`, with spaces around it */
    size_t len;
    uint8_t *to; /* where the next token's text goes */
    uint32_t count, edges;
    uint64_t mark[QUICK_BLOCKS + 1];
    uint16_t edge[QUICK_MAX + 2]; /* where tokens begin and end, in turn */
    uint8_t room[QUICK_BEFORE + QUICK_MAX + QUICK_SLACK];
} quick;

#include QUICK_READS

static inline uint64_t low_bits(size_t n) { return n < 64 ? (UINT64_C(1) << n) - 1 : ~UINT64_C(0); }
static inline unsigned first_bit(uint64_t bits) { return (unsigned)__builtin_ctzll(bits); }
static inline unsigned last_bit(uint64_t bits) { return 63 - (unsigned)__builtin_clzll(bits); }

/* ---- tokens ------------------------------------------------------------------------------------------- */

/* The token whose text stands at q->to. */
static inline void put(quick *q, uint64_t hash, size_t length, int has_digit) {
    alog_tokens *out = q->out;
    const uint32_t i = q->count++;
    out->hash[i] = hash;
    out->offset[i] = (uint32_t)(q->to - out->text);
    out->length[i] = (uint32_t)length;
    out->flags[i] = (uint8_t)(has_digit ? ALOG_TOKEN_DIGIT : 0);
    q->to[length] = ' ';
    q->to += length + 1;
}

static inline void put_hashed(quick *q, const uint8_t *p, size_t len) {
    const uint64_t seed = q->masker->seed;
    if (len > 16) {
        put(q, alog_hash_inline(p, len, seed), len, 0);
        return;
    }
    const quick_pair pair = quick_half(p, (unsigned)len);
    put(q, alog_hash_end(pair.a, pair.b, seed, len, seed), len, 0);
}

/* A token of at most 32 bytes as it is. */
static inline void put_plain(quick *q, const uint8_t *p, size_t len) {
    quick_copy(q->to, p);
    put_hashed(q, p, len);
}

/* A token that is one match from end to end. */
static inline void put_shown(quick *q, uint32_t mask) {
    const alog_span shown = alog_mask_shown(mask);
    memcpy(q->to, shown.ptr, 8);
    put(q, q->masker->shown_hash[__builtin_ctz(mask)], shown.len, 0);
}

/* The token text[begin, end) as mask.c masks it; 0 for a list, which goes on behind `end`. */
static int put_searched(quick *q, size_t begin, size_t end) {
    const alog_search search = {q->text, q->len, end, ALOG_MASK_ALL, 1};
    uint8_t *to = q->to;
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
    const size_t length = (size_t)(to - q->to) + (end - copied);
    put(q, alog_hash_inline(q->to, length, q->masker->seed), length, digits && alog_has_digit(q->to, length));
    return 1;
}

#if QUICK_SHAPES
#include "mask_shapes.h"
#endif

/* The token between two edges; 0 when the message must be masked by mask.c. */
static inline int put_token(quick *q, size_t begin, size_t end) {
    const size_t len = end - begin, block = begin / 64;
    const unsigned shift = begin % 64;
    const uint64_t marks = q->mark[block] >> shift | q->mark[block + 1] << 1 << (63 - shift);
    if (len < LETTERED_MIN && !(marks & low_bits(len))) {
        put_plain(q, q->text + begin, len);
        return 1;
    }
#if QUICK_SHAPES
    if (len <= SHAPE_MAX ? put_shaped(q, q->text + begin, (unsigned)len) : put_long(q, begin, end)) return 1;
#endif
    return put_searched(q, begin, end);
}

/* ---- messages ----------------------------------------------------------------------------------------- */

/* Copies the message to where bytes around it can be read. */
static inline void copy_text(quick *q, const uint8_t *message) {
    const size_t len = q->len;
    q->text = q->room + QUICK_BEFORE;
    memset(q->room, ' ', QUICK_BEFORE);
    if (len >= 32) {
        for (size_t i = 0; i + 32 < len; i += 32) quick_copy(q->text + i, message + i);
        quick_copy(q->text + len - 32, message + len - 32);
    } else {
        memcpy(q->text, message, len);
    }
    memset(q->text + len, ' ', QUICK_SLACK);
}

/* Finds marks and edges; 0 when there is something beyond ASCII. */
static inline int map_text(quick *q) {
    uint64_t space, mark, prior = 1, high = 0;
    uint32_t n = 0;
    size_t block = 0;
    for (size_t base = 0; base < q->len; base += 64, block++) {
        high |= quick_scan(q->text + base, &space, &mark);
        q->mark[block] = mark;
        for (uint64_t edges = space ^ (space << 1 | prior); edges; edges &= edges - 1)
            q->edge[n++] = (uint16_t)(base + first_bit(edges));
        prior = space >> 63;
    }
    if (n % 2) q->edge[n++] = (uint16_t)q->len; /* it ends with the last block */
    q->mark[block] = 0;
    q->edges = n;
    return !high;
}

int QUICK_NAME(const alog_masker *masker, const uint8_t *message, size_t len, alog_tokens *out) {
    quick q;
    if (len > QUICK_MAX || 3 * len + QUICK_SLACK > out->text_cap) return 0;
    q.masker = masker;
    q.out = out;
    q.len = len;
    q.to = out->text;
    q.count = 0;
    copy_text(&q, message);
    if (!map_text(&q) || q.edges / 2 > out->max_tokens) return 0;
    for (uint32_t i = 0; i < q.edges; i += 2)
        if (!put_token(&q, q.edge[i], q.edge[i + 1])) return 0;
    out->count = q.count;
    out->text_len = q.count ? (size_t)(q.to - out->text) - 1 : 0;
    out->truncated = 0;
    return 1;
}
