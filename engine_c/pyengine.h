/* pyengine.h: the object behind alogd._engine.Engine, and its methods that ask and change nothing. Include after Python.h. */
#ifndef ALOG_PYENGINE_H
#define ALOG_PYENGINE_H

#include "engine.h"

typedef struct {
    PyObject_HEAD
    alog_engine *engine;
    int busy;
} Engine;

/* An engine is for one thread at a time: -1 with RuntimeError set while another is in it. Set `busy` to 0 to leave. */
static inline int enter(Engine *self) {
    if (!self->busy) {
        self->busy = 1;
        return 0;
    }
    PyErr_SetString(PyExc_RuntimeError, "this engine is at work in another thread");
    return -1;
}

/* ---- pyquestions.c ---- */

PyObject *alog_py_template(PyObject *object, PyObject *args);
PyObject *alog_py_nearest(PyObject *object, PyObject *args);
PyObject *alog_py_templates(PyObject *object, PyObject *args);
PyObject *alog_py_explain(PyObject *object, PyObject *args);
PyObject *alog_py_mask(PyObject *object, PyObject *text);
PyObject *alog_py_counters(PyObject *object, PyObject *args);
PyObject *alog_py_save(PyObject *object, PyObject *meta);
PyObject *alog_py_seed(PyObject *object, void *closure);

/* ---- pycapture.c ---- */

PyObject *alog_py_capture(PyObject *object, PyObject *args);
PyObject *alog_py_captured(PyObject *object, PyObject *args);

#endif
