/* pywindows.c: window.h for Python, as the type alogd._engine.Windows (signatures in alogd/_engine.pyi).
 *
 * Columns come and go through the buffer protocol; the GIL is released while records are pushed. A second
 * thread that enters meanwhile gets RuntimeError. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "pycolumns.h"
#include "window.h"

#include <stdlib.h>

int alog_add_windows(PyObject *module);

typedef struct {
    PyObject_HEAD
    alog_windows *windows;
    int busy;
} Windows;

static PyObject *raise_status(alog_status status) {
    if (status == ALOG_NOMEM) return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, status == ALOG_CORRUPT ? "windows: the saved state is damaged"
                                                             : "windows: an option is out of its range");
    return NULL;
}

static int is_free(const Windows *self) {
    if (self->busy) PyErr_SetString(PyExc_RuntimeError, "windows: in use by another thread");
    return !self->busy;
}

/* ---- methods ---- */

static int read_config(PyObject *tuple, alog_window_config *config) {
    long long width, max_age, idle;
    if (!PyArg_ParseTuple(tuple, "bIILLLII", &config->kind, &config->size, &config->stride, &width, &max_age, &idle,
                          &config->max_keys, &config->max_records))
        return 0;
    config->width_ns = width;
    config->max_age_ns = max_age;
    config->idle_ns = idle;
    return 1;
}

static PyObject *wrap(PyTypeObject *type, alog_windows *windows) {
    allocfunc alloc = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Windows *self = (Windows *)alloc(type, 0);
    if (self == NULL)
        alog_windows_free(windows);
    else
        self->windows = windows;
    return (PyObject *)self;
}

static PyObject *windows_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    alog_window_config config = {0};
    if (kwargs != NULL && PyDict_Size(kwargs) > 0) {
        PyErr_SetString(PyExc_TypeError, "Windows() takes no keyword arguments");
        return NULL;
    }
    if (!read_config(args, &config)) return NULL;
    alog_status status;
    alog_windows *windows = alog_windows_new(&config, &status);
    return windows == NULL ? raise_status(status) : wrap(type, windows);
}

static void windows_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    alog_windows_free(((Windows *)object)->windows);
    freefunc dealloc = (freefunc)PyType_GetSlot(type, Py_tp_free);
    dealloc(object);
    Py_DECREF(type);
}

/* (closed windows, their records) that wait to be taken. */
static PyObject *ready_of(const Windows *self) {
    size_t count, rows;
    alog_windows_ready(self->windows, &count, &rows);
    return Py_BuildValue("nn", (Py_ssize_t)count, (Py_ssize_t)rows);
}

static int read_columns(columns *held, PyObject *const objects[7], alog_records *records) {
    Py_ssize_t n = PyObject_Size(objects[0]);
    if (n < 0) return 0;
    records->n = (size_t)n;
    return (records->key = column(held, objects[0], n, 8, PyBUF_SIMPLE)) != NULL &&
           (records->timestamp_ns = column(held, objects[1], n, 8, PyBUF_SIMPLE)) != NULL &&
           (records->slot = column(held, objects[2], n, 4, PyBUF_SIMPLE)) != NULL &&
           (records->severity = column(held, objects[3], n, 1, PyBUF_SIMPLE)) != NULL &&
           (records->is_new = column(held, objects[4], n, 1, PyBUF_SIMPLE)) != NULL &&
           (records->offset = column(held, objects[5], n, 8, PyBUF_SIMPLE)) != NULL &&
           (records->length = column(held, objects[6], n, 4, PyBUF_SIMPLE)) != NULL;
}

PyDoc_STRVAR(push_doc, "push(source, key, timestamp_ns, slot, severity, is_new, offset, length) -> (windows, rows)\n\n"
                       "Take the records of one block; say how much waits to be taken.");

