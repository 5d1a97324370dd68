/* pyengine.c: the type alogd._engine.Engine; alogd/engine/native.py is its face and checks what people type.
 *
 * The GIL is released for a whole block. An engine is for one thread at a time: a second one gets RuntimeError. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>

#include "pyengine.h"

int alog_add_engine(PyObject *module);

enum { MOST_SPANS = 256, RECORD_BYTES = 3 * 8 + 3 * 4 + 2 };

/* ---- arguments ---------------------------------------------------------------------------------------- */

/* Borrows the bytes of a tuple; the tuple must outlive the spans. */
static int read_spans(PyObject *tuple, alog_span *spans, size_t *count) {
    const Py_ssize_t n = PyTuple_Size(tuple);
    if (n < 0) return -1;
    if (n > MOST_SPANS) {
        PyErr_Format(PyExc_ValueError, "at most %d masks or delimiters", MOST_SPANS);
        return -1;
    }
    for (Py_ssize_t i = 0; i < n; i++) {
        char *ptr;
        Py_ssize_t len;
        if (PyBytes_AsStringAndSize(PyTuple_GetItem(tuple, i), &ptr, &len) != 0) return -1;
        spans[i] = (alog_span){(const uint8_t *)ptr, (size_t)len};
    }
    *count = (size_t)n;
    return 0;
}

static PyObject *raise_status(alog_status status) {
    switch (status) {
    case ALOG_NOMEM: return PyErr_NoMemory();
    case ALOG_FULL: PyErr_SetString(PyExc_OverflowError, "more sources than max_sources"); break;
    case ALOG_CORRUPT: PyErr_SetString(PyExc_ValueError, "engine: a table or snapshot is damaged"); break;
    default: PyErr_SetString(PyExc_ValueError, "engine: an option is out of its range"); break;
    }
    return NULL;
}

static PyObject *raise_load_status(alog_status status) {
    if (status != ALOG_FULL) return raise_status(status);
    PyErr_SetString(PyExc_ValueError, "engine snapshot does not fit max_clusters, max_memory or max_sources");
    return NULL;
}

/* ---- life --------------------------------------------------------------------------------------------- */

static char *option_names[] = {
    "depth",
    "sim_th",
    "max_children",
    "max_clusters",
    "numeric",
    "max_tokens",
    "max_memory",
    "masks",
    "user_tables",
    "user_names",
    "delimiters",
    "header",
    "multiline",
    "multiline_max_lines",
    "multiline_max_bytes",
    "max_line_bytes",
    "max_sources",
    "utc_offset_s",
    "key",
    "key_name",
    "key_mask",
    "severity_table",
    "severities",
    "keep_empty",
    "seed",
    "snapshot",
    NULL,
};

typedef struct {
    alog_engine_config config;
    alog_span tables[MOST_SPANS], names[MOST_SPANS], delimiters[MOST_SPANS];
    Py_buffer key_name, severity_table, severities, snapshot;
} Options;

static void release_options(Options *o) {
    PyBuffer_Release(&o->key_name);
    PyBuffer_Release(&o->severity_table);
    PyBuffer_Release(&o->severities);
    PyBuffer_Release(&o->snapshot);
}

static int read_options(PyObject *args, PyObject *kwargs, Options *o) {
    alog_engine_config *c = &o->config;
    PyObject *tables, *names, *delimiters;
    Py_ssize_t max_memory;
    unsigned int header, key;
    int numeric, multiline, keep_empty;
    unsigned long long seed;
    if (!PyArg_ParseTupleAndKeywords(args, kwargs, "$IdIIpInIO!O!O!IpIIIIiIy*Iy*y*pKy*", option_names, &c->drain.depth,
                                     &c->drain.sim_th, &c->drain.max_children, &c->drain.max_clusters, &numeric,
                                     &c->drain.max_tokens, &max_memory, &c->mask.builtin, &PyTuple_Type, &tables,
                                     &PyTuple_Type, &names, &PyTuple_Type, &delimiters, &header, &multiline,
                                     &c->multiline_max_lines, &c->multiline_max_bytes, &c->max_line_bytes,
                                     &c->max_sources, &c->header.utc_offset_s, &key, &o->key_name, &c->key_mask,
                                     &o->severity_table, &o->severities, &keep_empty, &seed, &o->snapshot))
        return -1;
    size_t name_count;
    if (read_spans(tables, o->tables, &c->mask.user_count) != 0 || read_spans(names, o->names, &name_count) != 0 ||
        read_spans(delimiters, o->delimiters, &c->mask.delimiter_count) != 0)
        return -1;
    if (name_count != c->mask.user_count || max_memory < 0 || header > UINT8_MAX || key > UINT8_MAX) {
        raise_status(ALOG_INVALID);
        return -1;
    }
    c->drain.numeric = numeric != 0;
    c->drain.max_memory = (size_t)max_memory;
    c->mask.user_tables = o->tables;
    c->mask.user_names = o->names;
    c->mask.delimiters = o->delimiters;
    c->header_kind = (uint8_t)header;
    c->multiline = multiline != 0;
    c->keep_empty = keep_empty != 0;
    c->key = (uint8_t)key;
    c->header.key_field = (alog_span){o->key_name.buf, (size_t)o->key_name.len};
    c->severity_table = (alog_span){o->severity_table.buf, (size_t)o->severity_table.len};
    c->severities = o->severities.buf;
    c->severity_count = (size_t)o->severities.len;
    c->seed = seed;
    return 0;
}

