/* fuzz_load.c: any payload as a snapshot whose checksum is right: refused, or an engine that works and saves. */
#include <stdlib.h>
#include <string.h>

#include "engine.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { MOST_RECORDS = 64 };

static const uint8_t log_text[] =
    "Jun  3 10:00:00 web p[1]: open file x\n  more\nJun  3 10:00:00 web p[1]: open file y\n\n"
    "KeyError: 1\na b c\na b d\n1 2 3\nno newline";

static void use(alog_engine *engine, const alog_engine_config *config) {
    uint64_t words[3][MOST_RECORDS];
    uint32_t halves[3][MOST_RECORDS];
    uint8_t bytes[2][MOST_RECORDS];
    alog_batch batch = {0,         MOST_RECORDS, words[0], (int64_t *)(void *)words[1], words[2], halves[0], halves[1],
                        halves[2], bytes[0],     bytes[1]};
    for (uint32_t source = 0; source < 2; source++) {
        (void)alog_engine_feed(engine, source, log_text, sizeof log_text - 1, &batch);
        (void)alog_engine_flush(engine, source, &batch);
        (void)alog_engine_consumed(engine, source);
    }
    const uint64_t hashes[3] = {1, 2, 3};
    (void)alog_drain_nearest(alog_engine_drain(engine), hashes, 3, UINT32_MAX, 0);
    alog_explanation why;
    alog_engine_explain(engine, 0, log_text, sizeof log_text - 1, &why);
    size_t len;
    alog_status status;
    uint8_t *saved = alog_engine_save(engine, (alog_span){NULL, 0}, &len);
    alog_engine *again = saved ? alog_engine_load(config, saved, len, &status) : NULL;
    if (!again) abort(); /* what one engine saved the next must load */
    alog_engine_free(again);
    free(saved);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
    if (size < 1) return 0;
    alog_engine_config config = {
        .drain = {.depth = 3 + data[0] % 3,
                  .sim_th = 0.4,
                  .max_children = 4,
                  .max_clusters = data[0] & 8 ? 5 : 0,
                  .numeric = 1,
                  .max_tokens = 32,
                  .max_memory = 1 << 20},
        .mask = {.builtin = ALOG_MASK_ALL},
        .header_kind = ALOG_HEADER_AUTO,
        .multiline = 1,
        .multiline_max_lines = 10,
        .multiline_max_bytes = 1000,
        .max_line_bytes = 256,
        .max_sources = 4,
    };
    alog_output out = {0};
    alog_snapshot_begin(&out);
    alog_put_bytes(&out, data + 1, size - 1);
    alog_snapshot_end(&out);
    alog_status status;
    alog_engine *engine = out.failed ? NULL : alog_engine_load(&config, out.bytes, out.len, &status);
    if (engine) use(engine, &config);
    alog_engine_free(engine);
    free(out.bytes);
    return 0;
}
