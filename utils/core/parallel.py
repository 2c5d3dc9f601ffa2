"""Work on a stream of items in several processes, in its order, with memory that does not grow with the stream."""

from __future__ import annotations

import multiprocessing
import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

Item = TypeVar("Item")
Result = TypeVar("Result")

BATCH = 500  # items that a process is given at once
FEW = 2_000  # items that are not worth starting processes for


def map_batches(
    items: Iterable[Item], work: Callable[[list[Item]], Result], workers: int | None = None
) -> Iterator[Result]:
    """Yield `work` of batches of the items, in their order.

    `work` goes to each process once (default: one process a core) and must be picklable, as must items and results.
    """
    stream = iter(items)
    first = list(islice(stream, FEW))
    if len(first) < FEW:
        yield from (work(batch) for batch in _batches(first))
        return
    count = workers or os.cpu_count() or 1
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([_module_of(work)])  # loaded once, its memory shared
    with ProcessPoolExecutor(count, context, initializer=_hold, initargs=(work,)) as pool:
        waiting: deque[Future[Result]] = deque()
        for batch in _batches(chain(first, stream)):
            waiting.append(pool.submit(_do, batch))
            if len(waiting) > 3 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


def _module_of(work: Callable[..., Any]) -> str:
    return str((work.func if isinstance(work, partial) else work).__module__)


def _batches(items: Iterable[Item]) -> Iterator[list[Item]]:
    stream = iter(items)
    while batch := list(islice(stream, BATCH)):
        yield batch


_work: Callable[[list[Any]], Any] | None = None


def _hold(work: Callable[[list[Any]], Any]) -> None:
    """Keep in a process what it does with every batch."""
    global _work
    _work = work


def _do(batch: list[Any]) -> Any:
    assert _work is not None
    return _work(batch)
