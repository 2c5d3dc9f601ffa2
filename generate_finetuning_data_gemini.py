#!/usr/bin/env python3
"""Stage 3: a proven PyDough program for every question.

    python generate_finetuning_data_gemini.py --provider corpus
    python generate_finetuning_data_gemini.py --provider gemini --questions mine.csv

Takes the corpus' own programs, and with `--provider gemini` asks Gemini for the questions that have no
proven program. Every program goes through proof, a failed one gets repair turns with its error. Writes
training_data/stages/generated.jsonl, one line a question with its verdict. Run it again after a stop: the
ledger in training_data/cache answers what was asked before.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from collections import Counter
from importlib.metadata import version
from pathlib import Path

from retriver.arguments import add_retrieval_arguments, documents
from utils.core.arguments import CommandLine, add_run_arguments, whole_number
from utils.core.console import UserError, run_script
from utils.core.freshness import input_state, is_current, record_state, stale_reason
from utils.core.jsonl import read_records
from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import QuestionFiles, question_files
from utils.core.records import Example
from utils.core.settings import load_settings
from utils.core.summary import FAULTS, exit_code, print_counts
from utils.databases.arguments import add_database_arguments, entries_from
from utils.databases.entries import input_files
from utils.gemini.arguments import add_gemini_arguments, chosen_provider
from utils.generation.loop import GenerationSettings
from utils.generation.stage import generate_all
from utils.programs.arguments import check_configs
from utils.proof.arguments import add_proof_arguments, settings_from


def build_parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    parser = CommandLine(description=(__doc__ or "").splitlines()[0])
    add_run_arguments(parser, "CSV or JSONL files (default training_data/questions/*.csv but the basic questions)")
    parser.add_argument(
        "--provider",
        choices=("corpus", "gemini"),
        help="where programs come from (default: gemini when a key is set, else corpus)",
    )
    generation = parser.add_argument_group("generation").add_argument
    generation(
        "--ask",
        choices=("missing", "all"),
        default="missing",
        help="ask the model for questions without a proven program, or for all (default %(default)s)",
    )
    generation("--repairs", type=whole_number, default=2, help="repair turns a question (default %(default)s)")
    generation("--temperature", type=float, default=0.2, help="of the model (default %(default)s)")
    generation("--passages", type=whole_number, default=6, help="manual sections in a prompt (default %(default)s)")
    generation("--examples", type=whole_number, default=4, help="solved examples in a prompt (default %(default)s)")
    add_database_arguments(parser)
    add_retrieval_arguments(parser)
    add_gemini_arguments(parser)
    add_proof_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Find a proven program for every question and write the stage's file."""
    args = build_parser().parse_args(argv)
    work = WorkDir(args.work_dir)
    app_settings = load_settings()
    provider = chosen_provider(args.provider, app_settings)
    files = question_files(args.questions, QUESTIONS_DIR, exclude="basic_questions.csv")
    entries = entries_from(args, work)
    check_configs(args, entries.values())
    rows = QuestionFiles(files)
    documented = _usable(work.stage("documented"))
    output = work.stage("generated")
    generation = GenerationSettings(
        model=args.model,
        pydough_version=version("pydough"),
        temperature=args.temperature,
        repairs=args.repairs,
        passages=args.passages,
        examples=args.examples,
    )
    inputs = [
        *files,
        documented,
        *documents(args.docs),
        *input_files(entries, rows.databases),
    ]
    asked = {"ask": args.ask, "generation": repr(generation), "url": args.base_url} if provider == "gemini" else {}
    proof = settings_from(args)
    entry_state = repr(sorted(entries.items()))
    state = input_state(inputs, {**asked, "provider": provider, "entries": entry_state, "proof": proof.state()})
    done = "up to date"
    if args.force or not is_current(output, state):
        asyncio.run(
            generate_all(args, provider == "gemini", app_settings, generation, proof, rows, entries, documented, output)
        )
        done = "written"
    counts = _told(output)
    if done == "written" and not any(counts[status] for status in FAULTS - {"invalid", "gold_error"}):
        record_state(output, state)
    print_counts(f"stage 3: {output.name} {done} (provider {provider})", counts)
    return exit_code(counts, counts["accepted"], args.min_accepted, args.max_failures)


def _usable(documented: Path) -> Path:
    reason = stale_reason(documented)
    if reason and not (reason == "is not complete" and documented.exists()):
        raise UserError(f"{documented} {reason}; make it with `python retrieve_pydough.py` (same --work-dir)")
    return documented


def _told(output: Path) -> Counter[str]:
    """Counts by status; every row that is not accepted is told with its reason."""
    counts: Counter[str] = Counter()
    for example in read_records(output, Example):
        counts[example.status] += 1
        if not example.accepted:
            reason = example.detail or (example.verdict.detail if example.verdict else "")
            print(f"{example.question_id}: {example.status}: {reason}", file=sys.stderr)
    return counts


if __name__ == "__main__":
    sys.exit(run_script(main))
