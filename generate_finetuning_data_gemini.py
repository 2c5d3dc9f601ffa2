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
from collections import Counter
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING

from retriver.arguments import (
    add_retrieval_arguments,
    check_retrieval,
    retrieval_files,
    retrieval_state,
    retriever_from,
)
from utils.core.arguments import CommandLine, add_run_arguments, work_dir_of
from utils.core.console import ExitCode, UserError, mask_secrets, run_script
from utils.core.fingerprint import fingerprint
from utils.core.freshness import input_state, is_current, record_state, stale_reason
from utils.core.jsonl import read_records
from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import SYNTHETIC, QuestionFiles, question_files
from utils.core.records import Example
from utils.core.settings import Settings, load_settings
from utils.core.summary import FAULTS, exit_code, print_counts
from utils.databases.arguments import add_database_arguments, entries_from
from utils.databases.catalog import DatabaseEntry
from utils.databases.entries import hint_files, input_files
from utils.dataset.arguments import add_split_arguments, split_rule
from utils.dataset.facts import side_of
from utils.gemini.arguments import add_gemini_arguments, chosen_provider
from utils.gemini.client import endpoint_name
from utils.gemini.prices import Prices
from utils.generation.arguments import add_generation_arguments, generation_settings
from utils.generation.forecast import forecast, in_full
from utils.generation.plan import NOT_ASKED, StagePlan
from utils.generation.stage import StageEnd, generate_all
from utils.programs.arguments import check_configs
from utils.proof.arguments import add_proof_arguments, settings_from
from utils.synthesis.arguments import add_synthesis_arguments, chosen_entries, synthesis_settings

if TYPE_CHECKING:
    from retriver.backend import Retriever
    from utils.synthesis.rows import SyntheticRows


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
    _check_paraphrase(args, app_settings)
    files = question_files(args.questions, QUESTIONS_DIR, exclude="basic_questions.csv")
    entries = entries_from(args, work)
    check_configs(args, entries.values())
    rows = QuestionFiles(files)
    documented = _usable(work.stage("documented"))
    output = work.stage("generated")
    proof, split = settings_from(args), split_rule(args, entries)
    made = _made(args, rows, entries)
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
        print(_dry_run(args, plan, retriever_from(args, app_settings), work))
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
    counts = _told(output)
    complete = end == StageEnd() and not any(counts[s] for s in FAULTS - {"invalid", "gold_error"})
    if done == "written" and complete:
        record_state(output, state)
    print_counts(f"stage 3: {output.name} {done} (provider {provider})", counts)
    code = exit_code(counts, counts["accepted"], args.min_accepted, args.max_failures)
    missed = args.target_accepted is None or counts["accepted"] < args.target_accepted
    if end.spent is not None and (missed or args.paraphrase):
        raise end.spent
    if args.target_accepted is not None and provider == "gemini":
        code = max(code, _target_code(counts["accepted"], args.target_accepted, "the questions are spent"))
    if made is not None:
        accepted = sum(one.accepted and (one.tier or "").startswith(SYNTHETIC) for one in read_records(output, Example))
        code = max(code, _target_code(accepted, made.target, "nothing else can be made of these databases"))
    return code


def _check_paraphrase(args: argparse.Namespace, settings: Settings) -> None:
    if not args.paraphrase:
        return
    if args.provider != "synthetic":
        raise UserError("--paraphrase rewrites the questions that --provider synthetic makes; name both, or neither")
    if not (settings.can_call_gemini or args.dry_run):
        raise UserError(
            "--paraphrase: set GOOGLE_API_KEY, or GCP_PROJECT and GCP_PROJECT_LOCATION for Vertex AI, in the "
            "environment or .env; `--provider synthetic` alone needs none of them"
        )


def _dry_run(args: argparse.Namespace, plan: StagePlan, retriever: Retriever, work: WorkDir) -> str:
    """What the run would ask and cost."""
    endpoint, prices = endpoint_name(args.base_url), Prices(args.prices)
    if plan.paraphrase and plan.made:
        from utils.generation import paraphrase_forecast as paraphrases  # load what other runs need not

        found = paraphrases.of_made_rows(plan, plan.made, retriever, work.ledger, endpoint)
        return paraphrases.in_full(found, plan.generation, prices, args.max_cost_usd)
    return in_full(forecast(plan, retriever, work.ledger, endpoint), plan.generation, prices, args.max_cost_usd)


def _made(args: argparse.Namespace, rows: QuestionFiles, entries: dict[str, DatabaseEntry]) -> SyntheticRows | None:
    """Rows from synthesis, where the flags ask for them."""
    if args.provider != "synthetic":
        return None
    from utils.synthesis.rows import SyntheticRows  # loads what other providers need not

    made = SyntheticRows(
        chosen_entries(args, entries, rows.databases), (row.question for row in rows), synthesis_settings(args)
    )
    for note in made.notes:
        print(f"synthesis: {note}")
    return made


def _asked(args: argparse.Namespace, plan: StagePlan) -> dict[str, object]:
    """What of the flags decides how the model is asked."""
    return {
        "ask": args.ask,
        "generation": repr(plan.generation),
        "url": args.base_url,
        "target": args.target_accepted,
        "paraphrase": args.paraphrase,
        "split": repr(split_rule(args, plan.entries)),
    }


def _target_code(accepted: int, target: int, why_not: str) -> ExitCode:
    if accepted >= target:
        print(f"target: {accepted:,} rows accepted, {target:,} asked for")
        return ExitCode.DONE
    print(f"below target: {accepted:,} rows accepted, --target-accepted asks for {target:,}: {why_not}")
    return ExitCode.BELOW_TARGET


def _usable(documented: Path) -> Path:
    reason = stale_reason(documented)
    if reason and not (reason == "is not complete" and documented.exists()):
        raise UserError(f"{documented} {reason}; make it with `python retrieve_pydough.py` (same --work-dir)")
    return documented


def _told(output: Path) -> Counter[str]:
    """Counts by status; every row that was tried and not accepted is told with its reason."""
    counts: Counter[str] = Counter()
    for example in read_records(output, Example):
        counts[example.status] += 1
        if not example.accepted and example.status != NOT_ASKED:
            reason = example.detail or (example.verdict.detail if example.verdict else "")
            print(mask_secrets(f"{example.question_id}: {example.status}: {reason}"), file=sys.stderr)
    return counts


if __name__ == "__main__":
    sys.exit(run_script(main))
