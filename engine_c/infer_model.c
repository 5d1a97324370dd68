/* infer_model.c: loads a DeepLog graph, asks it, and turns logits into ranks and probabilities (infer_model.h). */
#include "infer_model.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "infer_onnx.h"
#include "infer_vocab.h"

struct alog_model {
    const alog_ort *ort;
    OrtEnv *env;
    OrtSession *session;
    OrtMemoryInfo *memory;
    OrtAllocator *allocator; /* belongs to the library */
    OrtValue *input;         /* over `numbers` */
    char *output_name;
    int64_t *numbers; /* [ALOG_MODEL_BATCH][window] */
    double *log_p;    /* [size] */
    alog_model_facts about;
};

/* 1 when all is well; else 0 with the first line of what is wrong in `why`. */
static int is_well(const alog_ort *ort, OrtStatus *status, char *why, size_t size) {
    if (!status) return 1;
    const char *message = ort->GetErrorMessage(status);
    (void)snprintf(why, size, "%.*s", (int)strcspn(message, "\n"), message);
    ort->ReleaseStatus(status);
    return 0;
}

static int wrong(char *why, size_t size, const char *reason) {
    (void)snprintf(why, size, "%s", reason);
    return 0;
}

/* ---- what the graph says of itself ---------------------------------------------------------------------- */

/* Copies a fact of the metadata; 0 when there is none or it does not fit. */
static int look_up(const alog_model *model, const OrtModelMetadata *facts, const char *name, char *to, size_t size) {
    const alog_ort *ort = model->ort;
    char *text = NULL;
    char ignored[8];
    if (!is_well(ort, ort->ModelMetadataLookupCustomMetadataMap(facts, model->allocator, name, &text), ignored,
                 sizeof ignored) ||
        !text)
        return 0;
    const size_t len = strlen(text);
    if (len < size) memcpy(to, text, len + 1);
    ort->ReleaseStatus(ort->AllocatorFree(model->allocator, text));
    return len < size;
}

static int look_up_number(const alog_model *model, const OrtModelMetadata *facts, const char *name, uint32_t most,
                          uint32_t *to) {
    char text[16], *end;
    if (!look_up(model, facts, name, text, sizeof text)) return 0;
    const unsigned long value = strtoul(text, &end, 10);
    if (end == text || *end || *text == '-' || value > most) return 0;
    *to = (uint32_t)value;
    return 1;
}

static int read_facts(alog_model *model, const OrtModelMetadata *facts, char *why, size_t size) {
    alog_model_facts *about = &model->about;
    char kind[32], int8[4];
    uint32_t ends = 0;
    if (!look_up(model, facts, "alogd.kind", kind, sizeof kind))
        return wrong(why, size, "the graph does not say its kind");
    if (strcmp(kind, "deeplog") != 0) {
        (void)snprintf(why, size, "the graph is of kind '%s'; alog-infer runs 'deeplog'", kind);
        return 0;
    }
    if (look_up(model, facts, "alogd.int8", int8, sizeof int8)) /* rows asked together would sway each other */
        return wrong(why, size, "the graph's weights are in int8; alog-infer runs those of a training without --int8");
    if (!look_up_number(model, facts, "alogd.window", ALOG_MODEL_WINDOW, &about->window) || !about->window)
        return wrong(why, size, "the graph does not say its window, or it is beyond 512");
    if (!look_up_number(model, facts, "alogd.k", UINT32_MAX, &about->k))
        return wrong(why, size, "the graph does not say its k");
    if (!look_up_number(model, facts, "alogd.ends", 1, &ends))
        return wrong(why, size, "the graph does not say its ends");
    if (!look_up_number(model, facts, "alogd.size", ALOG_SPECIAL + ALOG_VOCAB_TEMPLATES, &about->size) ||
        about->size <= ALOG_SPECIAL)
        return wrong(why, size, "the graph does not say its size");
    if (!look_up(model, facts, "alogd.vocabulary", about->vocabulary, sizeof about->vocabulary))
        return wrong(why, size, "the graph does not say its vocabulary");
    about->ends = ends != 0;
    return 1;
}

static int read_about(alog_model *model, char *why, size_t size) {
    const alog_ort *ort = model->ort;
    OrtModelMetadata *facts = NULL;
    if (!is_well(ort, ort->SessionGetModelMetadata(model->session, &facts), why, size)) return 0;
    const int read = read_facts(model, facts, why, size);
    ort->ReleaseModelMetadata(facts);
    return read;
}

