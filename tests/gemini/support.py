"""What the tests of this room share: settings with a key, an engine on a loopback server, one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from pydantic import SecretStr

from tests.loopback.gemini_server import LoopbackGemini
from utils.core.settings import Settings
from utils.gemini.calls import GeminiCall
from utils.gemini.client import endpoint_name, make_client
from utils.gemini.engine import GeminiEngine
from utils.gemini.ledger import Ledger
from utils.gemini.pacing import Pacer

KEY = "loopback-key-4711"
WITH_KEY = Settings(google_api_key=SecretStr(KEY))
WITH_VERTEX = Settings(gcp_project="shop", gcp_project_location="europe-west4")


def call(question: str = "How many clerks?", **changes: Any) -> GeminiCall:
    return GeminiCall(**{"model": "gemini-test", "contents": [("user", question)], "temperature": 0.5} | changes)


def engine_on(
    server: LoopbackGemini,
    folder: Path,
    *,
    settings: Settings = WITH_KEY,
    rpm: float | None = None,
    concurrency: int = 8,
    attempts: int = 3,
    timeout_s: float = 5.0,
    backoff_s: float = 0.01,
) -> GeminiEngine:
    """Like `open_engine`, with waits short enough for tests."""
    return GeminiEngine(
        make_client(settings, server.base_url, timeout_s),
        Ledger(folder / "ledger.sqlite"),
        Pacer(rpm, concurrency, attempts, timeout_s, backoff_s),
        endpoint_name(server.base_url),
    )
