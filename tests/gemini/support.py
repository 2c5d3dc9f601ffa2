"""What the tests of this room share: settings with a key, an engine on a loopback server, one call."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from google.genai import types
from pydantic import SecretStr

from tests.loopback.gemini_server import LoopbackGemini
from utils.core.settings import Settings
from utils.gemini.calls import GeminiCall
from utils.gemini.engine import GeminiEngine, open_engine
from utils.gemini.ledger import Ledger, response_json
from utils.gemini.outcomes import read_reply

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
    **options: Any,
) -> GeminiEngine:
    """Like `open_engine`, with waits short enough for tests."""
    return open_engine(
        settings,
        ledger_path=folder / "ledger.sqlite",
        model="gemini-test",
        base_url=server.base_url,
        **({"rpm": None, "concurrency": 8, "attempts": 3, "timeout_s": 5.0, "backoff_s": 0.01} | options),
    )


def put(ledger: Ledger, key: str, asked: GeminiCall, text: str, finish: str = "STOP", attempt: int = 0) -> int:
    """Write a call and its answer down as an engine would; the call's number."""
    candidate = {"content": {"role": "model", "parts": [{"text": text}]}, "finish_reason": finish}
    usage = {"prompt_token_count": 3, "candidates_token_count": 2, "total_token_count": 5}
    response = types.GenerateContentResponse.model_validate({"candidates": [candidate], "usage_metadata": usage})
    number = ledger.sent(key, asked, attempt, "loopback")
    ledger.answered(number, read_reply(response, asked, 1.5), response_json(response), 0.25)
    return number
