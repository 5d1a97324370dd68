/* infer_results.c: writes results.json (infer_results.h). */
#define _GNU_SOURCE
#include "infer_results.h"

#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HELD = 1 << 16, SMALL = 1024, WAIT_MS = 1000 }; /* bytes gathered; longest piece that is formatted */

struct alog_results {
    int fd;
    int regular;   /* the end may be written over */
    int failed;    /* errno */
    uint64_t body; /* bytes of the file without its end */
    uint64_t anomalies;
    size_t held;
    uint8_t bytes[HELD + SMALL];
};

/* ---- bytes -------------------------------------------------------------------------------------------- */

/* Whether so much as PIPE_BUF may be written to a pipe without waiting. A reader that takes nothing is waited for, but
 * not by one that was asked to stop (its signals are read, not delivered). */
static int is_taken(int fd) {
    struct pollfd out = {.fd = fd, .events = POLLOUT};
    sigset_t pending;
    while (poll(&out, 1, WAIT_MS) == 0)
        if (sigpending(&pending) == 0 && (sigismember(&pending, SIGTERM) || sigismember(&pending, SIGINT)))
            return errno = EINTR, 0;
    return 1;
}

static ssize_t write_some(const alog_results *results, const uint8_t *bytes, size_t len, uint64_t at) {
    if (results->regular) return pwrite(results->fd, bytes, len, (off_t)at);
    return is_taken(results->fd) ? write(results->fd, bytes, len < PIPE_BUF ? len : PIPE_BUF) : -1;
}

static void write_all(alog_results *results, const uint8_t *bytes, size_t len, uint64_t at) {
    while (len && !results->failed) {
        const ssize_t n = write_some(results, bytes, len, at);
        if (n < 0) {
            results->failed = errno;
            return;
        }
        bytes += n;
        len -= (size_t)n;
        at += (uint64_t)n;
    }
}

static void flush(alog_results *results) {
    write_all(results, results->bytes, results->held, results->body);
    results->body += results->held;
    results->held = 0;
}

static void put(alog_results *results, const uint8_t *bytes, size_t len) {
    while (len) {
        if (results->held >= HELD) flush(results);
        const size_t room = HELD - results->held, n = len < room ? len : room;
        memcpy(results->bytes + results->held, bytes, n);
        results->held += n;
        bytes += n;
        len -= n;
    }
}

/* At most SMALL bytes. */
static void put_f(alog_results *results, const char *format, ...) __attribute__((format(printf, 2, 3)));
static void put_f(alog_results *results, const char *format, ...) {
    if (results->held >= HELD) flush(results);
    va_list values;
    va_start(values, format);
    const int n = vsnprintf((char *)results->bytes + results->held, SMALL, format, values);
    va_end(values);
    if (n > 0) results->held += (size_t)n < SMALL ? (size_t)n : SMALL - 1;
}

static void put_string(alog_results *results, alog_span text) {
    put_f(results, "\"");
    for (size_t at = 0; at < text.len;) {
        size_t end = at;
        while (end < text.len && text.ptr[end] >= 0x20 && text.ptr[end] != 0x7f && text.ptr[end] != '"' &&
               text.ptr[end] != '\\')
            end++;
        put(results, text.ptr + at, end - at);
        if (end < text.len) {
            const uint8_t c = text.ptr[end];
            if (c == '"' || c == '\\')
                put_f(results, "\\%c", c);
            else
                put_f(results, "\\u%04x", c);
            end++;
        }
        at = end;
    }
    put_f(results, "\"");
}

static alog_span span_of(const char *text) { return (alog_span){(const uint8_t *)text, strlen(text)}; }

/* ---- the file ----------------------------------------------------------------------------------------- */

alog_results *alog_results_new(int fd, const alog_results_model *model) {
    alog_results *results = calloc(1, sizeof *results);
    if (!results) return NULL;
    struct stat about;
    results->fd = fd;
    results->regular = fstat(fd, &about) == 0 && S_ISREG(about.st_mode);
    put_f(results, "{\n \"schema\": 1,\n \"model\": {\"kind\": \"deeplog\", \"path\": ");
    put_string(results, span_of(model->path));
    put_f(results, ", \"vocabulary\": \"%.64s\", \"window\": %" PRIu32 ", \"k\": %" PRIu32 ", \"size\": %" PRIu32,
          model->vocabulary, model->window, model->k, model->size);
    put_f(results, ", \"onnxruntime\": ");
    put_string(results, span_of(model->ort));
    put_f(results, "},\n \"anomalies\": [");
    return results;
}

void alog_results_add(alog_results *results, const alog_anomaly *anomaly) {
    put_f(results, "%s\n  {\"file\": %" PRIu64 ", \"line\": %" PRIu64 ", \"offset\": %" PRIu64 ", \"template\": ",
          results->anomalies++ ? "," : "", anomaly->file, anomaly->line, anomaly->offset);
    put_string(results, anomaly->text);
    put_f(results, ", \"expected\": [");
    for (uint32_t i = 0; i < anomaly->expected_count; i++) {
        if (i) put_f(results, ", ");
        put_string(results, anomaly->expected[i]);
    }
    put_f(results, "], \"rank\": %" PRIu32 ", \"p\": %.9g}", anomaly->rank, anomaly->p);
}

/* What closes the file, behind what is held. */
static void put_end(alog_results *results, const alog_totals *totals) {
    put_f(results,
          "%s],\n \"lines\": %" PRIu64 ",\n \"events\": %" PRIu64 ",\n \"unknown\": %" PRIu64 ",\n \"files\": %" PRIu64
          ",\n \"too_long\": %" PRIu64 ",\n \"overflow\": %" PRIu64 ",\n \"keys_forgotten\": %" PRIu64
          ",\n \"complete\": %s\n}\n",
          totals->anomalies ? "\n " : "", totals->lines, totals->events, totals->unknown, totals->files,
          totals->too_long, totals->overflow, totals->keys_forgotten, totals->complete ? "true" : "false");
}

int alog_results_sync(alog_results *results, const alog_totals *totals) {
    if (!results->regular) {
        flush(results);
        return results->failed;
    }
    /* in one write with what is held, so that a reader meets the old end or the new one; the end never gets shorter
     * but by a digit of what it says, which the cut takes */
    if (results->held > HELD - SMALL) flush(results);
    const size_t held = results->held;
    put_end(results, totals);
    write_all(results, results->bytes, results->held, results->body);
    const uint64_t whole = results->body + results->held;
    if (!results->failed && ftruncate(results->fd, (off_t)whole) != 0) results->failed = errno;
    results->body += held;
    results->held = 0;
    return results->failed;
}

int alog_results_close(alog_results *results, const alog_totals *totals) {
    if (!results->regular) put_end(results, totals);
    (void)alog_results_sync(results, totals);
    if (results->regular && !results->failed && fsync(results->fd) != 0) results->failed = errno;
    if (close(results->fd) != 0 && !results->failed) results->failed = errno;
    const int failed = results->failed;
    free(results);
    return failed;
}
