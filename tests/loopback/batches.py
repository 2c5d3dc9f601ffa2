"""Batch jobs, whichever API they came by: their items, their scripted faults, and how they go on poll by poll.

The routes and the JSON are in `developer_batches.py` and `vertex_batches.py`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from tests.loopback.faults import Fault, as_fault

BatchKind = Literal["none", "item_failed", "item_missing", "expired", "failed", "cancelled", "submit_lost", "status"]
Way = Literal["inline", "file", "vertex"]
ENDED = ("SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED")
_ITEMS_BEFORE_OTHERS = 50
_HTTP_OF_RPC = {
    3: (400, "INVALID_ARGUMENT"),
    4: (504, "DEADLINE_EXCEEDED"),
    5: (404, "NOT_FOUND"),
    7: (403, "PERMISSION_DENIED"),
    8: (429, "RESOURCE_EXHAUSTED"),
    13: (500, "INTERNAL"),
    14: (503, "UNAVAILABLE"),
}


@dataclass(frozen=True)
class BatchFault:
    """What happens to one submitted job.

    kind: "item_failed" (the items at `index`, one or several, fail with `code`, a google.rpc one, and `message`;
    with `keyless` they come back without their key), "item_missing" (they do not come back at all), "expired",
    "failed" and "cancelled" (how the job ends, without results), "submit_lost" (the job is made, but the
    connection is dropped before the answer), "status" (HTTP `status` for the submission, no job), "none".
    `details` are objects, as a google.rpc.Status carries them. `state`, such as "EXPIRED", forces the state in which a job with results ends.
    """

    kind: str
    index: int | Sequence[int] = 0
    code: int = 13
    message: str = "scripted batch fault"
    keyless: bool = False
    state: str = ""
    status: int = 503
    details: Sequence[Mapping[str, Any]] = ()

    def __post_init__(self) -> None:
        if self.kind not in get_args(BatchKind):
            raise ValueError(f"unknown batch fault {self.kind!r}; expected one of {', '.join(get_args(BatchKind))}")

    def hits(self, place: int, size: int) -> bool:
        """Whether the item at `place` of `size` is one of `index`; -1 is the last."""
        places = (self.index,) if isinstance(self.index, int) else self.index
        return self.kind in ("item_failed", "item_missing") and place in {at % size for at in places}


@dataclass(frozen=True)
class BatchItem:
    """One request of a job: the body as generateContent takes it, and what else came with it, key included."""

    body: dict[str, Any]
    extra: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class BatchResult:
    """What became of an item: a response or an error."""

    item: BatchItem
    response: dict[str, Any] | None = None
    error: dict[str, Any] | None = None
    keyless: bool = False

    @property
    def extra(self) -> dict[str, Any]:
        return {} if self.keyless else self.item.extra


@dataclass
class BatchJob:
    """A job's record. `size` is its number of items; `prompt_hashes` are those generateContent would have had."""

    name: str
    display_name: str
    way: Way
    model: str
    path: str  # generateContent's for the same model
    size: int
    time: float
    fault: BatchFault
    prompt_hashes: list[str] = field(default_factory=list)
    config: dict[str, Any] = field(default_factory=dict)  # as submitted
    state: str = "PENDING"
    error: dict[str, Any] | None = None
    polls: int = 0
    ended: float | None = None
    succeeded: int = 0
    failed: int = 0
    output: dict[str, Any] = field(default_factory=dict)  # where the results are, in the API's own words
    items: list[BatchItem] = field(default_factory=list)  # those not yet answered
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


Finish = Callable[[BatchJob, list[BatchResult]], Awaitable[None]]


class BatchQueue:
    """Jobs in the order of submission. `batch_faults` are used up one a submission, `poll_faults` one a poll.

    A job is done at its poll number `polls`, or, where `delay_s` is given, so long after its submission.
    """

    def __init__(
        self,
        answer: Callable[[str, dict[str, Any]], dict[str, Any]],
        clock: Callable[[], float],
        batch_faults: Iterable[BatchFault | Mapping[str, Any]] = (),
        poll_faults: Iterable[Fault | Mapping[str, Any]] = (),
        polls: int = 1,
        delay_s: float = 0.0,
    ) -> None:
        self.clock = clock
        self.jobs: list[BatchJob] = []
        self.deleted: set[str] = set()
        self.batch_faults: deque[BatchFault] = deque(
            fault if isinstance(fault, BatchFault) else BatchFault(**fault) for fault in batch_faults
        )
        self.poll_faults: deque[Fault] = deque(as_fault(fault) for fault in poll_faults)
        self._answer = answer
        self.polls = polls
        self._delay_s = delay_s

    def next_fault(self) -> BatchFault:
        return self.batch_faults.popleft() if self.batch_faults else BatchFault("none")

    def next_poll_fault(self) -> Fault:
        return self.poll_faults.popleft() if self.poll_faults else Fault("none")

    def find(self, name: str) -> BatchJob | None:
        return next((job for job in self.jobs if job.name == name and name not in self.deleted), None)

    def listed(self) -> list[BatchJob]:
        """Newest first, as the service lists them."""
        return [job for job in reversed(self.jobs) if job.name not in self.deleted]

    def cancel(self, job: BatchJob) -> None:
        """No effect on a job that has ended."""
        if job.state not in ENDED:
            self._end(job, "CANCELLED")

    def fail(self, job: BatchJob, message: str, code: int = 3) -> None:
        job.error = {"code": code, "message": message}
        self._end(job, "FAILED")

    async def settle(self, job: BatchJob, finish: Finish) -> None:
        """Let the job go on as far as its time has come; `finish` puts the results where they belong."""
        async with job.lock:
            due = self.clock() - job.time >= self._delay_s if self._delay_s else job.polls >= self.polls
            if job.state in ENDED:
                return
            if not due:
                job.state = "RUNNING"
            elif job.fault.kind == "failed":
                self.fail(job, job.fault.message, job.fault.code)
            elif job.fault.kind in ("expired", "cancelled"):
                self._end(job, job.fault.kind.upper())
            else:
                await self._run(job, finish)

    async def _run(self, job: BatchJob, finish: Finish) -> None:
        results, items = [], job.items
        for place, item in enumerate(items):
            if place % _ITEMS_BEFORE_OTHERS == _ITEMS_BEFORE_OTHERS - 1:
                await asyncio.sleep(0)  # other requests are served in between
            if not job.fault.hits(place, len(items)):
                results.append(BatchResult(item, response=self._answer(job.path, item.body)))
            elif job.fault.kind == "item_failed":
                error: dict[str, Any] = {"code": job.fault.code, "message": job.fault.message}
                if job.fault.details:
                    error["details"] = list(job.fault.details)
                results.append(BatchResult(item, error=error, keyless=job.fault.keyless))
        if job.state in ENDED:
            return  # cancelled meanwhile
        job.failed = sum(result.error is not None for result in results)
        job.succeeded = len(results) - job.failed
        await finish(job, results)
        partly = job.way == "vertex" and job.failed
        forced = job.fault.state.removeprefix("JOB_STATE_").removeprefix("BATCH_STATE_")
        self._end(job, forced or ("PARTIALLY_SUCCEEDED" if partly else "SUCCEEDED"))

    def _end(self, job: BatchJob, state: str) -> None:
        job.state = state
        job.ended = self.clock()
        job.items = []


def status_text(error: Mapping[str, Any]) -> tuple[int, str]:
    """The HTTP status and its name for a google.rpc code."""
    return _HTTP_OF_RPC.get(error["code"], (500, "UNKNOWN"))
