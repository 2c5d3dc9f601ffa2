"""Samples that are asked for together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from utils.gemini.calls import GeminiCall, Reply
from utils.generation.sampling import Sampler, SamplingSettings


class _Places:
    """Counts who is at work as an engine does, and notes when a round could be closed."""

    def __init__(self) -> None:
        self.at_work_now = 1  # the row that samples
        self.closed: list[int] = []  # so many had asked by then
        self._answers: list[asyncio.Future[Reply]] = []

    def _change(self, by: int) -> None:
        self.at_work_now += by
        if self.at_work_now == 0:
            self.closed.append(len(self._answers))

    @contextmanager
    def at_work(self) -> Iterator[None]:
        self._change(1)
        try:
            yield
        finally:
            self._change(-1)

    @contextmanager
    def idle(self) -> Iterator[None]:
        self._change(-1)
        try:
            yield
        finally:
            self._change(1)

    async def ask(self, call: GeminiCall, attempt: int = 0) -> Reply:
        answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
        self._answers.append(answer)
        with self.idle():
            return await answer

    def reply(self, number: int) -> None:
        self._answers[number].set_result(Reply(model="m", status="ok", text=f"```python\nresult = t{number}\n```"))


@pytest.mark.parametrize("order", [(0, 1, 2), (2, 0, 1)])
def test_a_round_is_closed_while_all_wait_and_never_between_the_last_answer_and_the_row(order: tuple[int, ...]) -> None:
    places = _Places()
    sampler = Sampler(places, SamplingSettings("m", together=True), "1")  # type: ignore[arg-type]

    async def run() -> list[str | None]:
        async def programs() -> list[str | None]:
            return [sample.program async for _, sample in sampler.samples("s", (("user", "q"),), 3)]

        row = asyncio.ensure_future(programs())
        for _ in range(10):
            await asyncio.sleep(0)
        assert places.closed == [3]
        for count, number in enumerate(order, 1):
            places.reply(number)
            for _ in range(10):
                await asyncio.sleep(0)
            assert places.at_work_now == (0 if count < 3 else 1)  # who still waits may go out in another round
        return await row

    assert asyncio.run(run()) == ["result = t0", "result = t1", "result = t2"]
    assert places.closed == [3, 3, 3] and places.at_work_now == 1
