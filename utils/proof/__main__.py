"""Prove programs against gold SQL, from a file.

    python -m utils.proof FILE.csv --out verdicts.jsonl
    python -m utils.proof FILE.csv --explain QUESTION_ID

FILE (CSV, JSONL or Parquet) has the columns question_id, db_name, pydough, gold_sql. One line a row goes to
--out, in the order of the rows: {"question_id", "db_name", "verdict": {"status", "detail", ...}}.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import AbstractContextManager
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
from utils.programs.arguments import check_configs
from utils.proof.arguments import add_proof_arguments, settings_from
from utils.proof.explain import explained
from utils.proof.runner import AnyProver, Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask

COLUMNS = ("question_id", "db_name", "pydough", "gold_sql")


def build_parser() -> argparse.ArgumentParser:
    """The command line of this module."""
    parser = CommandLine(prog="python -m utils.proof", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("file", type=Path, help="CSV, JSONL or Parquet with columns " + ", ".join(COLUMNS))
    output = parser.add_mutually_exclusive_group(required=True)
    output.add_argument("--out", type=Path, help="where the verdicts go, one JSON object a line")
    output.add_argument("--explain", metavar="ID", help="prove one row only, and print its verdict to read")
    parser.add_argument(
        "--columns",
        choices=("exact", "superset"),
        default="exact",
        help="may a program give more columns than gold (default %(default)s; superset is for evaluations)",
    )
    parser.add_argument("--no-cache", action="store_true", help="prove again what was proven before")
    add_database_arguments(parser)
    parser.add_argument(
        "--work-dir", type=Path, default=DEFAULT_WORK_DIR, help="folder of the embedded databases and of the cache"
    )
    add_proof_arguments(parser)
    parser.add_argument(
        "--engine",
        choices=("local", "ray"),
        default="local",
        help="this machine's cores, or a Ray cluster (needs requirements-ray.txt; default %(default)s)",
    )
    parser.add_argument(
        "--ray-address", metavar="ADDRESS", help="the cluster's address (default: RAY_ADDRESS, else one of our own)"
    )
    return parser


def main(argv: list[str] | None = None) -> int:
    """Prove every row, write verdicts, print counts by status."""
    args = build_parser().parse_args(argv)
    work = WorkDir(args.work_dir)
    entries = entries_from(args, work)
    check_configs(args, entries.values())
    settings = settings_from(args, superset=args.columns == "superset")
    with _prover(args, work) as prover:
        if args.explain:
            return _explain(args, entries, settings, prover)
        counts: Counter[str] = Counter()
        total = sum(1 for _ in read_table(args.file, COLUMNS))
        with Progress("proof", total) as progress:
            write_jsonl(args.out, _verdict_lines(args.file, entries, settings, prover, counts, progress))
    for status, count in sorted(counts.items(), key=lambda item: -item[1]):
        print(f"{status:13} {count:6}")
    print(f"{'total':13} {total:6}  verdicts in {args.out}")
    return ExitCode.DONE


def _prover(args: argparse.Namespace, work: WorkDir) -> AbstractContextManager[AnyProver]:
    cache = None if args.no_cache else work.cache
    if args.engine == "local":
        return Prover(args.workers, args.timeout, args.memory_mb, cache)
    try:
        from utils.proof.cluster import ClusterProver  # loads Ray, which is optional
    except ModuleNotFoundError as error:
        told = f"--engine ray: {error.name} is not installed; install it with `pip install -r requirements-ray.txt`"
        raise UserError(told) from error
    return ClusterProver(args.ray_address, args.workers, args.timeout, args.memory_mb, cache)


def _verdict_lines(
    path: Path,
    entries: dict[str, DatabaseEntry],
    settings: ProofSettings,
    prover: AnyProver,
    counts: Counter[str],
    progress: Progress,
) -> Iterator[dict[str, Any]]:
    """One line for every row, in order: proven ones, and those whose database is unknown."""
    rows = read_table(path, COLUMNS)
    tasks = (_task(row, entries, settings) for _, row in rows if not _fault(row, entries))
    verdicts = prover.prove_all(tasks)
    for line, row in read_table(path, COLUMNS):
        if fault := _fault(row, entries):
            print(f"{path}:{line}: {fault}", file=sys.stderr)
            verdict = Verdict(status="infra_error", detail=fault)
        else:
            _, verdict = next(verdicts)
        counts[verdict.status] += 1
        progress.advance()
        yield {
            "question_id": row["question_id"],
            "db_name": row["db_name"],
            "verdict": verdict.model_dump(mode="json"),
        }


def _fault(row: dict[str, Any], entries: dict[str, DatabaseEntry]) -> str:
    """What keeps a row from being proven; "" when nothing does."""
    try:
        find_entry(entries, _text(row["db_name"]))
    except UserError as error:
        return str(error)
    return ""


def _task(row: dict[str, Any], entries: dict[str, DatabaseEntry], settings: ProofSettings) -> ProofTask:
    question_id, db_name, program, gold_sql = (_text(row[column]) for column in COLUMNS)
    return ProofTask(question_id, program, gold_sql, find_entry(entries, db_name), settings)


def _explain(
    args: argparse.Namespace, entries: dict[str, DatabaseEntry], settings: ProofSettings, prover: AnyProver
) -> int:
    wanted: Iterable[tuple[int, dict[str, Any]]] = read_table(args.file, COLUMNS)
    row = next((row for _, row in wanted if _text(row["question_id"]) == args.explain), None)
    if row is None:
        raise UserError(f"{args.file}: no row with question_id {args.explain!r}; --explain takes one of the file's ids")
    task = _task(row, entries, settings)
    ((_, verdict),) = prover.prove_all([task])
    print(explained(args.explain, task.program, task.gold_sql, verdict), end="")
    return ExitCode.DONE


def _text(value: Any) -> str:
    return "" if value is None else str(value)


if __name__ == "__main__":
    sys.exit(run_script(main))
