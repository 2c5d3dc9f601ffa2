"""Requests to a rate-limited service: evenly spaced, bounded, retried, and paused together."""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiolimiter import AsyncLimiter
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, wait_exponential_jitter

from utils.core.console import Exhausted
from utils.gemini.adaptive import AdaptiveLimit
from utils.gemini.faults import RATE_LIMITED, CallError, Fault
from utils.gemini.tokens import Reservation, TokenWindow

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_SPACING = 1.01  # a little wider than rpm allows, so that jitter on the way cannot squeeze one too many into a minute
_CATCH_UP_S = 0.04  # so much of what late timers have missed may be made up for
_PATIENCE = 4
_LONGEST_PAUSE_S = 600.0  # a service that asks for more is better left alone until the user comes back


class Pacer:
    """Sends requests first in, first out: evenly spaced, so many tokens a minute, so many at once.

    In any 60 seconds at most `rpm` requests and `tpm` tokens go out; never more than `concurrency` are in flight, and
    fewer while the service refuses for load. Every attempt, retries included, takes its own turn. When the service asks
    to wait, all requests wait. Once an error ends the run, or `stop` is called, nothing more is sent. One Pacer serves
    one event loop.
    """

    def __init__(
        self,
        rpm: float | None,
        concurrency: int,
        attempts: int = 6,
        timeout_s: float | None = None,
        backoff_s: float = 1.0,
        tpm: int | None = None,
        adaptive: bool = True,
        gate: Callable[[], None] | None = None,
        recent: Sequence[tuple[float, int]] = (),
    ) -> None:
        """`rpm`, `tpm` None: no limit. `timeout_s` bounds an attempt; `backoff_s` is the first wait before a retry.

        `gate` is called as each request goes out; what it raises ends the run. `recent` are requests of an earlier run,
        oldest first: how many seconds ago, and their tokens; the minute goes on with them.
        """
        self._recent = recent
        self._spacing_s = _SPACING * 60.0 / rpm if rpm else 0.0
        self._limiter = _request_limiter(rpm) if rpm else None
        self._window = TokenWindow(tpm) if tpm else None
        self._tpm = tpm
        self._limit = AdaptiveLimit(concurrency, adaptive)
        self._attempts = attempts
        self._gate = gate
        self._timeout_s = timeout_s
        self._backoff = wait_exponential_jitter(initial=backoff_s, max=60.0, jitter=backoff_s)
        self._turn = asyncio.Lock()  # first in, first out
        self._changed = asyncio.Event()  # something that the first in line may wait for has happened
        self._stopping = asyncio.Event()
        self._in_flight = 0
        self._resume_at = 0.0
        self._stop_reason: Exception | None = None
        self.sent = 0
        self.faults: Counter[str] = Counter()

    @property
    def limit(self) -> int:
        """How many requests may be in flight now."""
        return self._limit.limit

    async def run(
        self,
        call: Callable[[], Awaitable[T]],
        classify: Callable[[BaseException], Fault],
        tokens: int = 0,
        tokens_of: Callable[[T], int] | None = None,
        before: Callable[[], Awaitable[None]] | None = None,
    ) -> T:
        """The result of `call`, tried again while `classify` says that can help.

        `tokens` are reserved for each attempt, and settled with what `tokens_of` finds in the result. `before` is
        awaited before each attempt gets in line, so that it holds nobody up. Raises CallError
        after the last attempt, the fault's `stop` (UserError, Interrupted) at once when asking again cannot help, and
        whatever `classify` does not know unchanged.
        """
        retrying = AsyncRetrying(
            retry=retry_if_exception_type(CallError),
            stop=self._gives_up,
            wait=self._wait_before_retry,
            sleep=self._sleep,
            reraise=True,
        )
        return await retrying(self._attempt, call, classify, tokens, tokens_of, before)

    def stop(self, reason: Exception) -> None:
        """Send nothing more: `reason` is raised for every request that has not gone out yet."""
        if self._stop_reason is None:
            self._stop_reason = reason
            self._stopping.set()
            self._changed.set()

    async def _attempt(
        self,
        call: Callable[[], Awaitable[T]],
        classify: Callable[[BaseException], Fault],
        tokens: int,
        tokens_of: Callable[[T], int] | None,
        before: Callable[[], Awaitable[None]] | None,
    ) -> T:
        if before is not None:
            await before()
        reservation = await self._wait_for_turn(tokens)
        sent_at = asyncio.get_running_loop().time()
        try:
            async with asyncio.timeout(self._timeout_s):
                result = await call()
        except Exception as error:
            fault = classify(error)
            if not fault.retry and fault.stop is None:
                raise
            self._note(fault, sent_at)
        else:
            self._limit.answered()
            if self._window is not None and reservation is not None and tokens_of is not None:
                self._window.settle(reservation, tokens_of(result))
            return result
        finally:
            self._in_flight -= 1
            self._changed.set()
        # Raised outside the handler: an error's chain could carry what the message has masked.
        if fault.stop is not None:
            raise fault.stop
        raise CallError(fault)

    async def _wait_for_turn(self, tokens: int) -> Reservation | None:
        clock = asyncio.get_running_loop().time
        if self._tpm is not None and tokens > self._tpm:
            _LOG.warning(
                "a request of about %d tokens is larger than the %d a minute: it goes alone", tokens, self._tpm
            )
        async with self._turn:
            self._go_on(clock())
            while True:
                self._changed.clear()
                if self._stop_reason is not None:
                    raise self._stop_reason.with_traceback(None)  # else it would keep the frames of every call
                if self._in_flight >= self._limit.limit:
                    await self._changed.wait()
                elif (wait_s := self._wait_s(clock(), tokens)) > 0:
                    with contextlib.suppress(TimeoutError):
                        async with asyncio.timeout(wait_s):
                            await self._changed.wait()
                # A turn taken before a pause is not used after it: two requests would leave together.
                elif await self._spaced() and self._may_go(clock(), tokens):
                    break
            if self._gate is not None:
                self._pass_gate(self._gate)
            self._in_flight += 1
            self.sent += 1
            return self._window.take(clock(), tokens) if self._window is not None else None

    def _go_on(self, now: float) -> None:
        """Take an earlier run's last minute into account."""
        for ago_s, tokens in self._recent:
            self._resume_at = now - ago_s + self._spacing_s
            if self._window is not None:
                self._window.take(now - ago_s, tokens)
        self._recent = ()

    def _may_go(self, now: float, tokens: int) -> bool:
        return self._stop_reason is None and self._in_flight < self._limit.limit and self._wait_s(now, tokens) <= 0

    def _wait_s(self, now: float, tokens: int) -> float:
        """Seconds that a pause or the tokens of the last minute hold the next request back."""
        of_tokens = self._window.wait_s(now, tokens) if self._window is not None else 0.0
        return max(self._resume_at - now, of_tokens)

    async def _spaced(self) -> bool:
        """Wait for the next request's place in the minute; False when the run was stopped meanwhile."""
        if self._limiter is None:
            return True
        if self._limiter.has_capacity():
            await self._limiter.acquire()
            return True
        place, stop = (asyncio.ensure_future(wait) for wait in (self._limiter.acquire(), self._stopping.wait()))
        try:
            await asyncio.wait({place, stop}, return_when=asyncio.FIRST_COMPLETED)
            return place.done()
        finally:
            place.cancel()
            stop.cancel()

    def _pass_gate(self, gate: Callable[[], None]) -> None:
        try:
            gate()
        except Exception as reason:
            self.stop(reason)
            raise

    def _note(self, fault: Fault, sent_at: float) -> None:
        """What a failed attempt means for all the others."""
        now = asyncio.get_running_loop().time()
        self.faults[fault.kind] += 1
        if fault.kind == RATE_LIMITED:
            self._limit.refused(sent_at, now, self._in_flight)
        if fault.stop is not None:
            self.stop(fault.stop)
        elif fault.wait_s:
            self._pause(fault.wait_s)

    def _pause(self, wait_s: float) -> None:
        if wait_s > _LONGEST_PAUSE_S:
            self.stop(Exhausted(f"the service asks to wait {wait_s / 60:.0f} minutes; run the same command again then"))
        until = asyncio.get_running_loop().time() + wait_s
        if until > self._resume_at:
            self._resume_at = until
            self._changed.set()
            _LOG.info("the service asks to wait %.0f s; all requests wait", wait_s)

    def _gives_up(self, state: RetryCallState) -> bool:
        """Refusals for load are outwaited longer than errors: the service is well, and asked for patience."""
        error = state.outcome.exception() if state.outcome else None
        patience = _PATIENCE if isinstance(error, CallError) and error.kind == RATE_LIMITED else 1
        return state.attempt_number >= self._attempts * patience

    async def _sleep(self, seconds: float) -> None:
        """Wait before a retry, or until the run is stopped."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._stopping.wait()

    def _wait_before_retry(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        if isinstance(error, CallError) and error.wait_s:
            return 0.0  # the common pause does the waiting
        return self._backoff(state)


def _request_limiter(rpm: float) -> AsyncLimiter:
    """Places for requests: in any 60 s fewer than `rpm`, however they are taken.

    A full bucket of a minute's requests would go out in one burst, so the bucket holds one, and as much of the next as
    makes up for late timers.
    """
    bucket = 1.0 + rpm / 60 * _CATCH_UP_S
    return AsyncLimiter(bucket, bucket * _SPACING * 60.0 / rpm)
