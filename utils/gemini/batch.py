"""Calls collected into batch jobs: at half the price, within a day, remembered across runs.

Whoever asks waits until the answer is there. When everybody at work waits, or nobody is left who could ask, what has
been asked goes out as one round of jobs; a repair asked for after an answer is part of the next round. A job is written
into the ledger before it is submitted: a later run polls it, and submits nothing twice.
"""

from __future__ import annotations

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, TypeVar

from tenacity import AsyncRetrying, retry_if_exception, stop_after_attempt, wait_exponential_jitter

from utils.core.console import Interrupted, UserError
from utils.gemini.account import Account
from utils.gemini.batch_service import (
    BatchService,
    ItemResult,
    JobItem,
    cut_into_jobs,
    echoed_request,
    same_request,
)
from utils.gemini.calls import GeminiCall, Reply
from utils.gemini.errors import classify
from utils.gemini.faults import CallError, Fault
from utils.gemini.ledger import Ledger, StoredItem, StoredJob, response_json
from utils.gemini.outcomes import read_reply

T = TypeVar("T")
_LOG = logging.getLogger(__name__)
_ROUNDS = 3  # an item that failed goes out again, so often in all
_SETTLE_S = 0.05  # for the next row to begin before a round is closed
_ATTEMPTS = 6


@dataclass
class _Asked:
    """One call somebody waits for; `most_usd` is set aside once it is on its way."""

    key: str
    call: GeminiCall
    attempt: int
    answer: asyncio.Future[Reply]
    rounds: int = 0
    most_usd: float = 0.0


@dataclass
class _Job:
    """A job on its way, and what is set aside for its items."""

    stored: StoredJob
    open: dict[int, StoredItem] = field(default_factory=dict)  # by position
    most_usd: dict[int, float] = field(default_factory=dict)


