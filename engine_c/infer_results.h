/* infer_results.h: results.json as it grows. In a regular file it is whole JSON after every alog_results_sync: what is
 * written next takes the place of the end. A pipe gets its end when all is done.
 *
 * A write that failed is remembered, and told by sync and close. */
#ifndef ALOG_INFER_RESULTS_H
#define ALOG_INFER_RESULTS_H

#include "alog.h"

typedef struct {
    uint64_t lines, events, anomalies, unknown; /* unknown: events of templates the model does not know */
    uint64_t files;                             /* begun: more than 1 after a rotation or truncation */
    uint64_t too_long, overflow, keys_forgotten;
    uint8_t complete; /* the log was read to its end */
} alog_totals;

typedef struct {
    const char *path, *ort; /* of the graph; version of ONNX Runtime */
    const char *vocabulary; /* its hash */
    uint32_t window, k, size;
} alog_results_model;

typedef struct {
    uint64_t file, line, offset; /* from 1, from 1, from 0 */
    alog_span text;              /* of the template; UTF-8 */
    const alog_span *expected;
    uint32_t expected_count, rank;
    double p;
} alog_anomaly;

typedef struct alog_results alog_results;

/* Takes over the descriptor. NULL when memory is out. */
alog_results *alog_results_new(int fd, const alog_results_model *model);
void alog_results_add(alog_results *results, const alog_anomaly *anomaly);
/* 0 or errno of the first write that failed. */
int alog_results_sync(alog_results *results, const alog_totals *totals);
/* Ends the file and frees everything. 0 or errno. */
int alog_results_close(alog_results *results, const alog_totals *totals);

#endif