/* ---- life --------------------------------------------------------------------------------------------- */

static int open_session(alog_model *model, const uint8_t *graph, size_t len, char *why, size_t size) {
    const alog_ort *ort = model->ort;
    OrtSessionOptions *options = NULL;
    if (!is_well(ort, ort->CreateSessionOptions(&options), why, size)) return 0;
    const int opened =
        is_well(ort, ort->SetIntraOpNumThreads(options, 1), why, size) &&
        is_well(ort, ort->SetInterOpNumThreads(options, 1), why, size) &&
        is_well(ort, ort->SetSessionLogSeverityLevel(options, ALOG_ORT_FATAL), why, size) &&
        is_well(ort, ort->CreateSessionFromArray(model->env, graph, len, options, &model->session), why, size);
    ort->ReleaseSessionOptions(options);
    return opened;
}

static int check_names(alog_model *model, char *why, size_t size) {
    const alog_ort *ort = model->ort;
    size_t inputs = 0, outputs = 0;
    char *name = NULL;
    if (!is_well(ort, ort->SessionGetInputCount(model->session, &inputs), why, size) ||
        !is_well(ort, ort->SessionGetOutputCount(model->session, &outputs), why, size))
        return 0;
    if (inputs != 1 || outputs != 1) return wrong(why, size, "the graph has not one input and one output");
    if (!is_well(ort, ort->SessionGetInputName(model->session, 0, model->allocator, &name), why, size) ||
        !is_well(ort, ort->SessionGetOutputName(model->session, 0, model->allocator, &model->output_name), why, size))
        return 0;
    const int same = strcmp(name, "sequence") == 0;
    ort->ReleaseStatus(ort->AllocatorFree(model->allocator, name));
    return same ? 1 : wrong(why, size, "the graph's input is not called 'sequence'");
}

static int make_room(alog_model *model, char *why, size_t size) {
    const alog_ort *ort = model->ort;
    const size_t count = (size_t)ALOG_MODEL_BATCH * model->about.window;
    const int64_t shape[] = {ALOG_MODEL_BATCH, model->about.window};
    model->numbers = calloc(count, sizeof *model->numbers);
    model->log_p = malloc(sizeof *model->log_p * model->about.size);
    if (!model->numbers || !model->log_p) return wrong(why, size, "memory is out");
    return is_well(ort,
                   ort->CreateTensorWithDataAsOrtValue(model->memory, model->numbers, sizeof *model->numbers * count,
                                                       shape, 2, ALOG_ORT_INT64, &model->input),
                   why, size);
}

alog_model *alog_model_new(const alog_ort *ort, const uint8_t *graph, size_t len, char *why, size_t why_size) {
    alog_model *model = calloc(1, sizeof *model);
    if (!model) return wrong(why, why_size, "memory is out"), NULL;
    model->ort = ort;
    if (alog_onnx_external(graph, len)) {
        wrong(why, why_size, "no ONNX graph, or one that wants data from other files; that is refused");
    } else if (is_well(ort, ort->CreateEnv(ALOG_ORT_FATAL, "alog-infer", &model->env), why, why_size) &&
               is_well(ort, ort->GetAllocatorWithDefaultOptions(&model->allocator), why, why_size) &&
               is_well(ort, ort->CreateCpuMemoryInfo(ALOG_ORT_ARENA_ALLOCATOR, ALOG_ORT_MEM_DEFAULT, &model->memory),
                       why, why_size) &&
               open_session(model, graph, len, why, why_size) && check_names(model, why, why_size) &&
               read_about(model, why, why_size) && make_room(model, why, why_size)) {
        return model;
    }
    alog_model_free(model);
    return NULL;
}

void alog_model_free(alog_model *model) {
    if (!model) return;
    const alog_ort *ort = model->ort;
    if (model->output_name) ort->ReleaseStatus(ort->AllocatorFree(model->allocator, model->output_name));
    ort->ReleaseValue(model->input);
    ort->ReleaseMemoryInfo(model->memory);
    ort->ReleaseSession(model->session);
    ort->ReleaseEnv(model->env);
    free(model->numbers);
    free(model->log_p);
    free(model);
}

const alog_model_facts *alog_model_about(const alog_model *model) { return &model->about; }

/* ---- asking ------------------------------------------------------------------------------------------- */