class BatchCalls:
    """Buys answers in batch jobs."""

    def __init__(
        self,
        service: BatchService,
        ledger: Ledger,
        account: Account,
        endpoint: str,
        where: str,
        poll_s: float = 60.0,
        backoff_s: float = 1.0,
    ) -> None:
        """`where` names the service that knows the jobs; `poll_s` is the time between two looks at one."""
        self._where = where
        self._service = service
        self._ledger = ledger
        self._account = account
        self._endpoint = endpoint
        self._poll_s = poll_s
        self._backoff_s = backoff_s
        self._queue: list[_Asked] = []
        self._waiting: dict[str, _Asked] = {}  # in a job, by key
        self._jobs: set[asyncio.Task[None]] = set()
        self._submitting: set[asyncio.Task[None]] = set()
        self._at_work = 0
        self._stop_reason: BaseException | None = None
        self._taken_up = False
        self._stored_keys: set[str] = set()  # calls of earlier runs' jobs that have not been read yet
        self._lock = ledger.lock_batches()

    # what the engine asks for

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Somebody is at work who may ask: no round is closed meanwhile."""
        self._at_work += 1
        try:
            yield
        finally:
            self._at_work -= 1
            self._look_later()

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Somebody at work waits for something else than an answer."""
        self._at_work -= 1
        self._look_later()
        try:
            yield
        finally:
            self._at_work += 1

    async def buy(self, key: str, call: GeminiCall, attempt: int) -> Reply:
        """The answer to `call`, when a job has brought it.

        Raises CallError after the last round, Exhausted where the budget has no room for it, and what ends the run.
        """
        if self._stop_reason is not None:
            raise self._stop_reason.with_traceback(None)
        self._take_up()
        asked = _Asked(key, call, attempt, asyncio.get_running_loop().create_future())
        if key in self._stored_keys:
            self._waiting[key] = asked
        else:
            self._queue.append(asked)
        with self.idle():
            return await asked.answer

    def stop(self, reason: Exception) -> None:
        """Nobody waits any longer; jobs go on without us, and a later run collects what they bring."""
        self._fail_all(reason)
        if running := len(self._jobs):
            _LOG.info("%d batch jobs go on without us; run again to collect their answers", running)

    async def aclose(self) -> None:
        """Let submissions on their way finish, so that no job is left without its name, and stop polling."""
        self._fail_all(Interrupted("the run is over"))
        if self._submitting:
            await asyncio.wait(self._submitting, timeout=30)
        for task in [*self._submitting, *self._jobs]:
            task.cancel()
        await asyncio.gather(*self._submitting, *self._jobs, return_exceptions=True)
        self._lock.release()

    # jobs of earlier runs

    def _take_up(self) -> None:
        """Watch the jobs that an earlier run left."""
        if self._taken_up:
            return
        self._taken_up = True
        for stored in self._ledger.open_jobs(self._where):
            job = _Job(stored)
            for item in stored.items:
                most_usd = self._account.most_usd(item.call)
                self._account.budget.set_aside(most_usd)
                job.open[item.position] = item
                job.most_usd[item.position] = most_usd
                self._stored_keys.add(item.key)
            self._start(self._jobs, self._resume(job))

    async def _resume(self, job: _Job) -> None:
        name = job.stored.name
        if name is None:  # killed between writing it down and hearing of it
            name = await self._persistently(lambda: self._service.find(job.stored.display_name))
            if name is None:
                self._end(job, "never submitted")
                return
            self._ledger.name_job(job.stored.number, name)
        _LOG.info("batch job %s of an earlier run: %d answers to come", name, len(job.open))
        await self._watch(job, name)

    # rounds

    def _look_later(self) -> None:
        asyncio.get_running_loop().call_later(_SETTLE_S, self._look)

    def _look(self) -> None:
        try:
            self._close_round()
        except Exception as error:  # whoever waits must hear of it
            self._fail_all(error)

    def _close_round(self) -> None:
        """Send what has been asked, once nobody is at work."""
        self._queue = [asked for asked in self._queue if not asked.answer.done()]
        if self._at_work > 0 or not self._queue or self._stop_reason is not None:
            return
        going: list[_Asked] = []
        staying: list[_Asked] = []
        for asked in self._queue:
            asked.most_usd = self._account.most_usd(asked.call)
            fits = self._account.budget.try_reserve(asked.most_usd)
            (going if fits else staying).append(asked)
        self._queue = staying
        self._waiting |= {asked.key: asked for asked in going}
        if self._queue and not going and not self._jobs and not self._submitting:
            # Nothing is on its way whose price could turn out lower: the budget is spent.
            spent = self._account.budget.close(self._queue[0].most_usd)
            refused, self._queue = self._queue, []
            for asked in refused:
                _fail(asked, spent)
        by_key = {asked.key: asked for asked in going}
        for part in cut_into_jobs([JobItem(asked.key, asked.call) for asked in going]):
            self._start(self._submitting, self._submit([by_key[item.key] for item in part]))

    async def _submit(self, asked: Sequence[_Asked]) -> None:
        display_name = f"pydough-{uuid.uuid4().hex[:16]}"
        calls = [(one.key, one.call, one.attempt) for one in asked]
        job = _Job(self._ledger.begin_job(display_name, calls, self._endpoint, self._where))
        for item, one in zip(job.stored.items, asked, strict=True):
            one.rounds += 1
            job.open[item.position] = item
            job.most_usd[item.position] = one.most_usd
        items = [JobItem(one.key, one.call) for one in asked]
        tried = False

        async def submit() -> str:
            nonlocal tried
            if tried and (found := await self._service.find(display_name)):
                return found  # it was taken, only the answer was lost
            tried = True
            return await self._service.submit(display_name, items)

        try:
            name = await self._retried(submit)
        except CallError as error:
            self._account.counts.faults[error.kind] += 1
            found = await self._persistently(lambda: self._service.find(display_name))
            if found is None:
                self._end(job, "not submitted", str(error))
                return
            name = found
        except Exception as error:
            self._end(job, "refused", str(error), again=False)
            self._fail_all(error)
            return
        self._ledger.name_job(job.stored.number, name)
        self._account.counts.requests += len(items)
        _LOG.info("batch job %s: %d requests", name, len(items))
        self._start(self._jobs, self._watch(job, name))

    async def _watch(self, job: _Job, name: str) -> None:
        """Poll a job until it ends, and hand out what it brought."""
        while not (status := await self._persistently(lambda: self._service.status(name))).ended:
            await asyncio.sleep(self._poll_s)
        if status.gone:
            _LOG.warning("batch job %s: the service does not know it any more; its calls are asked again", name)
        else:
            await self._read_all(job, name)
        if job.open:
            _LOG.warning("batch job %s: %s, %d answers missing %s", name, status.state, len(job.open), status.detail)
        self._end(job, status.state, status.detail)

    async def _read_all(self, job: _Job, name: str) -> None:
        """Read a job's results, again where that is interrupted; what has been read is not read twice."""
        while True:
            try:
                return await self._retried(lambda: self._read(job, name))
            except CallError as error:
                _LOG.warning("batch job %s cannot be read (%s)", name, error)
                if error.kind == "bad_json":  # it will not get better
                    return

    async def _read(self, job: _Job, name: str) -> None:
        by_key = {item.key: position for position, item in job.open.items()}
        keyless: list[ItemResult] = []
        async for result in self._service.results(name):
            if not result.key:
                keyless.append(result)  # whose it is shows when all keys are known
            elif (position := by_key.get(result.key)) is not None and position in job.open:
                self._settle(job, position, result)
        for result in keyless:
            position = _place_of(result, job.open)
            if position is not None:
                self._settle(job, position, result)

    def _settle(self, job: _Job, position: int, result: ItemResult) -> None:
        """One item came back."""
        item = job.open.pop(position)
        most_usd = job.most_usd[position]
        self._stored_keys.discard(item.key)
        if result.response is None:
            detail = result.error or "no response"
            self._ledger.failed(item.number, f"batch_item: {detail}")
            self._account.budget.settle(most_usd, 0.0)
            self._again(item, detail)
            return
        reply = read_reply(result.response, item.call, ms=0.0)
        cost_usd = self._account.cost_usd(item.call, reply)
        self._ledger.answered(item.number, reply, response_json(result.response), cost_usd)
        self._account.budget.settle(most_usd, cost_usd or 0.0)
        asked = self._waiting.pop(item.key, None)
        if asked is None:  # of an earlier run, and nobody has asked again: it is paid for in this one
            self._account.enter(item.call, reply)
        elif not asked.answer.done():
            asked.answer.set_result(reply)

    def _end(self, job: _Job, state: str, detail: str = "", again: bool = True) -> None:
        """A job is over: what it did not bring goes into the next round."""
        self._ledger.end_job(job.stored.number, state, detail)
        for position, item in job.open.items():
            self._stored_keys.discard(item.key)
            self._account.budget.settle(job.most_usd[position], 0.0)
            if again:
                self._again(item, f"the job ended as {state} {detail}".strip())
        job.open.clear()
        self._look_later()

    def _again(self, item: StoredItem, detail: str) -> None:
        asked = self._waiting.pop(item.key, None)
        self._account.counts.faults["batch_item"] += 1
        if asked is None or asked.answer.done():
            return
        if asked.rounds >= _ROUNDS:
            _fail(asked, CallError(Fault("batch_item", detail, retry=True)))
        else:
            self._queue.append(asked)
            self._look_later()

    # faults

    def _fail_all(self, reason: BaseException) -> None:
        self._stop_reason = self._stop_reason or reason
        for asked in [*self._queue, *self._waiting.values()]:
            _fail(asked, reason)
        self._queue.clear()
        self._waiting.clear()

    async def _retried(self, call: Callable[[], Awaitable[T]]) -> T:
        """The result of `call`, tried again while that can help; CallError, or what ends the run."""
        retrying = AsyncRetrying(
            retry=retry_if_exception(lambda error: isinstance(error, CallError)),
            stop=stop_after_attempt(_ATTEMPTS),
            wait=wait_exponential_jitter(initial=self._backoff_s, max=60.0, jitter=self._backoff_s),
            reraise=True,
        )
        return await retrying(_classified, call)

    async def _persistently(self, call: Callable[[], Awaitable[T]]) -> T:
        """The same without end: a job that runs for hours outlives a service that is down for minutes."""
        while True:
            try:
                return await self._retried(call)
            except CallError as error:
                _LOG.warning("batch jobs cannot be looked at (%s); trying on", error)

    def _start(self, tasks: set[asyncio.Task[None]], work: Coroutine[Any, Any, None]) -> None:
        async def guarded() -> None:
            try:
                await work
            except Exception as error:  # whoever waits must hear of it
                self._fail_all(error)

        task = asyncio.ensure_future(guarded())
        tasks.add(task)
        task.add_done_callback(tasks.discard)
        task.add_done_callback(lambda _: self._look_later())


async def _classified(call: Callable[[], Awaitable[T]]) -> T:
    try:
        return await call()
    except (UserError, Interrupted):
        raise
    except Exception as error:
        fault = classify(error)
        if not fault.retry and fault.stop is None:
            raise
    # Raised outside the handler: an error's chain could carry what the message has masked.
    raise fault.stop if fault.stop is not None else CallError(fault)


def _place_of(result: ItemResult, still_open: dict[int, StoredItem]) -> int | None:
    """Whose a result without a known key is: by its place, or by the request that it echoes."""
    if result.position is not None:
        return result.position if result.position in still_open else None
    echo = echoed_request(result)
    return next((place for place, item in still_open.items() if echo and same_request(item.call) == echo), None)


def _fail(asked: _Asked, reason: BaseException) -> None:
    if not asked.answer.done():
        asked.answer.set_exception(reason)
