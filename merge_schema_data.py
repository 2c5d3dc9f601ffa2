#!/usr/bin/env python3
"""Stage 4: join schemas to proven rows and write the Gemini fine-tuning set.

    python merge_schema_data.py

Reads training_data/stages/generated.jsonl and basicq.jsonl, joins each row's schema by its question id,
drops duplicates and near duplicates, splits by program template so that nothing stands on both sides,
checks every line against Gemini's contract and writes training_data/sft/<version>/: train.jsonl,
validation.jsonl, basicq_*.jsonl, rows.jsonl (an account of every row), prompt_template.json, README.md,
report.html and manifest.json; training_data/sft/latest points at the newest version.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

from utils.core.arguments import CommandLine, add_run_arguments, work_dir_of
from utils.core.console import ExitCode, UserError, run_script
from utils.core.freshness import stale_reason
from utils.core.jsonl import read_json_lines
from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import question_files
from utils.core.settings import load_settings
from utils.core.summary import FAULTS, exit_code, print_counts
from utils.databases.arguments import add_database_arguments, entries_from
from utils.dataset.arguments import (
    add_execution_arguments,
    add_format_arguments,
    add_line_arguments,
    add_selection_arguments,
    add_split_arguments,
    add_version_arguments,
    execution_from,
    line_settings,
    release_settings,
)
from utils.dataset.assembly import ReleasePlan, assemble
from utils.dataset.manifest import read_manifest, shrunk
from utils.dataset.publish_arguments import add_publish_arguments, check_publish_arguments, run_publish
from utils.dataset.versions import is_complete, new_version, point_latest_at, remove_older_versions
from utils.programs.arguments import check_configs

STAGES = {"generated": "generate_finetuning_data_gemini.py", "basicq": "basicQ_retrieve_pydough.py"}


def build_parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    parser = CommandLine(description=(__doc__ or "").splitlines()[0])
    add_run_arguments(parser, "CSV or JSONL files (default training_data/questions/*.csv but the basic questions)")
    add_selection_arguments(parser)
    add_line_arguments(parser)
    add_format_arguments(parser)
    add_split_arguments(parser)
    add_execution_arguments(parser)
    add_version_arguments(parser)
    add_publish_arguments(parser)
    add_database_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Write a version of the set, unless the newest one was made from the same inputs."""
    args = build_parser().parse_args(argv)
    app_settings = load_settings()
    check_publish_arguments(args, app_settings)
    work = work_dir_of(args)
    files = question_files(args.questions, QUESTIONS_DIR, exclude="basic_questions.csv")
    files += [path for path in [work.stage("synthetic")] if path.is_file()]
    entries = entries_from(args, work)
    check_configs(args, entries.values())
    plan = ReleasePlan(
        generated=_usable(work, "generated"),
        answers=_usable(work, "basicq"),
        questions=files,
        entries=entries,
        lines=line_settings(args, work.ledger),
        rows=release_settings(args, entries),
        decontaminate=args.decontaminate,
        formats=tuple(args.format),
        execution=execution_from(args),
    )
    folder = work.sft / plan.version()
    done = "up to date"
    if args.force or not is_complete(folder):
        with new_version(folder) as staging:
            assemble(staging, plan, work)
        done = "written"
    _print_databases(read_manifest(folder)["databases"])
    outcomes = _told(folder)
    print_counts(f"stage 4: {folder} {done}", outcomes)
    if (bucket := app_settings.gcs_bucket) and not args.upload:
        print(f"upload it with: --upload {bucket.rstrip('/')}")
    accepted = outcomes["train"] + outcomes["validation"]
    code = exit_code(outcomes, accepted, args.min_accepted, args.max_failures)
    if accepted < args.min_accepted or shrunk(folder, args.max_shrink):
        print(f"not published: {work.sft / 'latest'} and the bucket stay as they are")
        return ExitCode.BELOW_TARGET
    point_latest_at(folder)
    if code == ExitCode.DONE:
        run_publish(args, folder, app_settings, work)
        remove_older_versions(work.sft, args.keep)
    return code


def _print_databases(written: dict[str, dict[str, int]]) -> None:
    import pandas as pd  # 50 MB that writing the set needs not

    print(pd.DataFrame(written).T.to_string() if written else "no rows written")


def _told(folder: Path) -> Counter[str]:
    """Counts by outcome; every row that is at fault is told with its place."""
    outcomes: Counter[str] = Counter()
    for _number, row in read_json_lines(folder / "rows.jsonl"):
        outcomes[row["outcome"]] += 1
        if row["outcome"] in FAULTS:
            place = row["source"] or row["question_id"]
            print(row["detail"] if row["outcome"] == "invalid" else f"{place}: {row['detail']}", file=sys.stderr)
    return outcomes


def _usable(work: WorkDir, stage: str) -> Path:
    path = work.stage(stage)
    reason = stale_reason(path)
    if reason and not (reason == "is not complete" and path.exists()):
        raise UserError(f"{path} {reason}; make it with `python {STAGES[stage]}` (same --work-dir)")
    return path


if __name__ == "__main__":
    sys.exit(run_script(main))
