/* infer_run.c: judges a log block by block (infer_run.h). */
#include "infer_run.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer_history.h"
#include "infer_lines.h"

enum { SOURCE = 0, ROWS = ALOG_RUN_BLOCK + 2, UNKNOWN_YET = UINT32_MAX };

struct alog_run {
    alog_engine *engine;
    const alog_vocab *vocab;
    alog_results *results;
    alog_answers *answers;
    alog_history *history;
    alog_batch batch;
    alog_lines lines;
    alog_totals totals;
    alog_engine_counters before; /* of what was learned from */
    uint8_t header;              /* kind of it that the engine was told */
    uint32_t k, expected;        /* the most named for an anomaly */
    uint32_t *number;            /* [slots] template's number by slot; UINT32_MAX where it was not looked up yet */
    uint32_t slots;
    uint32_t wanted[ALOG_ANSWERS_AT_ONCE]; /* numbers of the answers to the events at work */
    uint32_t row[ALOG_MODEL_WINDOW + 1];
    uint8_t *text, *shown; /* of a template: as the engine has it, and as it is shown */
    size_t text_cap;
    char wrong[512];
};

static int fail(alog_run *run, const char *why) {
    (void)snprintf(run->wrong, sizeof run->wrong, "%s", why);
    return 0;
}

/* ---- life --------------------------------------------------------------------------------------------- */

static int make_batch(alog_batch *batch) {
    *batch = (alog_batch){.cap = ROWS};
    batch->offset = malloc(sizeof *batch->offset * ROWS);
    batch->timestamp_ns = malloc(sizeof *batch->timestamp_ns * ROWS);
    batch->key = malloc(sizeof *batch->key * ROWS);
    batch->length = malloc(sizeof *batch->length * ROWS);
    batch->template_id = malloc(sizeof *batch->template_id * ROWS);
    batch->slot = malloc(sizeof *batch->slot * ROWS);
    batch->severity = malloc(ROWS);
    batch->is_new = malloc(ROWS);
    return batch->offset && batch->timestamp_ns && batch->key && batch->length && batch->template_id && batch->slot &&
           batch->severity && batch->is_new;
}

static void drop_batch(alog_batch *batch) {
    free(batch->offset);
    free(batch->timestamp_ns);
    free(batch->key);
    free(batch->length);
    free(batch->template_id);
    free(batch->slot);
    free(batch->severity);
    free(batch->is_new);
}

static uint32_t most_expected(const alog_model_facts *about, uint32_t k) {
    const uint32_t possible = about->size - 2 - !about->ends; /* neither <pad> nor <unk> ever comes next */
    const uint32_t most = k < ALOG_MODEL_BEST ? k : ALOG_MODEL_BEST;
    return possible < most ? possible : most;
}

alog_run *alog_run_new(const alog_mined *mined, const alog_vocab *vocab, alog_model *model, alog_results *results,
                       uint32_t k, uint32_t most_keys) {
    alog_run *run = calloc(1, sizeof *run);
    if (!run) return NULL;
    const alog_model_facts *about = alog_model_about(model);
    alog_engine *engine = mined->engine;
    run->engine = engine;
    run->header = mined->header;
    run->vocab = vocab;
    run->results = results;
    run->k = k;
    run->expected = most_expected(about, k);
    run->totals.files = 1;
    run->answers = alog_answers_new(model, alog_engine_seed(engine));
    run->history = alog_history_new(about->window, most_keys);
    alog_lines_begin(&run->lines);
    alog_engine_count(engine, &run->before);
    /* the state of another log's reading is of no use to this one */
    const alog_status status = alog_engine_open(engine, SOURCE, 0, 1970, run->header);
    if (make_batch(&run->batch) && run->answers && run->history && status == ALOG_OK) return run;
    alog_run_free(run);
    return NULL;
}

void alog_run_free(alog_run *run) {
    if (!run) return;
    alog_answers_free(run->answers);
    alog_history_free(run->history);
    drop_batch(&run->batch);
    free(run->number);
    free(run->text);
    free(run->shown);
    free(run);
}

const char *alog_run_wrong(const alog_run *run) { return run->wrong; }

/* ---- templates ---------------------------------------------------------------------------------------- */

/* The first text of the template that has a slot, as it is shown; 0 when memory is out. */
static int first_text(alog_run *run, uint32_t slot, alog_span *text) {
    alog_template found;
    const alog_drain *drain = alog_engine_drain(run->engine);
    *text = alog_vocab_text(run->vocab, ALOG_UNK); /* of the overflow template, which has none */
    if (!slot || !alog_drain_template(drain, slot, &found)) return 1;
    if (found.first_len > run->text_cap || !run->text) {
        const size_t cap = found.first_len < 4096 ? 4096 : 2 * found.first_len;
        free(run->text);
        free(run->shown);
        run->text = malloc(cap);
        run->shown = malloc(4 * cap);
        run->text_cap = run->text && run->shown ? cap : 0;
        if (!run->text_cap) return 0;
    }
    alog_drain_first(drain, slot, run->text, found.first_len);
    *text = (alog_span){run->shown, alog_display(run->text, found.first_len, run->shown)};
    return 1;
}

