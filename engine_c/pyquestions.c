/* pyquestions.c: what alogd._engine.Engine is asked: its templates, what it makes of a line, its counters, its snapshot. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>

#include "hash.h"
#include "pyengine.h"

/* ---- templates ---------------------------------------------------------------------------------------- */

/* (slot, id, text, fingerprint, count, first text), or None when the slot is free. */
static PyObject *template_of(const alog_drain *drain, uint32_t slot) {
    alog_template t;
    if (!alog_drain_template(drain, slot, &t)) Py_RETURN_NONE;
    PyObject *text = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)t.text_len);
    PyObject *first = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)t.first_len);
    if (!text || !first) {
        Py_XDECREF(text);
        Py_XDECREF(first);
        return NULL;
    }
    uint8_t *p = (uint8_t *)PyBytes_AsString(text);
    alog_drain_text(drain, slot, p, t.text_len);
    alog_drain_first(drain, slot, (uint8_t *)PyBytes_AsString(first), t.first_len);
    return Py_BuildValue("IINKKN", slot, t.id, text, (unsigned long long)alog_fingerprint(p, t.text_len),
                         (unsigned long long)t.count, first);
}

PyObject *alog_py_template(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    unsigned int slot;
    if (!PyArg_ParseTuple(args, "I", &slot) || enter(self) != 0) return NULL;
    PyObject *result = template_of(alog_engine_drain(self->engine), slot);
    self->busy = 0;
    return result;
}

PyObject *alog_py_nearest(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    PyObject *tuple;
    unsigned int below, but;
    if (!PyArg_ParseTuple(args, "O!II", &PyTuple_Type, &tuple, &below, &but)) return NULL;
    const Py_ssize_t n = PyTuple_Size(tuple);
    uint64_t *hash = n < 0 ? NULL : malloc(((size_t)n + 1) * sizeof *hash);
    if (!hash) return PyErr_NoMemory();
    PyObject *result = NULL;
    for (Py_ssize_t i = 0; i < n; i++) {
        char *ptr;
        Py_ssize_t len;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(tuple, i), &ptr, &len) != 0) goto done;
        hash[i] = alog_hash_inline((const uint8_t *)ptr, (size_t)len, alog_engine_seed(self->engine));
    }
    if (enter(self) == 0) {
        const uint32_t count = n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
        const uint32_t slot = alog_drain_nearest(alog_engine_drain(self->engine), hash, count, below, but);
        result = PyLong_FromUnsignedLong(slot);
        self->busy = 0;
    }
done:
    free(hash);
    return result;
}

static PyObject *list_templates(const alog_drain *drain) {
    PyObject *list = PyList_New(0);
    alog_template t;
    for (uint32_t slot = 1; list && slot < alog_drain_slots(drain); slot++) {
        if (!alog_drain_template(drain, slot, &t)) continue;
        PyObject *item = template_of(drain, slot);
        if (!item || PyList_Append(list, item) != 0) Py_CLEAR(list);
        Py_XDECREF(item);
    }
    return list;
}

PyObject *alog_py_templates(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    (void)args;
    if (enter(self) != 0) return NULL;
    PyObject *list = list_templates(alog_engine_drain(self->engine));
    self->busy = 0;
    return list;
}

/* ---- questions ---------------------------------------------------------------------------------------- */

static PyObject *span_bytes(alog_span span) {
    return PyBytes_FromStringAndSize((const char *)span.ptr, (Py_ssize_t)span.len);
}

static PyObject *token_list(const alog_tokens *tokens) {
    PyObject *list = PyList_New((Py_ssize_t)tokens->count);
    for (uint32_t i = 0; list && i < tokens->count; i++) {
        PyObject *token = span_bytes((alog_span){tokens->text + tokens->offset[i], tokens->length[i]});
        if (!token || PyList_SetItem(list, (Py_ssize_t)i, token) != 0) Py_CLEAR(list);
    }
    return list;
}

static PyObject *explanation_tuple(const alog_explanation *e) {
    const alog_fields *f = &e->fields;
    const alog_span masked = {e->tokens->text, e->tokens->text_len};
    return Py_BuildValue("iLiNNNNNNIIIiiNK", (int)f->begins, (long long)f->timestamp_ns, (int)f->otel,
                         span_bytes(f->host), span_bytes(f->program), span_bytes(f->pid), span_bytes(f->message),
                         span_bytes(masked), token_list(e->tokens), e->slot, e->best, e->equal, (int)e->severity,
                         (int)e->rule, span_bytes(e->key), (unsigned long long)e->key_hash);
}

