/* infer_main.c: alog-infer: which lines of a log a trained DeepLog did not expect. No Python in the process.
 *
 *     log ──► engine ──► template's number ──► history of its key ──► model or answers ──► results.json
 *             (as the daemon's)  infer_vocab    infer_history          infer_model, infer_answers
 *
 * The same verdict on every line as the daemon's model gives (detectors/deeplog.py), however the log is cut. */
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "infer_log.h"
#include "infer_options.h"
#include "infer_results.h"
#include "infer_run.h"

enum { OK = 0, FAILED = 1, BAD_DATA = 65 };
enum { MOST_GRAPH = 1 << 30, MOST_STATE = 1 << 30 };

static int fail(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));
static int fail(int code, const char *format, ...) {
    va_list values;
    va_start(values, format);
    fputs("alog-infer: ", stderr);
    vfprintf(stderr, format, values);
    fputc('\n', stderr);
    va_end(values);
    return code;
}

/* ---- files ---------------------------------------------------------------------------------------------- */

/* A whole file, free() it; never from a pipe or a device. NULL with the reason in errno, EFBIG for one too large. */
static uint8_t *read_file(const char *path, size_t most, size_t *len) {
    struct stat about;
    const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0) return NULL;
    uint8_t *bytes = NULL;
    errno = EINVAL;
    if (fstat(fd, &about) == 0 && S_ISREG(about.st_mode)) {
        if ((uint64_t)about.st_size > most)
            errno = EFBIG;
        else
            bytes = malloc((size_t)about.st_size + 1);
    }
    size_t at = 0;
    while (bytes && at < (size_t)about.st_size) {
        const ssize_t n = read(fd, bytes + at, (size_t)about.st_size - at);
        if (n <= 0) break;
        at += (size_t)n;
    }
    *len = at;
    const int why = errno;
    close(fd);
    errno = why;
    return bytes;
}

/* Path of a file beside another, free() it. */
static char *beside(const char *path, alog_span name) {
    const char *slash = strrchr(path, '/');
    const size_t directory = slash ? (size_t)(slash - path) + 1 : 0;
    char *made = malloc(directory + name.len + 1);
    if (!made) return NULL;
    memcpy(made, path, directory);
    if (name.len) memcpy(made + directory, name.ptr, name.len);
    made[directory + name.len] = 0;
    return made;
}

static int is_same_file(const char *path, const struct stat *other) {
    struct stat about;
    return path && strcmp(path, "-") != 0 && stat(path, &about) == 0 && about.st_dev == other->st_dev &&
           about.st_ino == other->st_ino;
}

/* ---- loading -------------------------------------------------------------------------------------------- */

typedef struct {
    alog_ort ort;
    alog_model *model;
    alog_vocab *vocab;
    alog_mined mined;
} loaded;

static int load_model(const alog_options *options, loaded *all) {
    char why[4352];
    size_t len;
    if (!alog_ort_open(&all->ort, options->ort, why, sizeof why)) return fail(FAILED, "%s", why);
    uint8_t *graph = read_file(options->model, MOST_GRAPH, &len);
    if (!graph) return fail(FAILED, "cannot read %s: %s", options->model, strerror(errno));
    all->model = alog_model_new(&all->ort, graph, len, why, sizeof why);
    free(graph);
    return all->model ? OK : fail(BAD_DATA, "%s: %s", options->model, why);
}

static int load_vocabulary(const alog_options *options, loaded *all) {
    char why[512];
    size_t len;
    uint8_t *bytes = read_file(options->vocabulary, ALOG_VOCAB_BYTES, &len);
    if (!bytes) return fail(FAILED, "cannot read %s: %s", options->vocabulary, strerror(errno));
    all->vocab = alog_vocab_read(bytes, len, why, sizeof why);
    if (!all->vocab) return fail(BAD_DATA, "%s: %s", options->vocabulary, why);
    const alog_model_facts *about = alog_model_about(all->model);
    if (strcmp(about->vocabulary, alog_vocab_hash(all->vocab)) != 0 || about->size != alog_vocab_size(all->vocab))
        return fail(BAD_DATA, "%s was trained with another vocabulary than %s", options->model, options->vocabulary);
    if (options->window && options->window != about->window)
        return fail(BAD_DATA, "%s looks at %" PRIu32 " templates before an event, not at %" PRIu32 "; leave -w out",
                    options->model, about->window, options->window);
    return OK;
}

static int load_engine(const alog_options *options, loaded *all) {
    char why[512];
    const alog_span name = alog_vocab_state(all->vocab);
    uint8_t *state = NULL;
    size_t len = 0;
    if (name.len) {
        char *path = beside(options->vocabulary, name);
        state = path ? read_file(path, MOST_STATE, &len) : NULL;
        const int error = errno;
        if (!state) fail(FAILED, "cannot read %s: %s", path ? path : "the engine's state", strerror(error));
        free(path);
        if (!state) return FAILED;
    }
    const int made = alog_mined_new(&all->mined, all->vocab, state, len, why, sizeof why);
    free(state);
    return made ? OK : fail(BAD_DATA, "%s, %.*s: %s", options->vocabulary, (int)name.len, name.ptr, why);
}

