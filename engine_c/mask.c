/* mask.c: the flow of the masker. Text is scanned 64 bytes at a time for white space and for the few bytes without
 * which no mask can match; tokens without them are hashed where they stand, the others go to mask_match.c.
 *
 * Invariant: the text and the tokens are those of alogd/reference/masks.py, and what is cut is cut between tokens. */
#include "mask.h"

#include <string.h>

#include "hash.h"
#include "mask_match.h"
#include "mask_scan.h"
#include "mask_state.h"
#include "mask_text.h"
#include "unicode.h"

/* ---- tokens ------------------------------------------------------------------------------------------- */

/* Where the cut stands. Source and text may be one buffer, when there is nothing left to mask. */
typedef struct {
    const uint8_t *source;
    size_t len;
    size_t copied; /* source bytes that are in the text already */
    size_t text_len;
    uint32_t masks;
    const alog_masker *masker;
    alog_tokens *out;
} cutter;

/* Whether a token that ends here in the text fits; at the very end only when nothing follows it. */
static inline int fits(const cutter *cut, size_t text_end, size_t source_end) {
    return text_end < cut->out->text_cap || (text_end == cut->out->text_cap && source_end == cut->len);
}

static inline int push_hashed(cutter *cut, uint64_t hash, size_t offset, size_t length, int has_digit) {
    alog_tokens *out = cut->out;
    const uint32_t i = out->count;
    if (i == out->max_tokens) return 0;
    out->count = i + 1;
    out->hash[i] = hash;
    out->offset[i] = (uint32_t)offset;
    out->length[i] = (uint32_t)length;
    out->flags[i] = (uint8_t)(has_digit ? ALOG_TOKEN_DIGIT : 0);
    return 1;
}

static inline int push(cutter *cut, const uint8_t *token, size_t offset, size_t length, int has_digit) {
    return push_hashed(cut, alog_hash_inline(token, length, cut->masker->seed), offset, length, has_digit);
}

/* A token that is taken as it is: it stays in the source for now. */
static inline int push_plain(cutter *cut, size_t begin, size_t end, int has_digit) {
    const size_t offset = cut->text_len + (begin - cut->copied);
    if (!fits(cut, offset + (end - begin), end)) return 0;
    return push(cut, cut->source + begin, offset, end - begin, has_digit);
}

/* Appends the source up to `end`: a short piece as a whole vector, without a call. */
static inline int copy_upto(cutter *cut, size_t end) {
    const uint8_t *from = cut->source + cut->copied;
    uint8_t *to = cut->out->text + cut->text_len;
    const size_t len = end - cut->copied, room = cut->out->text_cap - cut->text_len;
    if (len > room) return 0;
    if (len <= 16 && room >= 16 && cut->len - cut->copied >= 16)
        memmove(to, from, 16);
    else if (to != from)
        memcpy(to, from, len);
    cut->text_len += len;
    cut->copied = end;
    return 1;
}

/* Appends a mask's name in place of the source up to `end`. */
static inline int append_shown(cutter *cut, uint32_t mask, size_t end) {
    const alog_span shown = alog_mask_shown(mask);
    const size_t room = cut->out->text_cap - cut->text_len;
    if (shown.len > room) return 0;
    if (room >= 8)
        memcpy(cut->out->text + cut->text_len, shown.ptr, 8);
    else
        memcpy(cut->out->text + cut->text_len, shown.ptr, shown.len);
    cut->text_len += shown.len;
    cut->copied = end;
    return 1;
}

/* A token that is one match from end to end. */
static int push_shown(cutter *cut, size_t begin, size_t end, uint32_t mask) {
    if (!copy_upto(cut, begin)) return 0;
    const size_t offset = cut->text_len;
    if (!append_shown(cut, mask, end) || !fits(cut, cut->text_len, end)) return 0;
    return push_hashed(cut, cut->masker->shown_hash[__builtin_ctz(mask)], offset, cut->text_len - offset, 0);
}

/* Cuts text[begin, end) of the out buffer at Unicode white space and pushes its tokens. */
static int push_wide(cutter *cut, size_t begin, size_t end, size_t source_end) {
    const uint8_t *text = cut->out->text;
    for (size_t i = begin; i <= end;) {
        const size_t space = i == end ? 1 : text[i] < 0x80 ? 0 : alog_wide_space(text, end, i);
        if (!space) {
            i++;
            continue;
        }
        if (i > begin) {
            if (!fits(cut, i, i == end ? source_end : 0)) return 0;
            if (!push(cut, text + begin, begin, i - begin, alog_has_digit(text + begin, i - begin))) return 0;
        }
        begin = i += space;
    }
    return 1;
}

