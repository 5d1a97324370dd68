/* counts.c: see counts.h. */
#include "counts.h"

#include <math.h>
#include <stdlib.h>

enum { CREATED = 1 }; /* the lowest bit of a counter: a record of the window created the template */

enum { SHORT = 32 }; /* slots up to which sorting by insertion is quick */

typedef struct {
    uint32_t *count; /* by slot: twice the records of the window at hand, plus CREATED */
    uint32_t *met;   /* slots of the window at hand, once each */
    size_t slots;
} counters;

static alog_status make_counters(counters *of, const alog_rows *rows) {
    if (alog_rows_check(rows) != ALOG_OK) return ALOG_INVALID;
    uint32_t largest = 0;
    for (size_t i = 0; i < rows->records; i++)
        if (rows->slot[i] > largest) largest = rows->slot[i];
    of->slots = (size_t)largest + 1;
    of->count = calloc(2 * of->slots, sizeof *of->count);
    if (of->count == NULL) return ALOG_NOMEM;
    of->met = of->count + of->slots;
    return ALOG_OK;
}

static int by_number(const void *a, const void *b) {
    const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

/* Ascending: a sum must not depend on the order of the records, or windows that hold the same would not tie. */
static void sort_met(uint32_t *met, size_t n) {
    if (n > SHORT) {
        qsort(met, n, sizeof *met, by_number);
        return;
    }
    for (size_t i = 1; i < n; i++) {
        const uint32_t slot = met[i];
        size_t at = i;
        for (; at > 0 && met[at - 1] > slot; at--) met[at] = met[at - 1];
        met[at] = slot;
    }
}

/* Counts the records of window i; gives how many slots were met. */
static size_t count_window(counters *of, const alog_rows *rows, size_t i) {
    const size_t end = (size_t)rows->start[i + 1];
    size_t n = 0;
    for (size_t r = (size_t)rows->start[i]; r < end; r++) {
        uint32_t *count = &of->count[rows->slot[r]];
        if (*count == 0) of->met[n++] = rows->slot[r];
        *count += 2;
    }
    return n;
}

static double fourth(double x) { return x * x * (x * x); }

/* Marks the slots whose template was created in window i; gives how many templates were. */
static size_t mark_created(counters *of, const alog_rows *rows, size_t i) {
    const size_t end = (size_t)rows->start[i + 1];
    size_t created = 0;
    for (size_t r = (size_t)rows->start[i]; r < end; r++) {
        if (!rows->is_new[r]) continue;
        of->count[rows->slot[r]] |= CREATED;
        created++;
    }
    return created;
}

static double power_of(counters *of, const alog_rows *rows, const alog_baseline *baseline, size_t i) {
    const size_t row = (size_t)rows->row[i], at = row * rows->width;
    const double *mean = baseline->mean + at, *scale = baseline->scale + at, *usual = baseline->usual + at;
    const size_t n = count_window(of, rows, i), created = mark_created(of, rows, i);
    sort_met(of->met, n);
    double power = 0.0;
    for (size_t k = 0; k < n; k++) {
        const uint32_t slot = of->met[k], count = of->count[slot];
        of->count[slot] = 0;
        const double root = sqrt((double)(count >> 1));
        const int known = slot < rows->width && !(count & CREATED);
        const double jump = known ? (root - mean[slot]) * scale[slot] : root * baseline->blank[row];
        power += fourth(jump) - (slot < rows->width ? usual[slot] : 0.0);
    }
    const double novelty = (sqrt((double)created) - baseline->novelty_mean) * baseline->novelty_scale;
    return power + baseline->base[row] + (novelty > 0 ? fourth(novelty) : 0.0);
}

alog_status alog_count_power(const alog_rows *rows, const alog_baseline *baseline, double *out) {
    counters of = {0};
    alog_status status = make_counters(&of, rows);
    if (status != ALOG_OK) return status;
    for (size_t i = 0; i < rows->n; i++) out[i] = rows->row[i] < 0 ? 0.0 : power_of(&of, rows, baseline, i);
    free(of.count);
    return ALOG_OK;
}

static double created_in(const alog_rows *rows, size_t i) {
    uint32_t created = 0;
    for (size_t r = (size_t)rows->start[i]; r < (size_t)rows->start[i + 1]; r++) created += rows->is_new[r] != 0;
    return created;
}

/* ---- learning ---- */

/* Rows that are learned, one behind the other. */
typedef struct {
    size_t *place;   /* (groups,) of a row's sums below, from 1; 0: it has no window */
    double *windows; /* (groups,) of each row */
    double *roots;   /* (learned, width) */
    double *counts;  /* (learned, width) */
    size_t learned;
} lessons;

static void clear_lessons(lessons *of) {
    free(of->place);
    free(of->windows);
    free(of->roots);
}

static alog_status make_lessons(lessons *of, const alog_rows *rows) {
    of->place = calloc(rows->groups + 1, sizeof *of->place);
    of->windows = calloc(rows->groups + 1, sizeof *of->windows);
    if (of->place == NULL || of->windows == NULL) return ALOG_NOMEM;
    for (size_t i = 0; i < rows->n; i++) {
        if (rows->row[i] < 0) continue;
        if (of->place[rows->row[i]] == 0) of->place[rows->row[i]] = ++of->learned;
        of->windows[rows->row[i]] += 1.0;
    }
    const size_t cells = of->learned * rows->width;
    of->roots = calloc(cells + 1, 2 * sizeof *of->roots);
    if (of->roots == NULL) return ALOG_NOMEM;
    of->counts = of->roots + cells;
    return ALOG_OK;
}

static void add_windows(counters *of, const alog_rows *rows, const lessons *to, double *created) {
    for (size_t i = 0; i < rows->n; i++) {
        created[i] = created_in(rows, i);
        if (rows->row[i] < 0) continue;
        const size_t at = (to->place[rows->row[i]] - 1) * rows->width, n = count_window(of, rows, i);
        for (size_t k = 0; k < n; k++) {
            const uint32_t slot = of->met[k];
            const double count = (double)(of->count[slot] >> 1);
            of->count[slot] = 0;
            to->roots[at + slot] += sqrt(count);
            to->counts[at + slot] += count;
        }
    }
}

static void move(double *to, const double *total, size_t width, double windows, double gain) {
    for (size_t s = 0; s < width; s++) to[s] += gain * (total[s] / windows - to[s]);
}

alog_status alog_count_learn(const alog_rows *rows, const double *gain, double *sums, double *squares,
                             double *created) {
    counters of = {0};
    lessons from = {0};
    alog_status status = make_counters(&of, rows);
    if (status == ALOG_OK && of.slots > rows->width && rows->records > 0) status = ALOG_INVALID;
    if (status == ALOG_OK) status = make_lessons(&from, rows);
    if (status == ALOG_OK) {
        add_windows(&of, rows, &from, created);
        for (size_t g = 0; g < rows->groups; g++) {
            if (from.place[g] == 0) continue;
            const size_t at = g * rows->width, there = (from.place[g] - 1) * rows->width;
            move(sums + at, from.roots + there, rows->width, from.windows[g], gain[g]);
            move(squares + at, from.counts + there, rows->width, from.windows[g], gain[g]);
        }
    }
    clear_lessons(&from);
    free(of.count);
    return status;
}

static double at_least(double x, double least) { return x > least ? x : least; }

alog_status alog_count_derive(const alog_counts *counts, const int64_t *row, size_t n, double *mean, double *scale,
                              double *usual, double *blank) {
    for (size_t i = 0; i < n; i++)
        if (row[i] < 0 || (size_t)row[i] >= counts->groups) return ALOG_INVALID;
    for (size_t i = 0; i < n; i++) {
        const size_t at = (size_t)row[i] * counts->width;
        const double weight = at_least(counts->weight[row[i]], 1e-300);
        const double floor = 1 / (double)(counts->windows[row[i]] + 10) + counts->floor;
        for (size_t s = at; s < at + counts->width; s++) {
            const double m = counts->sums[s] / weight;
            const double spread = at_least(counts->squares[s] / weight - m * m, 0.0) + floor;
            const double square = m * m / spread;
            mean[s] = m;
            scale[s] = 1 / sqrt(spread);
            usual[s] = square * square;
        }
        blank[row[i]] = 1 / sqrt(floor);
    }
    return ALOG_OK;
}
