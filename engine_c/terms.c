/* terms.c: see terms.h. */
#include "terms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

enum {
    LANES = 4,     /* maxima kept side by side: one alone waits for itself */
    DIRECT = 1024, /* slots below this have their feature in an array, the others in the table */
};

typedef struct {
    int64_t term; /* negative: empty */
    uint32_t feature;
} entry;

typedef struct {
    entry *table; /* open addressing, at most a quarter full */
    unsigned shift;
    size_t mask;
    uint32_t *direct; /* (DIRECT,) feature of the term of one template */
    double *value;    /* (features + 1,) of the chunk at hand; 0 between chunks */
    uint32_t *met;    /* features of the chunk's terms, in order */
    size_t rest;
    const double *idf;
} bench;

/* ---- the vocabulary's table ---- */

static int64_t term_of(uint32_t before, uint32_t slot) { return (int64_t)((uint64_t)before << 32 | slot); }

static size_t place_of(const bench *on, int64_t term) {
    size_t place = (size_t)(((uint64_t)term * UINT64_C(0x9E3779B97F4A7C15)) >> on->shift);
    while (on->table[place].term != term && on->table[place].term >= 0) place = (place + 1) & on->mask;
    return place;
}

static uint32_t feature_of(const bench *on, int64_t term) {
    const entry *found = &on->table[place_of(on, term)];
    return found->term == term ? found->feature : (uint32_t)on->rest;
}

static void clear_bench(bench *on) {
    free(on->table);
    free(on->direct);
    free(on->value);
    free(on->met);
}

static void fill_table(bench *on, const alog_vocabulary *vocabulary) {
    for (size_t i = 0; i <= on->mask; i++) on->table[i] = (entry){.term = -1};
    for (size_t f = 0; f < vocabulary->features; f++)
        if (vocabulary->terms[f] >= 0)
            on->table[place_of(on, vocabulary->terms[f])] = (entry){vocabulary->terms[f], (uint32_t)f};
    for (uint32_t slot = 0; slot < DIRECT; slot++) on->direct[slot] = (uint32_t)on->rest;
    for (size_t f = 0; f < vocabulary->features; f++) {
        const int64_t slot = vocabulary->terms[f] - term_of(ALOG_TERM_SINGLE, 0);
        if (slot >= 0 && slot < DIRECT) on->direct[slot] = (uint32_t)f;
    }
}

static alog_status make_bench(bench *on, const alog_rows *rows, const alog_vocabulary *vocabulary) {
    if (alog_rows_check(rows) != ALOG_OK || vocabulary->lines < 1) return ALOG_INVALID;
    if (vocabulary->features >= UINT32_MAX / 8 || rows->width != vocabulary->features + 1) return ALOG_INVALID;
    unsigned bits = 4;
    while ((size_t)1 << bits < 4 * rows->width) bits++;
    const size_t size = (size_t)1 << bits;
    const size_t longest = vocabulary->lines < rows->records ? vocabulary->lines : rows->records;
    *on = (bench){
        .table = malloc(size * sizeof *on->table),
        .shift = 64 - bits,
        .mask = size - 1,
        .direct = malloc(DIRECT * sizeof *on->direct),
        .value = calloc(rows->width, sizeof *on->value),
        .met = calloc(longest + 1, 2 * sizeof *on->met),
        .rest = vocabulary->features,
        .idf = vocabulary->idf,
    };
    if (on->table == NULL || on->direct == NULL || on->value == NULL || on->met == NULL) {
        clear_bench(on);
        return ALOG_NOMEM;
    }
    fill_table(on, vocabulary);
    return ALOG_OK;
}

/* ---- one chunk ---- */

static uint32_t single_of(const bench *on, uint32_t slot) {
    return slot < DIRECT ? on->direct[slot] : feature_of(on, term_of(ALOG_TERM_SINGLE, slot));
}

/* Adds up the values of the chunk's features; gives how many terms it has. */
static size_t read_chunk(const bench *on, const uint32_t *slot, size_t records) {
    const double share = 1.0 / (double)records, *idf = on->idf;
    double *value = on->value;
    uint32_t *met = on->met;
    uint32_t feature = single_of(on, slot[0]);
    *met++ = feature;
    value[feature] += share * idf[feature];
    for (size_t r = 1; r < records; r++) {
        feature = single_of(on, slot[r]);
        *met++ = feature;
        value[feature] += share * idf[feature];
        feature = feature_of(on, term_of(slot[r - 1], slot[r]));
        *met++ = feature;
        value[feature] += share * idf[feature];
    }
    return 2 * records - 1;
}

/* Adds the chunk's values, and clears them: a feature met again adds nothing more. Few are met, and none of the
 * others would change a sum. */
