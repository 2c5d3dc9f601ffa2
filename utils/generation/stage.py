"""Stage 3's run: every question through the corpus' program or the model's, proven, documented, written."""

from __future__ import annotations

import argparse
from contextlib import AsyncExitStack
from pathlib import Path

from retriver.grounding import Grounder
from retriver.session import paced_retriever
from utils.core.console import Progress
from utils.core.jsonl import read_records, to_line, whole_file
from utils.core.paths import WorkDir
from utils.core.questions import QuestionFiles, QuestionRow
from utils.core.records import Example
from utils.core.settings import Settings
from utils.databases.catalog import DatabaseEntry
from utils.databases.entries import graph_names, schema_text
from utils.gemini.arguments import engine_from
from utils.gemini.rows import run_rows
from utils.generation.examples import CorpusProver
from utils.generation.loop import NO_PROGRAM_HELPS, GenerationSettings, Generator
from utils.generation.similar import ExamplePool
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings


async def generate_all(
    args: argparse.Namespace,
    with_model: bool,
    settings: Settings,
    generation: GenerationSettings,
    proof: ProofSettings,
    rows: QuestionFiles,
    entries: dict[str, DatabaseEntry],
    documented: Path,
    output: Path,
) -> None:
    """Write one line of `output` for every row, in order; `with_model` asks Gemini where no program is proven.

    Stopped half-way it leaves no output, but the ledger and the verdict cache keep all that was paid for.
    """
    work = WorkDir(args.work_dir)
    solved = {example.question_id: example for example in read_records(documented, Example) if example.accepted}
    async with AsyncExitStack() as stack:
        prover = stack.enter_context(Prover(args.workers, args.timeout, args.memory_mb, work.cache))
        corpus = CorpusProver(prover, entries, generation.pydough_version, proof)
        retriever = paced_retriever(args, settings)
        grounder = Grounder(retriever, None, generation.pydough_version)
        engine = generator = None
        if with_model:
            engine = await stack.enter_async_context(engine_from(args, settings, work))
            pool = ExamplePool(list(solved.values()))
            generator = Generator(engine, prover, retriever, pool, schema_text, generation, proof)

        async def solve(row: QuestionRow) -> Example:
            example = await corpus.prove(row)
            wanted = args.ask == "all" or not example.accepted
            if generator is not None and wanted and example.status not in ("invalid", "no_gold", *NO_PROGRAM_HELPS):
                example = await generator.generate(row.question, corpus.entry(row.question))
            if not example.accepted:
                return example
            known = solved.get(example.question_id)
            if known is not None and known.program == example.program:
                shared = {"key_terms", "documentation", "passages", "detail"}
                return example.model_copy(update={name: getattr(known, name) for name in shared})
            return await grounder.document(example, graph_names(corpus.entry(row.question)))

        stream = stack.enter_context(whole_file(output))
        progress = stack.enter_context(Progress("programs", len(rows)))
        accepted = 0
        stop = engine.stop if engine else None
        async for _index, example in run_rows(rows, solve, args.concurrency, on_stop=stop):
            stream.write(to_line(example))
            accepted += example.accepted
            progress.advance(f"{accepted} accepted")
        print(f"proof: {prover.proven:,} programs run, {prover.kept:,} verdicts kept from earlier runs")
        if engine:
            print(f"Gemini: {engine.counts}")
