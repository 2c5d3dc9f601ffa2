"""Characters a token, by what a server on loopback counted."""

from __future__ import annotations

import asyncio
import sqlite3
from pathlib import Path

import pytest

from tests.gemini.support import call, engine_on
from tests.loopback.gemini_server import LoopbackGemini
from utils.gemini.calibration import FEWEST, characters_per_token
from utils.gemini.calls import GeminiCall


def _ask_all(folder: Path, calls: list[GeminiCall]) -> None:
    async def ask(server: LoopbackGemini) -> None:
        async with engine_on(server, folder) as engine:
            await asyncio.gather(*(engine.ask(one) for one in calls))

    with LoopbackGemini(default="fine") as server:
        asyncio.run(ask(server))


def _count_as(ledger: Path, tokens: dict[str, int]) -> None:
    """Have the service have counted so many tokens in prompts, by a word that they hold."""
    with sqlite3.connect(ledger) as connection:
        for word, count in tokens.items():
            connection.execute(
                "UPDATE calls SET prompt_tokens = ? WHERE key IN (SELECT key FROM prompts WHERE call LIKE ?)",
                (count, f"%{word}%"),
            )


def test_no_ledger_or_few_prompts_say_nothing(tmp_path: Path) -> None:
    assert characters_per_token(tmp_path / "ledger.sqlite") is None
    _ask_all(tmp_path, [call(f"plain {number}") for number in range(FEWEST - 1)])
    assert characters_per_token(tmp_path / "ledger.sqlite") is None


def test_the_densest_prompts_decide_and_a_count_that_cannot_be_does_not(tmp_path: Path) -> None:
    plain = [call(f"plain {number:02} {'word ' * 79}") for number in range(97)]
    dense = [call(f"dense {number:02} {'word ' * 79}") for number in range(10)]
    broken = [call(f"broken {number} {'word ' * 79}") for number in range(2)]
    _ask_all(tmp_path, [*plain, *dense, *broken])
    ledger = tmp_path / "ledger.sqlite"
    characters = plain[0].characters
    _count_as(ledger, {"plain": characters // 4, "dense": characters // 2, "broken": 1_000_000})
    assert characters_per_token(ledger) == pytest.approx(1.9)  # 2.0 less 5 %, a step of 0.1 down
    _count_as(ledger, {"dense": characters // 4})
    assert characters_per_token(ledger) == pytest.approx(3.8)
