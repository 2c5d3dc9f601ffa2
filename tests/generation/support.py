"""What the tests of this room share: an engine on a loopback server with short waits."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from tests.loopback.gemini_server import LoopbackGemini
from utils.core.records import Passage
from utils.core.settings import Settings
from utils.gemini.client import endpoint_name, make_client
from utils.gemini.engine import GeminiEngine
from utils.gemini.ledger import Ledger
from utils.gemini.pacing import Pacer

PASSAGES = [Passage(passage_id="1", path="a.md > COUNT", text="COUNT(x) counts.")]


class FixedRetriever:
    """Finds the same passages whatever is asked, and remembers what was."""

    def __init__(self, passages: list[Passage] | None = None) -> None:
        self.passages = PASSAGES if passages is None else passages
        self.queries: list[tuple[str, int]] = []

    def search(self, query: str, limit: int) -> list[Passage]:
        self.queries.append((query, limit))
        return self.passages[:limit]


def engine_on(server: LoopbackGemini, folder: Path, attempts: int = 2) -> GeminiEngine:
    settings = Settings(google_api_key=SecretStr("loopback-key-8150"))
    return GeminiEngine(
        make_client(settings, server.base_url, 5.0),
        Ledger(folder / "ledger.sqlite"),
        Pacer(None, 4, attempts, 5.0, 0.01),
        endpoint_name(server.base_url),
    )
