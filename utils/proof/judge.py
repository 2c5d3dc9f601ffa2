"""Judge one compiled program against its gold SQL. Runs inside a worker process; runs SQL only, never the program."""

from __future__ import annotations

import time
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field

from utils.core.console import UserError
from utils.core.records import Counterexample, Lint, TableRows, Verdict, VerdictStatus
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import Dialect
from utils.databases.entries import last_changes
from utils.databases.execute import QueryTimeoutError, ResultTooLargeError
from utils.programs.clock import reads_python_clock
from utils.programs.lints import lint_program
from utils.proof.answers import Query, Run, proves_something
from utils.proof.bags import Row
from utils.proof.compare import Answer, difference, differs_by_rounding, same_rows
from utils.proof.counterexample import shown_answer
from utils.proof.desk import Desk, Gold, InstanceSet
from utils.proof.diagnosis import counterexample_of, reasons_of
from utils.proof.gold import NotAQueryError
from utils.proof.instances import Instance
from utils.proof.settings import ProofSettings, Reason
from utils.proof.trial import NO_ORDER, Trial, one_line

_desks: dict[str, Desk] = {}  # one worker keeps its databases open
_ATTEMPTS_AN_INSTANCE = 4  # gold proves nothing on some instances
_EXPLAINED: dict[Reason, str] = {
    "null_vs_zero": (
        "PyDough's SUM and COUNT of nothing are 0 in most places and null in some, SQL's SUM of nothing is null; "
        "say which is meant with DEFAULT_TO or KEEP_IF"
    ),
    "tie": "TOP_K and ORDER_BY leave rows with equal keys in any order; add keys until no two rows tie",
}
# Reasons that a lint may stand behind; others stand behind what no single feature of the data explains
_EXPLAINED_BY: dict[str, tuple[Reason, ...]] = {
    "timestamp_against_date": ("boundary", "other"),
    "compared_with_none": ("nulls", "unmatched_keys", "other"),
}


@dataclass(frozen=True)
class JudgeTask:
    """A compiled program: its SQL by dialect, its source, and what to judge it against."""

    program: str
    sql: dict[Dialect, str]
    gold_sql: str
    entry: DatabaseEntry
    settings: ProofSettings
    store_file: str | None = None


class _StoppedError(Exception):
    """The verdict is known before the last step."""

    def __init__(self, status: VerdictStatus, detail: str, differs_on: str = "") -> None:
        super().__init__(detail)
        self.status, self.detail, self.differs_on = status, detail, differs_on


@dataclass
class _Found:
    """What judging has found out so far."""

    passed: int = 0
    tried: int = 0
    reasons: list[Reason] = field(default_factory=list)
    accepted: dict[str, int] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    rules: list[str] = field(default_factory=list)
    answer: TableRows | None = None
    counterexample: Counterexample | None = None


def judge(task: JudgeTask) -> Verdict:
    """Run gold and program on the original, on its twin and on made instances; compare; say what differs and why."""
    started = time.perf_counter()
    found = _Found()
    try:
        _Judgement(task, found).climb()
        status: VerdictStatus = "match"
        detail = differs_on = ""
    except _StoppedError as stop:
        status, detail, differs_on = stop.status, stop.detail, stop.differs_on
    lints = _lints(task)
    if status == "mismatch":
        known = [_explained(reason) for reason in found.reasons if reason in _EXPLAINED]
        explained = {reason for lint in lints for reason in _EXPLAINED_BY.get(lint.code, ("other",))}
        if known or (lints and set(found.reasons) <= explained):
            status, lints = "quirk", [*known, *lints]
    return Verdict(
        status=status,
        detail=detail,
        instances_passed=found.passed,
        instances_tried=found.tried,
        differs_on=differs_on,
        reasons=list(found.reasons),
        accepted=found.accepted,
        notes=found.notes,
        lints=lints,
        answer=found.answer,
        data_rules=found.rules,
        counterexample=found.counterexample,
        ms=round((time.perf_counter() - started) * 1000, 2),
    )


def _lints(task: JudgeTask) -> list[Lint]:
    def timestamps() -> frozenset[str]:
        try:
            return _desk(task).timestamp_properties if "sqlite" in task.sql else frozenset()
        except _StoppedError:
            return frozenset()

    return lint_program(task.program, timestamps)


