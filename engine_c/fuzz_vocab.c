/* fuzz_vocab.c: any bytes as vocab.json and as a graph: refused, or a vocabulary in which every text has a number and
 * with which an engine can be made or is refused. */
#include <stdlib.h>
#include <string.h>

#include "infer_engine.h"
#include "infer_onnx.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* A file that is read; the input replaces or follows a part of it, for that is seldom found by chance. */
static const char sound[] =
    "{\"schema\":1,\"special\":[\"<pad>\",\"<unk>\",\"<mask>\",\"<dist>\"],\"templates\":[{\"fingerprint\":"
    "\"0123456789abcdef\",\"text\":\"disk <NUM> is full\"}],\"engine\":{\"depth\":4,\"sim_th\":0.4,\"user_masks\":[],"
    "\"masks\":[\"num\"],\"extra_delimiters\":[\"_\"]},\"state\":null,\"mask_tables\":[]}";

static void use(const alog_vocab *vocab, const uint8_t *data, size_t size) {
    uint8_t *shown = malloc(4 * size + 1);
    if (!shown) abort();
    const size_t len = alog_display(data, size, shown);
    if (alog_vocab_number(vocab, shown, len) >= alog_vocab_size(vocab)) abort();
    for (uint32_t number = 0; number < alog_vocab_size(vocab); number++) (void)alog_vocab_text(vocab, number);
    free(shown);
    char why[256];
    alog_mined mined;
    if (alog_mined_new(&mined, vocab, NULL, 0, why, sizeof why)) alog_engine_free(mined.engine);
    if (alog_mined_new(&mined, vocab, data, size, why, sizeof why)) alog_engine_free(mined.engine);
}

static void read_as_vocabulary(const uint8_t *data, size_t size, size_t kept) {
    char why[256];
    uint8_t *bytes = malloc(size + kept + 1);
    if (!bytes) abort();
    memcpy(bytes, sound, kept);
    if (size) memcpy(bytes + kept, data, size);
    alog_vocab *vocab = alog_vocab_read(bytes, size + kept, why, sizeof why);
    if (vocab) use(vocab, data, size);
    alog_vocab_free(vocab);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (!size) return 0;
    (void)alog_onnx_external(data, size);
    read_as_vocabulary(data + 1, size - 1, 0);
    read_as_vocabulary(data + 1, size - 1, 2 * (size_t)data[0] % sizeof sound);
    return 0;
}
