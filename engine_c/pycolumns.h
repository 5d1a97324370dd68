/* pycolumns.h: arrays given by Python, as plain memory held until released. Include after Python.h. */
#ifndef ALOG_PYCOLUMNS_H
#define ALOG_PYCOLUMNS_H

enum { COLUMNS_MAX = 13 };

typedef struct {
    Py_buffer view[COLUMNS_MAX];
    size_t count;
} columns;

static inline void release(columns *held) {
    while (held->count > 0) PyBuffer_Release(&held->view[--held->count]);
}

/* The memory of a contiguous buffer of n items of `width` bytes; NULL with an exception set. */
static inline void *column(columns *held, PyObject *object, Py_ssize_t n, Py_ssize_t width, int flags) {
    Py_buffer *view = &held->view[held->count];
    if (PyObject_GetBuffer(object, view, flags | PyBUF_ND) != 0) return NULL;
    held->count++;
    if (view->itemsize == width && view->len == n * width) return view->buf;
    PyErr_Format(PyExc_ValueError, "a column has %zd bytes, %zd expected", view->len, n * width);
    return NULL;
}

#endif