static int has_shape(const alog_model *model, const OrtValue *output, char *why, size_t size) {
    const alog_ort *ort = model->ort;
    OrtTensorTypeAndShapeInfo *info = NULL;
    int type = 0;
    size_t rank = 0;
    int64_t shape[2] = {0, 0};
    if (!is_well(ort, ort->GetTensorTypeAndShape(output, &info), why, size)) return 0;
    int known = is_well(ort, ort->GetTensorElementType(info, &type), why, size) &&
                is_well(ort, ort->GetDimensionsCount(info, &rank), why, size);
    if (known && rank == 2) known = is_well(ort, ort->GetDimensions(info, shape, 2), why, size);
    ort->ReleaseTensorTypeAndShapeInfo(info);
    if (!known) return 0;
    if (type == ALOG_ORT_FLOAT && shape[0] == ALOG_MODEL_BATCH && shape[1] == (int64_t)model->about.size) return 1;
    return wrong(why, size, "the model's answer has not the shape of its vocabulary");
}

/* Log probabilities of all templates; 0 when the model gave none. Of <pad> and <unk> its opinion is not asked, nor of
 * the end unless sessions carry it. */
static int log_softmax(alog_model *model, const float *logits) {
    const uint32_t size = model->about.size;
    double *log_p = model->log_p, most = -INFINITY, sum = 0;
    for (uint32_t i = 0; i < size; i++) log_p[i] = (double)logits[i];
    log_p[ALOG_PAD] = log_p[ALOG_UNK] = -INFINITY;
    if (!model->about.ends) log_p[ALOG_END] = -INFINITY;
    for (uint32_t i = 0; i < size; i++) {
        if (isnan(log_p[i])) return 0;
        if (log_p[i] > most) most = log_p[i];
    }
    if (!isfinite(most)) return 0;
    for (uint32_t i = 0; i < size; i++) sum += exp(log_p[i] -= most);
    const double log_sum = log(sum);
    for (uint32_t i = 0; i < size; i++) log_p[i] -= log_sum;
    return 1;
}

static void find_best(const alog_model *model, uint32_t best[ALOG_MODEL_BEST]) {
    const double *log_p = model->log_p;
    uint32_t held = 0;
    for (uint32_t i = 0; i < model->about.size; i++) {
        uint32_t at = held < ALOG_MODEL_BEST ? held++ : ALOG_MODEL_BEST;
        for (; at && log_p[i] > log_p[best[at - 1]]; at--)
            if (at < ALOG_MODEL_BEST) best[at] = best[at - 1];
        if (at < ALOG_MODEL_BEST) best[at] = i;
    }
}

static void judge(const alog_model *model, uint32_t event, alog_answer *out) {
    const double *log_p = model->log_p, own = log_p[event];
    find_best(model, out->best);
    if (event <= ALOG_UNK) {
        out->rank = model->about.size;
        out->p = 0;
        return;
    }
    uint32_t rank = 0;
    for (uint32_t i = 0; i < model->about.size; i++)
        /* a tie goes to the lower number; "not less and not more" keeps compilers from warning of equality */
        rank += log_p[i] > own || (i < event && !(log_p[i] < own));
    out->rank = rank;
    out->p = exp(own);
}

static int run(alog_model *model, OrtValue **output, char *why, size_t size) {
    const alog_ort *ort = model->ort;
    const char *const inputs[] = {"sequence"}, *const outputs[] = {model->output_name};
    const OrtValue *const values[] = {model->input};
    return is_well(ort, ort->Run(model->session, NULL, inputs, values, 1, outputs, 1, output), why, size);
}

int alog_model_ask(alog_model *model, const uint32_t *const *rows, size_t n, alog_answer *out, char *why,
                   size_t why_size) {
    const alog_ort *ort = model->ort;
    const uint32_t window = model->about.window;
    memset(model->numbers, 0, sizeof *model->numbers * ALOG_MODEL_BATCH * window);
    for (size_t row = 0; row < n; row++)
        for (uint32_t i = 0; i < window; i++) model->numbers[row * window + i] = rows[row][i];
    OrtValue *output = NULL;
    void *logits = NULL;
    if (!run(model, &output, why, why_size)) return 0;
    int answered = has_shape(model, output, why, why_size) &&
                   is_well(ort, ort->GetTensorMutableData(output, &logits), why, why_size);
    for (size_t row = 0; answered && row < n; row++) {
        answered = log_softmax(model, (const float *)logits + row * model->about.size);
        if (answered)
            judge(model, rows[row][window], &out[row]);
        else
            wrong(why, why_size, "the model's answer is no number");
    }
    ort->ReleaseValue(output);
    return answered;
}
