"""How many wrong queries and programs proof tells from the right one, by the number of instances.

Every single-edit mutant of every gold query and program of the corpus is judged against gold on the original database
and on many more instances than a run uses. Those that none of them tells from gold are equivalent, as far as anybody
can see, and do not count.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from itertools import islice
from typing import Any

from benchmarks.corpus import corpus_tasks
from benchmarks.mutants import program_mutants, sql_mutants
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import connect_read_only, dialect_of
from utils.databases.data_rules import DataRules
from utils.databases.profile import DatabaseProfile, profile_database
from utils.databases.schema_text import load_graph
from utils.programs.compiler import ProgramCompiler
from utils.programs.sandbox import Sandbox
from utils.proof.judge import JudgeTask, judge
from utils.proof.settings import DEFAULT_INSTANCES, ProofSettings
from utils.proof.tasks import ProofTask

UNIVERSE = 200
SHOWN = (0, 1, 3, 5, 10)
_LIMIT_S = 300.0
_QUERY_LIMIT_S = 3.0


@dataclass(frozen=True)
class Candidate:
    """A mutant as SQL, ready to be judged against the gold of its question."""

    task: ProofTask
    kind: str
    text: str
    sql: str


@dataclass
class Kills:
    """For every mutant that differs from gold after how many instances that was seen (0: on the original)."""

    seen_after: list[int] = field(default_factory=list)
    kinds: list[str] = field(default_factory=list)
    never: Counter[str] = field(default_factory=Counter)
    late: list[dict[str, Any]] = field(default_factory=list)

    def rate(self, instances: int) -> float:
        """The share that the original and so many instances tell from gold."""
        return sum(one <= instances for one in self.seen_after) / max(1, len(self.seen_after))


def measure_kills(every: int = 1) -> dict[str, Any]:
    """Figures over every mutant, or every n-th."""
    settings = ProofSettings(
        instances=UNIVERSE, twins=False, counterexamples=False, query_limit_s=_QUERY_LIMIT_S
    )  # fmt: skip
    tasks = corpus_tasks(settings)
    both = Kills()
    figures: dict[str, Any] = {"universe": UNIVERSE, "default_k": DEFAULT_INSTANCES, "mutants_every": every}
    for name, candidates in (("sql", _sql_candidates(tasks)), ("program", _program_candidates(tasks))):
        kills = _judged(islice(candidates, 0, None, every))
        figures[f"{name}_mutants"] = len(kills.seen_after) + kills.never.total()
        figures[f"{name}_mutants_told"] = len(kills.seen_after)
        for count in (*SHOWN, DEFAULT_INSTANCES):
            figures[f"{name}_kill_rate_{count}"] = round(kills.rate(count), 4)
        both.seen_after += kills.seen_after
        both.kinds += kills.kinds
        both.never += kills.never
        both.late += kills.late
    for count in SHOWN[1:]:
        figures[f"kill_rate_{count}"] = round(both.rate(count), 4)
    figures["kill_rate_original_only"] = round(both.rate(0), 4)
    figures["kill_rate_default_k"] = round(both.rate(DEFAULT_INSTANCES), 4)
    figures["missed_by_kind"] = dict(Counter(one["kind"] for one in both.late).most_common())
    figures["never_told_by_kind"] = dict(both.never.most_common())
    figures["missed"] = both.late
    return figures


def corpus_rejected() -> int:
    """How many programs of the corpus the default settings refuse."""
    from utils.proof.runner import Prover

    with Prover() as prover:
        return sum(verdict.status != "match" for _task, verdict in prover.prove_all(corpus_tasks(ProofSettings())))


def _judged(candidates: Iterable[Candidate]) -> Kills:
    kills = Kills()
    waiting: list[Candidate] = []

    def judge_tasks() -> Iterator[JudgeTask]:
        for one in candidates:
            waiting.append(one)
            yield JudgeTask(
                "", {dialect_of(one.task.entry.url): one.sql}, one.task.gold_sql, one.task.entry, one.task.settings
            )

    with Sandbox(judge, limit_s=_LIMIT_S) as judges:
        for number, outcome in enumerate(judges.map(judge_tasks())):
            candidate = waiting[number]
            verdict = outcome.result
            if verdict is None or verdict.status == "match":
                kills.never[candidate.kind] += 1
                continue
            seen = verdict.instances_tried - 1 if verdict.differs_on.isdigit() else 0
            kills.seen_after.append(seen)
            kills.kinds.append(candidate.kind)
            if seen > DEFAULT_INSTANCES:
                known = {"question_id": candidate.task.question_id, "kind": candidate.kind, "seen_after": seen}
                kills.late.append({**known, "detail": verdict.detail, "mutant": candidate.text})
    return kills


def _sql_candidates(tasks: Iterable[ProofTask]) -> Iterator[Candidate]:
    profiles: dict[str, DatabaseProfile] = {}
    for task in tasks:
        profile = profiles.setdefault(task.entry.name, _profile(task.entry))
        for mutant in sql_mutants(task.gold_sql, profile):
            yield Candidate(task, f"sql: {mutant.kind}", mutant.text, mutant.text)


def _program_candidates(tasks: Iterable[ProofTask]) -> Iterator[Candidate]:
    """Mutants of programs that compile, and to something else than the program does."""
    siblings: dict[str, dict[str, str]] = {}
    with ProgramCompiler(limit_s=20) as compiler:
        for task in tasks:
            dialect = dialect_of(task.entry.url)
            known = siblings.setdefault(task.entry.name, _siblings(task.entry))
            mutants = program_mutants(task.program, known)
            texts = [task.program, *(mutant.text for mutant in mutants)]
            compiled = [compiler.submit(text, task.entry, [dialect]) for text in texts]
            original, *others = (future.result().sql.get(dialect) for future in compiled)
            for mutant, sql in zip(mutants, others, strict=True):
                if sql is not None and sql != original:
                    yield Candidate(task, f"program: {mutant.kind}", mutant.text, sql)


def _profile(entry: DatabaseEntry) -> DatabaseProfile:
    graph = load_graph(entry.graph_path, entry.graph_name)
    return profile_database(connect_read_only(entry.url), dialect_of(entry.url), graph, DataRules())


def _siblings(entry: DatabaseEntry) -> dict[str, str]:
    """For every property the next one of its collection and type."""
    found: dict[str, str] = {}
    for collection in load_graph(entry.graph_path, entry.graph_name)["collections"]:
        by_type: dict[str, list[str]] = {}
        for item in collection["properties"]:
            if item["type"] == "table column":
                by_type.setdefault(item["data type"], []).append(item["name"])
        for names in by_type.values():
            found |= {name: names[(place + 1) % len(names)] for place, name in enumerate(names) if len(names) > 1}
    return found
