"""Stage 3's second pass: the questions of its synthetic rows in a person's words, where those lead back."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Iterable, Iterator
from itertools import islice
from pathlib import Path

from retriver.backend import Retriever
from utils.core.console import Progress
from utils.core.jsonl import read_records, to_line, whole_file
from utils.core.paths import WorkDir
from utils.core.questions import SYNTHETIC
from utils.core.records import Example
from utils.databases.catalog import find_entry
from utils.databases.entries import schema_text
from utils.gemini.arguments import rows_at_once
from utils.gemini.client import endpoint_name
from utils.gemini.engine import GeminiEngine
from utils.gemini.prices import Prices
from utils.gemini.rows import run_rows
from utils.generation.loop import Generator
from utils.generation.paraphrase import (
    PARAPHRASED,
    AskedQuestions,
    Paraphraser,
    Turn,
    round_trip_pool,
    round_trip_settings,
    strict,
)
from utils.generation.paraphrase_forecast import PROMPTS_TO_ESTIMATE, in_brief, paraphrase_forecast
from utils.generation.plan import StagePlan
from utils.proof.runner import Prover


async def paraphrase_all(
    args: argparse.Namespace,
    plan: StagePlan,
    composed: Path,
    engine: GeminiEngine,
    prover: Prover,
    retriever: Retriever,
) -> Paraphraser:
    """Write the stage's file from the rows in `composed`; the paraphraser knows what became of their questions.

    Stopped half-way by a signal it leaves no output, but ledger and verdict cache keep all that was paid for.
    """
    first = list(islice(filter(_is_to_rewrite, read_records(composed, Example)), PROMPTS_TO_ESTIMATE))
    programs = [example.program or "" for example in read_records(composed, Example) if _is_to_rewrite(example)]
    pool = round_trip_pool(plan, programs)
    ledger, endpoint = WorkDir(args.work_dir).ledger, endpoint_name(args.base_url)
    expected = await asyncio.to_thread(
        paraphrase_forecast, plan, pool, first, len(programs), _asked(composed), retriever, ledger, endpoint
    )
    print(f"Gemini: {in_brief(expected, plan.generation, Prices(args.prices))}", flush=True)
    generation = round_trip_settings(plan.generation)
    generator = Generator(engine, prover, retriever, pool, schema_text, generation, strict(plan.proof))
    paraphraser = Paraphraser(engine, generator, plan.generation.sampling, _asked(composed))

    async def work(placed: tuple[Example, Turn | None]) -> Example:
        example, turn = placed
        if turn is None:
            return example
        return await paraphraser.rewritten(example, find_entry(plan.entries, example.db_name), turn)

    with whole_file(plan.output) as stream, Progress("paraphrases", len(programs)) as progress:
        line = _in_line(read_records(composed, Example))
        async for _index, example in run_rows(line, work, rows_at_once(args), engine=engine):
            stream.write(to_line(example))
            if example.tier in (SYNTHETIC, PARAPHRASED):
                progress.advance(engine.account.spent())
    return paraphraser


def _asked(composed: Path) -> AskedQuestions:
    return AskedQuestions(example.question for example in read_records(composed, Example))


def _is_to_rewrite(example: Example) -> bool:
    return example.accepted and example.tier == SYNTHETIC


def _in_line(examples: Iterable[Example]) -> Iterator[tuple[Example, Turn | None]]:
    """Each row to rewrite with its turn after the one before it; other rows have none."""
    turn: Turn | None = None
    for example in examples:
        if _is_to_rewrite(example):
            turn = Turn(turn)
            yield example, turn
        else:
            yield example, None
