/* mask_paths.c: that every code path of the masker gives the tokens of the careful one: text, hash and flags.
 *
 * Reads lines; prints for each path its name, how many of them it took and how many it masked otherwise, then the
 * first of those. Each line is in memory of its own size, so that a sanitizer sees what is read beyond it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "mask_path.h"

enum { LINE_MAX_BYTES = 1 << 16, PATHS = 8 };

static int same(const alog_tokens *one, const alog_tokens *other) {
    if (one->count != other->count || one->truncated != other->truncated) return 0;
    for (uint32_t i = 0; i < one->count; i++) {
        if (one->hash[i] != other->hash[i] || one->flags[i] != other->flags[i]) return 0;
        if (one->length[i] != other->length[i]) return 0;
        if (memcmp(one->text + one->offset[i], other->text + other->offset[i], one->length[i]) != 0) return 0;
    }
    return 1;
}

int main(void) {
    static char line[LINE_MAX_BYTES];
    static char first[PATHS][LINE_MAX_BYTES];
    size_t took[PATHS] = {0}, differ[PATHS] = {0};
    alog_status status;
    const alog_mask_config config = {.builtin = ALOG_MASK_ALL, .seed = 7};
    alog_masker *masker = alog_masker_new(&config, &status);
    alog_tokens *careful = alog_tokens_new(LINE_MAX_BYTES, LINE_MAX_BYTES);
    alog_tokens *quick = alog_tokens_new(LINE_MAX_BYTES, LINE_MAX_BYTES);
    alog_mask_path paths[PATHS];
    const size_t count = alog_mask_paths(paths, PATHS);
    if (!masker || !careful || !quick) abort();
    while (fgets(line, sizeof line, stdin)) {
        const size_t len = strcspn(line, "\n");
        uint8_t *message = malloc(len + 1); /* of one byte more, as an empty one may be NULL */
        if (!message) abort();
        memcpy(message + 1, line, len);
        alog_mask_tokens(masker, message + 1, len, careful);
        for (size_t i = 0; i < count; i++) {
            if (!paths[i].mask(masker, message + 1, len, quick)) continue;
            took[i]++;
            if (same(quick, careful)) continue;
            if (!differ[i]++) memcpy(first[i], line, sizeof line);
        }
        free(message);
    }
    for (size_t i = 0; i < count; i++)
        printf("%s took %zu differ %zu%s%s\n", paths[i].name, took[i], differ[i], differ[i] ? ": " : "", first[i]);
    alog_masker_free(masker);
    alog_tokens_free(careful);
    alog_tokens_free(quick);
    return 0;
}
