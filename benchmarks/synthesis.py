"""How fast synthesis makes proven rows, how much they differ, and how often the two renderings disagree.

`make bench-synthesis` writes benchmarks/results/synthesis.json, for the broker's database and TPC-H each:

- kept_per_s_core: rows drawn, rendered, compiled and proven on the original and 5 made instances, a second, with every
  process on one core; bare_per_s_core: PyDough's compiling of the same programs, and program and gold run once on the
  original, with nothing drawn, compared or made; kept_to_bare: the one by the other, which no machine's speed is in.
- disagreement_rate: the share of the first PROVEN drafts whose program does not give what their SQL gives;
  disagreements: by kind.
- distinct_template_share, duplicate_questions, words_median, words_p95, overlap with the corpus' operators (1: the
  same distribution), operator_coverage: the share of the operators that SQLite runs which occur; all of ROWS drafts.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
import warnings
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from pathlib import Path
from statistics import median, quantiles
from typing import Any

from utils.core.console import run_script
from utils.core.jsonl import whole_file
from utils.core.paths import PROJECT_ROOT, QUESTIONS_DIR, WorkDir
from utils.core.questions import normal_question, question_files, read_questions
from utils.core.records import Verdict
from utils.databases.catalog import DatabaseEntry, built_in_entries
from utils.databases.connect import connect_read_only
from utils.databases.execute import run_query
from utils.programs.compile import GraphCompiler
from utils.programs.language import language_operators
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask
from utils.synthesis.drafts import Draft, Drafter
from utils.synthesis.hints import read_hints
from utils.synthesis.mix import operator_profile, overlap
from utils.synthesis.reading import read_model
from utils.synthesis.rows import what_is_known
from utils.synthesis.settings import Limits

RESULTS = PROJECT_ROOT / "benchmarks" / "results" / "synthesis.json"
DATABASES = ("broker", "tpch")
ROWS = 5_000
PROVEN = 500
TIMED = 100
INSTANCES = 5
NOT_ON_SQLITE = frozenset({"EXPLODE", "LISTOF"})  # which has no lists
_TRIES = 1_000_000
_SETTINGS = ProofSettings(instances=INSTANCES, twins=False, counterexamples=False)


def drafter_of(entry: DatabaseEntry, seed: int = 0) -> tuple[Drafter, list[str]]:
    """A drafter as stage 3 makes it beside our corpus, and the corpus' programs."""
    files = question_files(None, QUESTIONS_DIR, exclude="basic_questions.csv")
    taken, programs = what_is_known(row.question for row in read_questions(files))
    wanted = operator_profile(programs)
    return Drafter(entry, read_model(entry), read_hints(entry.graph_path), seed, taken, wanted), programs


def proven(drafts: Iterator[Draft], entry: DatabaseEntry, workers: int) -> Iterator[tuple[Draft, Verdict]]:
    """Drafts with their verdicts, in order."""
    by_id: dict[str, Draft] = {}

    def tasks() -> Iterator[ProofTask]:
        for number, draft in enumerate(drafts):
            by_id[str(number)] = draft
            yield ProofTask(str(number), draft.program, draft.gold_sql, entry, _SETTINGS)

    with Prover(workers) as prover:
        for task, verdict in prover.prove_all(tasks()):
            yield by_id.pop(task.question_id), verdict


def timed(name: str, count: int) -> dict[str, float]:
    """Rows a second of the whole way, and of the bare one, all on the core that this process is bound to."""
    entry = built_in_entries(WorkDir())[name]
    drafter, _programs = drafter_of(entry)
    kept: list[Draft] = []
    started = 0.0
    for draft, verdict in proven(drafter.drafts(_TRIES, Limits()), entry, 1):
        started = started or time.perf_counter()  # after processes and caches have started
        if verdict.status == "match":
            kept.append(draft)
        if len(kept) > count:
            break
    seconds = time.perf_counter() - started
    return {"kept_per_s_core": count / seconds, "bare_per_s_core": _bare(kept[:count], entry)}


