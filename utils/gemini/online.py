"""Calls sent one by one: paced, retried, written down, and never beyond the budget."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

from google import genai

from utils.gemini.account import Account
from utils.gemini.budget import SetAside
from utils.gemini.calls import GeminiCall, Reply
from utils.gemini.errors import UnreadableAnswerError, classify
from utils.gemini.ledger import Ledger, response_json
from utils.gemini.outcomes import read_reply, request_config, request_contents
from utils.gemini.pacing import Pacer

# What was sent and then went wrong in one of these ways may have been answered, and charged.
_DOUBTFUL = frozenset({"timeout", "dropped", "bad_json", "bad_answer"})


class OnlineCalls:
    """Buys answers from generateContent."""

    def __init__(self, client: genai.Client, ledger: Ledger, pacer: Pacer, account: Account, endpoint: str) -> None:
        self._client = client
        self._ledger = ledger
        self._pacer = pacer
        self._account = account
        self._endpoint = endpoint

    def stop(self, reason: Exception) -> None:
        """Send nothing more; what is in flight finishes."""
        self._pacer.stop(reason)

    @contextmanager
    def at_work(self) -> Iterator[None]:
        """Nothing depends on who else may ask."""
        yield

    @contextmanager
    def idle(self) -> Iterator[None]:
        """Nothing depends on who waits."""
        yield

    async def aclose(self) -> None:
        """Nothing is left behind."""

    async def buy(self, key: str, call: GeminiCall, attempt: int) -> Reply:
        """A new answer, stored before it is returned; errors as `Pacer.run`, and Exhausted from the budget."""
        aside = SetAside(self._account.budget, self._account.most_usd(call))
        cost_usd: float | None = None
        try:
            reply, cost_usd = await self._pacer.run(
                lambda: self._send(key, call, attempt, aside),
                classify,
                self._account.estimator.reserve(call),
                lambda bought: self._account.prompt_tokens(call, bought[0]),
                aside.take,
            )
        finally:
            aside.settle(cost_usd or 0.0)
            self._account.counts.requests = self._pacer.sent
            self._account.counts.faults = self._pacer.faults
        return reply

    async def _send(self, key: str, call: GeminiCall, attempt: int, aside: SetAside) -> tuple[Reply, float | None]:
        number = self._ledger.sent(key, call, attempt, self._endpoint)
        started = time.perf_counter()
        error: Exception | None = None
        try:
            response = await self._client.aio.models.generate_content(
                model=call.model, contents=request_contents(call), config=request_config(call)
            )
            reply = read_reply(response, call, ms=round(1000 * (time.perf_counter() - started), 1))
        except asyncio.CancelledError:  # at the time limit, or because the run is cut
            self._lost(number, "timeout: no answer in time", aside)
            raise
        except Exception as raised:
            error, fault = raised, classify(raised)
            if not fault.retry and fault.stop is None:  # an answer may break the SDK in any way: it costs its row only
                error = UnreadableAnswerError(f"{type(raised).__name__} {raised}")
                fault = classify(error)
            if fault.kind in _DOUBTFUL:
                self._lost(number, f"{fault.kind}: {fault.detail}", aside)
            else:
                self._ledger.failed(number, f"{fault.kind}: {fault.detail}")
            if error is raised:
                raise
        if error is not None:
            raise error
        cost_usd = self._account.cost_usd(call, reply)
        self._ledger.answered(number, reply, response_json(response), cost_usd)
        return reply, cost_usd

    def _lost(self, number: int, detail: str, aside: SetAside) -> None:
        self._ledger.failed(number, detail)
        aside.doubt()
