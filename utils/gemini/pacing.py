"""Requests to a rate-limited service: evenly spaced, bounded, retried, and paused together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

from aiolimiter import AsyncLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from utils.core.console import Interrupted
from utils.gemini.faults import CallError, Fault

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_SPACING = 1.01  # a little wider than rpm allows, so that jitter on the way cannot squeeze one too many into a minute
_LONGEST_PAUSE_S = 600.0  # a service that asks for more is better left alone until the user comes back


class Pacer:
    """Sends at most one request every 60/rpm seconds, and at most `concurrency` at once.

    Every attempt, retries included, takes its own turn. When the service asks to wait, all requests wait.
    Once an error ends the run, or `stop` is called, nothing more is sent. One Pacer serves one event loop.
    """

    def __init__(
        self,
        rpm: float | None,
        concurrency: int,
        attempts: int = 6,
        timeout_s: float | None = None,
        backoff_s: float = 1.0,
    ) -> None:
        """`rpm` None: no spacing. `timeout_s` bounds a whole attempt; `backoff_s` is the first wait before a retry."""
        # Capacity 1 with a short period, not rpm with 60 s: a full bucket of rpm goes out in one burst.
        self._limiter = AsyncLimiter(1, _SPACING * 60.0 / rpm) if rpm else None
        self._slots = asyncio.Semaphore(concurrency)
        self._attempts = attempts
        self._timeout_s = timeout_s
        self._backoff = wait_exponential_jitter(initial=backoff_s, max=60.0, jitter=backoff_s)
        self._turn = (
            asyncio.Lock()
        )  # first in, first out; and only its holder can have a turn in hand when a pause begins
        self._resume_at = 0.0
        self._stopping = asyncio.Event()
        self._stop_reason: Exception | None = None
        self.sent = 0
        self.faults: Counter[str] = Counter()

    async def run(self, call: Callable[[], Awaitable[T]], classify: Callable[[BaseException], Fault]) -> T:
        """The result of `call`, tried again while `classify` says that can help.

        Raises CallError after the last attempt, the fault's `stop` (UserError, Interrupted) at once when
        asking again cannot help, and whatever `classify` does not know unchanged.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(CallError),
            stop=stop_after_attempt(self._attempts),
            wait=self._wait_before_retry,
            reraise=True,
        )
        return await retrying(self._attempt, call, classify)

    def stop(self, reason: Exception) -> None:
        """Send nothing more: `reason` is raised for every request that has not gone out yet."""
        if self._stop_reason is None:
            self._stop_reason = reason
            self._stopping.set()

    async def _attempt(self, call: Callable[[], Awaitable[T]], classify: Callable[[BaseException], Fault]) -> T:
        async with self._slots:
            await self._wait_for_turn()
            self.sent += 1
            try:
                async with asyncio.timeout(self._timeout_s):
                    return await call()
            except Exception as error:
                fault = classify(error)
                if not fault.retry and fault.stop is None:
                    raise
                self.faults[fault.kind] += 1
            # Raised outside the handler: an error's chain could carry what the message has masked.
            if fault.stop is not None:
                self.stop(fault.stop)
                raise fault.stop
            if fault.wait_s:
                self._pause(fault.wait_s)
            raise CallError(fault)

    async def _wait_for_turn(self) -> None:
        loop = asyncio.get_running_loop()
        async with self._turn:
            while True:
                if self._stop_reason is not None:
                    raise self._stop_reason
                if (pause_s := self._resume_at - loop.time()) > 0:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(pause_s):
                            await self._stopping.wait()
                    continue
                if self._limiter is not None:
                    await self._limiter.acquire()
                if self._stop_reason is None and self._resume_at <= loop.time():
                    return

    def _pause(self, wait_s: float) -> None:
        if wait_s > _LONGEST_PAUSE_S:
            self.stop(
                Interrupted(f"the service asks to wait {wait_s / 60:.0f} minutes; run the same command again then")
            )
        until = asyncio.get_running_loop().time() + wait_s
        if until > self._resume_at:
            self._resume_at = until
            _LOG.info("the service asks to wait %.0f s; all requests wait", wait_s)

    def _wait_before_retry(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, CallError) and error.wait_s:
            return 0.0  # the common pause does the waiting
        return self._backoff(state)
