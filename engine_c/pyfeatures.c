/* pyfeatures.c: counts.h, terms.h, digest.h and groups.h for Python, as functions of alogd._engine (signatures in
 * alogd/_engine.pyi). Arrays come and go through the buffer protocol; the GIL is released meanwhile. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "counts.h"
#include "digest.h"
#include "groups.h"
#include "pycolumns.h"
#include "terms.h"

int alog_add_features(PyObject *module);

static PyObject *answer(columns *held, alog_status status) {
    release(held);
    if (status == ALOG_OK) Py_RETURN_NONE;
    if (status == ALOG_NOMEM) return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, "features: the windows' rows and tables do not fit together");
    return NULL;
}

static PyObject *refuse(columns *held) {
    release(held);
    return NULL;
}

/* What every function over windows begins with: start, slot, row, groups, width. */
typedef struct {
    PyObject *start, *slot, *row;
    Py_ssize_t groups, width;
} windows;

static int fits(const windows *of) {
    const int does = of->groups >= 1 && of->width >= 0 && of->groups <= PY_SSIZE_T_MAX / 8 / (of->width + 1);
    if (!does) PyErr_SetString(PyExc_ValueError, "features: a table's shape is out of range");
    return does;
}

static int read_rows(columns *held, const windows *from, alog_rows *rows) {
    const Py_ssize_t n = PyObject_Size(from->row), records = PyObject_Size(from->slot);
    if (n < 0 || records < 0 || !fits(from)) return 0;
    *rows = (alog_rows){
        .n = (size_t)n, .records = (size_t)records, .groups = (size_t)from->groups, .width = (size_t)from->width};
    return (rows->start = column(held, from->start, n + 1, 8, PyBUF_SIMPLE)) != NULL &&
           (rows->slot = column(held, from->slot, records, 4, PyBUF_SIMPLE)) != NULL &&
           (rows->row = column(held, from->row, n, 8, PyBUF_SIMPLE)) != NULL;
}

static double *table(columns *held, PyObject *object, const windows *of, int flags) {
    return column(held, object, of->groups * of->width, 8, flags);
}

/* ---- counts ---- */

PyDoc_STRVAR(count_power_doc, "count_power(start, slot, row, groups, width, is_new, mean, scale, usual, base, blank, "
                              "novelty_mean, novelty_scale, out)\n\nSee engine_c/counts.h.");

static PyObject *count_power(PyObject *module, PyObject *args) {
    (void)module;
    windows of;
    PyObject *is_new, *mean, *scale, *usual, *base, *blank, *to;
    alog_baseline line;
    if (!PyArg_ParseTuple(args, "OOOnnOOOOOOddO", &of.start, &of.slot, &of.row, &of.groups, &of.width, &is_new, &mean,
                          &scale, &usual, &base, &blank, &line.novelty_mean, &line.novelty_scale, &to))
        return NULL;
    columns held = {.count = 0};
    alog_rows rows;
    double *out;
    if (!read_rows(&held, &of, &rows) ||
        (rows.is_new = column(&held, is_new, (Py_ssize_t)rows.records, 1, PyBUF_SIMPLE)) == NULL ||
        (line.mean = table(&held, mean, &of, PyBUF_SIMPLE)) == NULL ||
        (line.scale = table(&held, scale, &of, PyBUF_SIMPLE)) == NULL ||
        (line.usual = table(&held, usual, &of, PyBUF_SIMPLE)) == NULL ||
        (line.base = column(&held, base, of.groups, 8, PyBUF_SIMPLE)) == NULL ||
        (line.blank = column(&held, blank, of.groups, 8, PyBUF_SIMPLE)) == NULL ||
        (out = column(&held, to, (Py_ssize_t)rows.n, 8, PyBUF_WRITABLE)) == NULL)
        return refuse(&held);
    alog_status status;
    Py_BEGIN_ALLOW_THREADS
    status = alog_count_power(&rows, &line, out);
    Py_END_ALLOW_THREADS
    return answer(&held, status);
}

PyDoc_STRVAR(count_learn_doc, "count_learn(start, slot, row, groups, width, is_new, gain, sums, squares, created)\n\n"
                              "See engine_c/counts.h.");

