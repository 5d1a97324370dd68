/* terms.c: see terms.h. */
#include "terms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

enum { LANES = 4 }; /* maxima kept side by side: one alone waits for itself */

typedef struct {
    int64_t term; /* negative: empty */
    uint32_t feature;
} entry;

typedef struct {
    entry *table; /* open addressing, at most a quarter full */
    unsigned shift;
    size_t mask;
    double *value;     /* (features + 1,) of the chunk at hand */
    uint32_t *present; /* features that occur in it, once each */
    size_t count;
} bench;

/* ---- the vocabulary's table ---- */

static size_t place_of(const bench *on, int64_t term) {
    size_t place = (size_t)(((uint64_t)term * UINT64_C(0x9E3779B97F4A7C15)) >> on->shift);
    while (on->table[place].term != term && on->table[place].term >= 0) place = (place + 1) & on->mask;
    return place;
}

static void clear_bench(bench *on) {
    free(on->table);
    free(on->value);
    free(on->present);
}

static alog_status make_bench(bench *on, const alog_rows *rows, const alog_vocabulary *vocabulary) {
    if (alog_rows_check(rows) != ALOG_OK || vocabulary->lines < 1) return ALOG_INVALID;
    if (vocabulary->features >= UINT32_MAX / 8 || rows->width != vocabulary->features + 1) return ALOG_INVALID;
    unsigned bits = 4;
    while ((size_t)1 << bits < 4 * rows->width) bits++;
    const size_t size = (size_t)1 << bits;
    *on = (bench){
        .table = malloc(size * sizeof *on->table),
        .shift = 64 - bits,
        .mask = size - 1,
        .value = calloc(rows->width, sizeof *on->value),
        .present = malloc(rows->width * sizeof *on->present),
    };
    if (on->table == NULL || on->value == NULL || on->present == NULL) {
        clear_bench(on);
        return ALOG_NOMEM;
    }
    for (size_t i = 0; i < size; i++) on->table[i] = (entry){.term = -1};
    for (size_t f = 0; f < vocabulary->features; f++)
        if (vocabulary->terms[f] >= 0)
            on->table[place_of(on, vocabulary->terms[f])] = (entry){vocabulary->terms[f], (uint32_t)f};
    return ALOG_OK;
}

/* ---- one chunk ---- */

static void count_term(bench *on, const alog_vocabulary *vocabulary, uint32_t before, uint32_t slot) {
    const int64_t term = (int64_t)((uint64_t)before << 32 | slot);
    const entry *found = &on->table[place_of(on, term)];
    const uint32_t feature = found->term == term ? found->feature : (uint32_t)vocabulary->features;
    if (on->value[feature] == 0.0) on->present[on->count++] = feature;
    on->value[feature] += 1.0;
}

/* The chunk's values, until `wipe`. */
static void read_chunk(bench *on, const alog_vocabulary *vocabulary, const uint32_t *slot, size_t records) {
    on->count = 0;
    count_term(on, vocabulary, ALOG_TERM_SINGLE, slot[0]);
    for (size_t r = 1; r < records; r++) {
        count_term(on, vocabulary, ALOG_TERM_SINGLE, slot[r]);
        count_term(on, vocabulary, slot[r - 1], slot[r]);
    }
    const double share = 1.0 / (double)records;
    for (size_t i = 0; i < on->count; i++) {
        double *value = &on->value[on->present[i]];
        const double each = share * vocabulary->idf[on->present[i]];
        double sum = 0.0; /* added up as the twin does it: a product would be rounded otherwise */
        for (double left = *value; left > 0; left--) sum += each;
        *value = sum;
    }
}

static void wipe(bench *on) {
    for (size_t i = 0; i < on->count; i++) on->value[on->present[i]] = 0.0;
}

static double largest_z(const double *value, const double *mean, const double *scale, size_t width) {
    double best[LANES] = {0};
    size_t f = 0;
    for (; f + LANES <= width; f += LANES)
        for (size_t k = 0; k < LANES; k++) {
            const double z = fabs(value[f + k] - mean[f + k]) * scale[f + k];
            best[k] = z > best[k] ? z : best[k];
        }
    for (; f < width; f++) {
        const double z = fabs(value[f] - mean[f]) * scale[f];
        best[0] = z > best[0] ? z : best[0];
    }
    for (size_t k = 1; k < LANES; k++) best[0] = best[k] > best[0] ? best[k] : best[0];
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
            read_chunk(&on, vocabulary, rows->slot + at, size);
            const double z = largest_z(on.value, mean + table, scale + table, rows->width);
            if (z > out[i]) out[i] = z;
            wipe(&on);
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
            read_chunk(&on, vocabulary, rows->slot + at, size);
            for (size_t k = 0; k < on.count; k++) {
                const double value = on.value[on.present[k]];
                sums[table + on.present[k]] += value;
                squares[table + on.present[k]] += value * value;
            }
            wipe(&on);
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