static PyObject *windows_push(PyObject *object, PyObject *args) {
    Windows *self = (Windows *)object;
    PyObject *objects[7];
    alog_records records = {0};
    unsigned int source;
    if (!PyArg_ParseTuple(args, "IOOOOOOO", &source, &objects[0], &objects[1], &objects[2], &objects[3], &objects[4],
                          &objects[5], &objects[6]))
        return NULL;
    records.one_source = source;
    columns held = {.count = 0};
    if (!read_columns(&held, objects, &records) || !is_free(self)) {
        release(&held);
        return NULL;
    }
    alog_status status;
    size_t taken;
    self->busy = 1;
    Py_BEGIN_ALLOW_THREADS
    status = alog_windows_push(self->windows, &records, &taken);
    Py_END_ALLOW_THREADS
    self->busy = 0;
    release(&held);
    return status == ALOG_OK ? ready_of(self) : raise_status(status);
}

PyDoc_STRVAR(take_doc, "take(start, key, group, fresh, reason, closed_ns, slot, severity, is_new, source, offset, "
                       "length, timestamp_ns)\n\nWrite the closed windows into these arrays and forget them.");

static PyObject *windows_take(PyObject *object, PyObject *args) {
    static const Py_ssize_t widths[13] = {8, 8, 8, 4, 1, 8, 4, 1, 1, 4, 8, 4, 8};
    Windows *self = (Windows *)object;
    if (PyTuple_Size(args) != 13) {
        PyErr_SetString(PyExc_TypeError, "take() takes 13 arrays");
        return NULL;
    }
    if (!is_free(self)) return NULL;
    size_t count, rows;
    alog_windows_ready(self->windows, &count, &rows);
    self->busy = 1; /* so that what a buffer runs cannot change the sizes */
    int fits = 1;
    columns held = {.count = 0};
    void *at[13];
    for (Py_ssize_t i = 0; i < 13 && fits; i++) {
        size_t n = i == 0 ? count + 1 : i < 6 ? count : rows;
        at[i] = column(&held, PyTuple_GetItem(args, i), (Py_ssize_t)n, widths[i], PyBUF_WRITABLE);
        fits = at[i] != NULL;
    }
    self->busy = 0;
    if (!fits) {
        release(&held);
        return NULL;
    }
    const alog_window_columns out = {
        .start = at[0],
        .key = at[1],
        .group = at[2],
        .fresh = at[3],
        .reason = at[4],
        .closed_ns = at[5],
        .slot = at[6],
        .severity = at[7],
        .is_new = at[8],
        .source = at[9],
        .offset = at[10],
        .length = at[11],
        .timestamp_ns = at[12],
    };
    alog_windows_take(self->windows, &out);
    release(&held);
    Py_RETURN_NONE;
}

PyDoc_STRVAR(tick_doc, "tick(watermark_ns) -> (windows, rows)\n\nMove log time on without a record.");

static PyObject *windows_tick(PyObject *object, PyObject *number) {
    Windows *self = (Windows *)object;
    long long watermark = PyLong_AsLongLong(number);
    if ((watermark == -1 && PyErr_Occurred()) || !is_free(self)) return NULL;
    alog_status status = alog_windows_tick(self->windows, watermark);
    return status == ALOG_OK ? ready_of(self) : raise_status(status);
}

PyDoc_STRVAR(flush_doc, "flush() -> (windows, rows)\n\nClose everything, in order of deadline.");

static PyObject *windows_flush(PyObject *object, PyObject *unused) {
    Windows *self = (Windows *)object;
    (void)unused;
    if (!is_free(self)) return NULL;
    alog_status status = alog_windows_flush(self->windows);
    return status == ALOG_OK ? ready_of(self) : raise_status(status);
}

PyDoc_STRVAR(counters_doc, "counters() -> tuple\n\nrecords, late, outliers, undone, forgotten, then windows closed "
                           "FULL, AGE, IDLE, EVICTED, FLUSH.");

