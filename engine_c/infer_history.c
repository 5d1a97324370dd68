/* infer_history.c: keys in a hash table, in a ring by their last event (infer_history.h). */
#include "infer_history.h"

#include <stdlib.h>
#include <string.h>

enum { NONE = 0 }; /* place 0 is the ring's head */

typedef struct {
    uint64_t key;
    uint32_t chain;        /* next of the same bucket */
    uint32_t older, newer; /* in the ring: head.newer is the oldest, head.older the newest */
} place;

struct alog_history {
    uint32_t window, most, count, mask;
    uint64_t forgotten;
    uint32_t *bucket;
    place *places;     /* [most + 1] */
    uint32_t *numbers; /* [most + 1][window], oldest first */
};

alog_history *alog_history_new(uint32_t window, uint32_t most) {
    alog_history *history = calloc(1, sizeof *history);
    if (!history) return NULL;
    uint32_t size = 16;
    while (size < most) size *= 2;
    history->window = window;
    history->most = most;
    history->mask = size - 1;
    history->bucket = calloc(size, sizeof *history->bucket);
    history->places = calloc((size_t)most + 1, sizeof *history->places);
    history->numbers = calloc(((size_t)most + 1) * window, sizeof *history->numbers); /* touched as keys come */
    if (history->bucket && history->places && history->numbers) return history;
    alog_history_free(history);
    return NULL;
}

void alog_history_free(alog_history *history) {
    if (!history) return;
    free(history->bucket);
    free(history->places);
    free(history->numbers);
    free(history);
}

/* Keys are hashes already, keyed with a secret seed. */
static uint32_t *bucket_of(const alog_history *history, uint64_t key) {
    return &history->bucket[(uint32_t)(key ^ key >> 32) & history->mask];
}

static void unlink_place(alog_history *history, uint32_t number) {
    const place *one = &history->places[number];
    history->places[one->older].newer = one->newer;
    history->places[one->newer].older = one->older;
}

static void link_newest(alog_history *history, uint32_t number) {
    place *head = &history->places[NONE], *one = &history->places[number];
    one->older = head->older;
    one->newer = NONE;
    history->places[head->older].newer = number;
    head->older = number;
}

/* A place without a key: a new one, else the oldest key's. */
static uint32_t take_place(alog_history *history) {
    if (history->count < history->most) return ++history->count;
    const uint32_t oldest = history->places[NONE].newer;
    uint32_t *link = bucket_of(history, history->places[oldest].key);
    while (*link != oldest) link = &history->places[*link].chain;
    *link = history->places[oldest].chain;
    unlink_place(history, oldest);
    memset(history->numbers + (size_t)oldest * history->window, 0, sizeof *history->numbers * history->window);
    history->forgotten++;
    return oldest;
}

static uint32_t find(alog_history *history, uint64_t key) {
    uint32_t number = *bucket_of(history, key);
    while (number && history->places[number].key != key) number = history->places[number].chain;
    if (number) {
        unlink_place(history, number);
    } else {
        number = take_place(history);
        uint32_t *bucket = bucket_of(history, key);
        history->places[number].key = key;
        history->places[number].chain = *bucket;
        *bucket = number;
    }
    link_newest(history, number);
    return number;
}

void alog_history_add(alog_history *history, uint64_t key, uint32_t number, uint32_t *row) {
    const uint32_t window = history->window;
    uint32_t *numbers = history->numbers + (size_t)find(history, key) * window;
    memcpy(row, numbers, sizeof *row * window);
    row[window] = number;
    memcpy(numbers, row + 1, sizeof *row * window);
}

uint64_t alog_history_forgotten(const alog_history *history) { return history->forgotten; }