static int look_up(alog_run *run, uint32_t slot) {
    alog_span text;
    if (!first_text(run, slot, &text)) return 0;
    run->number[slot] = alog_vocab_number(run->vocab, text.ptr, text.len);
    return run->number[slot] != UNKNOWN_YET;
}

/* Number of a record's template; UNKNOWN_YET when memory is out. */
static uint32_t number_of(alog_run *run, uint32_t slot, uint8_t is_new) {
    if (!slot) return ALOG_UNK; /* the engine is full */
    if (slot >= run->slots) {
        const uint32_t slots = slot < 512 ? 1024 : slot > UINT32_MAX / 2 ? UINT32_MAX : 2 * slot;
        uint32_t *more = realloc(run->number, sizeof *more * slots);
        if (!more) return UNKNOWN_YET;
        memset(more + run->slots, 0xff, sizeof *more * (slots - run->slots));
        run->number = more;
        run->slots = slots;
    }
    if (!is_new && run->number[slot] != UNKNOWN_YET) return run->number[slot];
    return look_up(run, slot) ? run->number[slot] : UNKNOWN_YET;
}

/* ---- events ------------------------------------------------------------------------------------------- */

static int tell(alog_run *run, size_t event, const alog_answer *answer) {
    alog_span expected[ALOG_MODEL_BEST];
    alog_anomaly anomaly = {
        .file = run->totals.files,
        .line = alog_lines_number(&run->lines, run->batch.offset[event]),
        .offset = run->batch.offset[event],
        .expected = expected,
        .expected_count = run->expected,
        .rank = answer->rank,
        .p = answer->p,
    };
    for (uint32_t i = 0; i < run->expected; i++) expected[i] = alog_vocab_text(run->vocab, answer->best[i]);
    if (!first_text(run, run->batch.slot[event], &anomaly.text)) return fail(run, "memory is out");
    alog_results_add(run->results, &anomaly);
    run->totals.anomalies++;
    return 1;
}

static int judge_some(alog_run *run, size_t from, size_t end) {
    const alog_batch *batch = &run->batch;
    alog_answers_begin(run->answers);
    for (size_t i = from; i < end; i++) {
        const uint32_t number = number_of(run, batch->slot[i], batch->is_new[i]);
        if (number == UNKNOWN_YET) return fail(run, "memory is out");
        run->totals.unknown += number == ALOG_UNK;
        alog_history_add(run->history, batch->key[i], number, run->row);
        run->wanted[i - from] = alog_answers_want(run->answers, run->row);
    }
    if (!alog_answers_settle(run->answers, run->wrong, sizeof run->wrong)) return 0;
    for (size_t i = from; i < end; i++) {
        const alog_answer *answer = alog_answers_of(run->answers, run->wanted[i - from]);
        if (answer->rank >= run->k && !tell(run, i, answer)) return 0;
    }
    run->totals.events += end - from;
    return 1;
}

/* What the engine has shown, and where it stands now. */
static int judge(alog_run *run, alog_status status) {
    for (size_t at = 0; at < run->batch.n; at += ALOG_ANSWERS_AT_ONCE) {
        const size_t left = run->batch.n - at;
        if (!judge_some(run, at, at + (left < ALOG_ANSWERS_AT_ONCE ? left : ALOG_ANSWERS_AT_ONCE))) return 0;
    }
    run->batch.n = 0;
    alog_lines_end(&run->lines, alog_engine_consumed(run->engine, SOURCE));
    return status == ALOG_OK ? 1 : fail(run, "memory is out");
}

static int sync(alog_run *run) {
    const int error = alog_results_sync(run->results, alog_run_totals(run));
    return error ? fail(run, strerror(error)) : 1;
}

int alog_run_feed(alog_run *run, const uint8_t *block, size_t len, int at_once) {
    alog_lines_block(&run->lines, block, len);
    const alog_status status = alog_engine_feed(run->engine, SOURCE, block, len, &run->batch);
    return judge(run, status) && (!at_once || sync(run));
}

int alog_run_settle(alog_run *run, int ended) {
    const alog_status status = ended ? alog_engine_flush(run->engine, SOURCE, &run->batch)
                                     : alog_engine_settle(run->engine, SOURCE, &run->batch);
    run->totals.complete = ended != 0;
    return judge(run, status) && sync(run);
}

int alog_run_anew(alog_run *run) {
    if (!judge(run, alog_engine_flush(run->engine, SOURCE, &run->batch))) return 0;
    alog_engine_close(run->engine, SOURCE); /* its lines stay counted */
    alog_lines_begin(&run->lines);
    run->totals.files++;
    if (alog_engine_open(run->engine, SOURCE, 0, 1970, run->header) != ALOG_OK) return fail(run, "memory is out");
    return sync(run);
}

const alog_totals *alog_run_totals(alog_run *run) {
    alog_engine_counters now;
    alog_engine_count(run->engine, &now);
    run->totals.lines = now.lines.lines - run->before.lines.lines;
    run->totals.too_long = now.lines.too_long - run->before.lines.too_long;
    run->totals.overflow = now.drain.overflow - run->before.drain.overflow;
    run->totals.keys_forgotten = alog_history_forgotten(run->history);
    return &run->totals;
}