/* What the scan saw in a token. */
typedef struct {
    unsigned colons, dashes; /* counted up to LETTERED */
    int marked, wide;
} traits;

enum {
    LETTERED = 4,           /* separators in a UUID or, at least, in a MAC */
    SHORTEST_LETTERED = 17, /* bytes of a MAC */
};

static inline unsigned count_upto(unsigned count, uint64_t bits) {
    for (; bits && count < LETTERED; bits &= bits - 1) count++;
    return count;
}

static inline void note(traits *seen, const alog_scan *scan, uint64_t inside) {
    seen->marked |= (scan->mark & inside) != 0;
    seen->wide |= (scan->high & inside) != 0;
    seen->colons = count_upto(seen->colons, scan->colon & inside);
    seen->dashes = count_upto(seen->dashes, scan->dash & inside);
}

/* End of the token that holds source[at], and what is in it from there on. */
static size_t token_end(const cutter *cut, size_t at, traits *seen) {
    for (; at < cut->len; at += 64) {
        const alog_scan scan = alog_scan_at(cut->source, cut->len, at);
        if (!scan.space) {
            note(seen, &scan, ~UINT64_C(0));
            continue;
        }
        note(seen, &scan, (scan.space & (0 - scan.space)) - 1);
        return at + (unsigned)__builtin_ctzll(scan.space);
    }
    return cut->len;
}

/* Masks the token at source[begin, *end); a list moves *end on, over white space. */
static int push_masked(cutter *cut, size_t begin, size_t *end, traits *seen) {
    alog_search search = {cut->source, cut->len, *end, cut->masks, seen->colons != 0};
    alog_match match;
    size_t from = begin, offset = 0;
    int masked = 0, digits = !(cut->masks & ALOG_MASK_NUM);
    while (cut->masks && from < search.stop && alog_mask_next(&search, from, &match)) {
        from = match.end;
        if (from > search.stop) {
            search.stop = *end = token_end(cut, from, seen);
            search.colon = 1;
        }
        digits |= !match.mask; /* else no digit is left once numbers are masked */
        if (!match.mask) continue;
        if (match.begin == begin && from == *end && !digits && !seen->wide)
            return push_shown(cut, begin, from, match.mask);
        if (!copy_upto(cut, match.begin)) return 0;
        if (!masked) offset = cut->text_len - (match.begin - begin);
        masked = 1;
        if (!append_shown(cut, match.mask, from)) return 0;
    }
    if (!masked && !seen->wide)
        return push_plain(cut, begin, *end, digits && alog_has_digit(cut->source + begin, *end - begin));
    if (!masked) offset = cut->text_len + (begin - cut->copied);
    if (!copy_upto(cut, *end)) return 0;
    if (seen->wide) return push_wide(cut, offset, cut->text_len, *end);
    if (!fits(cut, cut->text_len, *end)) return 0;
    const uint8_t *token = cut->out->text + offset;
    const size_t length = cut->text_len - offset;
    return push(cut, token, offset, length, digits && alog_has_digit(token, length));
}

/* A token without marks can still hold a MAC or a UUID of letters only. */
static int push_noted(cutter *cut, size_t begin, size_t *end, traits *seen) {
    const int lettered = cut->masks && (seen->colons >= LETTERED || seen->dashes >= LETTERED);
    if (seen->marked || seen->wide || lettered) return push_masked(cut, begin, end, seen);
    return push_plain(cut, begin, *end, 0);
}

/* Whether source[begin, end) is a number and nothing else: neither one in hex (00001f40) nor in a list ([ 1, 2 ]). */
static inline int is_number(const cutter *cut, size_t begin, size_t end) {
    const uint8_t *p = cut->source;
    if (!(cut->masks & ALOG_MASK_NUM) || p[begin] == '0') return 0;
    if (begin >= 2 && (p[begin - 2] == '[' || p[begin - 2] == '(' || p[begin - 2] == '{')) return 0;
    const alog_text text = {p, cut->len};
    return run_digits(text, begin) == end;
}

