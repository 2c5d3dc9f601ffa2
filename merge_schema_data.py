#!/usr/bin/env python3
"""Stage 4: join schemas to proven rows and write the Gemini fine-tuning set.

    python merge_schema_data.py

Reads training_data/stages/generated.jsonl and basicq.jsonl, joins each row's schema by its question id,
drops duplicates, splits by program template, checks every line against Gemini's contract and writes
training_data/sft/<version>/{train,validation,basicq,rows}.jsonl, manifest.json and report.html;
training_data/sft/latest points at the newest version.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from pathlib import Path

import pandas as pd

from utils.core.arguments import CommandLine, add_run_arguments
from utils.core.console import UserError, run_script
from utils.core.freshness import stale_reason
from utils.core.jsonl import read_json_lines
from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import question_files, read_questions
from utils.core.settings import load_settings
from utils.core.summary import FAULTS, exit_code, print_counts
from utils.databases.arguments import add_database_arguments, entries_from
from utils.dataset.arguments import add_split_arguments
from utils.dataset.manifest import build_manifest, read_manifest, write_manifest
from utils.dataset.release import ReleaseSettings, SchemaJoiner, write_release
from utils.dataset.report import write_report
from utils.dataset.sft import SYSTEM_INSTRUCTION
from utils.dataset.versions import is_complete, new_version, point_latest_at, version_name
from utils.programs.arguments import check_configs

STAGES = {"generated": "generate_finetuning_data_gemini.py", "basicq": "basicQ_retrieve_pydough.py"}


def build_parser() -> argparse.ArgumentParser:
    """The command line of this script."""
    parser = CommandLine(description=(__doc__ or "").splitlines()[0])
    add_run_arguments(parser, "CSV or JSONL files (default training_data/questions/*.csv but the basic questions)")
    release = parser.add_argument_group("training lines").add_argument
    release(
        "--schema",
        choices=("markdown", "json", "none"),
        default="markdown",
        help="schema in the user turn (default %(default)s)",
    )
    release(
        "--context",
        choices=("none", "docs"),
        default="none",
        help="documentation in the user turn (default %(default)s)",
    )
    release(
        "--system-instruction", type=Path, metavar="FILE", help="text file to use in place of the default instruction"
    )
    add_split_arguments(parser)
    add_database_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Write a version of the set, unless the newest one was made from the same inputs."""
    args = build_parser().parse_args(argv)
    work = WorkDir(args.work_dir)
    stages = {name: _usable(work.stage(name), script) for name, script in STAGES.items()}
    files = question_files(args.questions, QUESTIONS_DIR, exclude="basic_questions.csv")
    entries = entries_from(args, work)
    check_configs(args, entries.values())
    settings = ReleaseSettings(
        schema=args.schema,
        with_documentation=args.context == "docs",
        system_instruction=_system_instruction(args.system_instruction),
        validation_share=args.validation_share,
        seed=args.seed,
    )
    databases = {row.question.question_id: row.question.db_name for row in read_questions(files) if not row.problem}
    used = {name: entry for name, entry in entries.items() if name.lower() in {db.lower() for db in databases.values()}}
    inputs = [*files, *stages.values(), *{entry.graph_path for entry in used.values()}]
    version = version_name(inputs, settings, used)
    folder = work.sft / version
    done = "up to date"
    if args.force or not is_complete(folder):
        with new_version(folder) as staging:
            counts = write_release(
                staging, stages["generated"], stages["basicq"], SchemaJoiner(databases, entries, args.schema), settings
            )
            manifest = build_manifest(version, staging, counts, settings, inputs, used, work)
            write_report(staging, manifest)
            write_manifest(staging, manifest)
        done = "written"
    point_latest_at(folder)
    databases_written = read_manifest(folder)["databases"]
    print(pd.DataFrame(databases_written).T.to_string() if databases_written else "no rows written")
    outcomes = _told(folder)
    print_counts(f"stage 4: {folder} {done}", outcomes)
    if bucket := load_settings().gcs_bucket:
        print(f"upload it with: gcloud storage cp {folder}/*.jsonl {bucket.rstrip('/')}/{version}/")
    return exit_code(outcomes, outcomes["train"] + outcomes["validation"], args.min_accepted, args.max_failures)


def _told(folder: Path) -> Counter[str]:
    """Counts by outcome; every row that is at fault is told with its place."""
    outcomes: Counter[str] = Counter()
    for _number, row in read_json_lines(folder / "rows.jsonl"):
        outcomes[row["outcome"]] += 1
        if row["outcome"] in FAULTS:
            place = row["source"] or row["question_id"]
            print(row["detail"] if row["outcome"] == "invalid" else f"{place}: {row['detail']}", file=sys.stderr)
    return outcomes


def _usable(path: Path, script: str) -> Path:
    reason = stale_reason(path)
    if reason and not (reason == "is not complete" and path.exists()):
        raise UserError(f"{path} {reason}; make it with `python {script}` (same --work-dir)")
    return path


def _system_instruction(path: Path | None) -> str:
    if path is None:
        return SYSTEM_INSTRUCTION
    try:
        text = path.read_text(encoding="utf-8").strip()
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error
    if not text:
        raise UserError(f"{path}: is empty; expected the text of the system instruction")
    return text


if __name__ == "__main__":
    sys.exit(run_script(main))
