"""A server's searches through the pacer: from more threads than the loop has, and what failures become."""

from __future__ import annotations

import asyncio
import os
import time
from collections.abc import Callable

import pytest

from retriver.paced import PacedRetriever
from retriver.r2r_errors import R2RError
from utils.core.records import Passage
from utils.gemini.pacing import Pacer

ROWS = 4 * ((os.cpu_count() or 1) + 4)  # asyncio's own threads are cpu + 4


class _Server:
    def __init__(self, *failures: Exception) -> None:
        self.failures = list(failures)
        self.asked = 0

    def search(self, query: str, limit: int) -> list[Passage]:
        self.asked += 1
        if self.failures:
            raise self.failures.pop(0)
        time.sleep(0.005)
        return [Passage(passage_id=query, path="p", text="t")]


def _searches(server: _Server, rows: int, concurrency: int = 8) -> list[object]:
    async def main() -> list[object]:
        paced = PacedRetriever(server, Pacer(None, concurrency, attempts=2, backoff_s=0.01), asyncio.get_running_loop())
        searches = (asyncio.to_thread(paced.search, str(row), 1) for row in range(rows))
        return await asyncio.wait_for(asyncio.gather(*searches, return_exceptions=True), timeout=30)

    return asyncio.run(main())


def test_more_rows_than_threads_are_searched_for() -> None:
    found = _searches(_Server(), ROWS)
    assert [passages[0].passage_id for passages in found] == [str(row) for row in range(ROWS)]  # type: ignore[index]


def test_a_passing_failure_is_tried_again() -> None:
    server = _Server(R2RError("slow down", retryable=True))
    assert len(_searches(server, 1)) == 1
    assert server.asked == 2


def test_a_refused_search_ends_none_of_the_others() -> None:
    server = _Server(R2RError("query too long (422)"))
    refused, *others = _searches(server, 8, concurrency=1)
    assert isinstance(refused, R2RError)
    assert str(refused) == "query too long (422)"
    assert [passages[0].passage_id for passages in others] == [str(row) for row in range(1, 8)]  # type: ignore[index]


def test_what_every_search_would_meet_ends_them_all() -> None:
    server = _Server(R2RError("no key (401)", fatal=True))
    assert {str(error) for error in _searches(server, 8, concurrency=1)} == {"no key (401)"}
    assert server.asked == 1


@pytest.mark.parametrize("make", [lambda: R2RError("slow", retryable=True), lambda: R2RError("no key", fatal=True)])
def test_what_fails_is_told_in_the_servers_own_words(make: Callable[[], R2RError]) -> None:
    (error,) = _searches(_Server(make(), make()), 1)
    assert isinstance(error, R2RError)
    assert str(error) == str(make())
    assert error.fatal is make().fatal
