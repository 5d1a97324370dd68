/* nomem.c: lets the n-th allocation fail, for every n, and looks at what the engine does then (FAULTS E8).
 *
 * Linked with --wrap for malloc, calloc, realloc and free. Prints how many runs there were; fails by abort. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "engine.h"

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *ptr, size_t size);
void __real_free(void *ptr);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *ptr, size_t size);
void __wrap_free(void *ptr);

static unsigned long calls, fail_at;
static long alive;

static int fails(void) { return ++calls == fail_at; }

void *__wrap_malloc(size_t size) {
    void *ptr = fails() ? NULL : __real_malloc(size);
    alive += ptr != NULL;
    return ptr;
}

void *__wrap_calloc(size_t count, size_t size) {
    void *ptr = fails() ? NULL : __real_calloc(count, size);
    alive += ptr != NULL;
    return ptr;
}

void *__wrap_realloc(void *old, size_t size) {
    void *ptr = fails() ? NULL : __real_realloc(old, size);
    alive += ptr != NULL && old == NULL;
    return ptr;
}

void __wrap_free(void *ptr) {
    alive -= ptr != NULL;
    __real_free(ptr);
}

static const char *const lines[] = {
    "Jun  3 10:00:00 web p[1]: open file x\n",
    "  more\n",
    "Jun  3 10:00:01 web p[2]: close it\n",
    "one two three\nfour fi",
    "ve\n\n",
    "Traceback (most recent call last):\n",
    "KeyError: 1\n",
    "a b c d e f g h i j k l m n o p q r s t\n",
    "no end",
};

static void check(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "allocation %lu: %s\n", fail_at, what);
    abort();
}

static void use(alog_engine *engine, alog_batch *batch) {
    for (size_t i = 0; i < 40 * sizeof lines / sizeof *lines; i++) {
        const char *line = lines[i % (sizeof lines / sizeof *lines)];
        uint8_t block[128];
        const size_t len = (size_t)snprintf((char *)block, sizeof block, "w%zu%s", i * i % 97, line);
        batch->n = 0;
        const alog_status status = alog_engine_feed(engine, (uint32_t)(i / 100), block, len, batch);
        check(status == ALOG_OK || status == ALOG_NOMEM, "feed");
    }
    batch->n = 0;
    check(alog_engine_flush(engine, 0, batch) == ALOG_OK, "flush");
}

static void save_and_load(const alog_engine *engine, const alog_engine_config *config) {
    size_t len;
    alog_status status;
    uint8_t *saved = alog_engine_save(engine, (alog_span){NULL, 0}, &len);
    if (!saved) return;
    alog_engine *again = alog_engine_load(config, saved, len, &status);
    check(again || status == ALOG_NOMEM || status == ALOG_FULL, "load");
    alog_engine_free(again);
    free(saved);
}

static void run(void) {
    static uint64_t words[3][256];
    static uint32_t halves[3][256];
    static uint8_t bytes[2][256];
    alog_batch batch = {0,         256,      words[0], (int64_t *)(void *)words[1], words[2], halves[0], halves[1],
                        halves[2], bytes[0], bytes[1]};
    const alog_engine_config config = {
        .drain = {.depth = 4,
                  .sim_th = 0.4,
                  .max_children = 20,
                  .max_clusters = 30,
                  .numeric = 1,
                  .max_tokens = 16,
                  .max_memory = 1 << 20},
        .mask = {.builtin = ALOG_MASK_ALL},
        .multiline = 1,
        .multiline_max_lines = 10,
        .multiline_max_bytes = 1000,
        .max_line_bytes = 256,
        .max_sources = 9,
    };
    alog_status status;
    alog_engine *engine = alog_engine_new(&config, &status);
    check(engine || status == ALOG_NOMEM, "new");
    if (engine) {
        use(engine, &batch);
        save_and_load(engine, &config);
    }
    alog_engine_free(engine);
}

int main(void) {
    run();
    const unsigned long most = calls;
    for (fail_at = 1; fail_at <= most; fail_at++) {
        calls = 0;
        run();
        check(alive == 0, "memory is left");
    }
    printf("%lu\n", most);
    return 0;
}