/* Cuts the source into tokens; 0 when not all of them had room. Each block begins at a token or between two. */
static int cut_blocks(cutter *cut) {
    for (size_t base = 0, next; base < cut->len; base = next) {
        const alog_scan scan = alog_scan_at(cut->source, cut->len, base);
        const uint64_t special = scan.mark | scan.high;
        uint64_t edges = scan.space ^ (scan.space << 1 | 1);
        next = base + 64;
        while (edges) {
            const unsigned first = (unsigned)__builtin_ctzll(edges);
            edges &= edges - 1;
            const size_t begin = base + first;
            if (!edges) { /* the block ends inside it */
                next = begin;
                break;
            }
            const unsigned last = (unsigned)__builtin_ctzll(edges);
            const uint64_t inside = (UINT64_C(1) << last) - (UINT64_C(1) << first);
            size_t end = base + last;
            edges &= edges - 1;
            if (!(special & inside) && last - first < SHORTEST_LETTERED) {
                if (!push_plain(cut, begin, end, 0)) return 0;
                continue;
            }
            if ((scan.mark & inside) == inside && is_number(cut, begin, end)) {
                if (!push_shown(cut, begin, end, ALOG_MASK_NUM)) return 0;
                continue;
            }
            traits seen = {0, 0, 0, 0};
            note(&seen, &scan, inside);
            if (!push_noted(cut, begin, &end, &seen)) return 0;
            if (end == base + last) continue;
            next = end; /* of a list */
            break;
        }
        if (next == base) { /* a token of a block or more */
            traits seen = {0, 0, 0, 0};
            next = token_end(cut, base, &seen);
            if (!push_noted(cut, base, &next, &seen)) return 0;
        }
    }
    return 1;
}

static void cut_tokens(cutter *cut) {
    const int complete = cut_blocks(cut);
    /* the rest of the text: white space, or what a cut leaves of it */
    alog_tokens *out = cut->out;
    if (complete && copy_upto(cut, cut->len)) {
        out->text_len = cut->text_len;
        return;
    }
    out->truncated = 1;
    out->text_len = out->count ? (size_t)out->offset[out->count - 1] + out->length[out->count - 1] : 0;
    if (out->text_len > cut->text_len) copy_upto(cut, cut->copied + (out->text_len - cut->text_len));
}

/* ---- messages ----------------------------------------------------------------------------------------- */

/* The message being masked whole, because users' masks or delimiters make what one token is depend on others. */
typedef struct {
    const alog_masker *masker;
    const uint8_t *message;
    alog_tokens *out;
    uint32_t possible; /* users' masks that may match: possible_masks */
    int overflow;
} writer;

static void write_bytes(writer *to, const uint8_t *from, size_t len) {
    const size_t room = to->out->text_cap - to->out->text_len;
    if (to->overflow) return;
    to->overflow = len > room;
    memcpy(to->out->text + to->out->text_len, from, to->overflow ? room : len);
    to->out->text_len += to->overflow ? room : len;
}

static void write_builtin(writer *to, size_t begin, size_t end) {
    const uint32_t masks = to->masker->builtin;
    const alog_search search = {to->message, end, end, masks, 1};
    alog_match match;
    size_t copied = begin;
    for (size_t from = begin; masks && alog_mask_next(&search, from, &match); from = match.end) {
        if (!match.mask) continue;
        const alog_span shown = alog_mask_shown(match.mask);
        write_bytes(to, to->message + copied, match.begin - copied);
        write_bytes(to, shown.ptr, shown.len);
        copied = match.end;
    }
    write_bytes(to, to->message + copied, end - copied);
}

/* The first 32 users' masks, as bits, without those that lack a byte they need: they match in no part of the message. */
static uint32_t possible_masks(const alog_masker *masker, const uint8_t *message, size_t len) {
    uint32_t bits = masker->user_always;
    for (size_t i = 0; i < len; i++) bits |= masker->user_needs[message[i]];
    return bits;
}

static int is_possible(uint32_t possible, size_t level) { return level >= 32 || possible >> level & 1; }

/* Masks message[begin, end) by the users' masks from `level` on, then by the built-in ones. */
static void write_masked(writer *to, size_t level, size_t begin, size_t end) {
    const alog_masker *masker = to->masker;
    while (level < masker->user_count && !is_possible(to->possible, level)) level++;
    if (level == masker->user_count) {
        write_builtin(to, begin, end);
        return;
    }
    size_t first, last;
    while (!to->overflow && alog_dfa_find(masker->user[level], to->message, end, begin, &first, &last) >= 0) {
        if (first > begin) write_masked(to, level + 1, begin, first);
        write_bytes(to, masker->shown[level].ptr, masker->shown[level].len);
        begin = last;
    }
    if (begin < end) write_masked(to, level + 1, begin, end);
}