static PyObject *windows_counters(PyObject *object, PyObject *unused) {
    Windows *self = (Windows *)object;
    (void)unused;
    if (!is_free(self)) return NULL;
    alog_window_counters now;
    alog_windows_counters(self->windows, &now);
    return Py_BuildValue(
        "KKKKKKKKKK", (unsigned long long)now.records, (unsigned long long)now.late, (unsigned long long)now.outliers,
        (unsigned long long)now.undone, (unsigned long long)now.forgotten,
        (unsigned long long)now.closed[ALOG_CLOSE_FULL], (unsigned long long)now.closed[ALOG_CLOSE_AGE],
        (unsigned long long)now.closed[ALOG_CLOSE_IDLE], (unsigned long long)now.closed[ALOG_CLOSE_EVICTED],
        (unsigned long long)now.closed[ALOG_CLOSE_FLUSH]);
}

static PyObject *windows_watermark(PyObject *object, void *unused) {
    (void)unused;
    Windows *self = (Windows *)object;
    return is_free(self) ? PyLong_FromLongLong(alog_windows_watermark(self->windows)) : NULL;
}

static PyObject *windows_open(PyObject *object, void *unused) {
    (void)unused;
    Windows *self = (Windows *)object;
    return is_free(self) ? PyLong_FromUnsignedLong(alog_windows_open(self->windows)) : NULL;
}

PyDoc_STRVAR(save_doc, "save() -> bytes\n\nState as bytes, the same for the same records, however they were cut.");

static PyObject *windows_save(PyObject *object, PyObject *unused) {
    Windows *self = (Windows *)object;
    (void)unused;
    if (!is_free(self)) return NULL;
    size_t len;
    alog_status status;
    uint8_t *saved = alog_windows_save(self->windows, &len, &status);
    if (saved != NULL) {
        PyObject *bytes = PyBytes_FromStringAndSize((const char *)saved, (Py_ssize_t)len);
        free(saved);
        return bytes;
    }
    if (status == ALOG_NOMEM) return PyErr_NoMemory();
    PyErr_SetString(PyExc_ValueError, "windows: take what is ready before saving");
    return NULL;
}

PyDoc_STRVAR(load_doc, "load(data, config) -> Windows\n\nBack from save(); `config` is the tuple Windows() takes.");

static PyObject *windows_load(PyObject *type, PyObject *args) {
    PyObject *data, *tuple;
    alog_window_config config = {0};
    if (!PyArg_ParseTuple(args, "OO!", &data, &PyTuple_Type, &tuple) || !read_config(tuple, &config)) return NULL;
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) != 0) return NULL;
    alog_status status;
    alog_windows *windows = alog_windows_load(view.buf, (size_t)view.len, &config, &status);
    PyBuffer_Release(&view);
    if (windows != NULL) return wrap((PyTypeObject *)type, windows);
    if (status != ALOG_INVALID) return raise_status(status);
    PyErr_SetString(PyExc_ValueError, "windows: saved under other options");
    return NULL;
}

/* ---- the type ---- */

static PyMethodDef methods[] = {
    {"push", windows_push, METH_VARARGS, push_doc},
    {"take", windows_take, METH_VARARGS, take_doc},
    {"tick", windows_tick, METH_O, tick_doc},
    {"flush", windows_flush, METH_NOARGS, flush_doc},
    {"counters", windows_counters, METH_NOARGS, counters_doc},
    {"save", windows_save, METH_NOARGS, save_doc},
    {"load", windows_load, METH_VARARGS | METH_CLASS, load_doc},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"watermark", windows_watermark, NULL, "Log time, ns; INT64_MIN before the first stamp.", NULL},
    {"open_windows", windows_open, NULL, "Keys with records that no window has shown yet.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "Windows(kind, size, stride, width_ns, max_age_ns, idle_ns, max_keys, max_records)"},
    {Py_tp_new, windows_new},
    {Py_tp_dealloc, windows_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "alogd._engine.Windows",
    .basicsize = sizeof(Windows),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int alog_add_windows(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    if (type == NULL) return -1;
    int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}
