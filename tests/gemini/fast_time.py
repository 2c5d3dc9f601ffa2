"""An event loop on which waiting takes no time: its clock jumps to the next timer when nothing else is to be done."""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")
_BEGIN = 1000.0  # as on a real machine, not 0
_TICK = 1e-9  # so that the clock moves on however short a wait is


class FastLoop(asyncio.SelectorEventLoop):
    """`time()` tells simulated seconds; where all tasks wait for one another, RuntimeError ends the test."""

    def __init__(self) -> None:
        self._now = _BEGIN
        super().__init__(_JumpingSelector(self))

    def time(self) -> float:
        return self._now

    def jump(self, seconds: float) -> None:
        """Let so much time pass."""
        self._now += seconds + _TICK


class _JumpingSelector(selectors.DefaultSelector):
    def __init__(self, loop: FastLoop) -> None:
        super().__init__()
        self._loop = loop

    def select(self, timeout: float | None = None) -> list[tuple[selectors.SelectorKey, int]]:
        events = super().select(0)
        if not events:
            if timeout is None:
                raise RuntimeError("every task waits, and nothing will ever happen")
            if timeout > 0:
                self._loop.jump(timeout)
        return events


def run_fast(coroutine: Coroutine[Any, Any, T]) -> T:
    """Like `asyncio.run`, on a FastLoop."""
    with asyncio.Runner(loop_factory=FastLoop) as runner:
        return runner.run(coroutine)