/* The first of the users' masks that matches, or user_count; those before it need not be tried on the whole again. */
static size_t first_user_mask(const alog_masker *masker, const uint8_t *message, size_t len, uint32_t possible) {
    size_t begin, end;
    for (size_t i = 0; i < masker->user_count; i++)
        if (is_possible(possible, i) && alog_dfa_find(masker->user[i], message, len, 0, &begin, &end) >= 0) return i;
    return masker->user_count;
}

static size_t space_at(const uint8_t *text, size_t len, size_t i) {
    const uint8_t c = text[i];
    if (c >= 0x80) return alog_wide_space(text, len, i);
    return (uint8_t)(c - 9) < 5 || (uint8_t)(c - 0x1c) < 5;
}

/* str.strip(), in place. */
static size_t strip(uint8_t *text, size_t len) {
    size_t begin = 0, end = 0, size;
    while (begin < len && (size = space_at(text, len, begin)) != 0) begin += size;
    for (size_t i = begin; i < len; i += size ? size : 1) {
        size = space_at(text, len, i);
        if (!size) end = i + 1;
    }
    if (begin == len) return 0;
    memmove(text, text + begin, end - begin);
    return end - begin;
}

/* str.replace(delimiter, " "), in place. */
static size_t blank(uint8_t *text, size_t len, alog_span delimiter) {
    size_t to = 0;
    for (size_t i = 0; i < len;) {
        if (len - i >= delimiter.len && memcmp(text + i, delimiter.ptr, delimiter.len) == 0) {
            text[to++] = ' ';
            i += delimiter.len;
        } else {
            text[to++] = text[i++];
        }
    }
    return to;
}

static void mask_whole(const alog_masker *masker, const uint8_t *message, size_t len, uint32_t possible, size_t level,
                       alog_tokens *out) {
    writer to = {masker, message, out, possible, 0};
    out->count = 0;
    out->text_len = 0;
    out->truncated = 0;
    write_masked(&to, level, 0, len);
    if (masker->delimiter_count) out->text_len = strip(out->text, out->text_len);
    for (size_t i = 0; i < masker->delimiter_count; i++)
        out->text_len = blank(out->text, out->text_len, masker->delimiters[i]);
    const size_t whole = out->text_len;
    cutter cut = {out->text, whole, 0, 0, 0, masker, out};
    cut_tokens(&cut);
    if (!to.overflow) return;
    /* the last token may lack its end */
    if (out->count && (size_t)out->offset[out->count - 1] + out->length[out->count - 1] == whole) out->count--;
    out->text_len = out->count ? (size_t)out->offset[out->count - 1] + out->length[out->count - 1] : 0;
    out->truncated = 1;
}

/* Masks the message whole where users' masks or delimiters ask for that; 0 when they do not. */
static int try_whole(const alog_masker *masker, const uint8_t *message, size_t len, alog_tokens *out) {
    if (!masker->user_count && !masker->delimiter_count) return 0;
    const uint32_t possible = masker->user_count ? possible_masks(masker, message, len) : 0;
    const size_t level = first_user_mask(masker, message, len, possible);
    if (level == masker->user_count && !masker->delimiter_count) return 0;
    mask_whole(masker, message, len, possible, level, out);
    return 1;
}

static void mask_message(const alog_masker *masker, const uint8_t *message, size_t len, alog_tokens *out) {
    out->count = 0;
    out->text_len = 0;
    out->truncated = 0;
    cutter cut = {message, len, 0, 0, masker->builtin, masker, out};
    cut_tokens(&cut);
}

void alog_mask_tokens(const alog_masker *masker, const uint8_t *message, size_t len, alog_tokens *out) {
    if (!try_whole(masker, message, len, out)) mask_message(masker, message, len, out);
}

void alog_mask_line(const alog_masker *masker, const uint8_t *message, size_t len, alog_tokens *out) {
    if (try_whole(masker, message, len, out)) return;
    if (masker->builtin != ALOG_MASK_ALL || !masker->path.mask(masker, message, len, out))
        mask_message(masker, message, len, out);
}
