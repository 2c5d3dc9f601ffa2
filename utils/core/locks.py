"""One run at a time where two would spoil each other's work."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

_LOG = logging.getLogger("pipeline")


@contextmanager
def only_run(lock_file: Path, doing: str) -> Iterator[None]:
    """Keep out other processes and threads that name the same file, until the block ends or this process does.

    Who has to wait says so in a log line that begins with `doing`.
    """
    lock_file.parent.mkdir(parents=True, exist_ok=True)
    lock = FileLock(lock_file)
    try:
        lock.acquire(timeout=0)
    except Timeout:
        _LOG.info("%s: another run is at it (%s); waiting until it ends", doing, lock_file)
        lock.acquire()
    try:
        yield
    finally:
        lock.release()
