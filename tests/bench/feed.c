/* feed.c: the engine without Python, for the bench: reads a file in blocks and feeds it, all masks, header auto.
 *
 * usage: feed FILE [ROUNDS]; prints the CPU seconds of each round, a new engine each. */
#define _POSIX_C_SOURCE 200809L
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "engine.h"

enum { BLOCK = 1 << 18 };

static double cpu_seconds(void) {
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void *room(size_t width) {
    void *made = malloc((BLOCK + 2) * width);
    if (made == NULL) abort();
    return made;
}

static alog_engine *new_engine(void) {
    alog_status status;
    const alog_engine_config config = {
        .drain = {.depth = 4, .sim_th = 0.4, .max_children = 100, .numeric = 1, .max_tokens = 512, .max_memory = 1 << 28},
        .mask = {.builtin = ALOG_MASK_ALL},
        .header_kind = ALOG_HEADER_AUTO,
        .multiline = 1,
        .key = ALOG_KEY_NONE,
        .multiline_max_lines = 500,
        .multiline_max_bytes = 65536,
        .max_line_bytes = 65536,
        .max_sources = 16,
        .seed = 1,
    };
    alog_engine *engine = alog_engine_new(&config, &status);
    if (engine == NULL) abort();
    return engine;
}

int main(int argc, char **argv) {
    if (argc < 2) return 2;
    static uint8_t block[BLOCK];
    alog_batch batch = {.cap = BLOCK + 2,
                        .offset = room(8),
                        .timestamp_ns = room(8),
                        .key = room(8),
                        .length = room(4),
                        .template_id = room(4),
                        .slot = room(4),
                        .severity = room(1),
                        .is_new = room(1)};
    for (int round = argc > 2 ? atoi(argv[2]) : 1; round > 0; round--) {
        int file = open(argv[1], O_RDONLY);
        alog_engine *engine = new_engine();
        double begun = cpu_seconds();
        ssize_t got;
        while ((got = read(file, block, BLOCK)) > 0) {
            batch.n = 0;
            if (alog_engine_feed(engine, 0, block, (size_t)got, &batch) != ALOG_OK) abort();
        }
        printf("%.6f\n", cpu_seconds() - begun);
        alog_engine_free(engine);
        close(file);
    }
    return 0;
}
