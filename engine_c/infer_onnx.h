/* infer_onnx.h: an ONNX file as it lies there (protocol buffers), as far as the question goes whether it is alone. */
#ifndef ALOG_INFER_ONNX_H
#define ALOG_INFER_ONNX_H

#include "alog.h"

/* Whether a graph takes tensors from other files; also true of what cannot be read as one to its end. As
 * has_external_data in alogd/models/bundle.py. */
int alog_onnx_external(const uint8_t *graph, size_t len);

#endif
