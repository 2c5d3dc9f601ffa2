"""What the sandbox tests have workers do; importable, so that worker processes find it."""

from __future__ import annotations

import os
import signal
import sys
import time
from pathlib import Path
from typing import Any


def do(task: tuple[str, Any]) -> Any:
    """Do what the task's first part names with its second part."""
    deed, value = task
    return _DEEDS[deed](value)


def _fail(message: str) -> None:
    raise ValueError(message)


def _sleep(seconds: float) -> float:
    time.sleep(seconds)
    return seconds


def _spin(_: Any) -> None:
    while True:
        pass


def _eat_memory(megabytes: int) -> int:
    return len(bytearray(megabytes * 1024 * 1024))


def _grow(_: Any) -> None:
    hoard: list[bytes] = []
    while True:
        hoard.append(bytes(1024 * 1024))


def _print(text: str) -> int:
    print(text)
    print(text, file=sys.stderr, flush=True)
    os.write(1, text.encode())
    os.write(2, text.encode())
    sys.stdout.flush()
    return os.getpid()


def _interrupt(_: Any) -> None:
    raise KeyboardInterrupt


_DEEDS = {
    "double": lambda number: number * 2,
    "fail": _fail,
    "sleep": _sleep,
    "spin": _spin,
    "exit": lambda code: os._exit(code),
    "kill": lambda _: os.kill(os.getpid(), signal.SIGKILL),
    "segfault": lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    "sys_exit": sys.exit,
    "interrupt": _interrupt,
    "eat_memory": _eat_memory,
    "grow": _grow,
    "print": _print,
    "environment": lambda _: dict(os.environ),
    "read_stdin": lambda _: sys.stdin.read(),
    "exists": lambda path: Path(path).exists(),
    "lambda": lambda _: lambda: 1,
    "large": lambda size: "x" * size,
}
