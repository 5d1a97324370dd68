/* infer_onnx.c: walks the messages of an ONNX file that may hold tensors (infer_onnx.h). */
#include "infer_onnx.h"

enum { DEEPEST = 64 }; /* messages within messages */

typedef enum { NOTHING = 0, MODEL, GRAPH, FUNCTION, NODE, ATTRIBUTE, SPARSE, TENSOR } message;

/* The message that a field of a message holds (numbers of onnx.proto). */
static message inside(message holder, uint64_t field) {
    switch (holder) {
    case MODEL: return field == 7 ? GRAPH : field == 25 ? FUNCTION : NOTHING;
    case GRAPH: return field == 1 ? NODE : field == 5 ? TENSOR : field == 15 ? SPARSE : NOTHING;
    case FUNCTION: return field == 7 ? NODE : NOTHING;
    case NODE: return field == 5 ? ATTRIBUTE : NOTHING;
    case SPARSE: return field == 1 || field == 2 ? TENSOR : NOTHING;
    case ATTRIBUTE:
        if (field == 5 || field == 10) return TENSOR;
        if (field == 6 || field == 11) return GRAPH;
        return field == 22 || field == 23 ? SPARSE : NOTHING;
    default: return NOTHING;
    }
}

static uint64_t read_varint(const uint8_t **at, const uint8_t *end, int *wrong) {
    uint64_t value = 0;
    for (unsigned shift = 0; shift < 64 && *at < end; shift += 7) {
        const uint8_t byte = *(*at)++;
        value |= (uint64_t)(byte & 127) << shift;
        if (byte < 128) return value;
    }
    *wrong = 1;
    return 0;
}

/* Length of what stands at *at; a number is taken and given in *value instead. */
static uint64_t field_length(unsigned kind, const uint8_t **at, const uint8_t *end, uint64_t *value, int *wrong) {
    *value = 0;
    switch (kind) {
    case 0: *value = read_varint(at, end, wrong); return 0;
    case 1: return 8;
    case 2: return read_varint(at, end, wrong);
    case 5: return 4;
    default: *wrong = 1; return 0;
    }
}

static int is_external(const uint8_t *at, const uint8_t *end, message holder, int depth) {
    if (!depth) return 1;
    while (at < end) {
        int wrong = 0;
        uint64_t value;
        const uint64_t tag = read_varint(&at, end, &wrong);
        const uint64_t len = wrong ? 0 : field_length((unsigned)(tag & 7), &at, end, &value, &wrong);
        if (wrong || len > (uint64_t)(end - at)) return 1;
        const uint64_t field = tag >> 3;
        if (holder == TENSOR && (field == 13 || (field == 14 && value))) return 1; /* external_data, data_location */
        const message held = (tag & 7) == 2 ? inside(holder, field) : NOTHING;
        if (held != NOTHING && is_external(at, at + len, held, depth - 1)) return 1;
        at += len;
    }
    return 0;
}

int alog_onnx_external(const uint8_t *graph, size_t len) { return is_external(graph, graph + len, MODEL, DEEPEST); }
