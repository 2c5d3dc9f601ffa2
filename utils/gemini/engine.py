"""Answers from the ledger, or else from the model: bought once, recorded, counted."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from pathlib import Path
from typing import Protocol

from google import genai

from utils.core.console import UserError
from utils.core.settings import Settings
from utils.gemini.account import Account, Counts
from utils.gemini.batch import BatchCalls
from utils.gemini.batch_service import BatchService, DeveloperBatches, VertexBatches
from utils.gemini.calls import GeminiCall, Reply, call_key
from utils.gemini.client import endpoint_name, make_client
from utils.gemini.ledger import Ledger, Mode
from utils.gemini.online import OnlineCalls
from utils.gemini.pacing import Pacer
from utils.gemini.prices import Prices
from utils.gemini.quota_day import DailyLimit


class Buyer(Protocol):
    """What brings answers that the ledger does not have: one request each, or in batch jobs."""

    async def buy(self, key: str, call: GeminiCall, attempt: int) -> Reply:
        """A new answer, stored before it is returned."""

    def stop(self, reason: Exception) -> None:
        """Buy nothing more."""

    def at_work(self) -> AbstractContextManager[None]:
        """The caller may ask within the block."""

    def idle(self) -> AbstractContextManager[None]:
        """A caller at work waits for something else within the block."""

    async def aclose(self) -> None:
        """Leave nothing unfinished that cannot be taken up again."""


class GeminiEngine:
    """Asks a model and remembers; use as `async with open_engine(...) as engine`."""

    def __init__(
        self, buyer: Buyer, ledger: Ledger, account: Account, endpoint: str, client: genai.Client | None = None
    ) -> None:
        """`endpoint` says who answers (see `endpoint_name`); the ledger keeps each one's answers apart.

        `ledger` and `client` are closed with the engine.
        """
        self._client = client
        self._buyer = buyer
        self._ledger = ledger
        self._endpoint = endpoint
        self._asking: dict[str, asyncio.Event] = {}
        self._since: str | None = None
        self._run = ""
        self.account = account

    async def __aenter__(self) -> GeminiEngine:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self._buyer.aclose()
        if self._client is not None:
            await self._client.aio.aclose()
            self._client.close()
        self._ledger.close()

    @property
    def counts(self) -> Counts:
        """What this engine has done so far."""
        return self.account.counts

    def at_work(self) -> AbstractContextManager[None]:
        """Within the block the caller may ask: batch jobs go out when everybody at work waits for an answer."""
        return self._buyer.at_work()

    def idle(self) -> AbstractContextManager[None]:
        """Within the block a caller at work waits for something else than an answer."""
        return self._buyer.idle()

    def begin_run(self, name: str) -> None:
        """Take up the run of this name where it was left, or begin it; `finish_run` ends it.

        Within one run an answer that was withheld or cut is not asked for again, however often the run is resumed.
        """
        self._run = name
        self._since = self._ledger.begin_run(name)

    def finish_run(self) -> None:
        """The run has come to its end: asked again later, withheld and cut answers get another chance."""
        self._ledger.finish_run(self._run)

    def stop(self, reason: Exception) -> None:
        """Send nothing more; requests in flight finish, every later `ask` of the model raises `reason`."""
        self._buyer.stop(reason)

    async def ask(self, call: GeminiCall, attempt: int = 0) -> Reply:
        """The stored answer to `call`, or a new one, stored before it is returned.

        `attempt` numbers the samples of one prompt: another number asks again. Raises CallError when
        every try failed, UserError or Interrupted (Exhausted for quota and budget) when asking on is useless.
        """
        key = call_key(call, attempt, self._endpoint)
        while (other := self._asking.get(key)) is not None:
            with self.idle():
                await other.wait()  # the same question is on its way: do not pay twice
        if (stored := self._ledger.get(key, self._since)) is not None:
            self.counts.from_ledger += 1
            return stored
        done = self._asking[key] = asyncio.Event()
        try:
            reply = await self._buyer.buy(key, call, attempt)
        finally:
            del self._asking[key]
            done.set()
        self.account.enter(call, reply)
        return reply


def open_engine(
    settings: Settings,
    *,
    ledger_path: Path,
    model: str,
    rpm: float | None,
    concurrency: int,
    tpm: int | None = None,
    rpd: int | None = None,
    max_cost_usd: float | None = None,
    prices: Prices | None = None,
    base_url: str | None = None,
    vertex: bool | None = None,
    attempts: int = 6,
    timeout_s: float = 120.0,
    backoff_s: float = 1.0,
    adaptive: bool = True,
    mode: Mode = "online",
    poll_s: float = 60.0,
) -> GeminiEngine:
    """An engine as the settings and flags say; see `make_client`, `Pacer`, `Account` for their meaning and errors.

    `mode` "batch" collects calls into batch jobs, looked at every `poll_s` seconds; pacing then has nothing to do.
    """
    client = make_client(settings, base_url, timeout_s, vertex)
    endpoint = endpoint_name(base_url)
    account = Account(prices, max_cost_usd, batch=mode == "batch")
    account.price(model)  # a cap that cannot be kept is told before anything is sent
    ledger = Ledger(ledger_path)
    account.estimator.learn_all(ledger.recent(model, endpoint))
    buyer: Buyer
    if mode == "batch":
        service = _batch_service(client, settings)
        place = f"{endpoint} {'vertex' if client.vertexai else 'developer'}"
        buyer = BatchCalls(service, ledger, account, endpoint, place, poll_s, backoff_s)
        return GeminiEngine(buyer, ledger, account, endpoint, client)
    daily = DailyLimit(rpd, lambda moment: ledger.sent_since(moment, endpoint, model)) if rpd else None
    gate = daily.take if daily else None
    recent = ledger.last_minute(model, endpoint, datetime.now(UTC))
    pacer = Pacer(rpm, concurrency, attempts, timeout_s, backoff_s, tpm, adaptive, gate, recent)
    buyer = OnlineCalls(client, ledger, pacer, account, endpoint)
    return GeminiEngine(buyer, ledger, account, endpoint, client)


def _batch_service(client: genai.Client, settings: Settings) -> BatchService:
    if not client.vertexai:
        return DeveloperBatches(client)
    if settings.gcs_bucket is None:
        raise UserError("batch jobs on Vertex AI: set GCS_BUCKET (gs://bucket or gs://bucket/folder) in .env")
    return VertexBatches(client, f"{settings.gcs_bucket.rstrip('/')}/batches", settings.gcp_project)
