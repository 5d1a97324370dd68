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
    QUICK_SLACK = 64,  /* bytes that are read behind a text, or written behind a token */
    QUICK_BEFORE = 32, /* spaces before the message */
    QUICK_BLOCKS = QUICK_MAX / 64,
    LETTERED_MIN = 17, /* bytes of a MAC, the shortest that is masked without a mark */
};

typedef struct {
    uint64_t a, b;
} quick_pair;

/* A message being cut. In the text of `out` come: the names of the masks, 8 bytes each; spaces; the message, where
 * tokens that are as they were stay; spaces; masked tokens. */
typedef struct {
    const alog_masker *masker;
    alog_tokens *out;
    uint8_t *text; /* the message, in out->text */
    size_t len;
    uint8_t *to; /* where the next masked token goes */
    uint8_t mark[QUICK_MAX / 8 + 16];
    uint16_t edge[QUICK_MAX + 2]; /* where tokens begin and end, in turn */
} quick;

#include QUICK_READS

_Static_assert(64 + QUICK_BEFORE + QUICK_MAX + 2 * QUICK_SLACK <= ALOG_TOKENS_EXTRA, "a message has its room");

static inline uint64_t low_bits(size_t n) { return (UINT64_C(1) << n) - 1; } /* n < 64 */
static inline unsigned first_bit(uint64_t bits) { return (unsigned)__builtin_ctzll(bits); }
static inline unsigned last_bit(uint64_t bits) { return 63 - (unsigned)__builtin_clzll(bits); }

/* ---- tokens ------------------------------------------------------------------------------------------- */

static inline void put(quick *q, size_t i, const uint8_t *p, size_t len, uint64_t hash) {
    q->out->hash[i] = hash;
    q->out->offset[i] = (uint32_t)(p - q->out->text);
    q->out->length[i] = (uint32_t)len;
}

static inline void put_hashed(quick *q, size_t i, const uint8_t *p, size_t len) {
    const uint64_t seed = q->masker->seed;
    if (len <= 16) {
        const quick_pair pair = quick_half(p, (unsigned)len);
        put(q, i, p, len, alog_hash_end(pair.a, pair.b, seed, len, seed));
    } else {
        put(q, i, p, len, alog_hash_inline(p, len, seed));
    }
}

/* A masked token that stands at q->to. */
static inline void put_written(quick *q, size_t i, size_t len) {
    put_hashed(q, i, q->to, len);
    q->to += len;
}

/* A token that is one match from end to end. */
static inline void put_shown(quick *q, size_t i, uint32_t mask) {
    const unsigned number = (unsigned)__builtin_ctz(mask);
    put(q, i, q->out->text + 8 * number, alog_mask_shown(mask).len, q->masker->shown_hash[number]);
}

/* The token text[begin, end) as mask.c masks it; 0 for a list, which goes on behind `end`. */
static int put_searched(quick *q, size_t i, size_t begin, size_t end) {
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
    const size_t len = (size_t)(to - q->to) + (end - copied);
    q->out->flags[i] = (uint8_t)(digits && alog_has_digit(q->to, len) ? ALOG_TOKEN_DIGIT : 0);
    put_written(q, i, len);
    return 1;
}

#if QUICK_SHAPES
#include "mask_shapes.h"
#endif

/* A token that is not plain; 0 when the message must be masked by mask.c. */
static __attribute__((noinline)) int put_other(quick *q, size_t i, size_t begin, size_t end) {
#if QUICK_SHAPES
    const size_t len = end - begin;
    if (len <= SHAPE_MAX ? put_shaped(q, i, q->text + begin, (unsigned)len) : put_long(q, i, begin, end)) return 1;
#endif
    return put_searched(q, i, begin, end);
}

/* ---- messages ----------------------------------------------------------------------------------------- */

/* Copies the message to where bytes around it can be read. */
static inline void copy_text(quick *q, const uint8_t *message) {
    static const uint8_t names[64] =
        "<PATH>\0\0<HEX>\0\0\0<IP>\0\0\0\0<MAC>\0\0\0<UUID>\0\0<PID>\0\0\0<DEVICE><NUM>\0\0";
    const size_t len = q->len;
    quick_copy(q->out->text, names);
    quick_copy(q->out->text + 32, names + 32);
    q->text = q->out->text + 64 + QUICK_BEFORE;
    q->to = q->text + len + QUICK_SLACK;
    memset(q->text - QUICK_BEFORE, ' ', QUICK_BEFORE);
    memset(q->text + len, ' ', QUICK_SLACK);
    if (len < 32) {
        memcpy(q->text, message, len);
        return;
    }
    for (size_t i = 0; i + 32 < len; i += 32) quick_copy(q->text + i, message + i);
    quick_copy(q->text + len - 32, message + len - 32);
}

/* Finds marks and edges; returns how many edges, or -1 when there is something beyond ASCII. */
static inline int32_t map_text(quick *q) {
    uint64_t space, mark, prior = 1, high = 0;
    uint16_t *edge = q->edge;
    size_t base = 0;
    for (; base < q->len; base += 64) {
        high |= quick_scan(q->text + base, &space, &mark);
        alog_store64(q->mark + base / 8, mark);
        for (uint64_t edges = space ^ (space << 1 | prior); edges; edges &= edges - 1)
            *edge++ = (uint16_t)(base + first_bit(edges));
        prior = space >> 63;
    }
    if ((edge - q->edge) % 2) *edge++ = (uint16_t)q->len; /* it ends with the last block */
    alog_store64(q->mark + base / 8, 0);
    return high ? -1 : (int32_t)(edge - q->edge);
}

/* Puts the tokens between the edges; 0 when the message must be masked by mask.c. Plain ones are most, and what they need
 * stays at hand. */
static inline int put_tokens(quick *q, uint32_t count) {
    const alog_tokens out = *q->out;
    const uint8_t *text = q->text;
    const uint64_t seed = q->masker->seed;
    const uint32_t before = (uint32_t)(text - out.text);
    for (uint32_t i = 0; i < count; i++) {
        const uint32_t begin = q->edge[2 * i], end = q->edge[2 * i + 1], len = end - begin;
        const uint64_t marks = alog_load64(q->mark + begin / 8) >> (begin % 8);
        if (len >= LETTERED_MIN || marks & low_bits(len)) {
            if (!put_other(q, i, begin, end)) return 0;
            continue;
        }
        const quick_pair pair = quick_half(text + begin, len);
        out.hash[i] = alog_hash_end(pair.a, pair.b, seed, len, seed);
        out.offset[i] = before + begin;
        out.length[i] = len;
    }
    return 1;
}

int QUICK_NAME(const alog_masker *masker, const uint8_t *message, size_t len, alog_tokens *out) {
    quick q;
    if (len > QUICK_MAX || 3 * len + QUICK_SLACK > out->text_cap) return 0;
    q.masker = masker;
    q.out = out;
    q.len = len;
    copy_text(&q, message);
    const int32_t edges = map_text(&q);
    const uint32_t count = (uint32_t)edges / 2;
    if (edges < 0 || count > out->max_tokens) return 0;
    for (uint32_t i = 0; i < count; i += 32) memset(out->flags + i, 0, 32);
    if (!put_tokens(&q, count)) return 0;
    out->count = count;
    out->text_len = (size_t)(q.to - out->text);
    out->truncated = 0;
    return 1;
}
