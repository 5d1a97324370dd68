/* pycapture.c: capture() and captured() of alogd._engine.Engine: texts of records as columns (capture.h). */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include "pyengine.h"

PyObject *alog_py_capture(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    (void)args;
    if (enter(self) != 0) return NULL;
    const alog_status status = alog_engine_capture(self->engine);
    self->busy = 0;
    if (status != ALOG_OK) return PyErr_NoMemory();
    Py_RETURN_NONE;
}

static PyObject *bytes_of(const void *bytes, size_t len) {
    return PyBytes_FromStringAndSize(len ? bytes : "", (Py_ssize_t)len);
}

/* The offsets and the bytes of the finished rows; what is open stands behind them. */
static PyObject *column_of(const alog_text_column *column, size_t rows) {
    static const int32_t zero = 0;
    const int32_t *offset = column->offset ? column->offset : &zero;
    return Py_BuildValue("NN", bytes_of(offset, (rows + 1) * sizeof *offset),
                         bytes_of(column->bytes, (size_t)offset[rows]));
}

PyObject *alog_py_captured(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    (void)args;
    if (enter(self) != 0) return NULL;
    const alog_capture *texts = alog_engine_captured(self->engine);
    PyObject *result = NULL;
    if (!texts)
        PyErr_SetString(PyExc_RuntimeError, "this engine captures no texts: capture() first");
    else if (texts->status == ALOG_FULL)
        PyErr_SetString(PyExc_OverflowError, "the texts of one block have more than 2 GiB");
    else if (texts->status != ALOG_OK)
        PyErr_NoMemory();
    else
        result = Py_BuildValue("nNNNN", (Py_ssize_t)texts->rows, column_of(&texts->masked, texts->rows),
                               column_of(&texts->host, texts->rows), column_of(&texts->program, texts->rows),
                               bytes_of(texts->otel, texts->rows));
    self->busy = 0;
    return result;
}
