"""The shipped table of phrases that tell how bad a record is, whatever level its header claims.

Phrases are matched as they stand, anywhere in a record (the engine walks one automaton over all of them). The
largest match counts; a record no phrase matches has the severity of its level.
"""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache

from alogd.config.tree import SeverityRule

CRITICAL = (
    # the kernel
    "Kernel panic - not syncing", "kernel BUG at", "BUG: unable to handle", "BUG: kernel NULL pointer",
    "Unable to handle kernel", "Oops:", "general protection fault", "double fault:", "PANIC: double fault",
    "stack segment:", "divide error:", "invalid opcode:", "BUG: KASAN:", "BUG: KFENCE:", "BUG: KMSAN:", "KASAN:",
    "Kernel stack is corrupted", "kernel stack overflow", "BUG: stack guard page was hit", "BUG: Bad page",
    "BUG: Bad rss-counter", "BUG: soft lockup", "hard LOCKUP", "detected stall", "self-detected stall",
    "blocked for more than", "blocked in I/O wait for more than", "use-after-free", "task hung",
    "can't die for more than", "Internal error:", "PAX: size overflow", "BUG: ", "unable to mount root fs",
    "Attempted to kill init", "Fixing recursive fault", "Machine Check Exception", "Hardware Error",
    "Uncorrected error", "rcu_sched kthread starved", "BUG: spinlock", "BUG: workqueue lockup",
    # memory and disk
    "Out of memory: Kill", "Out of memory: Killed process", "oom-kill:", "invoked oom-killer", "oom_reaper:",
    "OutOfMemoryError", "MemoryError", "cannot allocate memory", "Cannot allocate memory",
    "No space left on device", "disk full", "Disk quota exceeded", "Remounting filesystem read-only",
    "EXT4-fs error", "XFS_WANT_CORRUPTED", "BTRFS error", "Corruption of in-memory data", "Buffer I/O error",
    "blk_update_request: I/O error", "critical medium error", "FAILED SMART self-check",
    # programs
    "segfault at", "Segmentation fault", "core dumped", "dumped core", "stack smashing detected",
    "double free or corruption", "*** buffer overflow detected ***", "fatal error: runtime",
    "panic: runtime error", "thread 'main' panicked", "PANIC:", "FATAL ERROR", "StackOverflowError",
    "VirtualMachineError", "data corruption", "split brain",
)  # fmt: skip

HIGH = (
    "WARNING: CPU:", "WARNING: at ", "WARNING: ODEBUG", "------------[ cut here ]------------", "Call Trace:",
    "UBSAN:", "KCSAN:", "possible circular locking", "possible recursive locking", "possible irq lock inversion",
    "inconsistent lock state", "bad unlock balance", "lock held when returning", "suspicious RCU usage",
    "SOFTIRQ-safe -> SOFTIRQ-unsafe", "HARDIRQ-safe -> HARDIRQ-unsafe", "Nested lock was not taken",
    "held lock freed", "unreferenced object", "bad access detected", "Object already free", "kernel stack",
    "Out of memory", "memory leak", "refcount_t:", "sleeping function called from invalid context",
    "scheduling while atomic", "INFO: rcu", "INFO: trying to register non-static key", "trap invalid opcode",
    "unregister_netdevice: waiting for", "NMI watchdog", "unhandled signal", "page allocation failure",
    "stuck for ", "Call Trace of", "unexpected kernel", "VFS: Busy inodes", "too long to run",
    "Traceback (most recent call last)", "Unhandled exception", "Uncaught exception",
    "unhandled promise rejection", "UnhandledPromiseRejection", "NullPointerException", "ClassNotFoundException",
    "NoClassDefFoundError", "AssertionError", "assertion failed", "Assertion failed", "goroutine stack exceeds",
    "Exception in thread", "panic:", "deadlock detected", "Deadlock found", "Too many open files",
    "too many open files", "too many connections", "Failed with result", "Main process exited",
    "entered failed state", "Failed to start", "Start request repeated too quickly", "certificate has expired",
    "checksum error", "checksum mismatch", "corrupted", "POSSIBLE BREAK-IN ATTEMPT",
)  # fmt: skip

MEDIUM = (
    "WARNING: ", "Exception:", "Caused by:", "RuntimeError", "ValueError", "KeyError", "TypeError",
    "TimeoutException", "SocketTimeoutException", "Connection refused", "connection refused",
    "Connection reset by peer", "Broken pipe", "Connection timed out", "connection timed out", "No route to host",
    "Network is unreachable", "Temporary failure in name resolution", "authentication failure", "Failed password",
    "Permission denied", "permission denied", "link is down", "Link is Down", "clock skew", "time jumped",
    "soft error", "retrying in", "Read-only file system",
)  # fmt: skip


def rules(extra: Iterable[SeverityRule] = ()) -> tuple[tuple[str, int], ...]:
    """(phrase, severity 0-100) of the shipped table; the user's own rules come first and replace equal phrases."""
    return _table(tuple(extra))


@lru_cache(maxsize=8)  # one configuration's rules serve all its streams; a few more for reloads
def _table(extra: tuple[SeverityRule, ...]) -> tuple[tuple[str, int], ...]:
    table = {rule.match: rule.severity for rule in extra}
    for severity, phrases in ((100, CRITICAL), (80, HIGH), (60, MEDIUM)):
        for phrase in phrases:
            table.setdefault(phrase, severity)
    return tuple(table.items())
