"""Work on a stream of items in several processes, in its order, with memory that does not grow with the stream."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from contextlib import contextmanager
from functools import partial
from itertools import chain, islice
from typing import Any, TypeVar

from utils.core.forking import fork_server

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
    context = fork_server(_module_of(work))
    with ProcessPoolExecutor(count, context, initializer=_hold, initargs=(work,)) as pool:
        waiting: deque[Future[Result]] = deque()
        for batch in _batches(chain(first, stream)):
            with _without_main():
                waiting.append(pool.submit(_do, batch))
            if len(waiting) > 3 * count:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()


@contextmanager
def _without_main() -> Iterator[None]:
    """Hide the script that was started: a process started meanwhile would import it, and all that it imports."""
    names = vars(sys.modules["__main__"])
    hidden: dict[str, Any] = {name: names[name] for name in ("__spec__", "__file__") if name in names}
    names.update(dict.fromkeys(hidden))
    try:
        yield
    finally:
        names.update(hidden)


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
