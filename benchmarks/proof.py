"""How well and how fast proof works: `make bench-proof`.

Writes benchmarks/results/proof.json: the share of wrong queries and programs told from the right ones (see
benchmarks/kills.py), and ratios of times measured in this one run (see benchmarks/throughput.py), each the median of
several, taken in turns. Proof on one core is measured against a bare loop of from_string, to_sql and execute (two
queries a row, program and gold), two cores against one, default_k instances already built and from cold against none,
and a second run from the cache against the first.
"""

from __future__ import annotations

import argparse
import json
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from statistics import median
from typing import Any

from benchmarks.corpus import corpus_tasks
from benchmarks.kills import corpus_rejected, measure_kills
from utils.core.console import run_script
from utils.core.jsonl import whole_file
from utils.core.paths import PROJECT_ROOT
from utils.databases.data_rules import DataRules
from utils.proof.answers import Query
from utils.proof.desk import Desk
from utils.proof.settings import DEFAULT_INSTANCES, ProofSettings

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "proof.json"
_ROUNDS = 2
_BUILT = 40  # instances timed one by one


def main() -> int:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--every", type=int, default=1, help="judge every N-th mutant only (default: all)")
    parser.add_argument("--only", choices=("speed", "kills"), help="measure one part, and keep the other's figures")
    args = parser.parse_args()
    figures: dict[str, Any] = json.loads(RESULTS.read_text(encoding="utf-8")) if args.only and RESULTS.exists() else {}
    if args.only != "kills":
        figures |= _speed()
    if args.only != "speed":
        figures |= {"corpus_rejected": corpus_rejected()} | measure_kills(args.every)
    for name, value in figures.items():
        if not isinstance(value, list | dict):
            print(f"{name:28} {value:>10}")
    with whole_file(RESULTS) as stream:
        json.dump(figures, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
    return 0


def _speed() -> dict[str, Any]:
    rounds: dict[str, list[float]] = {}
    programs = 0
    for _ in range(_ROUNDS):
        with tempfile.TemporaryDirectory() as folder:
            cold, again = Path(folder, "cold"), Path(folder, "again")
            for name, flags in (
                ("bare", ["bare"]),
                ("one", ["proof"]),
                ("two", ["proof", "--cores", "2"]),
                ("cold", ["proof", "--instances", str(DEFAULT_INSTANCES), "--cache", str(cold)]),
                ("kept", ["proof", "--instances", str(DEFAULT_INSTANCES), "--cache", str(cold)]),
                ("built", ["proof", "--instances", str(DEFAULT_INSTANCES), "--cache", str(again)]),
                ("none", ["proof", "--cache", str(Path(folder, "none"))]),
            ):
                if name == "built":  # the instances of the first run, and none of its verdicts
                    again.mkdir()
                    shutil.copy(cold / "instances.sqlite", again)
                found = _measured(flags)
                rounds.setdefault(name, []).append(found["seconds"])
                programs = found["programs"]

    def ratio(above: str, below: str) -> float:
        return median(one / other for one, other in zip(rounds[above], rounds[below], strict=True))

    return {
        "programs": programs,
        "programs_per_s_one_core": round(programs / median(rounds["one"]), 1),
        "one_core_ratio": round(ratio("bare", "one"), 3),
        "two_core_ratio": round(ratio("one", "two"), 3),
        "instance_cost_ratio": round(ratio("built", "none"), 3),
        "instance_cost_ratio_limit": 1 + 0.05 * DEFAULT_INSTANCES,
        "instance_cost_ratio_cold": round(ratio("cold", "none"), 3),
        "instance_cost_ratio_cold_limit": 1 + 1.0 * DEFAULT_INSTANCES,
        "instance_ms_four_tables": round(_instance_ms(), 2),
        "cache_speedup": round(ratio("cold", "kept"), 1),
    }


def _measured(flags: list[str]) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.throughput", *flags]
    done = subprocess.run(command, cwd=PROJECT_ROOT, capture_output=True, text=True, check=True)
    return json.loads(done.stdout.splitlines()[-1])


def _instance_ms() -> float:
    """Milliseconds to make one instance of four tables of a hundred rows and more, and have a database hold it."""
    times = []
    for task in corpus_tasks(ProofSettings()):
        desk = Desk(task.entry, DataRules(), None)
        gold = Query(task.gold_sql, desk.dialect)
        facts = gold.facts(desk.profile)
        if len(facts.tables) != 4:
            continue
        builder = desk.instances(gold, gold, (task.entry.now,)).builder
        for number in range(_BUILT // 10):
            started = time.perf_counter()
            desk.hold(builder.build(number).tables)
            times.append((time.perf_counter() - started) * 1000)
        if len(times) >= _BUILT:
            break
    return median(times)


if __name__ == "__main__":
    sys.exit(run_script(main))
