/* header_memo.c: what follows what in lines of pairs (see header_memo.h). */
#include "header_memo.h"

#include "header_scan.h"

static int stands_at(const alog_memo_pair *pair, const uint8_t *p, size_t n, size_t at) {
#if ALOG_LANES
    if (pair->len <= 16 && n - at >= 16) {
        const uint32_t wanted = (1u << pair->len) - 1;
        const __m128i same = _mm_cmpeq_epi8(alog_lane_load(pair->text), alog_lane_load(p + at));
        return wanted && (alog_lane_bits(same) & wanted) == wanted;
    }
#endif
    return pair->len && n - at >= pair->len && alog_is_equal(pair->text, p + at, pair->len);
}

const alog_memo_pair *alog_pair_recall(alog_pair_memo *memo, uint8_t *last, const uint8_t *p, size_t n, size_t at) {
    if (!memo || at >= n) return NULL;
    alog_memo_pair *before = &memo->pairs[*last];
    for (unsigned i = 0; i < 2; i++) {
        const uint8_t place = before->next[i];
        if (!stands_at(&memo->pairs[place], p, n, at)) continue;
        if (i) {
            before->next[1] = before->next[0];
            before->next[0] = place;
        }
        *last = place;
        return &memo->pairs[place];
    }
    return NULL;
}

/* Where a text is, or where it may go: a few places beside each other are looked at. */
static uint8_t place_for(const alog_pair_memo *memo, alog_span text) {
    enum { PLACES = 8 };
    const uint64_t hash = alog_hash_inline(text.ptr, text.len, 0);
    const uint8_t home = (uint8_t)(1 + hash % (ALOG_MEMO_PAIRS - PLACES));
    for (unsigned i = 0; i < PLACES; i++) {
        const alog_memo_pair *pair = &memo->pairs[home + i];
        if (!pair->len || (pair->len == text.len && alog_is_equal(pair->text, text.ptr, text.len)))
            return (uint8_t)(home + i);
    }
    return (uint8_t)(home + (hash >> 32) % PLACES);
}

void alog_pair_remember(alog_pair_memo *memo, uint8_t *last, alog_span text, const alog_memo_pair *found) {
    if (!memo || !text.len || text.len > ALOG_MEMO_PAIR_BYTES) return;
    const uint8_t place = place_for(memo, text);
    alog_memo_pair *pair = &memo->pairs[place], *before = &memo->pairs[*last];
    if (pair->len != text.len || pair->inside != found->inside || !alog_is_equal(pair->text, text.ptr, text.len)) {
        *pair = *found;
        memcpy(pair->text, text.ptr, text.len);
        pair->len = (uint8_t)text.len;
    }
    if (before->next[0] != place) {
        before->next[1] = before->next[0];
        before->next[0] = place;
    }
    *last = place;
}