PyObject *alog_py_explain(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    Py_buffer line;
    unsigned int source;
    if (!PyArg_ParseTuple(args, "y*I", &line, &source)) return NULL;
    PyObject *result = NULL;
    if (enter(self) == 0) {
        alog_explanation e;
        alog_engine_explain(self->engine, source, line.buf, (size_t)line.len, &e);
        result = explanation_tuple(&e);
        self->busy = 0;
    }
    PyBuffer_Release(&line);
    return result;
}

PyObject *alog_py_mask(PyObject *object, PyObject *text) {
    Engine *self = (Engine *)object;
    Py_buffer view;
    if (PyObject_GetBuffer(text, &view, PyBUF_SIMPLE) != 0) return NULL;
    PyObject *result = NULL;
    if (enter(self) == 0) {
        const alog_tokens *tokens = alog_engine_mask(self->engine, view.buf, (size_t)view.len);
        result = Py_BuildValue("NN", span_bytes((alog_span){tokens->text, tokens->text_len}), token_list(tokens));
        self->busy = 0;
    }
    PyBuffer_Release(&view);
    return result;
}

PyObject *alog_py_counters(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    (void)args;
    if (enter(self) != 0) return NULL;
    alog_engine_counters c;
    alog_engine_count(self->engine, &c);
    self->busy = 0;
    const struct {
        const char *name;
        uint64_t value;
    } columns[] = {
        {"lines", c.lines.lines},
        {"bytes", c.lines.bytes},
        {"records", c.records},
        {"empty", c.lines.empty},
        {"too_long", c.lines.too_long},
        {"continuations", c.lines.continuations},
        {"late_continuations", c.lines.late},
        {"records_split", c.lines.split},
        {"headerless", c.lines.headerless},
        {"tokens_cut", c.tokens_cut},
        {"created", c.drain.created},
        {"changed", c.drain.changed},
        {"evicted", c.drain.evicted},
        {"pruned", c.drain.pruned},
        {"overflow", c.drain.overflow},
        {"clusters", c.clusters},
        {"memory", c.memory},
        {"sources", c.sources},
    };
    PyObject *dict = PyDict_New();
    for (size_t i = 0; dict && i < sizeof columns / sizeof *columns; i++) {
        PyObject *value = PyLong_FromUnsignedLongLong(columns[i].value);
        if (!value || PyDict_SetItemString(dict, columns[i].name, value) != 0) Py_CLEAR(dict);
        Py_XDECREF(value);
    }
    return dict;
}

/* The size first: written where it stays, the snapshot costs half the page faults, which are most of its time. */
static PyObject *saved(const alog_engine *engine, alog_span meta) {
    size_t size;
    Py_BEGIN_ALLOW_THREADS
    size = alog_engine_save_size(engine, meta);
    Py_END_ALLOW_THREADS
    if (size == 0 || size > PY_SSIZE_T_MAX) return PyErr_NoMemory();
    PyObject *result = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)size);
    if (!result) return NULL;
    alog_status status;
    uint8_t *bytes = (uint8_t *)PyBytes_AsString(result);
    Py_BEGIN_ALLOW_THREADS
    status = alog_engine_save_into(engine, meta, bytes, size);
    Py_END_ALLOW_THREADS
    if (status == ALOG_OK) return result;
    Py_DECREF(result);
    PyErr_SetString(PyExc_RuntimeError, "the snapshot has another size than was counted");
    return NULL;
}

PyObject *alog_py_save(PyObject *object, PyObject *meta) {
    Engine *self = (Engine *)object;
    Py_buffer view;
    if (PyObject_GetBuffer(meta, &view, PyBUF_SIMPLE) != 0) return NULL;
    PyObject *result = NULL;
    if (enter(self) == 0) {
        result = saved(self->engine, (alog_span){view.buf, (size_t)view.len});
        self->busy = 0;
    }
    PyBuffer_Release(&view);
    return result;
}

PyObject *alog_py_seed(PyObject *object, void *closure) {
    (void)closure;
    return PyLong_FromUnsignedLongLong(alog_engine_seed(((Engine *)object)->engine));
}
