"""Worker processes: apart from the run, limited, replaceable.

A worker has no environment variables, swallows what is printed, and cannot take more than
its share of memory and time; one that hangs or dies costs the task it had, and is replaced.
They run SQL and our own code. The programs that make the SQL run in `compiler`, behind higher walls.
"""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent import futures
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass
from pathlib import Path
from typing import Generic, Literal, TypeVar

from pebble import ProcessExpired, ProcessFuture, ProcessPool

from utils.core.forking import fork_server
from utils.programs.walls import DEFAULT_MEMORY_MB, collect_garbage_seldom, forget_environment, limit_resources, silence

Task = TypeVar("Task")
Result = TypeVar("Result")

DEFAULT_LIMIT_S = 30.0
_OPEN_FILES_LIMIT = 256
_SPARE_MB = 32.0  # that a worker may take beyond what it needs to keep, before it gives memory back
_kept_mb = 0.0


@dataclass(frozen=True)
class Outcome(Generic[Task, Result]):
    """What came of one task: its result, or why there is none."""

    task: Task
    result: Result | None = None
    failure: Literal["timeout", "crash", "error"] | None = None
    detail: str = ""


def default_workers() -> int:
    """One worker a core this process may use."""
    return len(os.sched_getaffinity(0))


class Sandbox(Generic[Task, Result]):
    """A pool of confined worker processes that all run one `function` (importable, picklable).

    `limit_s` is wall seconds a task, `memory_mb` what a worker may take beyond its start. Use as a context manager.
    """

    def __init__(
        self,
        function: Callable[[Task], Result],
        workers: int | None = None,
        limit_s: float = DEFAULT_LIMIT_S,
        memory_mb: int = DEFAULT_MEMORY_MB,
    ) -> None:
        self._function = function
        self._workers = workers or default_workers()
        self._limit_s = limit_s
        context = fork_server(function.__module__)
        self._pool = ProcessPool(self._workers, context=context, initializer=_confine, initargs=(memory_mb,))

    def __enter__(self) -> Sandbox[Task, Result]:
        return self

    def __exit__(self, exception_type: type[BaseException] | None, *_: object) -> None:
        if exception_type is None:
            self._pool.close()
        else:
            self._pool.stop()
        self._pool.join()

    def run(self, task: Task) -> Pending[Task, Result]:
        """Start one task."""
        return Pending(task, self._pool.schedule(_guarded, args=(self._function, task), timeout=self._limit_s))

    def map(self, tasks: Iterable[Task]) -> Iterator[Outcome[Task, Result]]:
        """Outcomes in the order of tasks; at most four tasks a worker are in flight, so memory stays flat."""
        waiting: deque[Pending[Task, Result]] = deque()
        for task in tasks:
            waiting.append(self.run(task))
            if len(waiting) >= self._workers * 4:
                yield waiting.popleft().outcome()
        while waiting:
            yield waiting.popleft().outcome()


@dataclass(frozen=True)
class Pending(Generic[Task, Result]):
    """A task under way."""

    task: Task
    future: ProcessFuture

    def outcome(self) -> Outcome[Task, Result]:
        """Wait for the task; a fault of the task is an outcome, not an exception."""
        try:
            return Outcome(self.task, result=self.future.result())
        except FutureTimeoutError:
            return Outcome(self.task, failure="timeout", detail="stopped at the wall-clock limit")
        except ProcessExpired as error:
            return Outcome(self.task, failure="crash", detail=f"the worker process died (exit code {error.exitcode})")
        except MemoryError:
            return Outcome(self.task, failure="crash", detail="out of memory")
        except Exception as error:  # whatever a task raises belongs to that task alone
            told = " ".join(str(error).split())[:500]
            return Outcome(self.task, failure="error", detail=f"{type(error).__name__}: {told}")

    def wait(self, seconds: float) -> None:
        """Wait for the task, but no longer than that."""
        futures.wait([self.future], timeout=seconds)

    async def outcome_async(self) -> Outcome[Task, Result]:
        """`outcome` for an event loop."""
        await asyncio.wait([asyncio.wrap_future(self.future)])
        return self.outcome()


def _guarded(function: Callable[[Task], Result], task: Task) -> Result:
    """Run a task; what would end this process must not travel on and end the run."""
    try:
        return function(task)
    except (SystemExit, KeyboardInterrupt) as error:
        raise RuntimeError(f"the task raised {type(error).__name__}") from error
    finally:
        _give_memory_back()


def _give_memory_back() -> None:
    """After a task that took much memory, hand the system what is free again: a worker lives for many tasks."""
    global _kept_mb
    used_mb = _memory_mb()
    if used_mb > (_kept_mb or used_mb) + _SPARE_MB:
        gc.collect()
        with contextlib.suppress(AttributeError, OSError):  # not the GNU C library
            ctypes.CDLL(None).malloc_trim(0)
        used_mb = _memory_mb()
    _kept_mb = max(_kept_mb, used_mb)


def _memory_mb() -> float:
    try:
        pages = int(Path("/proc/self/statm").read_text().split()[1])
    except OSError:  # not Linux
        return 0.0
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


def _confine(memory_mb: int) -> None:
    """Initialise a worker: limits first, then nothing left to read or to print to."""
    limit_resources(memory_mb, _OPEN_FILES_LIMIT)
    forget_environment()
    silence()
    collect_garbage_seldom()
