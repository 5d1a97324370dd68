/* pymodule.c: the module alogd._engine: Engine (pyengine.c), Windows (pywindows.c) and two functions. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>

#include "engine.h"
#include "hash.h"
#include "mask_path.h"

int alog_add_engine(PyObject *module);
int alog_add_features(PyObject *module);
int alog_add_windows(PyObject *module);
PyObject *alog_py_headers(PyObject *module, PyObject *args); /* pyheaders.c */

static PyObject *module_fingerprint(PyObject *module, PyObject *text) {
    (void)module;
    Py_buffer view;
    if (PyObject_GetBuffer(text, &view, PyBUF_SIMPLE) != 0) return NULL;
    const uint64_t value = alog_fingerprint(view.buf, (size_t)view.len);
    PyBuffer_Release(&view);
    return PyLong_FromUnsignedLongLong(value);
}

static PyObject *module_snapshot_meta(PyObject *module, PyObject *data) {
    (void)module;
    Py_buffer view;
    if (PyObject_GetBuffer(data, &view, PyBUF_SIMPLE) != 0) return NULL;
    alog_span meta;
    PyObject *result = NULL;
    if (alog_engine_meta(view.buf, (size_t)view.len, &meta) == ALOG_OK)
        result = PyBytes_FromStringAndSize((const char *)meta.ptr, (Py_ssize_t)meta.len);
    else
        PyErr_SetString(PyExc_ValueError, "engine snapshot is damaged or of another version");
    PyBuffer_Release(&view);
    return result;
}

static PyObject *module_snapshot_seal(PyObject *module, PyObject *payload) {
    (void)module;
    Py_buffer view;
    if (PyObject_GetBuffer(payload, &view, PyBUF_SIMPLE) != 0) return NULL;
    alog_output out = {0};
    alog_snapshot_begin(&out);
    alog_put_bytes(&out, view.buf, (size_t)view.len);
    alog_snapshot_end(&out);
    PyBuffer_Release(&view);
    PyObject *result =
        out.failed ? PyErr_NoMemory() : PyBytes_FromStringAndSize((const char *)out.bytes, (Py_ssize_t)out.len);
    free(out.bytes);
    return result;
}

static PyObject *module_cpu(PyObject *module, PyObject *args) {
    (void)module;
    (void)args;
    return PyUnicode_FromString(alog_mask_path_chosen().name);
}

static PyMethodDef functions[] = {
    {"fingerprint", module_fingerprint, METH_O, "Stable 64-bit name of a template's text (BLAKE2b, 8 bytes)."},
    {"snapshot_seal", module_snapshot_seal, METH_O, "A snapshot of this payload: header and checksum in front."},
    {"snapshot_meta", module_snapshot_meta, METH_O, "The meta bytes of a snapshot; ValueError when it is damaged."},
    {"cpu", module_cpu, METH_NOARGS, "The code path that new engines take: avx2, sse2 or plain (see ALOGD_CPU)."},
    {"headers", alog_py_headers, METH_VARARGS, "What the header readers make of every line of a text, as one source."},
    {NULL, NULL, 0, NULL},
};

static int exec_module(PyObject *module) {
    if (alog_add_engine(module) != 0) return -1;
    if (alog_add_features(module) != 0) return -1;
    return alog_add_windows(module);
}

static PyModuleDef_Slot slots[] = {{Py_mod_exec, (void *)exec_module}, {0, NULL}};

static PyModuleDef definition = {
    .m_base = PyModuleDef_HEAD_INIT,
    .m_name = "alogd._engine",
    .m_doc = "The hot path in C; alogd.engine.native and alogd.windows.gather are its faces.",
    .m_size = 0,
    .m_methods = functions,
    .m_slots = slots,
};

PyMODINIT_FUNC PyInit__engine(void) { return PyModuleDef_Init(&definition); }
