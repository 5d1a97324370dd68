/* nomem.c: lets the n-th allocation fail, for every n, alone and with all that follow it, and looks at what the engine
 * and its windows do then (FAULTS E8).
 *
 * Linked with --wrap for malloc, calloc, realloc and free. Argument: a file with the compiled table of a pattern, which
 * serves as a mask and for severities. Prints how many runs there were; fails by abort. */
#include "nomem.h"

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

enum { TRIES = 3, MOST_TABLE = 1 << 16 };

static unsigned long calls, fail_at;
static int for_long; /* what comes after fail_at fails too ... */
static int tries;    /* ... until so much was tried again */
static long alive;

static int fails(void) {
    calls++;
    return calls == fail_at || (for_long && fail_at && calls > fail_at && tries < TRIES);
}

int once_more(void) { return tries++ < TRIES; }

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

void check(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "allocation %lu%s: %s\n", fail_at, for_long ? " and all after it" : "", what);
    abort();
}

static uint64_t bytes_read(const alog_engine *engine) {
    alog_engine_counters counters;
    alog_engine_count(engine, &counters);
    return counters.lines.bytes;
}

static void use(alog_engine *engine, alog_batch *batch) {
    for (size_t i = 0; i < 40 * sizeof lines / sizeof *lines; i++) {
        const char *line = lines[i % (sizeof lines / sizeof *lines)];
        uint8_t block[128];
        const size_t len = (size_t)snprintf((char *)block, sizeof block, "w%zu%s", i * i % 97, line);
        batch->n = 0;
        const uint64_t before = bytes_read(engine), consumed = alog_engine_consumed(engine, (uint32_t)(i / 100));
        const alog_status status = alog_engine_feed(engine, (uint32_t)(i / 100), block, len, batch);
        check(status == ALOG_OK || status == ALOG_NOMEM, "feed");
        if (status == ALOG_OK) continue;
        check(bytes_read(engine) == before && batch->n == 0, "part of a block was taken");
        check(alog_engine_consumed(engine, (uint32_t)(i / 100)) == consumed, "its place moved");
        tries++;
    }
    tries = TRIES; /* there is memory again: the engine is as good as before */
    batch->n = 0;
    static const uint8_t good[] = "w1Jun  3 10:00:00 web p[1]: open file x\nw2 y\n";
    check(alog_engine_feed(engine, 0, good, sizeof good - 1, batch) == ALOG_OK && batch->n > 0, "fed again");
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

static uint8_t table[MOST_TABLE];
static alog_span pattern = {table, 0};

static void read_table(const char *name) {
    FILE *file = fopen(name, "rb");
    check(file != NULL, name);
    pattern.len = fread(table, 1, sizeof table, file);
    check(pattern.len > 0 && pattern.len < sizeof table, name);
    fclose(file);
}

static void run(void) {
    static const alog_span name = {(const uint8_t *)"WHO", 3};
    static const uint8_t severities[] = {80};
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
        .mask = {.builtin = ALOG_MASK_ALL, .user_tables = &pattern, .user_names = &name, .user_count = 1},
        .key = ALOG_KEY_MASK,
        .severity_table = pattern,
        .severities = severities,
        .severity_count = 1,
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

static unsigned long every(void (*part)(void)) {
    calls = fail_at = 0;
    part();
    const unsigned long most = calls;
    for (for_long = 0; for_long < 2; for_long++) {
        for (fail_at = 1; fail_at <= most; fail_at++) {
            calls = 0;
            tries = 0;
            const long before = alive;
            part();
            check(alive == before, "memory is left");
        }
    }
    for_long = 0;
    return 2 * most;
}

int main(int argc, char **argv) {
    check(argc == 2, "usage: nomem TABLE");
    read_table(argv[1]);
    const unsigned long engines = every(run), windows = every(run_windows);
    printf("%lu %lu\n", engines, windows);
    return 0;
}
