"""How long proof takes: one measurement a process, so that nothing of one is left for the next.

    python -m benchmarks.throughput bare|proof --cores N --instances K [--cache FOLDER]

prints the seconds that the corpus takes as JSON.
"""

from __future__ import annotations

import argparse
import json
import logging
import os
import sys
import time
import warnings
from pathlib import Path

from benchmarks.corpus import corpus_tasks
from utils.programs.engine import open_engine
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask

_WARM_UP = 10  # every tenth task first, so that all databases are open


def bare_loop_s(tasks: list[ProofTask]) -> float:
    """Seconds to compile every program and run it and its gold, with nothing checked or compared."""
    engines = {task.entry.name: open_engine(task.entry) for task in tasks}
    for task in tasks[::_WARM_UP]:
        engines[task.entry.name].compile_program(task.program)
    started = time.perf_counter()
    for task in tasks:
        engine = engines[task.entry.name]
        engine.run_sql(engine.compile_program(task.program), 60)
        engine.run_sql(engine.pin(task.gold_sql), 60)
    return time.perf_counter() - started


def proof_s(tasks: list[ProofTask], workers: int, cache: Path | None) -> float:
    """Seconds to prove every task; the workers are started, and have opened the databases, before the clock."""
    with Prover(workers, cache_folder=cache) as prover:
        if cache is None:
            list(prover.prove_all([task for task in tasks[::_WARM_UP] for _ in range(workers)]))
        started = time.perf_counter()
        verdicts = list(prover.prove_all(tasks))
        seconds = time.perf_counter() - started
    assert all(verdict.status == "match" for _task, verdict in verdicts), "a corpus program is not proven"
    return seconds


def main() -> int:
    """Measure once and print."""
    warnings.simplefilter("ignore")  # PyDough's and sqlglot's remarks on dialects, once a program
    logging.getLogger("sqlglot").setLevel(logging.ERROR)
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("what", choices=("bare", "proof"))
    parser.add_argument("--cores", type=int, default=1)
    parser.add_argument("--instances", type=int, default=0)
    parser.add_argument("--cache", type=Path)
    args = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: args.cores])
    tasks = corpus_tasks(ProofSettings(instances=args.instances, twins=False))
    seconds = bare_loop_s(tasks) if args.what == "bare" else proof_s(tasks, args.cores, args.cache)
    print(json.dumps({"seconds": seconds, "programs": len(tasks)}))
    return 0


if __name__ == "__main__":
    sys.exit(main())