static alog_engine *make_engine(const Options *o) {
    alog_status status;
    alog_engine *engine;
    if (o->snapshot.len == 0) {
        engine = alog_engine_new(&o->config, &status);
        if (!engine) raise_status(status);
        return engine;
    }
    engine = alog_engine_load(&o->config, o->snapshot.buf, (size_t)o->snapshot.len, &status);
    if (!engine) raise_load_status(status);
    return engine;
}

static PyObject *engine_new(PyTypeObject *type, PyObject *args, PyObject *kwargs) {
    Options *options = calloc(1, sizeof *options);
    if (!options) return PyErr_NoMemory();
    alog_engine *engine = read_options(args, kwargs, options) == 0 ? make_engine(options) : NULL;
    release_options(options);
    free(options);
    if (!engine) return NULL;
    allocfunc allocate = (allocfunc)PyType_GetSlot(type, Py_tp_alloc);
    Engine *self = (Engine *)allocate(type, 0);
    if (!self) {
        alog_engine_free(engine);
        return NULL;
    }
    self->engine = engine;
    self->busy = 0;
    return (PyObject *)self;
}

static void engine_dealloc(PyObject *object) {
    PyTypeObject *type = Py_TYPE(object);
    alog_engine_free(((Engine *)object)->engine);
    freefunc release = (freefunc)PyType_GetSlot(type, Py_tp_free);
    release(object);
    Py_DECREF(type);
}

/* ---- records ------------------------------------------------------------------------------------------ */

static size_t count_newlines(const uint8_t *p, size_t len) {
    size_t n = 0;
    for (size_t i = 0; i < len; i++) n += p[i] == '\n';
    return n;
}

/* Columns one after the other, widest first, so that each is aligned: offset, timestamp_ns, key (8 bytes each),
 * length, template_id, slot (4), severity, is_new (1). */
static alog_batch batch_in(uint8_t *p, size_t cap) {
    alog_batch batch = {.n = 0, .cap = cap};
    batch.offset = (uint64_t *)(void *)p;
    batch.timestamp_ns = (int64_t *)(void *)(p + cap * 8);
    batch.key = (uint64_t *)(void *)(p + cap * 16);
    batch.length = (uint32_t *)(void *)(p + cap * 24);
    batch.template_id = (uint32_t *)(void *)(p + cap * 28);
    batch.slot = (uint32_t *)(void *)(p + cap * 32);
    batch.severity = p + cap * 36;
    batch.is_new = p + cap * 37;
    return batch;
}

typedef alog_status (*record_call)(alog_engine *engine, uint32_t source, alog_batch *out);

/* Takes ownership of `columns`. */
static PyObject *batch_result(PyObject *columns, const alog_batch *batch, alog_status status) {
    if (status == ALOG_OK) return Py_BuildValue("nnN", (Py_ssize_t)batch->n, (Py_ssize_t)batch->cap, columns);
    Py_DECREF(columns);
    if (status != ALOG_INVALID) return raise_status(status);
    PyErr_SetString(PyExc_RuntimeError, "the block was changed while it was being read");
    return NULL;
}

static PyObject *engine_feed(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    Py_buffer block;
    unsigned int source;
    if (!PyArg_ParseTuple(args, "y*I", &block, &source)) return NULL;
    PyObject *result = NULL;
    if (enter(self) == 0) {
        size_t cap;
        Py_BEGIN_ALLOW_THREADS
        cap = count_newlines(block.buf, (size_t)block.len) + 2;
        Py_END_ALLOW_THREADS
        PyObject *columns = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(cap * RECORD_BYTES));
        if (columns) {
            alog_batch batch = batch_in((uint8_t *)PyBytes_AsString(columns), cap);
            alog_status status;
            Py_BEGIN_ALLOW_THREADS
            status = alog_engine_feed(self->engine, source, block.buf, (size_t)block.len, &batch);
            Py_END_ALLOW_THREADS
            result = batch_result(columns, &batch, status);
        }
        self->busy = 0;
    }
    PyBuffer_Release(&block);
    return result;
}