def _explained(reason: Reason) -> Lint:
    return Lint(code=reason, line=1, explanation=_EXPLAINED[reason])


class _Judgement:
    """The judging of one program."""

    def __init__(self, task: JudgeTask, found: _Found) -> None:
        self._task = task
        self._settings = task.settings
        self._found = found
        self._limit_s = task.settings.query_limit_s
        self._desk = _desk(task)
        self._candidate = Query(task.sql[self._desk.dialect], self._desk.dialect)

    def climb(self) -> None:
        """Every step in turn; raises _StoppedError at the first that fails."""
        self._check_candidate()
        gold = self._gold()
        proven = proves_something(gold.rows)
        self._found.tried += proven
        self._compare_on_original(gold, proven)
        self._found.passed += proven
        if proven and self._settings.twins and self._desk.entry.twin_url and "duckdb" in self._task.sql:
            self._compare_on_twin(gold)
        self._compare_on_instances(gold)
        if not self._found.passed and not self._found.accepted:
            what = "only nulls" if gold.rows else "no rows"
            raise _StoppedError("degenerate", f"the gold SQL gives {what}, on made data too, so nothing can be proven")

    def _check_candidate(self) -> None:
        try:
            self._candidate.check(thoroughly=bool(self._settings.instances))
        except NotAQueryError as error:
            raise _StoppedError("unsafe", f"the program compiles to something that is not a query: {error}") from error

    # the original database

    def _gold(self) -> Gold:
        try:
            gold = self._desk.gold(self._task.gold_sql, self._limit_s)
            gold.query.check(thoroughly=bool(self._settings.instances))
            return gold
        except QueryTimeoutError as error:
            raise _StoppedError("timeout", f"the gold SQL: {error}") from error
        except Exception as error:
            raise _StoppedError("gold_error", one_line(error)) from error

    def _compare_on_original(self, gold: Gold, proven: bool) -> None:
        run = self._desk.on_original(self._limit_s)
        rows = self._candidate_rows(run, self._desk.entry.now)
        self._found.answer = shown_answer(self._candidate.columns, rows)
        if not proven:
            return
        differs = ""
        if gold.query.orders and not self._candidate.orders and self._gold_orders_rows(gold, run):
            differs = NO_ORDER
        elif not same_rows(gold.rows, rows):
            answer = gold.query.with_ties(run, self._desk.entry.now, gold.rows)
            if answer.limit_cuts_tie:
                self._found.notes.append("LIMIT cuts a tie on the original: gold could have kept other rows")
            differs = difference(answer, Answer(rows), self._settings.superset)
        if differs:
            self._look_for_counterexample(gold)
            raise _StoppedError("mismatch", differs, "original")

    def _gold_orders_rows(self, gold: Gold, run: Run) -> bool:
        """Whether gold's order tells any two of its rows apart."""
        groups = gold.query.with_ties(run, self._desk.entry.now, gold.rows).tie_groups
        return groups is not None and len(groups) > 1

    def _candidate_rows(self, run: Run, clock: str | None) -> list[Row]:
        try:
            return run(self._candidate.at(clock))
        except QueryTimeoutError as error:
            raise _StoppedError("timeout", str(error)) from error
        except ResultTooLargeError as error:
            raise _StoppedError("mismatch", str(error), "original") from error
        except MemoryError:
            raise  # depends on the worker's limit: the sandbox tells it, and it is never kept
        except Exception as error:
            raise _StoppedError("code_error", one_line(error)) from error

    def _compare_on_twin(self, gold: Gold) -> None:
        now = self._desk.entry.now
        twin = Query(self._task.sql["duckdb"], "duckdb")
        try:
            rows = self._desk.on_twin(self._limit_s)(twin.at(now))
        except UserError as error:
            raise _StoppedError("infra_error", str(error)) from error
        except QueryTimeoutError as error:
            raise _StoppedError("timeout", f"on the DuckDB twin: {error}") from error
        except Exception as error:
            raise _StoppedError("dialect_split", f"on the DuckDB twin: {one_line(error)}", "twin") from error
        if not same_rows(gold.rows, rows):
            answer = gold.query.with_ties(self._desk.on_original(self._limit_s), now, gold.rows)
            differs = difference(answer, Answer(rows), self._settings.superset)
            if differs and not differs_by_rounding(gold.rows, rows):
                raise _StoppedError("dialect_split", f"on the DuckDB twin: {differs}", "twin")

    # instances

    def _instance_set(self, gold: Gold) -> InstanceSet:
        clocks = self._desk.clocks(gold.query, self._candidate, reads_python_clock(self._task.program))
        return self._desk.instances(gold.query, self._candidate, clocks)

    def _usable(self, trial: Trial, instances: InstanceSet) -> Iterator[tuple[Instance, Answer]]:
        """As many instances as wanted on which gold gives something, with its answer."""
        wanted = self._settings.instances
        for number in range(_ATTEMPTS_AN_INSTANCE * wanted):
            instance, answer = instances.get(number, lambda made: (made, trial.gold_on(made.tables, made.clock)))
            self._found.rules = self._found.rules or data_rules(self._desk, instance.tables)
            if answer is not None:
                yield instance, answer
                wanted -= 1
                if not wanted:
                    return

    def _compare_on_instances(self, gold: Gold) -> None:
        if not self._settings.instances:
            return
        instances = self._instance_set(gold)
        trial = Trial(self._desk, gold.query, self._candidate, self._settings)
        before = self._found.tried
        try:
            for instance, answer in self._usable(trial, instances):
                self._found.tried += 1
                if answer.limit_cuts_tie and not self._found.notes:
                    self._found.notes.append("LIMIT cuts a tie on made data: gold could have kept other rows")
                differs = trial.difference_on(instance.tables, instance.clock, answer)
                if differs and trial.differ_in_any_row_order(instance):
                    self._settle(trial, instance, instances, differs)
                else:
                    self._found.passed += 1
        finally:
            instances.save()
        if self._found.tried == before:
            self._found.notes.append("gold gives nothing on made data, so the program is proven on the original only")

    def _settle(self, trial: Trial, instance: Instance, instances: InstanceSet, differs: str) -> None:
        """Find the reason; accept it or stop with the smallest data that shows it."""
        reasons = reasons_of(trial, instance, instances, differs)
        if reasons and set(reasons) <= self._settings.accept:
            for reason in reasons:
                self._found.accepted[reason] = self._found.accepted.get(reason, 0) + 1
            return
        self._found.reasons = reasons
        if self._settings.counterexamples:
            self._found.counterexample = counterexample_of(trial, instance, instances)
        told = f"on data made for the query (instance {instance.number}): {differs}"
        raise _StoppedError("mismatch", told, str(instance.number))

    def _look_for_counterexample(self, gold: Gold) -> None:
        """The program differs on the original; find out why, on data small enough to look at."""
        if not (self._settings.counterexamples and self._settings.instances):
            return
        instances = self._instance_set(gold)
        trial = Trial(self._desk, gold.query, self._candidate, self._settings)
        for instance, answer in self._usable(trial, instances):
            if told := trial.difference_on(instance.tables, instance.clock, answer):
                if told != NO_ORDER:
                    self._found.reasons = reasons_of(trial, instance, instances, told)
                self._found.counterexample = counterexample_of(trial, instance, instances)
                break
        instances.save()


def _desk(task: JudgeTask) -> Desk:
    try:
        key = repr((task.entry, last_changes(task.entry), task.settings.rules, task.store_file))
        if key not in _desks:
            _desks[key] = Desk(task.entry, task.settings.rules, task.store_file)
        return _desks[key]
    except (UserError, OSError) as error:
        raise _StoppedError("infra_error", str(error)) from error


def data_rules(desk: Desk, tables: Collection[str]) -> list[str]:
    """What made data may hold between tables, and who says so, a line each."""
    lines = []
    for link in desk.profile.links:
        if link.child in tables and link.parent in tables:
            for what, permission in (
                (link.name, link.childless_parents),
                (f"{link.child}.{'+'.join(link.columns)} null", link.null_keys),
                (f"{link.child}.{'+'.join(link.columns)} unmatched", link.unmatched_keys),
            ):
                lines.append(f"{what}: {'yes' if permission.allowed else 'no'} ({permission.source})")
    return lines
