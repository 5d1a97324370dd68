/* threads.c: engines in threads of their own, made, fed, saved and freed at the same time (FAULTS E9).
 *
 * Built with -fsanitize=thread: an engine shares nothing with another, not even how the code path is chosen. */
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "engine.h"

enum { THREADS = 4, ROUNDS = 20, LINES = 2000 };

static void check(int ok, const char *what) {
    if (ok) return;
    fprintf(stderr, "%s\n", what);
    abort();
}

static void *work(void *argument) {
    static const alog_engine_config config = {
        .drain = {.depth = 4,
                  .sim_th = 0.4,
                  .max_children = 20,
                  .max_clusters = 100,
                  .numeric = 1,
                  .max_tokens = 64,
                  .max_memory = 1 << 22},
        .mask = {.builtin = ALOG_MASK_ALL},
        .multiline = 1,
        .multiline_max_lines = 10,
        .multiline_max_bytes = 1000,
        .max_line_bytes = 256,
        .max_sources = 9,
    };
    const size_t number = *(const size_t *)argument;
    uint64_t *words = calloc(3 * 512, sizeof *words);
    uint32_t *halves = calloc(3 * 512, sizeof *halves);
    uint8_t *bytes = calloc(2 * 512, 1);
    alog_batch batch = {
        0,     512,        words, (int64_t *)(void *)(words + 512), words + 1024, halves, halves + 512, halves + 1024,
        bytes, bytes + 512};
    for (size_t round = 0; round < ROUNDS; round++) {
        alog_status status;
        alog_engine *engine = alog_engine_new(&config, &status);
        check(engine != NULL, "new");
        for (size_t i = 0; i < LINES; i++) {
            char line[128];
            const int len =
                snprintf(line, sizeof line, "Jun  3 10:00:%02zu web sshd[%zu]: user%zu from 10.0.%zu.9 in\n", i % 60,
                         number, i % 7, i % 250);
            batch.n = 0;
            check(alog_engine_feed(engine, 0, (const uint8_t *)line, (size_t)len, &batch) == ALOG_OK, "feed");
        }
        size_t saved;
        uint8_t *data = alog_engine_save(engine, (alog_span){NULL, 0}, &saved);
        alog_engine *again = alog_engine_load(&config, data, saved, &status);
        check(again != NULL, "load");
        alog_engine_free(again);
        alog_engine_free(engine);
        free(data);
    }
    free(words);
    free(halves);
    free(bytes);
    return NULL;
}

int main(void) {
    pthread_t threads[THREADS];
    size_t numbers[THREADS];
    for (size_t i = 0; i < THREADS; i++) {
        numbers[i] = i;
        check(pthread_create(&threads[i], NULL, work, &numbers[i]) == 0, "pthread_create");
    }
    for (size_t i = 0; i < THREADS; i++) pthread_join(threads[i], NULL);
    printf("%d\n", THREADS * ROUNDS);
    return 0;
}
