"""A scripted model behind the real SDK, and the loop that asks it, with real proof on a real database."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from tests.generation.support import QUESTION, TEXT, FixedRetriever, engine_on
from tests.loopback.gemini_server import LoopbackGemini
from utils.core.paths import WorkDir
from utils.core.records import Example, Question
from utils.databases.catalog import DatabaseEntry, built_in_entries
from utils.generation.loop import Generator
from utils.generation.opening import GenerationSettings
from utils.generation.sampling import SamplingSettings
from utils.generation.similar import ExamplePool
from utils.proof.runner import Prover

POOL = ExamplePool(
    [Example(question_id="e", db_name="tpch", question="How many parts?", status="accepted", program="result = parts")]
)


@pytest.fixture(scope="module")
def prover() -> Iterator[Prover]:
    with Prover(workers=1) as prover:
        yield prover


@pytest.fixture
def entry(databases: WorkDir) -> DatabaseEntry:
    return built_in_entries(databases)["tpch"]


SAMPLING = {field.name for field in fields(SamplingSettings)}


def _settings(**given: Any) -> GenerationSettings:
    sampling = {name: given.pop(name) for name in list(given) if name in SAMPLING}
    return GenerationSettings(SamplingSettings(**({"model": "gemini-test"} | sampling)), "1.0.33", **given)


class Model:
    """A server with a script for TEXT, and the loop asking it."""

    def __init__(self, prover: Prover, entry: DatabaseEntry, folder: Path, *script: Any, **server: Any) -> None:
        self._prover, self._entry, self._folder = prover, entry, folder
        self._script, self._options = script, server
        self.retriever = FixedRetriever()
        self.requests: list[dict[str, Any]] = []

    def generate(self, question: Question = QUESTION, **settings: Any) -> Example:
        async def main(server: LoopbackGemini) -> Example:
            async with engine_on(server, self._folder) as engine:
                generation = _settings(**settings)
                loop = Generator(
                    engine, self._prover, self.retriever, POOL, lambda entry: f"# {entry.name}", generation
                )
                return await loop.generate(question, self._entry)

        with LoopbackGemini({TEXT: self._script}, **self._options) as server:
            try:
                return asyncio.run(main(server))
            finally:
                self.requests += [request.body for request in server.requests]


@pytest.fixture
def model(prover: Prover, entry: DatabaseEntry, tmp_path: Path) -> Any:
    return lambda *script, **server: Model(prover, entry, tmp_path, *script, **server)
