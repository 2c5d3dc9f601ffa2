"""Stage 3's run: every question through the corpus' program or the model's, proven, documented, written."""

from __future__ import annotations

import argparse
import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass
from pathlib import Path

from retriver.grounding import Grounder
from retriver.session import paced_retriever
from utils.core.console import Exhausted, Progress
from utils.core.jsonl import read_records, to_line, whole_file
from utils.core.paths import WorkDir
from utils.core.questions import QuestionFiles, QuestionRow
from utils.core.records import Example
from utils.core.settings import Settings
from utils.databases.catalog import DatabaseEntry
from utils.databases.entries import graph_names, schema_text
from utils.gemini.arguments import engine_from, rows_at_once
from utils.gemini.rows import run_rows
from utils.generation.examples import CorpusProver, unproven
from utils.generation.loop import NO_PROGRAM_HELPS, GenerationSettings, Generator
from utils.generation.similar import ExamplePool
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings

NOT_ASKED = "not_asked"


@dataclass(frozen=True)
class StagePlan:
    """What stage 3 is to do. `held_out` says which proven rows no prompt may show."""

    rows: QuestionFiles
    entries: dict[str, DatabaseEntry]
    documented: Path
    output: Path
    generation: GenerationSettings
    proof: ProofSettings
    held_out: Callable[[Example], bool]
    ask_all: bool = False
    target: int | None = None

    def solved(self) -> dict[str, Example]:
        """Stage 2's proven rows by question id."""
        return {example.question_id: example for example in read_records(self.documented, Example) if example.accepted}

    def pool(self, solved: dict[str, Example]) -> ExamplePool:
        """The proven rows that a prompt may show."""
        return ExamplePool(example for example in solved.values() if not self.held_out(example))

    def asks_for(self, example: Example) -> bool:
        """Whether the model is asked for a row, as proof of the corpus' own program left it."""
        if example.status == "no_gold":
            return self.generation.agree > 0
        if example.status in ("invalid", *NO_PROGRAM_HELPS):
            return False
        return self.ask_all or not example.accepted


class TargetGate:
    """Rows in order, each asked only while fewer than `target` of those before it are, or may still be, accepted.

    So no call is made for a row that the target leaves out, and what is asked does not depend on who is faster.
    """

    def __init__(self, target: int | None, idle: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """`idle` is entered while a row waits."""
        self._idle = idle
        self._target = target
        self._accepted = 0
        self._emitted = 0
        self._moved = asyncio.Event()

    async def may_ask(self, index: int) -> bool:
        """Wait until it is known whether row `index` is wanted."""
        if self._target is None:
            return True
        while self._accepted < self._target:
            if self._accepted + index - self._emitted < self._target:
                return True
            self._moved.clear()
            with self._idle():
                await self._moved.wait()
        return False

    def emit(self, accepted: bool) -> None:
        """The next row in order is done."""
        self._emitted += 1
        self._accepted += accepted
        self._moved.set()


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