static void add_chunk(const bench *on, size_t terms, double *sums, double *squares) {
    for (size_t k = 0; k < terms; k++) {
        const uint32_t f = on->met[k];
        const double value = on->value[f];
        on->value[f] = 0.0;
        sums[f] += value;
        squares[f] += value * value;
    }
}

static double larger(double z, double best) { return z > best ? z : best; }

#ifdef __SSE2__
/* The larger of |value - mean| * scale and best, of two features; compilers make twice as much of plain C. */
static __m128d larger_z(const double *value, const double *mean, const double *scale, __m128d best) {
    const __m128d jump = _mm_sub_pd(_mm_loadu_pd(value), _mm_loadu_pd(mean));
    const __m128d z = _mm_mul_pd(_mm_andnot_pd(_mm_set1_pd(-0.0), jump), _mm_loadu_pd(scale));
    return _mm_max_pd(z, best);
}
#endif

static double largest_z(const double *value, const double *mean, const double *scale, size_t width) {
    double best[LANES] = {0};
    size_t f = 0;
#ifdef __SSE2__
    __m128d low = _mm_setzero_pd(), high = low;
    for (; f + LANES <= width; f += LANES) {
        low = larger_z(value + f, mean + f, scale + f, low);
        high = larger_z(value + f + 2, mean + f + 2, scale + f + 2, high);
    }
    _mm_storeu_pd(best, low);
    _mm_storeu_pd(best + 2, high);
#endif
    for (; f < width; f++) best[0] = larger(fabs(value[f] - mean[f]) * scale[f], best[0]);
    for (size_t k = 1; k < LANES; k++) best[0] = larger(best[k], best[0]);
    return best[0];
}

/* ---- all windows ---- */

static size_t chunk_size(size_t at, size_t end, size_t lines) { return end - at < lines ? end - at : lines; }

alog_status alog_term_scores(const alog_rows *rows, const alog_vocabulary *vocabulary, const double *mean,
                             const double *scale, double *out) {
    bench on;
    alog_status status = make_bench(&on, rows, vocabulary);
    if (status != ALOG_OK) return status;
    for (size_t i = 0; i < rows->n; i++) {
        out[i] = 0.0;
        if (rows->row[i] < 0) continue;
        const size_t end = (size_t)rows->start[i + 1], table = (size_t)rows->row[i] * rows->width;
        for (size_t at = (size_t)rows->start[i], size; at < end; at += size) {
            size = chunk_size(at, end, vocabulary->lines);
            read_chunk(&on, rows->slot + at, size);
            const double z = largest_z(on.value, mean + table, scale + table, rows->width);
            memset(on.value, 0, rows->width * sizeof *on.value);
            if (z > out[i]) out[i] = z;
        }
    }
    clear_bench(&on);
    return ALOG_OK;
}

alog_status alog_term_sums(const alog_rows *rows, const alog_vocabulary *vocabulary, double *sums, double *squares) {
    bench on;
    alog_status status = make_bench(&on, rows, vocabulary);
    if (status != ALOG_OK) return status;
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->row[i] < 0) continue;
        const size_t end = (size_t)rows->start[i + 1], table = (size_t)rows->row[i] * rows->width;
        for (size_t at = (size_t)rows->start[i], size; at < end; at += size) {
            size = chunk_size(at, end, vocabulary->lines);
            const size_t terms = read_chunk(&on, rows->slot + at, size);
            add_chunk(&on, terms, sums + table, squares + table);
        }
    }
    clear_bench(&on);
    return ALOG_OK;
}

/* ---- the sample ---- */

static void keep_chunk(const alog_term_sample *sample, size_t number, const uint32_t *slot, size_t size, int64_t row) {
    const size_t place = (sample->first + number) % sample->ring;
    uint32_t *to = sample->slots + place * sample->lines;
    memcpy(to, slot, size * sizeof *to);
    for (size_t r = size; r < sample->lines; r++) to[r] = UINT32_MAX;
    sample->row[place] = row;
}

alog_status alog_term_sample_fill(const alog_rows *rows, const alog_term_sample *sample) {
    if (alog_rows_check(rows) != ALOG_OK || sample->lines < 1 || sample->ring < 1) return ALOG_INVALID;
    size_t number = 0;
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->row[i] < 0) continue;
        const size_t end = (size_t)rows->start[i + 1];
        for (size_t at = (size_t)rows->start[i], size; at < end; at += size, number++) {
            size = chunk_size(at, end, sample->lines);
            if (number >= sample->skip && number - sample->skip < sample->count)
                keep_chunk(sample, number - sample->skip, rows->slot + at, size, rows->row[i]);
        }
    }
    return ALOG_OK;
}
