/* infer_log.h: the bytes of a log: a file to its end, standard input, or a file as it grows (as `tail -F` reads it).
 *
 * SIGINT and SIGTERM are no interruption but something that is read: ALOG_LOG_STOP. */
#ifndef ALOG_INFER_LOG_H
#define ALOG_INFER_LOG_H

#include <sys/types.h>

#include "alog.h"

typedef enum {
    ALOG_LOG_BYTES,  /* more of it */
    ALOG_LOG_QUIET,  /* nothing for a second; told once until there is more */
    ALOG_LOG_ANEW,   /* another file has its name now, or it was cut: what comes next begins at 0 */
    ALOG_LOG_END,    /* all was read */
    ALOG_LOG_STOP,   /* a signal asked for the end */
    ALOG_LOG_FAILED, /* errno says why */
} alog_log_event;

typedef struct {
    const char *path; /* "-" is standard input */
    int fd, signals;  /* a signalfd */
    int follow;       /* after the end there may be more */
    int quiet;        /* waits in a row without anything */
    uint64_t offset;
    dev_t device;
    ino_t inode;
} alog_log;

/* Blocks SIGINT and SIGTERM. 0 with errno set when it cannot be opened; EISDIR for a directory. */
int alog_log_open(alog_log *log, const char *path, int follow);
/* What happens next; *len bytes are in `to` with ALOG_LOG_BYTES. */
alog_log_event alog_log_next(alog_log *log, uint8_t *to, size_t room, size_t *len);
void alog_log_close(alog_log *log);

/* What a file is that does not look like a text log; NULL when its first bytes do (alogd/collectors/firstlook.py). */
const char *alog_not_text(const uint8_t *head, size_t len);

#endif
