"""The walls around a process: limits on what it may take, and a filter on what it may ask of the kernel."""

from __future__ import annotations

import errno
import gc
import os
import resource
import time
from functools import cache
from pathlib import Path
from typing import Any

DEFAULT_MEMORY_MB = 3072
# All that running Python code in one thread needs; the rest is answered with EPERM: files, sockets, processes, signals
_HARMLESS_CALLS = (
    "read", "write", "close", "lseek", "fstat", "newfstatat", "poll", "ppoll", "select", "pselect6", "epoll_wait",
    "epoll_pwait", "mmap", "munmap", "mremap", "mprotect", "madvise", "brk", "futex", "rt_sigaction", "rt_sigprocmask",
    "rt_sigreturn", "sigaltstack", "getpid", "gettid", "getppid", "getuid", "geteuid", "getgid", "getegid", "getrandom",
    "clock_gettime", "clock_getres", "clock_nanosleep", "nanosleep", "gettimeofday", "time", "times", "getrusage",
    "getrlimit", "setrlimit", "prlimit64", "sched_yield", "sched_getaffinity", "exit", "exit_group", "restart_syscall",
    "set_robust_list", "rseq", "uname", "getcwd", "sysinfo", "membarrier", "fcntl", "ioctl", "readlink",
    "access", "stat",
)  # fmt: skip


def limit_resources(memory_mb: int, files: int, file_bytes: int | None = None) -> None:
    """Limit what this process takes from now on: memory, open files, written bytes (None: no limit), core dumps."""
    pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    memory = pages * resource.getpagesize() + memory_mb * 1024 * 1024
    resource.setrlimit(resource.RLIMIT_AS, (memory, memory))
    resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    if file_bytes is not None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (file_bytes, file_bytes))


def collect_garbage_seldom() -> None:
    """Leave what is loaded by now to the end, and look for cycles a hundred times less often than Python does.

    Compilers and parsers make many small objects that live on or die at once: looking for cycles takes a tenth of
    their time and finds nothing.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(70_000, 20, 20)


def forget_environment() -> None:
    """Drop all environment variables; UTC, so that 'localtime' means the same on every machine."""
    os.environ.clear()
    os.environ["TZ"] = "UTC"
    time.tzset()


def silence() -> None:
    """Nothing to read from, nobody to print to."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for stream in (0, 1, 2):
        os.dup2(nowhere, stream)
    os.close(nowhere)


def allow_cpu(seconds: float) -> None:
    """From now on this process may use so many seconds of CPU; the kernel kills it when it uses more."""
    usage = resource.getrusage(resource.RUSAGE_SELF)
    allowed = int(usage.ru_utime + usage.ru_stime + seconds) + 1
    _, hard = resource.getrlimit(resource.RLIMIT_CPU)
    resource.setrlimit(resource.RLIMIT_CPU, (allowed, hard))


@cache
def filter_library() -> Any:
    """The library that makes filters, None where this machine has none; to be loaded before the limits are set."""
    try:
        import pyseccomp
    except (ImportError, RuntimeError):  # no libseccomp
        return None
    return pyseccomp


def close_in() -> bool:
    """Leave this process nothing but its memory and the files it has open; False where the kernel offers no filter.

    No file can be opened, no socket made, no process or thread started, no signal sent: each fails with EPERM. Limits
    on open files and processes say the same once more.
    """
    highest = max(int(path.name) for path in Path("/proc/self/fd").iterdir())
    while os.open(os.devnull, os.O_RDONLY) < highest:  # no number below the limit is left for another file
        pass
    resource.setrlimit(resource.RLIMIT_NOFILE, (highest + 1, highest + 1))
    resource.setrlimit(resource.RLIMIT_NPROC, (0, 0))
    pyseccomp = filter_library()
    if pyseccomp is None:
        return False
    calls = pyseccomp.SyscallFilter(pyseccomp.ERRNO(errno.EPERM))
    for name in _HARMLESS_CALLS:
        try:
            calls.add_rule(pyseccomp.ALLOW, name)
        except OSError:  # a call that this processor's kernel does not have
            continue
    calls.load()
    return True
