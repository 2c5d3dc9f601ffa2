"""Answers from the ledger, or else from the model: paced, retried, recorded, counted."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from google import genai

from utils.core.settings import Settings
from utils.gemini.calls import GeminiCall, Reply, Usage, call_key
from utils.gemini.client import endpoint_name, make_client
from utils.gemini.errors import classify
from utils.gemini.ledger import Ledger
from utils.gemini.outcomes import read_reply, request_config, request_contents
from utils.gemini.pacing import Pacer


@dataclass
class Counts:
    """A run's account. `usage` is what this run's own calls used; what came from the ledger is not in it."""

    calls: int = 0
    from_ledger: int = 0
    requests: int = 0  # attempts, failed ones included
    usage: Usage = field(default_factory=Usage)
    statuses: Counter[str] = field(default_factory=Counter)  # of this run's own calls
    faults: Counter[str] = field(default_factory=Counter)  # failed attempts by kind

    def __str__(self) -> str:
        parts = [f"{self.calls} calls ({_listed(self.statuses)})" if self.calls else "0 calls"]
        parts.append(f"{self.from_ledger} from the ledger")
        parts.append(f"{self.requests} requests" + (f" (failed: {_listed(self.faults)})" if self.faults else ""))
        used = self.usage
        parts.append(
            f"tokens: {used.prompt} prompt ({used.cached} cached), {used.output} output, {used.thoughts} thoughts"
        )
        return "; ".join(parts)


class GeminiEngine:
    """Asks a model and remembers; use as `async with open_engine(...) as engine`."""

    def __init__(self, client: genai.Client, ledger: Ledger, pacer: Pacer, endpoint: str) -> None:
        """`endpoint` says who answers (see `endpoint_name`); the ledger keeps each one's answers apart."""
        self._client = client
        self._ledger = ledger
        self._pacer = pacer
        self._endpoint = endpoint
        self._asking: dict[str, asyncio.Event] = {}
        self._counts = Counts()

    async def __aenter__(self) -> GeminiEngine:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._client.aio.aclose()
        self._client.close()
        self._ledger.close()

    @property
    def counts(self) -> Counts:
        """What this engine has done so far."""
        self._counts.requests = self._pacer.sent
        self._counts.faults = self._pacer.faults
        return self._counts

    def stop(self, reason: Exception) -> None:
        """Send nothing more; requests in flight finish, every later `ask` of the model raises `reason`."""
        self._pacer.stop(reason)

    async def ask(self, call: GeminiCall, attempt: int = 0) -> Reply:
        """The stored answer to `call`, or a new one, stored before it is returned.

        `attempt` numbers the samples of one prompt: another number asks again. Raises CallError when
        every try failed, UserError or Interrupted when asking on is useless.
        """
        key = call_key(call, attempt, self._endpoint)
        while (other := self._asking.get(key)) is not None:
            await other.wait()  # the same question is on its way: do not pay twice
        if (stored := self._ledger.get(key)) is not None:
            self._counts.from_ledger += 1
            return stored
        done = self._asking[key] = asyncio.Event()
        try:
            reply = await self._pacer.run(lambda: self._send(call), classify)
            self._ledger.put(key, call, reply, attempt)
        finally:
            del self._asking[key]
            done.set()
        self._counts.calls += 1
        self._counts.statuses[reply.status] += 1
        self._counts.usage += reply.usage
        return reply

    async def _send(self, call: GeminiCall) -> Reply:
        started = time.perf_counter()
        response = await self._client.aio.models.generate_content(
            model=call.model, contents=request_contents(call), config=request_config(call)
        )
        return read_reply(response, call, ms=1000 * (time.perf_counter() - started))


def open_engine(
    settings: Settings,
    *,
    ledger_path: Path,
    rpm: float | None,
    concurrency: int,
    base_url: str | None = None,
    vertex: bool | None = None,
    attempts: int = 6,
    timeout_s: float = 120.0,
) -> GeminiEngine:
    """An engine as the settings and flags say; see `make_client` and `Pacer` for their meaning and errors."""
    client = make_client(settings, base_url, timeout_s, vertex)
    pacer = Pacer(rpm, concurrency, attempts, timeout_s)
    return GeminiEngine(client, Ledger(ledger_path), pacer, endpoint_name(base_url))


def _listed(counter: Counter[str]) -> str:
    return ", ".join(f"{kind} {count}" for kind, count in sorted(counter.items()))
