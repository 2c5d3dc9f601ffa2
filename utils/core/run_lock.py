"""One run at a time on a work folder, for those that ask for it with --lock."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path

from filelock import BaseFileLock, FileLock, Timeout

from utils.core.console import Interrupted, command_line

_held: list[BaseFileLock] = []  # until this process ends, however it ends: the system lets go of them


def hold_lock(work_root: Path) -> None:
    """Lock a work folder until this process ends; raises Interrupted while another run has it."""
    work_root.mkdir(parents=True, exist_ok=True)
    path, holder = work_root / ".lock", work_root / ".lock-holder"
    lock = FileLock(path)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        who = holder.read_text(encoding="utf-8", errors="replace").strip() if holder.is_file() else "unknown"
        raise Interrupted(f"another run is at work in {work_root} ({who}); try again when it has ended") from error
    _held.append(lock)
    now = datetime.now().astimezone().isoformat(timespec="seconds")
    holder.write_text(f"process {os.getpid()}, since {now}: {command_line()}\n", encoding="utf-8")