static PyObject *count_learn(PyObject *module, PyObject *args) {
    (void)module;
    windows of;
    PyObject *is_new, *gains, *to_sums, *to_squares, *to_created;
    if (!PyArg_ParseTuple(args, "OOOnnOOOOO", &of.start, &of.slot, &of.row, &of.groups, &of.width, &is_new, &gains,
                          &to_sums, &to_squares, &to_created))
        return NULL;
    columns held = {.count = 0};
    alog_rows rows;
    const double *gain;
    double *sums, *squares, *created;
    if (!read_rows(&held, &of, &rows) ||
        (rows.is_new = column(&held, is_new, (Py_ssize_t)rows.records, 1, PyBUF_SIMPLE)) == NULL ||
        (gain = column(&held, gains, of.groups, 8, PyBUF_SIMPLE)) == NULL ||
        (sums = table(&held, to_sums, &of, PyBUF_WRITABLE)) == NULL ||
        (squares = table(&held, to_squares, &of, PyBUF_WRITABLE)) == NULL ||
        (created = column(&held, to_created, (Py_ssize_t)rows.n, 8, PyBUF_WRITABLE)) == NULL)
        return refuse(&held);
    alog_status status;
    Py_BEGIN_ALLOW_THREADS
    status = alog_count_learn(&rows, gain, sums, squares, created);
    Py_END_ALLOW_THREADS
    return answer(&held, status);
}

PyDoc_STRVAR(count_derive_doc, "count_derive(row, groups, width, sums, squares, weight, windows, floor, mean, scale, "
                               "usual, blank)\n\nSee engine_c/counts.h.");

static PyObject *count_derive(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *row, *sums, *squares, *weight, *seen, *to[4];
    windows of = {.groups = 0};
    alog_counts counts;
    if (!PyArg_ParseTuple(args, "OnnOOOOdOOOO", &row, &of.groups, &of.width, &sums, &squares, &weight, &seen,
                          &counts.floor, &to[0], &to[1], &to[2], &to[3]))
        return NULL;
    const Py_ssize_t n = PyObject_Size(row);
    if (n < 0) return NULL;
    columns held = {.count = 0};
    const int64_t *at;
    double *mean, *scale, *usual, *blank;
    if (!fits(&of) || (at = column(&held, row, n, 8, PyBUF_SIMPLE)) == NULL ||
        (counts.sums = table(&held, sums, &of, PyBUF_SIMPLE)) == NULL ||
        (counts.squares = table(&held, squares, &of, PyBUF_SIMPLE)) == NULL ||
        (counts.weight = column(&held, weight, of.groups, 8, PyBUF_SIMPLE)) == NULL ||
        (counts.windows = column(&held, seen, of.groups, 8, PyBUF_SIMPLE)) == NULL ||
        (mean = table(&held, to[0], &of, PyBUF_WRITABLE)) == NULL ||
        (scale = table(&held, to[1], &of, PyBUF_WRITABLE)) == NULL ||
        (usual = table(&held, to[2], &of, PyBUF_WRITABLE)) == NULL ||
        (blank = column(&held, to[3], of.groups, 8, PyBUF_WRITABLE)) == NULL)
        return refuse(&held);
    counts.groups = (size_t)of.groups;
    counts.width = (size_t)of.width;
    return answer(&held, alog_count_derive(&counts, at, (size_t)n, mean, scale, usual, blank));
}

/* ---- groups ---- */

PyDoc_STRVAR(group_rows_doc, "group_rows(keys, order, group, out)\n\nSee engine_c/groups.h.");

static PyObject *group_rows(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *keys, *order, *group, *to;
    if (!PyArg_ParseTuple(args, "OOOO", &keys, &order, &group, &to)) return NULL;
    const Py_ssize_t count = PyObject_Size(keys), n = PyObject_Size(group);
    if (count < 0 || n < 0) return NULL;
    columns held = {.count = 0};
    const uint64_t *sorted, *asked;
    const int64_t *places;
    int64_t *out;
    if ((sorted = column(&held, keys, count, 8, PyBUF_SIMPLE)) == NULL ||
        (places = column(&held, order, count, 8, PyBUF_SIMPLE)) == NULL ||
        (asked = column(&held, group, n, 8, PyBUF_SIMPLE)) == NULL ||
        (out = column(&held, to, n, 8, PyBUF_WRITABLE)) == NULL)
        return refuse(&held);
    alog_group_rows(sorted, places, (size_t)count, asked, (size_t)n, out);
    return answer(&held, ALOG_OK);
}

