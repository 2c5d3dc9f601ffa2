"""Rows through asynchronous work: streamed, bounded, in order, and stopped by signals without loss."""

from __future__ import annotations

import asyncio
import signal
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from itertools import islice
from typing import Any, Protocol, TypeVar

from utils.core.console import Interrupted

T = TypeVar("T")
R = TypeVar("R")
_SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Asking(Protocol):
    """What rows ask: a `GeminiEngine`."""

    def stop(self, reason: Exception) -> None:
        """Send nothing more."""

    def at_work(self) -> AbstractContextManager[None]:
        """Entered for each row while it is worked on."""


async def run_rows(
    rows: Iterable[T],
    work: Callable[[T], Awaitable[R]],
    concurrency: int,
    *,
    deadline_s: float = 30.0,
    engine: Asking | None = None,
) -> AsyncIterator[tuple[int, R]]:
    """Yield (index, result of `work(row)`) in the order of `rows`.

    At most `concurrency` rows are worked on at once, and at most twice as many are begun and not yet
    yielded, so memory stays flat however many rows there are. On SIGINT or SIGTERM no further row is
    begun, `engine` sends nothing more, rows in flight get `deadline_s`
    seconds to finish, and Interrupted is raised; a second signal cuts them at once. Interrupted raised
    by `work` ends the run in the same way; any other error cancels what is in flight and is raised.
    Signals are seen on the main thread only. `engine` is told which rows are worked on.
    """
    run = _Run(deadline_s, engine.stop if engine else None)
    at_work = engine.at_work if engine else nullcontext
    slots = asyncio.Semaphore(concurrency)
    begun: deque[asyncio.Task[R]] = deque()
    source = iter(rows)
    index = 0

    async def one(row: T) -> R:
        async with slots:
            if run.halted:
                raise run.halted
            try:
                with at_work():
                    return await work(row)
            except Interrupted as reason:
                run.halt(reason)
                raise
            except Exception as error:
                run.cut(error)
                raise

    try:
        with _signals_to(run.on_signal):
            while True:
                room = 0 if run.halted else 2 * concurrency - len(begun)
                begun.extend(asyncio.ensure_future(one(row)) for row in islice(source, room))
                if not begun:
                    break
                await run.wait_for(begun[0])
                if isinstance(begun[0].exception(), Interrupted):
                    await run.wait_for(asyncio.gather(*begun, return_exceptions=True))
                    break
                yield index, begun.popleft().result()
                index += 1
            if run.halted:
                raise run.halted
    finally:
        for task in begun:
            task.cancel()
        await asyncio.gather(*begun, return_exceptions=True)


class _Run:
    """How a run ends early: halted (nothing new, what is in flight may finish) or cut (now)."""

    def __init__(self, deadline_s: float, on_stop: Callable[[Exception], None] | None) -> None:
        self._loop = asyncio.get_running_loop()
        self._deadline_s = deadline_s
        self._on_stop = on_stop
        self._cut: asyncio.Future[Exception] = self._loop.create_future()
        self.halted: Exception | None = None

    def halt(self, reason: Exception) -> None:
        if self.halted is None:
            self._end(reason)
            self._loop.call_later(self._deadline_s, self.cut, reason)

    def cut(self, reason: Exception) -> None:
        if self.halted is None:
            self._end(reason)
        if not self._cut.done():
            self._cut.set_result(reason)

    def _end(self, reason: Exception) -> None:
        """Nothing new from here on, of this run or of what it asks."""
        self.halted = reason
        if self._on_stop is not None:
            self._on_stop(reason)

    def on_signal(self, number: signal.Signals) -> None:
        if self.halted is not None:
            self.cut(self.halted)
            return
        self.halt(Interrupted(f"{number.name} received"))

    async def wait_for(self, work: asyncio.Future[Any]) -> None:
        """Wait until `work` is done; raise at once if the run is cut first."""
        await asyncio.wait({work, self._cut}, return_when=asyncio.FIRST_COMPLETED)
        if self._cut.done():
            raise self._cut.result()


@contextmanager
def _signals_to(handler: Callable[[signal.Signals], None]) -> Iterator[None]:
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    before = {number: signal.getsignal(number) for number in _SIGNALS}
    for number in _SIGNALS:
        loop.add_signal_handler(number, handler, number)
    try:
        yield
    finally:
        for number, old in before.items():
            loop.remove_signal_handler(number)
            signal.signal(number, old)
