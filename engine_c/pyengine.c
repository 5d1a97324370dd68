/* pyengine.c: the type alogd._engine.Engine; alogd/engine.py is its face and checks what people type.
 *
 * The GIL is released for a whole block. An engine is for one thread at a time: a second one gets RuntimeError. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>

#include "engine.h"
#include "hash.h"

int alog_add_engine(PyObject *module);

typedef struct {
    PyObject_HEAD
    alog_engine *engine;
    int busy;
} Engine;

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

static int enter(Engine *self) {
    if (!self->busy) {
        self->busy = 1;
        return 0;
    }
    PyErr_SetString(PyExc_RuntimeError, "this engine is at work in another thread");
    return -1;
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

static PyObject *engine_template(PyObject *object, PyObject *args) {
    Engine *self = (Engine *)object;
    unsigned int slot;
    if (!PyArg_ParseTuple(args, "I", &slot) || enter(self) != 0) return NULL;
    PyObject *result = template_of(alog_engine_drain(self->engine), slot);
    self->busy = 0;
    return result;
}

static PyObject *engine_nearest(PyObject *object, PyObject *args) {
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

static PyObject *engine_templates(PyObject *object, PyObject *args) {
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

static PyObject *engine_explain(PyObject *object, PyObject *args) {
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

static PyObject *engine_mask(PyObject *object, PyObject *text) {
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

static PyObject *engine_counters(PyObject *object, PyObject *args) {
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

static PyObject *engine_save(PyObject *object, PyObject *meta) {
    Engine *self = (Engine *)object;
    Py_buffer view;
    if (PyObject_GetBuffer(meta, &view, PyBUF_SIMPLE) != 0) return NULL;
    PyObject *result = NULL;
    if (enter(self) == 0) {
        size_t len;
        uint8_t *bytes = alog_engine_save(self->engine, (alog_span){view.buf, (size_t)view.len}, &len);
        result = bytes ? PyBytes_FromStringAndSize((const char *)bytes, (Py_ssize_t)len) : PyErr_NoMemory();
        free(bytes);
        self->busy = 0;
    }
    PyBuffer_Release(&view);
    return result;
}

static PyObject *engine_seed(PyObject *object, void *closure) {
    (void)closure;
    return PyLong_FromUnsignedLongLong(alog_engine_seed(((Engine *)object)->engine));
}

/* ---- the type ----------------------------------------------------------------------------------------- */

static PyMethodDef methods[] = {
    {"open", engine_open, METH_VARARGS, "open(source, offset, year, header)"},
    {"close", engine_close, METH_VARARGS, "close(source)"},
    {"feed", engine_feed, METH_VARARGS, "feed(block, source) -> (n, capacity, columns)"},
    {"settle", engine_settle, METH_VARARGS, "settle(source) -> (n, capacity, columns)"},
    {"flush", engine_flush, METH_VARARGS, "flush(source) -> (n, capacity, columns)"},
    {"consumed", engine_consumed, METH_VARARGS, "consumed(source) -> int"},
    {"templates", engine_templates, METH_NOARGS,
     "templates() -> list of (slot, id, text, fingerprint, count, first text)"},
    {"template", engine_template, METH_VARARGS, "template(slot) -> one of templates(), or None"},
    {"nearest", engine_nearest, METH_VARARGS, "nearest(tokens, below, but) -> slot, 0 when nothing is shared"},
    {"explain", engine_explain, METH_VARARGS, "explain(line, source) -> tuple"},
    {"mask", engine_mask, METH_O, "mask(text) -> (masked text, tokens)"},
    {"counters", engine_counters, METH_NOARGS, "counters() -> dict"},
    {"save", engine_save, METH_O, "save(meta) -> bytes"},
    {NULL, NULL, 0, NULL},
};

static PyGetSetDef properties[] = {
    {"seed", engine_seed, NULL, "Of all hashes; a loaded engine has the one it was saved with.", NULL},
    {NULL, NULL, NULL, NULL, NULL},
};

static PyType_Slot slots[] = {
    {Py_tp_doc, "One stream's template miner; see alogd.engine.Engine."},
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
