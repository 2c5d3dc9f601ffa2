#!/usr/bin/env python3
"""Stage 2: prove the corpus' programs and document what they use.

    python retrieve_pydough.py

Reads the question files, proves every program they bring along against its gold SQL, takes the key terms
from each proven program's syntax tree, retrieves the manual's passages on them and writes
training_data/stages/documented.jsonl, one line a question with its verdict.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from retriver.arguments import add_retrieval_arguments, check_retrieval, retrieval_files, retrieval_state
from retriver.session import open_grounder
from utils.core.arguments import CommandLine, add_run_arguments, work_dir_of
from utils.core.console import Progress, mask_secrets, run_script
from utils.core.fingerprint import fingerprint
from utils.core.freshness import input_state, is_current, record_state
from utils.core.jsonl import read_records, to_line, whole_file
from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import QuestionFiles, QuestionRow, question_files
from utils.core.records import Example
from utils.core.settings import load_settings
from utils.core.summary import FAULTS, exit_code, print_counts
from utils.databases.arguments import add_database_arguments, entries_from
from utils.databases.catalog import DatabaseEntry
from utils.databases.entries import graph_names, input_files
from utils.gemini.arguments import add_gemini_arguments, chosen_writer, rows_at_once
from utils.gemini.rows import run_rows
from utils.generation.examples import CorpusProver
from utils.programs.arguments import check_configs
from utils.proof.arguments import add_proof_arguments, settings_from
from utils.proof.runner import Prover


def build_parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    parser = CommandLine(description=(__doc__ or "").splitlines()[0])
    add_run_arguments(parser, "CSV or JSONL files (default training_data/questions/*.csv but the basic questions)")
    parser.add_argument(
        "--provider",
        choices=("corpus", "gemini", "r2r", "synthetic"),
        help="who writes the documentation: the manual's own words (corpus, synthetic), Gemini, or R2R (default: "
        "gemini when a key is set)",
    )
    parser.add_argument(
        "--output-md", type=Path, metavar="FILE", help="also write the documentation as Markdown to read"
    )
    add_database_arguments(parser)
    add_retrieval_arguments(parser)
    add_gemini_arguments(parser)
    add_proof_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Prove and document all rows and write the stage's file."""
    args = build_parser().parse_args(argv)
    work = work_dir_of(args)
    app_settings = load_settings()
    provider = chosen_writer(args.provider, app_settings)
    check_retrieval(args, provider)
    files = question_files(args.questions, QUESTIONS_DIR, exclude="basic_questions.csv")
    entries = entries_from(args, work)
    check_configs(args, entries.values())
    rows = QuestionFiles(files)
    output = work.stage("documented")
    asked = {"model": args.model, "url": args.base_url} if provider == "gemini" else {}
    inputs = [*files, *retrieval_files(args), *input_files(entries, rows.databases)]
    entry_state = repr(sorted(entries.items()))
    state = input_state(
        inputs,
        {
            **asked,
            **retrieval_state(args, app_settings),
            "provider": provider,
            "entries": entry_state,
            "proof": settings_from(args).state(),
        },
    )
    undocumented = 0
    if args.force or not is_current(output, state):
        undocumented = asyncio.run(_document_all(args, provider, rows, entries, output, fingerprint(state)))
        done = "written"
    else:
        done = "up to date"
    counts: Counter[str] = Counter()
    for example in read_records(output, Example):
        counts[example.status] += 1
        if example.detail or not example.accepted:
            reason = example.detail or (example.verdict.detail if example.verdict else "")
            print(mask_secrets(f"{example.question_id}: {example.status}: {reason}"), file=sys.stderr)
    faults = counts + Counter(error=undocumented)
    if done == "written" and not any(faults[status] for status in FAULTS - {"invalid", "gold_error"}):
        record_state(output, state)
    if args.output_md:
        with whole_file(args.output_md) as stream:
            stream.writelines(f"{example.documentation}\n\n---\n\n" for example in read_records(output, Example))
    print_counts(f"stage 2: {output.name} {done}", counts)
    return exit_code(faults, counts["accepted"], args.min_accepted, args.max_failures)


async def _document_all(
    args: argparse.Namespace,
    provider: str,
    rows: QuestionFiles,
    entries: dict[str, DatabaseEntry],
    output: Path,
    run_name: str,
) -> int:
    """Write the stage's file; the number of proven rows that a service left without documentation."""
    pydough_version = version("pydough")
    work = WorkDir(args.work_dir)
    with Prover(args.workers, args.timeout, args.memory_mb, work.cache) as prover:
        corpus = CorpusProver(prover, entries, pydough_version, settings_from(args))
        async with open_grounder(args, provider, load_settings(), entries, pydough_version, run_name) as (
            grounder,
            engine,
        ):

            async def document(row: QuestionRow) -> Example:
                example = await corpus.prove(row)
                if not example.accepted:
                    return example
                entry = corpus.entry(row.question)
                return await grounder.document(example, graph_names(entry), entry)

            with whole_file(output) as stream, Progress("documentation", len(rows)) as progress:
                async for _index, example in run_rows(rows, document, rows_at_once(args), engine=engine):
                    stream.write(to_line(example))
                    progress.advance()
            print(f"proof: {prover.proven:,} programs run, {prover.kept:,} verdicts kept from earlier runs")
            if engine:
                print(f"Gemini: {engine.account.told()}")
            return grounder.undocumented


if __name__ == "__main__":
    sys.exit(run_script(main))
