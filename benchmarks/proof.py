"""How fast proof is: `make bench-proof`, or python -m benchmarks.proof.

Prints programs a second over the corpus' proven rows, and ratios measured in this one run: proof on one
core against a bare loop of from_string, to_sql and execute (two queries a row, program and gold); two
worker processes against one; a second run from the verdict cache against the first. Writes
benchmarks/results/proof.json.
"""

from __future__ import annotations

import json
import logging
import sys
import tempfile
import time
import warnings
from pathlib import Path

from utils.core.console import run_script
from utils.core.jsonl import whole_file
from utils.core.paths import PROJECT_ROOT, QUESTIONS_DIR, WorkDir
from utils.core.questions import question_files, read_questions
from utils.databases.catalog import built_in_entries, find_entry
from utils.programs.engine import open_engine
from utils.proof.runner import Prover
from utils.proof.tasks import ProofTask

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "proof.json"


def main() -> int:
    """Measure, print and write the figures."""
    warnings.simplefilter("ignore")  # PyDough's and sqlglot's remarks on dialects, once a program
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    tasks = _corpus_tasks()
    with tempfile.TemporaryDirectory() as folder:
        bare = _bare_loop_s(tasks)
        one = _proof_s(tasks, workers=1)
        two = _proof_s(tasks, workers=2)
        cache_file = Path(folder) / "verdicts.sqlite"
        first = _proof_s(tasks, workers=1, cache_file=cache_file)
        again = _proof_s(tasks, workers=1, cache_file=cache_file)
    figures = {
        "programs": len(tasks),
        "programs_per_s_one_core": round(len(tasks) / one, 1),
        "one_core_ratio": round(bare / one, 3),
        "two_core_ratio": round(one / two, 3),
        "cache_speedup": round(first / again, 1),
    }
    for name, value in figures.items():
        print(f"{name:26} {value:>10}")
    with whole_file(RESULTS) as stream:
        json.dump(figures, stream, indent=2)
        stream.write("\n")
    return 0


def _corpus_tasks() -> list[ProofTask]:
    entries = built_in_entries(WorkDir())
    files = question_files(None, QUESTIONS_DIR, exclude="basic_questions.csv")
    return [
        ProofTask(
            row.question.question_id,
            row.question.pydough,
            row.question.gold_sql,
            find_entry(entries, row.question.db_name),
        )
        for row in read_questions(files)
        if row.question.pydough and row.question.gold_sql
    ]


def _bare_loop_s(tasks: list[ProofTask]) -> float:
    """Seconds to compile every program and run it and its gold, with nothing checked or compared."""
    engines = {task.entry.name: open_engine(task.entry) for task in tasks}
    started = time.perf_counter()
    for task in tasks:
        engine = engines[task.entry.name]
        engine.run_sql(engine.compile_program(task.program), 60)
        engine.run_sql(engine.pin(task.gold_sql), 60)
    return time.perf_counter() - started


def _proof_s(tasks: list[ProofTask], workers: int, cache_file: Path | None = None) -> float:
    """Seconds to prove every task; the workers are started, with one task each, before the clock."""
    with Prover(workers, cache_file=cache_file) as prover:
        if cache_file is None:
            list(prover.prove_all(tasks[: workers * 4]))
        started = time.perf_counter()
        verdicts = list(prover.prove_all(tasks))
        seconds = time.perf_counter() - started
    assert all(verdict.status == "match" for _task, verdict in verdicts), "a corpus program is not proven"
    return seconds


if __name__ == "__main__":
    sys.exit(run_script(main))
