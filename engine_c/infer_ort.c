/* infer_ort.c: finds ONNX Runtime's library and takes what is used from its table of functions (ort.h). */
#define _GNU_SOURCE
#include "ort.h"

#include <dlfcn.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Beside a Python; "capi" holds exactly one file of that name. */
#define WHEEL "/python3*/site-packages/onnxruntime/capi/libonnxruntime.so*"
#define DEBIAN "/python3*/dist-packages/onnxruntime/capi/libonnxruntime.so*"

typedef struct {
    const char *root; /* of a place, "%s" in the pattern */
    const char *pattern;
} place;

static int explain(char *why, size_t size, const char *path, const char *reason) {
    (void)snprintf(why, size, "%s: %s", path, reason);
    return 0;
}

/* That the first entries make, read and free a status: a table in another order would not. */
static int answers(const alog_ort *ort) {
    enum { CODE = 7 };
    OrtStatus *status = ort->CreateStatus(CODE, "alogd");
    if (!status) return 0;
    const char *message = ort->GetErrorMessage(status);
    const int same = ort->GetErrorCode(status) == CODE && message && strcmp(message, "alogd") == 0;
    ort->ReleaseStatus(status);
    return same;
}

static int take_entries(alog_ort *ort, const OrtApiBase *base) {
    const void *table = base->GetApi(ALOG_ORT_API);
    if (!table) return 0;
    const unsigned char *entries = table;
/* functions and data have pointers of one size here (POSIX), but no conversion between them in C */
#define TAKE(position, name, returns, takes)                                           \
    memcpy(&ort->name, entries + (size_t)(position) * sizeof(void *), sizeof(void *)); \
    if (!ort->name) return 0;
    ALOG_ORT_ENTRIES(TAKE)
#undef TAKE
    return 1;
}

static int open_library(alog_ort *ort, const char *path, char *why, size_t size) {
    void *library = dlopen(path, RTLD_NOW | RTLD_LOCAL);
    if (!library) {
        (void)snprintf(why, size, "%s", dlerror());
        return 0;
    }
    const OrtApiBase *(*get_base)(void);
    void *symbol = dlsym(library, "OrtGetApiBase");
    memcpy(&get_base, &symbol, sizeof symbol);
    if (!symbol) {
        dlclose(library);
        return explain(why, size, path, "is no ONNX Runtime library: it has no OrtGetApiBase");
    }
    const OrtApiBase *base = get_base();
    ort->version = base->GetVersionString();
    if (!take_entries(ort, base)) {
        (void)snprintf(why, size, "%s: ONNX Runtime %s is too old; 1.%d or later is needed", path, ort->version,
                       ALOG_ORT_API);
        return 0;
    }
    if (!answers(ort)) return explain(why, size, path, "its table of functions is not ONNX Runtime's");
    ort->library = library;
    (void)snprintf(ort->path, sizeof ort->path, "%s", path);
    return 1;
}

static int open_first(alog_ort *ort, const char *pattern, char *why, size_t size) {
    glob_t found;
    int opened = 0;
    if (glob(pattern, 0, NULL, &found) == 0)
        for (size_t i = 0; i < found.gl_pathc && !opened; i++) opened = open_library(ort, found.gl_pathv[i], why, size);
    globfree(&found);
    return opened;
}

/* "/opt/venv" of /opt/venv/bin/alog-infer; "" when the system does not say. */
static void own_root(char *root, size_t size) {
    const ssize_t len = readlink("/proc/self/exe", root, size - 1);
    root[len > 0 ? len : 0] = 0;
    for (int i = 0; i < 2; i++) {
        char *slash = strrchr(root, '/');
        if (slash) *slash = 0;
    }
}

/* Directories of patterns hold no wildcards of their own: what a place is called is no pattern. */
static int is_plain(const char *root) { return root && *root == '/' && !strpbrk(root, "*?[\\"); }

int alog_ort_open(alog_ort *ort, const char *chosen, char *why, size_t why_size) {
    memset(ort, 0, sizeof *ort);
    if (!chosen) chosen = getenv("ALOGD_ORT");
    if (chosen && *chosen) return open_library(ort, chosen, why, why_size);
    char root[2048], pattern[sizeof root + sizeof DEBIAN + 64];
    own_root(root, sizeof root);
    const place places[] = {
        {root, "%s/lib" WHEEL},
        {root, "%s/.venv/lib" WHEEL},
        {getenv("VIRTUAL_ENV"), "%s/lib" WHEEL},
        {getenv("HOME"), "%s/.local/lib" WHEEL},
        {"/usr/local", "%s/lib" WHEEL},
        {"/usr/local", "%s/lib" DEBIAN},
        {"/usr", "%s/lib" DEBIAN},
        {"/opt/onnxruntime", "%s/lib/libonnxruntime.so*"},
    };
    if (open_library(ort, "libonnxruntime.so.1", why, why_size)) return 1;
    if (open_library(ort, "libonnxruntime.so", why, why_size)) return 1;
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        if (!is_plain(places[i].root)) continue;
        /* one "%s" in each, above */
        const char *rest = places[i].pattern + 2;
        (void)snprintf(pattern, sizeof pattern, "%s%s", places[i].root, rest);
        if (open_first(ort, pattern, why, why_size)) return 1;
    }
    return explain(why, why_size, "libonnxruntime",
                   "found nowhere; pip install onnxruntime brings it, --ort PATH or ALOGD_ORT names it");
}
