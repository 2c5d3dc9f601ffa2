#!/usr/bin/env python3
"""Stage 1: answer basic questions about PyDough from its manual.

    python basicQ_retrieve_pydough.py

Reads training_data/questions/basic_questions.csv, retrieves the manual's passages for each question and
writes training_data/stages/basicq.jsonl, one line a question. Without a key an answer is made of the
passages' own words; with one, Gemini writes it from these passages alone.
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
from utils.core.console import Progress, run_script
from utils.core.fingerprint import fingerprint
from utils.core.freshness import input_state, is_current, record_state
from utils.core.jsonl import read_json_lines, to_line, whole_file
from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import LANGUAGE_COLUMNS, QuestionFiles
from utils.core.settings import load_settings
from utils.core.summary import exit_code, print_counts
from utils.databases.catalog import built_in_entries
from utils.gemini.arguments import add_gemini_arguments, chosen_writer, rows_at_once
from utils.gemini.rows import run_rows

DEFAULT_QUESTIONS = QUESTIONS_DIR / "basic_questions.csv"


def build_parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    parser = CommandLine(description=(__doc__ or "").splitlines()[0])
    add_run_arguments(parser, "CSV or JSONL files (default training_data/questions/basic_questions.csv)")
    parser.add_argument(
        "--provider",
        choices=("corpus", "gemini", "r2r", "synthetic"),
        help="who writes: the manual's own words (corpus, synthetic), Gemini, or an R2R server (default: gemini when a "
        "key is set)",
    )
    parser.add_argument("--output-md", type=Path, metavar="FILE", help="also write the answers as Markdown to read")
    add_retrieval_arguments(parser)
    add_gemini_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Answer all questions and write the stage's file."""
    args = build_parser().parse_args(argv)
    settings = load_settings()
    provider = chosen_writer(args.provider, settings)
    check_retrieval(args, provider)
    files = args.questions or [DEFAULT_QUESTIONS]
    output = work_dir_of(args).stage("basicq")
    rows = QuestionFiles(files, LANGUAGE_COLUMNS)
    asked = {"model": args.model, "url": args.base_url} if provider == "gemini" else {}
    retrieval = retrieval_state(args, settings)
    state = input_state([*files, *retrieval_files(args)], {**asked, **retrieval, "provider": provider})
    if args.force or not is_current(output, state):
        asyncio.run(_answer_all(args, provider, rows, output, fingerprint(state)))
        done = "written"
    else:
        done = "up to date"
    lines = [line for _number, line in read_json_lines(output)]
    counts = Counter(line["status"] for line in lines)
    if not counts["error"] and done == "written":
        record_state(output, state)
    if args.output_md:
        with whole_file(args.output_md) as stream:
            stream.writelines(f"{line['answer']}\n\n---\n\n" for line in lines if line["answer"])
    for line in lines:
        if line["status"] != "answered":
            print(f"{line['question_id']}: {line['status']}: {line['detail']}", file=sys.stderr)
    print_counts(f"stage 1: {output.name} {done}", counts)
    return exit_code(counts, counts["answered"], args.min_accepted, args.max_failures)


async def _answer_all(
    args: argparse.Namespace, provider: str, rows: QuestionFiles, output: Path, run_name: str
) -> None:
    entries = built_in_entries(WorkDir(args.work_dir))
    async with open_grounder(args, provider, load_settings(), entries, version("pydough"), run_name) as (
        grounder,
        engine,
    ):
        with whole_file(output) as stream, Progress("answers", len(rows)) as progress:
            async for _index, answer in run_rows(rows, grounder.answer, rows_at_once(args), engine=engine):
                stream.write(to_line(answer))
                progress.advance()
    if engine:
        print(f"Gemini: {engine.account.told()}")


if __name__ == "__main__":
    sys.exit(run_script(main))
