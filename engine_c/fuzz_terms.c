/* fuzz_terms.c: any windows under any vocabulary: scores, sums and samples equal those found the plain way, and rows
 * that do not fit are refused with nothing changed.
 *
 * Input: 6 bytes of settings, then a byte a record: its slot, and now and then the end of a window. */
#include "terms.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_RECORDS = 1024, SLOTS = 12, MOST_FEATURES = 64, MOST_GROUPS = 4, RING = 7, SETTINGS = 6 };

typedef struct {
    int64_t start[MOST_RECORDS + 2], row[MOST_RECORDS + 1];
    uint32_t slot[MOST_RECORDS];
    int64_t terms[MOST_FEATURES];
    double idf[MOST_FEATURES + 1];
    alog_rows rows;
    alog_vocabulary vocabulary;
} input;

static void check(int holds) {
    if (!holds) abort();
}

/* Slots beyond the array that answers for small ones occur too. */
static uint32_t slot_of(uint8_t byte) { return byte % SLOTS * (byte & 64 ? 1000u : 1u); }

static void read_windows(input *in, const uint8_t *data, size_t size, size_t groups) {
    size_t n = 0, records = 0;
    in->start[0] = 0;
    for (size_t i = 0; i < size && records < MOST_RECORDS; i++) {
        in->slot[records++] = slot_of(data[i]);
        if (data[i] < 240) continue;
        in->row[n] = (int64_t)(data[i] % (groups + 1)) - 1;
        in->start[++n] = (int64_t)records;
    }
    in->row[n] = (int64_t)groups - 1;
    in->start[++n] = (int64_t)records;
    in->rows = (alog_rows){.n = n, .records = records, .start = in->start, .slot = in->slot, .row = in->row};
    in->rows.groups = groups;
}

/* Terms differ, as the detector's do: of one template first, then of pairs. */
static void make_vocabulary(input *in, const uint8_t *data) {
    const size_t features = data[1] % (MOST_FEATURES + 1);
    for (size_t f = 0; f < features; f++) {
        const uint64_t before = f < 8 ? ALOG_TERM_SINGLE : slot_of((uint8_t)(f / 8 + data[2] % 64));
        in->terms[f] = data[3] % 5 == f % 5 ? -1 : (int64_t)(before << 32 | slot_of((uint8_t)(f % 8 | (data[2] & 64))));
    }
    for (size_t f = 0; f <= features; f++) in->idf[f] = 1.0 + (double)(f * data[4] % 17) / 16;
    in->vocabulary = (alog_vocabulary){in->terms, in->idf, features, 1 + data[5] % 20u};
    in->rows.width = features + 1;
}

/* ---- the plain way ---- */

static size_t feature_of(const alog_vocabulary *words, uint32_t before, uint32_t slot) {
    const int64_t term = (int64_t)((uint64_t)before << 32 | slot);
    for (size_t f = 0; f < words->features; f++)
        if (words->terms[f] == term) return f;
    return words->features;
}

static void plain_chunk(const input *in, size_t at, size_t count, double *value) {
    const alog_vocabulary *words = &in->vocabulary;
    memset(value, 0, in->rows.width * sizeof *value);
    for (size_t r = at; r < at + count; r++) {
        size_t f = feature_of(words, ALOG_TERM_SINGLE, in->slot[r]);
        value[f] += in->idf[f] / (double)count;
        if (r == at) continue;
        f = feature_of(words, in->slot[r - 1], in->slot[r]);
        value[f] += in->idf[f] / (double)count;
    }
}

static int near(double a, double b) { return fabs(a - b) <= 1e-9 * (1.0 + fabs(b)); }

static void check_values(const input *in, const double *mean, const double *scale) {
    static double score[MOST_RECORDS + 1], sums[2][MOST_GROUPS * (MOST_FEATURES + 1)];
    static double expected[2][MOST_GROUPS * (MOST_FEATURES + 1)], value[MOST_FEATURES + 1];
    memset(sums, 0, sizeof sums);
    memset(expected, 0, sizeof expected);
    check(alog_term_scores(&in->rows, &in->vocabulary, mean, scale, score) == ALOG_OK);
    check(alog_term_sums(&in->rows, &in->vocabulary, sums[0], sums[1]) == ALOG_OK);
    for (size_t i = 0; i < in->rows.n; i++) {
        const size_t end = (size_t)in->start[i + 1], lines = in->vocabulary.lines, width = in->rows.width;
        double best = 0.0;
        for (size_t at = (size_t)in->start[i]; at < end && in->row[i] >= 0; at += lines) {
            const size_t table = (size_t)in->row[i] * width;
            plain_chunk(in, at, end - at < lines ? end - at : lines, value);
            for (size_t f = 0; f < width; f++) {
                best = fmax(best, fabs(value[f] - mean[table + f]) * scale[table + f]);
                expected[0][table + f] += value[f];
                expected[1][table + f] += value[f] * value[f];
            }
        }
        check(near(score[i], best));
    }
    for (size_t k = 0; k < in->rows.groups * in->rows.width; k++)
        check(near(sums[0][k], expected[0][k]) && near(sums[1][k], expected[1][k]));
}

/* ---- the sample, and what is refused ---- */

static void check_sample(const input *in, const uint8_t *data) {
    uint32_t slots[RING * 20];
    int64_t row[RING];
    memset(slots, 0, sizeof slots);
    for (size_t i = 0; i < RING; i++) row[i] = -1;
    const alog_term_sample sample = {.lines = in->vocabulary.lines,
                                     .skip = data[2] % 5u,
                                     .count = data[3] % 12u,
                                     .first = data[4],
                                     .ring = RING,
                                     .slots = slots,
                                     .row = row};
    check(alog_term_sample_fill(&in->rows, &sample) == ALOG_OK);
    for (size_t i = 0; i < RING; i++) check(row[i] < (int64_t)in->rows.groups);
}

static void check_refused(input *in) {
    double table[2 * MOST_GROUPS * (MOST_FEATURES + 1)] = {0}, *squares = table + MOST_GROUPS * (MOST_FEATURES + 1);
    in->row[0] = (int64_t)in->rows.groups;
    check(alog_term_sums(&in->rows, &in->vocabulary, table, squares) == ALOG_INVALID);
    in->row[0] = 0;
    in->rows.width++;
    check(alog_term_sums(&in->rows, &in->vocabulary, table, squares) == ALOG_INVALID);
    for (size_t k = 0; k < sizeof table / sizeof *table; k++) check(fpclassify(table[k]) == FP_ZERO);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    static input in;
    static double mean[MOST_GROUPS * (MOST_FEATURES + 1)], scale[MOST_GROUPS * (MOST_FEATURES + 1)];
    if (size <= SETTINGS) return 0;
    read_windows(&in, data + SETTINGS, size - SETTINGS, 1 + data[0] % MOST_GROUPS);
    make_vocabulary(&in, data);
    for (size_t k = 0; k < in.rows.groups * in.rows.width; k++) {
        mean[k] = (double)(k * data[4] % 23) / 22;
        scale[k] = (double)(k * data[5] % 29);
    }
    check_values(&in, mean, scale);
    check_sample(&in, data);
    check_refused(&in);
    return 0;
}
