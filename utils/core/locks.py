"""One run at a time where two would spoil each other's work."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from utils.core.console import Interrupted, command_line

_LOG = logging.getLogger("pipeline")
_held: list[BaseFileLock] = []  # until this process ends, however it ends: the system lets go of them


def taken(lock_file: Path) -> BaseFileLock | None:
    """The lock of a file, taken without waiting; None while another process or thread has it."""
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


@contextmanager
def only_run(lock_file: Path, doing: str) -> Iterator[None]:
    """Keep out other processes and threads that name the same file, until the block ends or this process does.

    Who has to wait says so in a log line that begins with `doing`.
    """
    lock = taken(lock_file)
    if lock is None:
        _LOG.info("%s: another run is at it (%s); waiting until it ends", doing, lock_file)
        lock = FileLock(lock_file)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()


def hold_lock(work_root: Path) -> None:
    """Lock a work folder until this process ends; raises Interrupted while another run has it."""
    lock, holder = taken(work_root / ".lock"), work_root / ".lock-holder"
    if lock is None:
        who = holder.read_text(encoding="utf-8", errors="replace").strip() if holder.is_file() else "unknown"
        raise Interrupted(f"another run is at work in {work_root} ({who}); try again when it has ended")
    _held.append(lock)
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    holder.write_text(f"process {os.getpid()}, since {now}: {command_line()}\n", encoding="utf-8")