static PyObject *call_for_records(PyObject *object, PyObject *args, record_call call) {
    Engine *self = (Engine *)object;
    unsigned int source;
    if (!PyArg_ParseTuple(args, "I", &source) || enter(self) != 0) return NULL;
    const size_t cap = 2;
    PyObject *columns = PyBytes_FromStringAndSize(NULL, (Py_ssize_t)(cap * RECORD_BYTES));
    PyObject *result = NULL;
    if (columns) {
        alog_batch batch = batch_in((uint8_t *)PyBytes_AsString(columns), cap);
        const alog_status status = call(self->engine, source, &batch);
        result = batch_result(columns, &batch, status);
    }
    self->busy = 0;
    return result;
}

static PyObject *engine_settle(PyObject *self, PyObject *args) {
    return call_for_records(self, args, alog_engine_settle);
}
static PyObject *engine_flush(PyObject *self, PyObject *args) {
    return call_for_records(self, args, alog_engine_flush);
}

/* ---- sources ------------------------------------------------------------------------------------------ */

static PyObject *engine_open(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    unsigned int source, header;
    unsigned long long offset;
    int year;
    if (!PyArg_ParseTuple(args, "IKiI", &source, &offset, &year, &header) || enter(self) != 0) return NULL;
    const alog_status status =
        header > UINT8_MAX ? ALOG_INVALID : alog_engine_open(self->engine, source, offset, year, (uint8_t)header);
    self->busy = 0;
    if (status != ALOG_OK) return raise_status(status);
    Py_RETURN_NONE;
}

static PyObject *engine_resume(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    unsigned int source;
    unsigned long long offset;
    if (!PyArg_ParseTuple(args, "IK", &source, &offset) || enter(self) != 0) return NULL;
    const alog_status status = alog_engine_resume(self->engine, source, offset);
    self->busy = 0;
    return PyBool_FromLong(status == ALOG_OK);
}

static PyObject *engine_close(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    unsigned int source;
    if (!PyArg_ParseTuple(args, "I", &source) || enter(self) != 0) return NULL;
    alog_engine_close(self->engine, source);
    self->busy = 0;
    Py_RETURN_NONE;
}

static PyObject *engine_consumed(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    unsigned int source;
    if (!PyArg_ParseTuple(args, "I", &source) || enter(self) != 0) return NULL;
    const uint64_t offset = alog_engine_consumed(self->engine, source);
    self->busy = 0;
    return PyLong_FromUnsignedLongLong(offset);
}

/* ---- the type ----------------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"open", engine_open, METH_VARARGS, "open(source, offset, year, header)"},
    {"resume", engine_resume, METH_VARARGS, "resume(source, offset) -> bool"},
    {"close", engine_close, METH_VARARGS, "close(source)"},
    {"feed", engine_feed, METH_VARARGS, "feed(block, source) -> (n, capacity, columns)"},
    {"settle", engine_settle, METH_VARARGS, "settle(source) -> (n, capacity, columns)"},
    {"flush", engine_flush, METH_VARARGS, "flush(source) -> (n, capacity, columns)"},
    {"consumed", engine_consumed, METH_VARARGS, "consumed(source) -> int"},
    {"templates", alog_py_templates, METH_NOARGS,
     "templates() -> list of (slot, id, text, fingerprint, count, first text)"},
    {"template", alog_py_template, METH_VARARGS, "template(slot) -> one of templates(), or None"},
    {"nearest", alog_py_nearest, METH_VARARGS, "nearest(tokens, below, but) -> slot, 0 when nothing is shared"},
    {"explain", alog_py_explain, METH_VARARGS, "explain(line, source) -> tuple"},
    {"mask", alog_py_mask, METH_O, "mask(text) -> (masked text, tokens)"},
    {"capture", alog_py_capture, METH_NOARGS, "capture(): from now on, texts of records too"},
    {"captured", alog_py_captured, METH_NOARGS,
     "captured() -> (rows, masked, host, program, otel); each text column is (offsets, bytes)"},
    {"counters", alog_py_counters, METH_NOARGS, "counters() -> dict"},
    {"save", alog_py_save, METH_O, "save(meta) -> bytes"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"seed", alog_py_seed, NULL, "Of all hashes; a loaded engine has the one it was saved with.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "One stream's template miner; see alogd.engine.native.Engine."},
    {Py_tp_new, engine_new},
    {Py_tp_dealloc, engine_dealloc},
    {Py_tp_methods, methods},
    {Py_tp_getset, properties},
    {0, NULL},
};

static PyType_Spec spec = {
    .name = "alogd._engine.Engine",
    .basicsize = sizeof(Engine),
    .flags = Py_TPFLAGS_DEFAULT,
    .slots = slots,
};

int alog_add_engine(PyObject *module) {
    PyObject *type = PyType_FromSpec(&spec);
    if (!type) return -1;
    const int failed = PyModule_AddType(module, (PyTypeObject *)type);
    Py_DECREF(type);
    return failed;
}
