/* infer_options.h: the command line of alog-infer. */
#ifndef ALOG_INFER_OPTIONS_H
#define ALOG_INFER_OPTIONS_H

#include <stdint.h>

typedef struct {
    const char *model, *vocabulary, *log, *results;
    const char *ort;    /* NULL: looked for */
    uint32_t k, window; /* 0: the model's own */
    uint32_t most_keys;
    int follow;
} alog_options;

/* -1, or the exit code of a program that has nothing more to do: 0 after --help, 2 for wrong usage (told). */
int alog_options_read(alog_options *options, int argc, char **argv);

#endif