static void unload(loaded *all) {
    alog_engine_free(all->mined.engine);
    alog_vocab_free(all->vocab);
    alog_model_free(all->model);
}

/* ---- running -------------------------------------------------------------------------------------------- */

/* The results' descriptor; -1 when there is none, told. Never one of the files that are read. */
static int open_results(const alog_options *options, const alog_vocab *vocab) {
    if (strcmp(options->results, "-") == 0) return dup(STDOUT_FILENO);
    const int fd = open(options->results, O_WRONLY | O_CREAT | O_CLOEXEC, 0666);
    struct stat about;
    if (fd < 0 || fstat(fd, &about) != 0) {
        fail(FAILED, "cannot write %s: %s", options->results, strerror(errno));
        return -1;
    }
    char *state = beside(options->vocabulary, alog_vocab_state(vocab));
    const int is_read = is_same_file(options->log, &about) || is_same_file(options->model, &about) ||
                        is_same_file(options->vocabulary, &about) || is_same_file(state, &about);
    free(state);
    if (is_read) {
        fail(FAILED, "%s is read; the results need a file of their own", options->results);
        close(fd);
        return -1;
    }
    if (!S_ISREG(about.st_mode) || ftruncate(fd, 0) == 0) return fd;
    fail(FAILED, "cannot write %s: %s", options->results, strerror(errno));
    close(fd);
    return -1;
}

/* Reads the log to its end or until a signal. */
static int read_log(alog_run *run, alog_log *log) {
    static uint8_t block[ALOG_RUN_BLOCK];
    size_t len = 0;
    for (int first = 1;;) {
        const alog_log_event event = alog_log_next(log, block, sizeof block, &len);
        const char *other = event == ALOG_LOG_BYTES && first ? alog_not_text(block, len < 4096 ? len : 4096) : NULL;
        if (other) return fail(BAD_DATA, "%s cannot be read as a log: %s", log->path, other);
        if (event == ALOG_LOG_FAILED) return fail(FAILED, "cannot read %s: %s", log->path, strerror(errno));
        first = first && event != ALOG_LOG_BYTES;
        int well = 1;
        switch (event) {
        case ALOG_LOG_BYTES: well = alog_run_feed(run, block, len, log->follow); break;
        case ALOG_LOG_ANEW: well = alog_run_anew(run); break;
        default: well = alog_run_settle(run, event == ALOG_LOG_END); break;
        }
        if (!well) return fail(FAILED, "%s", alog_run_wrong(run));
        if (event == ALOG_LOG_END || event == ALOG_LOG_STOP) return OK;
    }
}

static int judge_log(const alog_options *options, loaded *all, alog_log *log) {
    const alog_model_facts *about = alog_model_about(all->model);
    const uint32_t k = options->k ? options->k : about->k;
    const alog_results_model described = {.path = options->model,
                                          .ort = all->ort.version,
                                          .vocabulary = about->vocabulary,
                                          .window = about->window,
                                          .k = k,
                                          .size = about->size};
    const int fd = open_results(options, all->vocab);
    if (fd < 0) return FAILED;
    alog_results *results = alog_results_new(fd, &described);
    alog_run *run = results ? alog_run_new(&all->mined, all->vocab, all->model, results, k, options->most_keys) : NULL;
    int code = run ? read_log(run, log) : fail(FAILED, "memory is out");
    const alog_totals totals = run ? *alog_run_totals(run) : (alog_totals){0};
    const int error = results ? alog_results_close(results, &totals) : 0;
    if (error) code = fail(FAILED, "cannot write %s: %s", options->results, strerror(error));
    if (code == OK)
        fprintf(stderr,
                "%" PRIu64 " lines, %" PRIu64 " events, %" PRIu64 " not expected, %" PRIu64 " of unknown templates\n",
                totals.lines, totals.events, totals.anomalies, totals.unknown);
    alog_run_free(run);
    return code;
}

int main(int argc, char **argv) {
    alog_options options;
    const int asked = alog_options_read(&options, argc, argv);
    if (asked >= 0) return asked;
    signal(SIGPIPE, SIG_IGN); /* a write says so itself */
    alog_log log;
    if (!alog_log_open(&log, options.log, options.follow))
        return fail(FAILED, "cannot read %s: %s", options.log, strerror(errno));
    static loaded all;
    int code = load_model(&options, &all);
    if (code == OK) code = load_vocabulary(&options, &all);
    if (code == OK) code = load_engine(&options, &all);
    if (code == OK) code = judge_log(&options, &all, &log);
    unload(&all);
    alog_log_close(&log);
    return code;
}