/* ---- terms ---- */

static int read_vocabulary(columns *held, PyObject *terms, PyObject *idf, Py_ssize_t lines, alog_vocabulary *words) {
    const Py_ssize_t features = PyObject_Size(terms);
    if (features < 0) return 0;
    words->features = (size_t)features;
    words->lines = lines < 1 ? 0 : (size_t)lines;
    return (words->terms = column(held, terms, features, 8, PyBUF_SIMPLE)) != NULL &&
           (words->idf = column(held, idf, features + 1, 8, PyBUF_SIMPLE)) != NULL;
}

typedef alog_status over_chunks(const alog_rows *rows, const alog_vocabulary *words, double *tables[2], double *out);

static alog_status scores_of(const alog_rows *rows, const alog_vocabulary *words, double *tables[2], double *out) {
    return alog_term_scores(rows, words, tables[0], tables[1], out);
}

static alog_status sums_of(const alog_rows *rows, const alog_vocabulary *words, double *tables[2], double *out) {
    (void)out;
    return alog_term_sums(rows, words, tables[0], tables[1]);
}

/* Both read a vocabulary and two tables; only scores go out besides. */
static PyObject *over_terms(PyObject *args, const char *format, int flags, over_chunks *run) {
    windows of;
    PyObject *terms, *idf, *first, *second, *to = NULL;
    Py_ssize_t lines;
    if (!PyArg_ParseTuple(args, format, &of.start, &of.slot, &of.row, &of.groups, &of.width, &terms, &idf, &lines,
                          &first, &second, &to))
        return NULL;
    columns held = {.count = 0};
    alog_rows rows;
    alog_vocabulary words;
    double *tables[2], *out = NULL;
    if (!read_rows(&held, &of, &rows) || !read_vocabulary(&held, terms, idf, lines, &words) ||
        (tables[0] = table(&held, first, &of, flags)) == NULL ||
        (tables[1] = table(&held, second, &of, flags)) == NULL ||
        (to != NULL && (out = column(&held, to, (Py_ssize_t)rows.n, 8, PyBUF_WRITABLE)) == NULL))
        return refuse(&held);
    alog_status status;
    Py_BEGIN_ALLOW_THREADS
    status = run(&rows, &words, tables, out);
    Py_END_ALLOW_THREADS
    return answer(&held, status);
}

PyDoc_STRVAR(term_scores_doc, "term_scores(start, slot, row, groups, width, terms, idf, lines, mean, scale, out)\n\n"
                              "See engine_c/terms.h.");

static PyObject *term_scores(PyObject *module, PyObject *args) {
    (void)module;
    return over_terms(args, "OOOnnOOnOOO", PyBUF_SIMPLE, scores_of);
}

PyDoc_STRVAR(term_sums_doc, "term_sums(start, slot, row, groups, width, terms, idf, lines, sums, squares)\n\n"
                            "See engine_c/terms.h.");

static PyObject *term_sums(PyObject *module, PyObject *args) {
    (void)module;
    return over_terms(args, "OOOnnOOnOO", PyBUF_WRITABLE, sums_of);
}

PyDoc_STRVAR(term_sample_doc, "term_sample(start, slot, row, groups, lines, skip, count, first, slots, rows)\n\n"
                              "See engine_c/terms.h.");

static PyObject *term_sample(PyObject *module, PyObject *args) {
    (void)module;
    windows of = {.width = 0};
    PyObject *slots, *to;
    Py_ssize_t lines, skip, count, first;
    if (!PyArg_ParseTuple(args, "OOOnnnnnOO", &of.start, &of.slot, &of.row, &of.groups, &lines, &skip, &count, &first,
                          &slots, &to))
        return NULL;
    const Py_ssize_t ring = PyObject_Size(to);
    if (ring < 0) return NULL;
    if (ring < 1 || lines < 1 || lines > PY_SSIZE_T_MAX / 4 / ring || skip < 0 || count < 0 || first < 0)
        return answer(&(columns){.count = 0}, ALOG_INVALID);
    columns held = {.count = 0};
    alog_rows rows;
    alog_term_sample sample = {.lines = (size_t)lines,
                               .skip = (size_t)skip,
                               .count = (size_t)count,
                               .first = (size_t)first,
                               .ring = (size_t)ring};
    if (!read_rows(&held, &of, &rows) ||
        (sample.slots = column(&held, slots, ring * lines, 4, PyBUF_WRITABLE)) == NULL ||
        (sample.row = column(&held, to, ring, 8, PyBUF_WRITABLE)) == NULL)
        return refuse(&held);
    return answer(&held, alog_term_sample_fill(&rows, &sample));
}

