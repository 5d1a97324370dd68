/* infer_log.c: reads and follows a log (infer_log.h). */
#define _GNU_SOURCE
#include "infer_log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

/* Between two looks at a file that has no more; looks without more after which it is quiet, and after which a file that
 * lost its name is left: who wrote to it may still do so for a moment. */
enum { WAIT_MS = 200, QUIET_LOOKS = 5, LEAVE_LOOKS = 2 };

static int is_stdin(const alog_log *log) { return strcmp(log->path, "-") == 0; }

static int know(alog_log *log) {
    struct stat about;
    if (fstat(log->fd, &about) != 0) return 0;
    if (S_ISDIR(about.st_mode)) return errno = EISDIR, 0;
    log->device = about.st_dev;
    log->inode = about.st_ino;
    return 1;
}

int alog_log_open(alog_log *log, const char *path, int follow) {
    sigset_t set;
    *log = (alog_log){.path = path, .fd = -1, .follow = follow};
    sigemptyset(&set);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, NULL);
    log->signals = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (log->signals < 0) return 0;
    log->fd = is_stdin(log) ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
    if (log->fd >= 0 && know(log)) return 1;
    const int why = errno;
    alog_log_close(log);
    errno = why;
    return 0;
}

void alog_log_close(alog_log *log) {
    if (log->fd >= 0) close(log->fd);
    if (log->signals >= 0) close(log->signals);
    log->fd = log->signals = -1;
}

/* Waits at most so long for a signal or, with `input`, for bytes. 1: a signal came; -1: bytes; 0: neither. */
static int wait_for(const alog_log *log, int input, int ms) {
    struct pollfd both[2] = {{.fd = log->signals, .events = POLLIN}, {.fd = log->fd, .events = POLLIN}};
    if (poll(both, input ? 2 : 1, ms) <= 0) return 0;
    if (both[0].revents) return 1;
    return input && both[1].revents ? -1 : 0;
}

/* ---- a file that grows -------------------------------------------------------------------------------- */

static int was_cut(const alog_log *log) {
    struct stat about;
    return fstat(log->fd, &about) == 0 && S_ISREG(about.st_mode) && (uint64_t)about.st_size < log->offset;
}

static int lost_its_name(const alog_log *log) {
    struct stat about;
    return stat(log->path, &about) == 0 && (about.st_dev != log->device || about.st_ino != log->inode);
}

static alog_log_event begin_anew(alog_log *log) {
    log->offset = 0;
    log->quiet = 0;
    return lseek(log->fd, 0, SEEK_SET) < 0 ? ALOG_LOG_FAILED : ALOG_LOG_ANEW;
}

/* The file that has the name now; the one before is kept when there is none after all. */
static alog_log_event change_file(alog_log *log) {
    const int fd = open(log->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* it may have become a FIFO */
    if (fd < 0) return errno == ENOENT ? ALOG_LOG_QUIET : ALOG_LOG_FAILED;
    close(log->fd);
    log->fd = fd;
    return know(log) ? begin_anew(log) : ALOG_LOG_FAILED;
}

/* At the end of a file. ALOG_LOG_BYTES: look again. */
static alog_log_event at_end(alog_log *log) {
    if (was_cut(log)) return begin_anew(log);
    if (log->quiet >= LEAVE_LOOKS && lost_its_name(log)) return change_file(log);
    if (wait_for(log, 0, WAIT_MS) == 1) return ALOG_LOG_STOP;
    if (log->quiet <= QUIET_LOOKS) log->quiet++;
    return log->quiet == QUIET_LOOKS ? ALOG_LOG_QUIET : ALOG_LOG_BYTES;
}

alog_log_event alog_log_next(alog_log *log, uint8_t *to, size_t room, size_t *len) {
    for (;;) {
        const int came = wait_for(log, 1, log->quiet ? -1 : WAIT_MS * QUIET_LOOKS);
        if (came == 1) return ALOG_LOG_STOP;
        if (came == 0) { /* a pipe; regular files are always ready */
            log->quiet = 1;
            return ALOG_LOG_QUIET;
        }
        const ssize_t n = read(log->fd, to, room);
        if (n > 0) {
            log->offset += (uint64_t)n;
            log->quiet = 0;
            *len = (size_t)n;
            return ALOG_LOG_BYTES;
        }
        if (n < 0 && errno != EINTR && errno != EAGAIN) return ALOG_LOG_FAILED;
        if (n == 0 && (!log->follow || is_stdin(log))) return ALOG_LOG_END;
        const alog_log_event event = at_end(log);
        if (event != ALOG_LOG_BYTES) return event;
    }
}

/* ---- what a file is ----------------------------------------------------------------------------------- */

const char *alog_not_text(const uint8_t *head, size_t len) {
    static const struct {
        const char *bytes, *what;
        size_t len;
    } kinds[] = {
        {"\x1f\x8b", "a gzip file; zcat LOG | alog-infer -i -", 2},
        {"\xfd\x37zXZ\0", "an xz file; xzcat LOG | alog-infer -i -", 6},
        {"BZh", "a bzip2 file; bzcat LOG | alog-infer -i -", 3},
        {"\x28\xb5\x2f\xfd", "a zstd file; zstdcat LOG | alog-infer -i -", 4},
        {"\x04\x22\x4d\x18", "an lz4 file", 4},
        {"LPKSHHRH", "a systemd journal; journalctl | alog-infer -i -", 8},
        {"PK\x03\x04", "a zip archive", 4},
        {"\x7f\x45LF", "a program", 4},
        {"SQLite format 3\0", "an SQLite database", 16},
        {"\xff\xfe", "UTF-16 text; convert it to UTF-8", 2},
        {"\xfe\xff", "UTF-16 text; convert it to UTF-8", 2},
    };
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (len >= kinds[i].len && memcmp(head, kinds[i].bytes, kinds[i].len) == 0) return kinds[i].what;
    enum { HOLE = 16 }; /* so many NULs in a row are a hole in a text, not a sign of another kind */
    size_t controls = 0, looked_at = 0;
    for (size_t at = 0, end; at < len; at = end) {
        for (end = at; end < len && !head[end]; end++) {
        }
        const size_t nuls = end - at;
        if (nuls && nuls < HOLE && looked_at) controls += nuls, looked_at += nuls;
        if (end == len) break;
        const uint8_t c = head[end++];
        controls += c < 32 && !(c >= 8 && c <= 13) && c != 27;
        looked_at++;
    }
    return controls > 2 && 20 * controls > looked_at ? "not text" : NULL;
}
