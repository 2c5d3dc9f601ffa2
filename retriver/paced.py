"""A retriever whose searches are paced like every other request to a service."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from retriver.backend import Retriever
from retriver.r2r_errors import R2RError
from retriver.r2r_rag import RagAnswer
from utils.core.records import Passage
from utils.gemini.faults import CallError, Fault
from utils.gemini.pacing import Pacer

Answer = TypeVar("Answer")
MOST_REQUESTS = 64  # at once; the pacer lets fewer through


class PacedRetriever:
    """Searches of a server from worker threads, spaced, bounded and retried by `pacer` on its event loop."""

    def __init__(self, inner: Retriever, pacer: Pacer, loop: asyncio.AbstractEventLoop) -> None:
        self._inner = inner
        self._pacer = pacer
        self._loop = loop
        # Whoever searches waits in a thread of the loop's own, so that the requests need others
        self._threads = ThreadPoolExecutor(MOST_REQUESTS, "search")

    def search(self, query: str, limit: int) -> list[Passage]:
        """As `Retriever.search`; call it from another thread than the loop's."""
        return self._run(lambda: self._inner.search(query, limit))

    def rag(self, question: str, limit: int, terms: list[str]) -> RagAnswer:
        """As `R2RRetriever.rag`; call it from another thread than the loop's."""
        return self._run(lambda: self._inner.rag(question, limit, terms))  # type: ignore[attr-defined]

    def _run(self, request: Callable[[], Answer]) -> Answer:
        errors: list[R2RError] = []

        def ask() -> Answer:
            try:
                return request()
            except R2RError as error:
                errors.append(error)
                raise

        attempt = self._pacer.run(lambda: self._loop.run_in_executor(self._threads, ask), _classify)
        try:
            return asyncio.run_coroutine_threadsafe(attempt, self._loop).result()
        except CallError as error:
            raise (errors[-1] if errors else error) from None


def _classify(error: BaseException) -> Fault:
    """A refusal of one request ends that request only; one that every request would meet ends them all."""
    if isinstance(error, R2RError) and error.retryable:
        return Fault("r2r", str(error), retry=True)
    return Fault("r2r", str(error), retry=False, stop=error if isinstance(error, R2RError) and error.fatal else None)
