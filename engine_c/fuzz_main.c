/* fuzz_main.c: runs a fuzz target without libFuzzer, for compilers that have none.
 *
 *     gcc -fsanitize=address,undefined fuzz_feed.c fuzz_main.c ENGINE -o fuzz_feed
 *     ./fuzz_feed [-t SECONDS] [-s SEED] [FILE...]
 *
 * Runs each file as it is, then for SECONDS (10 by default) changed ones of them and of its own words. There is no
 * feedback by coverage: what it finds, it finds by number. The seed of a run is printed; a crash repeats under it.
 * With -w FILE the input at work is written there before each run. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "alog.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_INPUTS = 4096, MOST_BYTES = 4096 };

static uint8_t *inputs[MOST_INPUTS];
static size_t lengths[MOST_INPUTS], input_count;
static uint64_t state;

static const char *const words[] = {
    "\n",
    " ",
    "\r\n",
    "\t",
    "<*>",
    "\xc3\xa9",
    "\xe3\x80\x80",
    "10.0.0.1",
    "12",
    "0x1f",
    "/usr/bin/x",
    "pid=7",
    "[12]",
    "eth0",
    "Jun  3 10:00:00 web p[1]: ",
    "2024-01-02T03:04:05Z ",
    "<34>1 ",
    "{\"msg\":\"a\\u00e9\",\"user\":\"x\"}",
    "level=error msg=\"x\"",
    "Traceback (most recent call last):\n",
    "  File x\n",
    "Caused by: ",
    "KeyError: 1\n",
    "error",
    "aa:bb:cc:dd:ee:ff",
    "\xff",
    "a",
    "[ 1.5] ",
    "I0102 03:04:05.6 7 f.go:1] ",
    "1.2.3.4 - - [02/Jan/2024:03:04:05 +0000] \"GET / HTTP/1.1\" 200 1\n",
};

static uint64_t draw(uint64_t below) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state % below;
}

static void keep(const uint8_t *bytes, size_t len) {
    if (input_count == MOST_INPUTS) return;
    inputs[input_count] = malloc(len + 1);
    if (!inputs[input_count]) abort();
    if (len) memcpy(inputs[input_count], bytes, len);
    lengths[input_count++] = len;
}

static void read_input(const char *path) {
    static uint8_t bytes[1 << 20];
    FILE *file = fopen(path, "rb");
    if (!file) {
        fprintf(stderr, "cannot read %s\n", path);
        exit(2);
    }
    keep(bytes, fread(bytes, 1, sizeof bytes, file));
    fclose(file);
}

static size_t insert(uint8_t *bytes, size_t len, size_t at, const uint8_t *more, size_t n) {
    if (len + n > MOST_BYTES) return len;
    memmove(bytes + at + n, bytes + at, len - at);
    memcpy(bytes + at, more, n);
    return len + n;
}

static size_t change(uint8_t *bytes, size_t len) {
    const size_t at = (size_t)draw(len + 1);
    const char *word = words[draw(sizeof words / sizeof *words)];
    switch (draw(6)) {
    case 0: return insert(bytes, len, at, (const uint8_t *)word, strlen(word));
    case 1: {
        const uint8_t byte = (uint8_t)draw(256);
        return insert(bytes, len, at, &byte, 1);
    }
    case 2:
        if (at < len) bytes[at] = (uint8_t)draw(256);
        return len;
    case 3:
        if (at < len) bytes[at] ^= (uint8_t)(1u << draw(8));
        return len;
    case 4: {
        const size_t n = (size_t)draw(len - at + 1);
        memmove(bytes + at, bytes + at + n, len - at - n);
        return len - n;
    }
    default: {
        uint8_t copy[64];
        const size_t most = len - at < sizeof copy ? len - at : sizeof copy;
        const size_t n = (size_t)draw(most + 1);
        memcpy(copy, bytes + at, n);
        return insert(bytes, len, (size_t)draw(len + 1), copy, n);
    }
    }
}

static void note(const char *path, const uint8_t *bytes, size_t len) {
    FILE *file = path ? fopen(path, "wb") : NULL;
    if (!file) return;
    fwrite(bytes, 1, len, file);
    fclose(file);
}

static void run_changed(const char *path) {
    static uint8_t bytes[MOST_BYTES];
    const size_t which = (size_t)draw(input_count);
    size_t len = lengths[which] < MOST_BYTES ? lengths[which] : MOST_BYTES;
    memcpy(bytes, inputs[which], len);
    for (uint64_t times = 1 + draw(20); times; times--) len = change(bytes, len);
    uint8_t *exact = malloc(len ? len : 1); /* so that a read beyond the end is seen */
    if (!exact) abort();
    memcpy(exact, bytes, len);
    note(path, exact, len);
    LLVMFuzzerTestOneInput(exact, len);
    if (draw(50) == 0) keep(exact, len); /* long inputs come about step by step */
    free(exact);
}

int main(int argc, char **argv) {
    double seconds = 10;
    const char *path = NULL;
    state = 1;
    for (int i = 1; i < argc; i++) {
        const int more = i + 1 < argc;
        if (more && !strcmp(argv[i], "-t"))
            seconds = atof(argv[++i]);
        else if (more && !strcmp(argv[i], "-s"))
            state = strtoull(argv[++i], NULL, 10) | 1;
        else if (more && !strcmp(argv[i], "-w"))
            path = argv[++i];
        else
            read_input(argv[i]);
    }
    printf("seed %llu\n", (unsigned long long)state);
    fflush(stdout);
    for (size_t i = 0; i < input_count; i++) LLVMFuzzerTestOneInput(inputs[i], lengths[i]);
    keep((const uint8_t *)"", 0);
    unsigned long long runs = input_count;
    const clock_t end = clock() + (clock_t)(seconds * CLOCKS_PER_SEC);
    for (; clock() < end; runs++) run_changed(path);
    printf("%llu runs\n", runs);
    return 0;
}
