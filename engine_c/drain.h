/* drain.h: Drain, exactly as Drain3 0.9.11 does it, on hashed tokens.
 *
 * Fed the same tokens with the same settings it gives the same cluster id and the same template for every line
 * as drain3.Drain.add_log_message. What differs is only what Drain3 does not have: a memory cap. When it is
 * reached, tree nodes without clusters are pruned, then (with max_clusters) the least recently used clusters go,
 * and when that does not help the line gets the overflow template: id 0, slot 0, ALOG_FULL.
 *
 * Memory, as counted: a template of n tokens and b bytes of text takes 80 + 36 n + b bytes (12 n of them hashes and
 * ends, 24 n its share of the postings of a large leaf, charged everywhere), 56 for its places in a leaf and among the
 * slots, and each new tree node 168 and its token. A drain that has learned nothing takes 260 KB. Time does not grow with
 * a leaf but where most tokens are frequent (leaf.h); an eviction takes the same however many templates there are, but
 * for its share of making a leaf's postings anew.
 *
 * A cluster has Drain3's id (1, 2, ... for ever) and a slot (1 ... most clusters at a time, reused after an
 * eviction) for arrays indexed by template. */
#ifndef ALOG_DRAIN_H
#define ALOG_DRAIN_H

#include "alog.h"
#include "snapshot.h"
#include "store.h"
#include "token.h"

/* Stands for "<*>" in a template. alog_hash never returns it, so a wildcard is equal to no token. */
#define ALOG_WILD UINT64_C(0)

typedef struct {
    uint32_t depth;        /* 3 ... 64 */
    double sim_th;         /* 0 ... 1 */
    uint32_t max_children; /* 1 or more */
    uint32_t max_clusters; /* least recently used go when there are more; 0 = no limit but max_memory */
    uint8_t numeric;       /* parametrize_numeric_tokens */
    uint32_t max_tokens;   /* longest token list that alog_drain_add is given */
    size_t max_memory;     /* of templates and tree, bytes */
    uint64_t seed;         /* of the token hashes */
} alog_drain_config;

typedef enum { ALOG_UNCHANGED = 0, ALOG_CREATED, ALOG_CHANGED } alog_change;

typedef struct {
    uint32_t slot, id; /* 0, 0 with ALOG_FULL */
    alog_change change;
    /* A byte that belongs to the caller and is kept with this very token list for as long as Drain would answer
     * it the same way; `remembered` says it holds what the caller put there. NULL when nothing is kept. */
    uint8_t *memo;
    uint8_t remembered;
    uint64_t line; /* hash of the token list, for alog_drain_again; never 0 */
} alog_match;

typedef struct {
    uint64_t created, changed, evicted, pruned, overflow;
} alog_drain_counters;

typedef struct {
    uint32_t id, slot;
    uint64_t count;
    size_t text_len;  /* of the template's text */
    size_t first_len; /* of the text it had when it was made */
} alog_template;

typedef struct alog_drain alog_drain;

/* ALOG_INVALID when a setting is out of its range. */
alog_drain *alog_drain_new(const alog_drain_config *config, alog_status *status);
void alog_drain_free(alog_drain *drain);

/* Finds or makes the cluster of a line. ALOG_OK, or ALOG_FULL with the overflow template. */
alog_status alog_drain_add(alog_drain *drain, const alog_tokens *tokens, alog_match *out);

/* The same for a token list that was added before, by `line` of its answer. 0 when it has to be added anew. */
int alog_drain_again(alog_drain *drain, uint64_t line, alog_match *out);

/* The cluster alog_drain_add would match, without learning: its slot, or 0 when it would make a new one.
 * *equal gets the tokens it shares with the best cluster looked at, *best that cluster's slot (0 = none). */
uint32_t alog_drain_find(const alog_drain *drain, const alog_tokens *tokens, uint32_t *best, uint32_t *equal);

/* One past the largest slot ever used. */
uint32_t alog_drain_slots(const alog_drain *drain);
size_t alog_drain_clusters(const alog_drain *drain);
size_t alog_drain_memory(const alog_drain *drain);
const alog_drain_counters *alog_drain_counts(const alog_drain *drain);

/* 1 and *out filled when the slot is in use, else 0. */
int alog_drain_template(const alog_drain *drain, uint32_t slot, alog_template *out);
/* Writes at most `cap` bytes of a template's text, tokens joined by one space; returns how many there are. */
size_t alog_drain_text(const alog_drain *drain, uint32_t slot, uint8_t *out, size_t cap);
/* The same for the text it had when it was made, which never changes. */
size_t alog_drain_first(const alog_drain *drain, uint32_t slot, uint8_t *out, size_t cap);

/* The template that is nearest to a text of `count` tokens (hashed with the drain's seed), by first texts: most
 * tokens equal in place among those of as many tokens; when there is none, most tokens in common for their length.
 * Only templates with an id below `below` other than `but`; of those as near the oldest. Its slot, or 0 when nothing is
 * shared. */
uint32_t alog_drain_nearest(const alog_drain *drain, const uint64_t *hash, uint32_t count, uint32_t below,
                            uint32_t but);

/* Snapshot of everything learned; see snapshot.h. Loading validates every count and index: ALOG_CORRUPT. The
 * drain must be new; after a failure it may only be freed. */
void alog_drain_save(const alog_drain *drain, alog_output *out);
alog_status alog_drain_load(alog_drain *drain, alog_input *in);

#endif