def _bare(drafts: list[Draft], entry: DatabaseEntry) -> float:
    graph = entry.graph_path.read_text(encoding="utf-8")
    warnings.simplefilter("ignore")  # PyDough's on the order of nulls, one for each program
    compiler = GraphCompiler(graph, entry.graph_name, "sqlite", entry.configs)
    with closing(connect_read_only(entry.url)) as connection:
        compiler.compile(drafts[0].program, entry.now)
        started = time.perf_counter()
        for draft in drafts:
            for sql in (compiler.compile(draft.program, entry.now), draft.gold_sql):
                run_query(connection, "sqlite", sql, _SETTINGS.query_limit_s)
    return len(drafts) / (time.perf_counter() - started)


def described(name: str, rows: int) -> dict[str, Any]:
    """What so many drafts are like, and how often program and SQL disagree."""
    entry = built_in_entries(WorkDir())[name]
    drafter, programs = drafter_of(entry)
    wanted = operator_profile(programs)
    drafts = list(islice(drafter.drafts(_TRIES, Limits()), rows))
    verdicts = [verdict for _draft, verdict in proven(iter(drafts[:PROVEN]), entry, os.cpu_count() or 1)]
    statuses = Counter(map(_kind, verdicts))
    words = [len(draft.question.split()) for draft in drafts]
    used = operator_profile(draft.program for draft in drafts)
    runnable = language_operators() - NOT_ON_SQLITE
    differing = {kind: count for kind, count in statuses.most_common() if kind not in ("match", "degenerate")}
    return {
        "rows": len(drafts),
        "rows_proven": len(verdicts),
        "disagreement_rate": round(sum(differing.values()) / len(verdicts), 4),
        "disagreements": differing,
        "proves_nothing": statuses["degenerate"],
        "distinct_template_share": round(len({draft.forms.template for draft in drafts}) / len(drafts), 3),
        "operator_coverage": round(len(runnable & set(used)) / len(runnable), 3),
        "operators_missing": sorted(runnable - set(used)),
        "duplicate_questions": len(drafts) - len({normal_question(draft.question) for draft in drafts}),
        "words_median": median(words),
        "words_p95": round(quantiles(words, n=20)[-1]),
        "operator_overlap": round(overlap(used, wanted), 3),
        "levels": dict(Counter(draft.difficulty for draft in drafts)),
        "draws_left_out": dict(drafter.refused.most_common()),
    }


def _kind(verdict: Verdict) -> str:
    return verdict.status if verdict.status in ("match", "degenerate") else " ".join([verdict.status, *verdict.reasons])


def _on_one_core(name: str, count: int) -> dict[str, float]:
    """`timed` in a process of its own that, with all it starts, has one core."""
    command = [sys.executable, "-m", "benchmarks.synthesis", "--timed", str(count), "--only", name]
    core = min(os.sched_getaffinity(0))
    done = subprocess.run(
        command,
        cwd=PROJECT_ROOT,
        stdout=subprocess.PIPE,
        text=True,
        check=True,
        preexec_fn=lambda: os.sched_setaffinity(0, {core}),
    )
    return dict(json.loads(done.stdout.splitlines()[-1]))


def main(argv: list[str] | None = None) -> int:
    """Measure, print and write the figures."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=int, default=ROWS, help="drafts a database (default %(default)s)")
    parser.add_argument("--timed", type=int, help="time so many on the core at hand, and print it")
    parser.add_argument("--only", choices=DATABASES, help="one database")
    parser.add_argument("--out", type=Path, default=RESULTS, help="where the figures go (default %(default)s)")
    args = parser.parse_args(argv)
    names = [args.only] if args.only else list(DATABASES)
    if args.timed:
        print(json.dumps(timed(names[0], args.timed)))
        return 0
    figures: dict[str, Any] = {"instances": INSTANCES}
    speeds = {name: _on_one_core(name, min(TIMED, args.rows)) for name in names}
    for name, speed in speeds.items():
        rounded = {figure: round(value, 1) for figure, value in speed.items()}
        ratio = round(speed["kept_per_s_core"] / speed["bare_per_s_core"], 3)
        figures[name] = {**rounded, "kept_to_bare": ratio} | described(name, args.rows)
        for figure, value in figures[name].items():
            print(f"{name:8} {figure:26} {value}", flush=True)
    with whole_file(args.out) as stream:
        json.dump(figures, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
    return 0


if __name__ == "__main__":
    sys.exit(run_script(main))
