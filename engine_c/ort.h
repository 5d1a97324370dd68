/* ort.h: what alog-infer uses of ONNX Runtime's C interface, declared here because no header comes with its library.
 *
 * The interface is a table of function pointers whose order never changes: OrtGetApiBase()->GetApi(version) gives one
 * that holds at least the entries of that version. Only entries of version 2 are used, the last of which is number 118.
 * alog_ort_open checks that the library is new enough and that the table answers as its beginning must. */
#ifndef ALOG_ORT_H
#define ALOG_ORT_H

#include <stddef.h>
#include <stdint.h>

enum {
    ALOG_ORT_API = 11,            /* version asked for: ONNX Runtime 1.11 and later */
    ALOG_ORT_INT64 = 7,           /* ONNXTensorElementDataType */
    ALOG_ORT_FLOAT = 1,           /* the same */
    ALOG_ORT_ARENA_ALLOCATOR = 1, /* OrtAllocatorType */
    ALOG_ORT_MEM_DEFAULT = 0,     /* OrtMemType */
    ALOG_ORT_FATAL = 4,           /* OrtLoggingLevel */
};

typedef struct OrtStatus OrtStatus;
typedef struct OrtEnv OrtEnv;
typedef struct OrtSessionOptions OrtSessionOptions;
typedef struct OrtSession OrtSession;
typedef struct OrtRunOptions OrtRunOptions;
typedef struct OrtValue OrtValue;
typedef struct OrtMemoryInfo OrtMemoryInfo;
typedef struct OrtAllocator OrtAllocator;
typedef struct OrtModelMetadata OrtModelMetadata;
typedef struct OrtTensorTypeAndShapeInfo OrtTensorTypeAndShapeInfo;

typedef struct {
    const void *(*GetApi)(uint32_t version); /* NULL: the library is older */
    const char *(*GetVersionString)(void);
} OrtApiBase;

/* X(position in the table, name, what it returns, what it takes). A status is NULL when all is well; whoever gets one
 * releases it. */
#define ALOG_ORT_ENTRIES(X)                                                                                        \
    X(0, CreateStatus, OrtStatus *, (int code, const char *message))                                               \
    X(1, GetErrorCode, int, (const OrtStatus *))                                                                   \
    X(2, GetErrorMessage, const char *, (const OrtStatus *))                                                       \
    X(3, CreateEnv, OrtStatus *, (int level, const char *id, OrtEnv **))                                           \
    X(8, CreateSessionFromArray, OrtStatus *,                                                                      \
      (const OrtEnv *, const void *graph, size_t len, const OrtSessionOptions *, OrtSession **))                   \
    X(9, Run, OrtStatus *,                                                                                         \
      (OrtSession *, const OrtRunOptions *, const char *const *input_names, const OrtValue *const *inputs,         \
       size_t input_count, const char *const *output_names, size_t output_count, OrtValue **outputs))              \
    X(10, CreateSessionOptions, OrtStatus *, (OrtSessionOptions **))                                               \
    X(22, SetSessionLogSeverityLevel, OrtStatus *, (OrtSessionOptions *, int level))                               \
    X(24, SetIntraOpNumThreads, OrtStatus *, (OrtSessionOptions *, int threads))                                   \
    X(25, SetInterOpNumThreads, OrtStatus *, (OrtSessionOptions *, int threads))                                   \
    X(30, SessionGetInputCount, OrtStatus *, (const OrtSession *, size_t *))                                       \
    X(31, SessionGetOutputCount, OrtStatus *, (const OrtSession *, size_t *))                                      \
    X(36, SessionGetInputName, OrtStatus *, (const OrtSession *, size_t, OrtAllocator *, char **))                 \
    X(37, SessionGetOutputName, OrtStatus *, (const OrtSession *, size_t, OrtAllocator *, char **))                \
    X(49, CreateTensorWithDataAsOrtValue, OrtStatus *,                                                             \
      (const OrtMemoryInfo *, void *data, size_t bytes, const int64_t *shape, size_t rank, int type, OrtValue **)) \
    X(51, GetTensorMutableData, OrtStatus *, (OrtValue *, void **))                                                \
    X(60, GetTensorElementType, OrtStatus *, (const OrtTensorTypeAndShapeInfo *, int *))                           \
    X(61, GetDimensionsCount, OrtStatus *, (const OrtTensorTypeAndShapeInfo *, size_t *))                          \
    X(62, GetDimensions, OrtStatus *, (const OrtTensorTypeAndShapeInfo *, int64_t *, size_t))                      \
    X(65, GetTensorTypeAndShape, OrtStatus *, (const OrtValue *, OrtTensorTypeAndShapeInfo **))                    \
    X(69, CreateCpuMemoryInfo, OrtStatus *, (int allocator, int memory, OrtMemoryInfo **))                         \
    X(76, AllocatorFree, OrtStatus *, (OrtAllocator *, void *))                                                    \
    X(78, GetAllocatorWithDefaultOptions, OrtStatus *, (OrtAllocator **))                                          \
    X(92, ReleaseEnv, void, (OrtEnv *))                                                                            \
    X(93, ReleaseStatus, void, (OrtStatus *))                                                                      \
    X(94, ReleaseMemoryInfo, void, (OrtMemoryInfo *))                                                              \
    X(95, ReleaseSession, void, (OrtSession *))                                                                    \
    X(96, ReleaseValue, void, (OrtValue *))                                                                        \
    X(99, ReleaseTensorTypeAndShapeInfo, void, (OrtTensorTypeAndShapeInfo *))                                      \
    X(100, ReleaseSessionOptions, void, (OrtSessionOptions *))                                                     \
    X(111, SessionGetModelMetadata, OrtStatus *, (const OrtSession *, OrtModelMetadata **))                        \
    X(116, ModelMetadataLookupCustomMetadataMap, OrtStatus *,                                                      \
      (const OrtModelMetadata *, OrtAllocator *, const char *key, char **))                                        \
    X(118, ReleaseModelMetadata, void, (OrtModelMetadata *))

#define ALOG_ORT_MEMBER(position, name, returns, takes) returns(*name) takes;
typedef struct {
    ALOG_ORT_ENTRIES(ALOG_ORT_MEMBER)
    void *library;       /* of dlopen; stays loaded until the process ends */
    const char *version; /* "1.20.1" */
    char path[4096];     /* where it was found */
} alog_ort;

/* Loads the library named by `chosen`; without one the one that ALOGD_ORT names, else the first found by the loader,
 * beside this program, in the Python environment that is active or in the usual places. 1, or 0 with the reason, in
 * words for a person, in `why`. */
int alog_ort_open(alog_ort *ort, const char *chosen, char *why, size_t why_size);

#endif
