"""Prove programs against gold SQL, from a file.

    python -m utils.proof FILE.csv --out verdicts.jsonl

FILE (CSV or JSONL) has the columns question_id, db_name, pydough, gold_sql. One line a row goes to
--out, in the order of the rows: {"question_id", "db_name", "verdict": {"status", "detail", ...}}.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from utils.core.arguments import CommandLine
from utils.core.console import ExitCode, Progress, UserError, run_script
from utils.core.jsonl import write_jsonl
from utils.core.paths import DEFAULT_WORK_DIR, WorkDir
from utils.core.records import Verdict
from utils.core.tables import read_table
from utils.databases.arguments import add_database_arguments, entries_from
from utils.databases.catalog import DatabaseEntry, find_entry
from utils.programs.arguments import add_sandbox_arguments, check_configs
from utils.proof.prove import ProofTask
from utils.proof.runner import Prover

COLUMNS = ("question_id", "db_name", "pydough", "gold_sql")


def build_parser() -> argparse.ArgumentParser:
    """The command line of this module."""
    parser = CommandLine(prog="python -m utils.proof", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="CSV or JSONL with columns " + ", ".join(COLUMNS))
    parser.add_argument("--out", type=Path, required=True, help="where the verdicts go, one JSON object a line")
    add_database_arguments(parser)
    parser.add_argument("--work-dir", type=Path, default=DEFAULT_WORK_DIR, help="folder of the embedded databases")
    add_sandbox_arguments(parser)
    return parser


def main(argv: list[str] | None = None) -> int:
    """Prove every row, write verdicts, print counts by status."""
    args = build_parser().parse_args(argv)
    work = WorkDir(args.work_dir)
    entries = entries_from(args, work)
    check_configs(args, entries.values())
    rows = list(read_table(args.file, COLUMNS))
    counts: Counter[str] = Counter()
    write_jsonl(args.out, _verdict_lines(rows, entries, args, counts))
    for status, count in sorted(counts.items(), key=lambda item: -item[1]):
        print(f"{status:12} {count:6}")
    print(f"{'total':12} {len(rows):6}  verdicts in {args.out}")
    return ExitCode.DONE


def _verdict_lines(
    rows: list[tuple[int, dict[str, Any]]],
    entries: dict[str, DatabaseEntry],
    args: argparse.Namespace,
    counts: Counter[str],
) -> Iterator[dict[str, Any]]:
    tasks: list[ProofTask] = []
    faults: dict[int, Verdict] = {}
    for line, row in rows:
        question_id, db_name, program, gold_sql = (_text(row[column]) for column in COLUMNS)
        try:
            entry = find_entry(entries, db_name)
        except UserError as error:
            faults[line] = Verdict(status="infra_error", detail=str(error))
            print(f"{args.file}:{line}: {error}", file=sys.stderr)
            continue
        tasks.append(ProofTask(question_id, program, gold_sql, entry, min(10.0, args.timeout / 3)))
    with (
        Prover(args.workers, args.timeout, args.memory_mb) as prover,
        Progress("proof", len(rows)) as progress,
    ):
        verdicts = prover.prove_all(tasks)
        for line, row in rows:
            verdict = faults[line] if line in faults else next(verdicts)[1]
            counts[verdict.status] += 1
            progress.advance()
            yield {
                "question_id": row["question_id"],
                "db_name": row["db_name"],
                "verdict": verdict.model_dump(mode="json"),
            }


def _text(value: Any) -> str:
    return "" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(run_script(main))
