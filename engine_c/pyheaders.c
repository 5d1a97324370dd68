/* pyheaders.c: headers() of alogd._engine: what alog_header_read makes of every line of a text, as one source. */
#define PY_SSIZE_T_CLEAN
#include <Python.h>

#include <stdlib.h>
#include <string.h>

#include "header.h"

static PyObject *bytes_of(alog_span s) {
    return PyBytes_FromStringAndSize(s.len ? (const char *)s.ptr : "", (Py_ssize_t)s.len);
}

/* (begins, joins, otel, time or None, host, program, pid, message, key, kind, year); the last two after the line. */
static PyObject *row_of(const alog_header_state *state, const alog_fields *fields, int joins) {
    PyObject *time = NULL;
    if (fields->timestamp_ns != ALOG_NO_TIME)
        time = PyLong_FromLongLong(fields->timestamp_ns);
    else
        time = Py_NewRef(Py_None);
    return Py_BuildValue("iiiNNNNNNii", fields->begins, joins, fields->otel, time, bytes_of(fields->host),
                         bytes_of(fields->program), bytes_of(fields->pid), bytes_of(fields->message),
                         bytes_of(fields->key), state->kind, state->year);
}

static int append_row(PyObject *rows, PyObject *row) {
    const int status = row ? PyList_Append(rows, row) : -1;
    Py_XDECREF(row);
    return status;
}

static int read_lines(PyObject *rows, alog_header_state *state, const alog_header_config *config, const Py_buffer *text,
                      uint8_t *scratch) {
    const uint8_t *at = text->buf, *end = at + text->len;
    uint32_t inside = 0;
    for (;;) {
        const uint8_t *newline = at < end ? memchr(at, '\n', (size_t)(end - at)) : NULL;
        const size_t len = (size_t)((newline ? newline : end) - at);
        alog_fields fields;
        alog_header_read(state, config, at, len, scratch, &fields);
        const int joins = !fields.begins && alog_line_continues(at, len, state, &inside);
        if (fields.begins) inside = 0;
        if (append_row(rows, row_of(state, &fields, joins)) != 0) return -1;
        if (!newline) return 0;
        at = newline + 1;
    }
}

PyObject *alog_py_headers(PyObject *module, PyObject *args) {
    (void)module;
    Py_buffer text, key;
    int kind, year, utc_offset_s;
    if (!PyArg_ParseTuple(args, "y*iiiy*", &text, &kind, &year, &utc_offset_s, &key)) return NULL;
    alog_header_memo memo = {0};
    const alog_header_config config = {
        .utc_offset_s = utc_offset_s, .key_field = {key.buf, (size_t)key.len}, .memo = &memo};
    alog_header_state state;
    memset(&state, 0, sizeof state);
    state.kind = (uint8_t)kind;
    state.year = year;
    PyObject *rows = NULL;
    uint8_t *scratch = malloc((size_t)text.len + 1);
    if (kind < 0 || kind >= ALOG_HEADER_COUNT || !alog_header_state_valid(&state))
        PyErr_SetString(PyExc_ValueError, "no such kind of header, or a year out of range");
    else if (!scratch)
        PyErr_NoMemory();
    else
        rows = PyList_New(0);
    if (rows && read_lines(rows, &state, &config, &text, scratch) != 0) Py_CLEAR(rows);
    free(scratch);
    PyBuffer_Release(&text);
    PyBuffer_Release(&key);
    return rows;
}
