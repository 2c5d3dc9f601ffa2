"""Stage 3's run: every question through the corpus' program or the model's, proven, documented, written."""

from __future__ import annotations

import argparse
import asyncio
from contextlib import AbstractContextManager, AsyncExitStack, nullcontext
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from retriver.backend import Retriever
from retriver.gate import Gate
from retriver.grounding import Grounder
from retriver.session import open_gate, paced_retriever
from utils.core.console import Exhausted, Progress
from utils.core.jsonl import to_line, whole_file
from utils.core.paths import WorkDir
from utils.core.questions import QuestionRow
from utils.core.records import Example, Question
from utils.core.settings import Settings
from utils.databases.entries import graph_names, schema_text
from utils.gemini.arguments import engine_from, rows_at_once
from utils.gemini.client import endpoint_name
from utils.gemini.engine import GeminiEngine
from utils.gemini.prices import Prices
from utils.gemini.rows import run_rows
from utils.generation.examples import CorpusProver, unproven
from utils.generation.forecast import forecast, in_brief
from utils.generation.loop import Generator
from utils.generation.plan import NOT_ASKED, StagePlan, TargetGate
from utils.proof.runner import Prover

_QUESTION_FIELDS = set(Question.model_fields)
_PROVEN_AT_ONCE = 16  # rows without a model; more would only wait for the prover
_PROMPTS_TO_ESTIMATE = 50  # the price is told before the first call, and making prompts takes time


@dataclass(frozen=True)
class StageEnd:
    """How the stage ended: why not all was asked, and whether another run would ask for what got no answer."""

    spent: Exhausted | None = None
    unanswered: bool = False


async def generate_all(
    args: argparse.Namespace, with_model: bool, settings: Settings, plan: StagePlan, run_name: str
) -> StageEnd:
    """Write one line of the output for every row, in order; `with_model` asks Gemini where no program is proven.

    Where quota or budget end before the questions, the rows left over are written as `not_asked`, or not rewritten,
    and the reason is returned. Stopped half-way by a signal it leaves no output, but the ledger and the verdict cache
    keep all that was paid for.
    """
    work = WorkDir(args.work_dir)
    first_pass = plan.output.with_name(".composed.jsonl") if plan.paraphrase else plan.output
    async with AsyncExitStack() as stack:
        prover = stack.enter_context(Prover(args.workers, args.timeout, args.memory_mb, work.cache))
        retriever = paced_retriever(args, settings)
        engine = None
        if with_model or plan.paraphrase:
            engine = await stack.enter_async_context(engine_from(args, settings, work))
            engine.begin_run(run_name)
        asked = engine if with_model else None
        if asked:
            endpoint = endpoint_name(args.base_url)
            expected = await asyncio.to_thread(forecast, plan, retriever, work.ledger, endpoint, _PROMPTS_TO_ESTIMATE)
            print(f"Gemini: {in_brief(expected, plan.generation, Prices(args.prices))}", flush=True)
        gate = stack.enter_context(open_gate(plan.entries, work))
        run = _Run(plan, prover, retriever, gate, asked)
        with (
            whole_file(first_pass) as stream,
            whole_file(plan.made_questions) if plan.made_questions else nullcontext() as questions,
            Progress("programs", None if plan.made else len(plan.rows)) as progress,
        ):
            rows = enumerate(chain(plan.rows, plan.made or ()))
            at_once = rows_at_once(args) if asked else _PROVEN_AT_ONCE
            async for index, example in run_rows(rows, run.solve, at_once, engine=run if asked else None):
                if plan.made and questions and index >= len(plan.rows):
                    if not plan.made.take(example):
                        continue
                    questions.write(to_line(Question.model_validate(example.model_dump(include=_QUESTION_FIELDS))))
                stream.write(to_line(example))
                progress.advance(run.emitted(example))
        end = StageEnd(run.spent)
        if engine and plan.paraphrase:
            end = await _paraphrased(args, plan, first_pass, engine, prover, retriever)
        print(f"proof: {prover.proven:,} programs run, {prover.kept:,} verdicts kept from earlier runs")
        if engine:
            if end.spent is None:
                engine.finish_run()
            print(f"Gemini: {engine.account.told()}")
    return end


async def _paraphrased(
    args: argparse.Namespace,
    plan: StagePlan,
    composed: Path,
    engine: GeminiEngine,
    prover: Prover,
    retriever: Retriever,
) -> StageEnd:
    """The output from `composed`, which is removed, with questions rewritten."""
    from utils.generation.paraphrase import NOT_ANSWERED  # loads the words of synthesis
    from utils.generation.paraphrase_stage import paraphrase_all

    try:
        done = await paraphrase_all(args, plan, composed, engine, prover, retriever)
    finally:
        composed.unlink(missing_ok=True)
    print(f"paraphrase: {done.told()}")
    return StageEnd(done.spent, done.outcomes[NOT_ANSWERED] > 0)


class _Run:
    """One run over the rows. `spent` is the first reason why a row could not be asked for."""

    def __init__(
        self, plan: StagePlan, prover: Prover, retriever: Retriever, gate: Gate, engine: GeminiEngine | None
    ) -> None:
        self._plan = plan
        self._engine = engine
        self._solved = plan.solved()
        self._corpus = CorpusProver(prover, plan.entries, plan.generation.pydough_version, plan.proof)
        self._grounder = Grounder(retriever, None, gate, plan.generation.pydough_version)
        self._generator: Generator | None = None
        if engine is not None:
            pool = plan.pool(self._solved)
            self._generator = Generator(engine, prover, retriever, pool, schema_text, plan.generation, plan.proof)
            self._gate = TargetGate(plan.target, engine.idle)
        self._accepted = 0
        self.spent: Exhausted | None = None

    async def solve(self, numbered: tuple[int, QuestionRow]) -> Example:
        """A row with its program, proven and documented, or why there is none."""
        index, row = numbered
        example = await self._corpus.prove(row)
        if self._generator is not None and self._plan.asks_for(example):
            example = await self._ask(self._generator, index, row)
        if not example.accepted:
            return example
        known = self._solved.get(example.question_id)
        if known is not None and known.program == example.program:
            shared = {"key_terms", "documentation", "passages", "detail"}
            return example.model_copy(update={name: getattr(known, name) for name in shared})
        entry = self._corpus.entry(row.question)
        return await self._grounder.document(example, graph_names(entry), entry)

    async def _ask(self, generator: Generator, index: int, row: QuestionRow) -> Example:
        if not await self._gate.may_ask(index):
            return unproven(row.question, NOT_ASKED, f"{self._plan.target:,} rows were accepted before")
        try:
            return await generator.generate(row.question, self._corpus.entry(row.question))
        except Exhausted as reason:
            # Without its frames: they would keep a prompt for each row that is left over.
            self.spent = self.spent or reason.with_traceback(None)
            return unproven(row.question, NOT_ASKED, str(reason))

    def emitted(self, example: Example) -> str:
        """Count a row that is written; what to show beside the progress bar."""
        self._accepted += example.accepted
        if self._engine is None:
            return f"{self._accepted} accepted"
        self._gate.emit(example.accepted)
        return ", ".join(part for part in (f"{self._accepted} accepted", self._engine.account.spent()) if part)

    def stop(self, reason: Exception) -> None:
        """Ask nothing more, and let nobody wait for its turn to ask."""
        assert self._engine is not None
        self._gate.stop(reason)
        self._engine.stop(reason)

    def at_work(self) -> AbstractContextManager[None]:
        """See `GeminiEngine.at_work`."""
        assert self._engine is not None
        return self._engine.at_work()
