"""What the tests of this room share: an engine on a loopback server with short waits."""

from __future__ import annotations

from pathlib import Path

from pydantic import SecretStr

from tests.loopback.gemini_server import LoopbackGemini
from utils.core.records import Passage, Question
from utils.core.settings import Settings
from utils.gemini.engine import GeminiEngine, open_engine

TEXT = "How many nations are there?"
RIGHT = "result = TPCH.CALCULATE(n=COUNT(nations))"
WRONG = "result = TPCH.CALCULATE(n=COUNT(regions))"
QUESTION = Question(question_id="q", db_name="TPCH", question=TEXT, gold_sql="SELECT COUNT(*) FROM nation")
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
    return open_engine(
        Settings(google_api_key=SecretStr("loopback-key-8150")),
        ledger_path=folder / "ledger.sqlite",
        model="gemini-test",
        rpm=None,
        concurrency=4,
        base_url=server.base_url,
        attempts=attempts,
        timeout_s=5.0,
        backoff_s=0.01,
    )
