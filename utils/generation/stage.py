"""Stage 3's run: every question through the corpus' program or the model's, proven, documented, written."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import AsyncExitStack, nullcontext

from retriver.grounding import Grounder
from retriver.session import paced_retriever
from utils.core.console import Exhausted, Progress
from utils.core.jsonl import to_line, whole_file
from utils.core.paths import WorkDir
from utils.core.questions import QuestionRow
from utils.core.records import Example
from utils.core.settings import Settings
from utils.databases.entries import graph_names, schema_text
from utils.gemini.arguments import engine_from, rows_at_once
from utils.gemini.client import endpoint_name
from utils.gemini.prices import Prices
from utils.gemini.rows import run_rows
from utils.generation.examples import CorpusProver, unproven
from utils.generation.forecast import forecast, in_brief
from utils.generation.loop import Generator
from utils.generation.plan import NOT_ASKED, StagePlan, TargetGate
from utils.proof.runner import Prover

_PROMPTS_TO_ESTIMATE = 50  # the price is told before the first call, and making prompts takes time


async def generate_all(
    args: argparse.Namespace, with_model: bool, settings: Settings, plan: StagePlan, run_name: str
) -> Exhausted | None:
    """Write one line of the output for every row, in order; `with_model` asks Gemini where no program is proven.

    Where quota or budget end before the questions, the rows left over are written as `not_asked`, and the reason is
    returned. Stopped half-way by a signal it leaves no output, but the ledger and the verdict cache keep all that was
    paid for.
    """
    work = WorkDir(args.work_dir)
    solved = plan.solved()
    spent: list[Exhausted] = []
    async with AsyncExitStack() as stack:
        prover = stack.enter_context(Prover(args.workers, args.timeout, args.memory_mb, work.cache))
        corpus = CorpusProver(prover, plan.entries, plan.generation.pydough_version, plan.proof)
        retriever = paced_retriever(args, settings)
        grounder = Grounder(retriever, None, plan.generation.pydough_version)
        engine = generator = None
        if with_model:
            engine = await stack.enter_async_context(engine_from(args, settings, work))
            engine.begin_run(run_name)
            expected = await asyncio.to_thread(
                forecast, plan, retriever, work.ledger, endpoint_name(args.base_url), _PROMPTS_TO_ESTIMATE
            )
            print(f"Gemini: {in_brief(expected, plan.generation, Prices(args.prices))}", flush=True)
            generator = Generator(
                engine, prover, retriever, plan.pool(solved), schema_text, plan.generation, plan.proof
            )
        gate = TargetGate(plan.target, engine.idle if engine else nullcontext)

        async def solve(numbered: tuple[int, QuestionRow]) -> Example:
            index, row = numbered
            example = await corpus.prove(row)
            if generator is not None and plan.asks_for(example):
                example = await ask(generator, index, row)
            if not example.accepted:
                return example
            known = solved.get(example.question_id)
            if known is not None and known.program == example.program:
                shared = {"key_terms", "documentation", "passages", "detail"}
                return example.model_copy(update={name: getattr(known, name) for name in shared})
            return await grounder.document(example, graph_names(corpus.entry(row.question)))

        async def ask(generator: Generator, index: int, row: QuestionRow) -> Example:
            if not await gate.may_ask(index):
                return unproven(row.question, NOT_ASKED, f"{plan.target:,} rows were accepted before")
            try:
                return await generator.generate(row.question, corpus.entry(row.question))
            except Exhausted as reason:
                spent.append(reason)
                return unproven(row.question, NOT_ASKED, str(reason))

        stream = stack.enter_context(whole_file(plan.output))
        progress = stack.enter_context(Progress("programs", len(plan.rows)))
        accepted = 0
        async for _index, example in run_rows(enumerate(plan.rows), solve, rows_at_once(args), engine=engine):
            stream.write(to_line(example))
            gate.emit(example.accepted)
            accepted += example.accepted
            cost = engine.account.spent() if engine else ""
            progress.advance(f"{accepted} accepted" + (f", {cost}" if cost else ""))
        print(f"proof: {prover.proven:,} programs run, {prover.kept:,} verdicts kept from earlier runs")
        if engine:
            if not spent:
                engine.finish_run()
            print(f"Gemini: {engine.account.told()}")
    return spent[0] if spent else None
