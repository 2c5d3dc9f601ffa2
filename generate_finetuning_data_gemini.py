#!/usr/bin/env python3
"""Stage 3: a proven PyDough program for every question.

    python generate_finetuning_data_gemini.py --provider corpus
    python generate_finetuning_data_gemini.py --provider synthetic --target-accepted 1000
    python generate_finetuning_data_gemini.py --provider synthetic --target-accepted 1000 --paraphrase
    python generate_finetuning_data_gemini.py --provider gemini --questions mine.csv

    python generate_finetuning_data_gemini.py --provider gemini --dry-run

Takes the corpus' own programs, and with `--provider gemini` asks Gemini for the questions that have no
proven program. Every program goes through proof, a failed one gets repair turns with its error. Writes
training_data/stages/generated.jsonl, one line a question with its verdict. Run it again after a stop:
training_data/ledger.sqlite answers what was asked before.
"""

from __future__ import annotations

import argparse
import asyncio
import sys
from importlib.metadata import version
from pathlib import Path

from retriver.arguments import (
    add_retrieval_arguments,
    check_retrieval,
    retrieval_files,
    retrieval_state,
    retriever_from,
)
from utils.core.arguments import CommandLine, add_run_arguments, work_dir_of
from utils.core.console import ExitCode, UserError, run_script
from utils.core.fingerprint import fingerprint
from utils.core.freshness import input_state, is_current, record_state, stale_reason
from utils.core.paths import QUESTIONS_DIR
from utils.core.questions import QuestionFiles, question_files
from utils.core.settings import load_settings
from utils.core.summary import FAULTS, print_counts
from utils.databases.arguments import add_database_arguments, entries_from
from utils.databases.entries import hint_files, input_files
from utils.dataset.arguments import add_split_arguments, split_rule
from utils.dataset.facts import side_of
from utils.gemini.arguments import add_gemini_arguments, chosen_provider
from utils.generation.arguments import add_generation_arguments, check_paraphrase, generation_settings
from utils.generation.dry_run import dry_run
from utils.generation.ending import stage_code, told
from utils.generation.plan import StagePlan
from utils.generation.stage import StageEnd, generate_all
from utils.programs.arguments import check_configs
from utils.proof.arguments import add_proof_arguments, settings_from
from utils.synthesis.arguments import add_synthesis_arguments, made_rows, synthesis_settings


def build_parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    parser = CommandLine(description=(__doc__ or "").splitlines()[0])
    add_run_arguments(parser, "CSV or JSONL files (default training_data/questions/*.csv but the basic questions)")
    parser.add_argument(
        "--provider",
        choices=("corpus", "gemini", "synthetic"),
        help="where programs come from: the corpus alone; it and Gemini; it, and questions and programs made from "
        "graph and data (default: gemini when a key is set, else corpus)",
    )
    add_generation_arguments(parser)
    add_synthesis_arguments(parser)
    add_split_arguments(parser)
    add_database_arguments(parser)
    add_retrieval_arguments(parser)
    add_gemini_arguments(parser)
    add_proof_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Find a proven program for every question and write the stage's file."""
    args = build_parser().parse_args(argv)
    work = work_dir_of(args)
    app_settings = load_settings()
    provider = chosen_provider(args.provider, app_settings)
    check_retrieval(args, provider)
    check_paraphrase(args, app_settings)
    files = question_files(args.questions, QUESTIONS_DIR, exclude="basic_questions.csv")
    entries = entries_from(args, work)
    check_configs(args, entries.values())
    rows = QuestionFiles(files)
    documented = _usable(work.stage("documented"))
    output = work.stage("generated")
    proof, split = settings_from(args), split_rule(args, entries)
    made = made_rows(args, entries, rows)
    plan = StagePlan(
        rows=rows,
        entries=entries,
        documented=documented,
        output=output,
        generation=generation_settings(args, version("pydough")),
        proof=proof,
        held_out=lambda example: example.is_benchmark or side_of(example, split) != "train",
        ask_all=args.ask == "all",
        target=args.target_accepted,
        made=made,
        made_questions=work.stage("synthetic") if made else None,
        paraphrase=args.paraphrase,
    )
    if args.dry_run:
        print(dry_run(args, plan, retriever_from(args, app_settings)))
        return ExitCode.DONE
    inputs = [*files, documented, *retrieval_files(args), *input_files(entries, rows.databases), *hint_files(entries)]
    asked = {} if provider == "corpus" else _asked(args, plan)
    entry_state = repr(sorted(entries.items()))
    settings = {**asked, **retrieval_state(args, app_settings), "provider": provider}
    state = input_state(inputs, {**settings, "entries": entry_state, "proof": proof.state()})
    done, end = "up to date", StageEnd()
    if args.force or not is_current(output, state):
        end = asyncio.run(generate_all(args, provider == "gemini", app_settings, plan, fingerprint(state)))
        done = "written"
        if made is None:
            work.stage("synthetic").unlink(missing_ok=True)  # questions of an earlier run
        else:
            print(f"synthesis: {made.told()}")
    counts = told(output)
    complete = end == StageEnd() and not any(counts[s] for s in FAULTS - {"invalid", "gold_error"})
    if done == "written" and complete:
        record_state(output, state)
    print_counts(f"stage 3: {output.name} {done} (provider {provider})", counts)
    return stage_code(args, plan, counts, end, asks=provider == "gemini")


def _asked(args: argparse.Namespace, plan: StagePlan) -> dict[str, object]:
    """What of the flags decides which rows are made, and how a model is asked."""
    return {
        "ask": args.ask,
        "generation": repr(plan.generation),
        "url": args.base_url,
        "target": args.target_accepted,
        "paraphrase": args.paraphrase,
        "synthesis": repr(synthesis_settings(args)) if plan.made else "",
        "split": repr(split_rule(args, plan.entries)),
    }


def _usable(documented: Path) -> Path:
    reason = stale_reason(documented)
    if reason and not (reason == "is not complete" and documented.exists()):
        raise UserError(f"{documented} {reason}; make it with `python retrieve_pydough.py` (same --work-dir)")
    return documented


if __name__ == "__main__":
    sys.exit(run_script(main))