/* ---- digest ---- */

PyDoc_STRVAR(digest_merge_doc, "digest_merge(mean, weight, kept, scores, centroids, total, new_mean, new_weight) -> int"
                               "\n\nSee engine_c/digest.h.");

static PyObject *digest_merge(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *mean, *weight, *scores, *to_mean, *to_weight;
    alog_centroids old;
    double centroids, total;
    if (!PyArg_ParseTuple(args, "OOdOddOO", &mean, &weight, &old.kept, &scores, &centroids, &total, &to_mean,
                          &to_weight))
        return NULL;
    const Py_ssize_t count = PyObject_Size(mean), n = PyObject_Size(scores);
    if (count < 0 || n < 0) return NULL;
    old.count = (size_t)count;
    columns held = {.count = 0};
    const double *values;
    double *new_mean, *new_weight;
    if ((old.mean = column(&held, mean, count, 8, PyBUF_SIMPLE)) == NULL ||
        (old.weight = column(&held, weight, count, 8, PyBUF_SIMPLE)) == NULL ||
        (values = column(&held, scores, n, 8, PyBUF_SIMPLE)) == NULL ||
        (new_mean = column(&held, to_mean, count + n, 8, PyBUF_WRITABLE)) == NULL ||
        (new_weight = column(&held, to_weight, count + n, 8, PyBUF_WRITABLE)) == NULL)
        return refuse(&held);
    const size_t made = alog_digest_merge(&old, values, (size_t)n, centroids, total, new_mean, new_weight);
    release(&held);
    return PyLong_FromSize_t(made);
}

PyDoc_STRVAR(digest_tail_doc, "digest_tail(scores, mean, at_least, midway, total, threshold, tail_mass, shape, scale, "
                              "tail_used, smallest, out)\n\nSee engine_c/digest.h.");

static PyObject *digest_tail(PyObject *module, PyObject *args) {
    (void)module;
    PyObject *scores, *mean, *at_least, *midway, *to;
    alog_digest digest;
    if (!PyArg_ParseTuple(args, "OOOOdddddddO", &scores, &mean, &at_least, &midway, &digest.total, &digest.threshold,
                          &digest.tail_mass, &digest.shape, &digest.scale, &digest.tail_used, &digest.smallest, &to))
        return NULL;
    const Py_ssize_t count = PyObject_Size(mean), n = PyObject_Size(scores);
    if (count < 0 || n < 0) return NULL;
    digest.count = (size_t)count;
    columns held = {.count = 0};
    const double *values;
    double *out;
    if ((values = column(&held, scores, n, 8, PyBUF_SIMPLE)) == NULL ||
        (digest.mean = column(&held, mean, count, 8, PyBUF_SIMPLE)) == NULL ||
        (digest.at_least = column(&held, at_least, count + 1, 8, PyBUF_SIMPLE)) == NULL ||
        (digest.midway = column(&held, midway, count, 8, PyBUF_SIMPLE)) == NULL ||
        (out = column(&held, to, n, 8, PyBUF_WRITABLE)) == NULL)
        return refuse(&held);
    alog_digest_tail(&digest, values, (size_t)n, out);
    return answer(&held, ALOG_OK);
}

/* ---- the functions ---- */

static PyMethodDef functions[] = {
    {"count_power", count_power, METH_VARARGS, count_power_doc},
    {"count_learn", count_learn, METH_VARARGS, count_learn_doc},
    {"count_derive", count_derive, METH_VARARGS, count_derive_doc},
    {"group_rows", group_rows, METH_VARARGS, group_rows_doc},
    {"term_scores", term_scores, METH_VARARGS, term_scores_doc},
    {"term_sums", term_sums, METH_VARARGS, term_sums_doc},
    {"term_sample", term_sample, METH_VARARGS, term_sample_doc},
    {"digest_merge", digest_merge, METH_VARARGS, digest_merge_doc},
    {"digest_tail", digest_tail, METH_VARARGS, digest_tail_doc},
    {NULL, NULL, 0, NULL},
};

int alog_add_features(PyObject *module) { return PyModule_AddFunctions(module, functions); }
