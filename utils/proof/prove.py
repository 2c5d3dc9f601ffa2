"""Prove one program against its gold SQL on one database. Runs inside a worker process."""

from __future__ import annotations

import time
from dataclasses import dataclass

from sqlglot import exp

from utils.core.console import UserError
from utils.core.records import Verdict, VerdictStatus
from utils.databases.catalog import DatabaseEntry
from utils.programs.allowlist import UnsafeProgramError, check_program
from utils.programs.engine import Engine, QueryTimeoutError, ResultTooLargeError, open_engine
from utils.programs.source import ProgramError
from utils.proof.bags import Row
from utils.proof.compare import GoldResult, difference, follows, tie_groups
from utils.proof.gold import NotAQueryError, keyed_query, orders_rows, parse_query
from utils.proof.values import canonical_rows

_engines: dict[str, Engine] = {}  # one worker keeps its databases and parsed graphs open


@dataclass(frozen=True)
class ProofTask:
    """One program to prove: against `gold_sql`, on the database and graph of `entry`."""

    question_id: str
    program: str
    gold_sql: str
    entry: DatabaseEntry
    query_limit_s: float = 10.0


class _StoppedError(Exception):
    """The verdict is known before the last step."""

    def __init__(self, status: VerdictStatus, detail: str) -> None:
        super().__init__(detail)
        self.status, self.detail = status, detail


def prove(task: ProofTask) -> Verdict:
    """Climb the ladder: allow-list, compile, gold runs and gives something, candidate runs, results equal."""
    started = time.perf_counter()
    tried = 0
    try:
        _check_source(task.program)
        engine = _engine(task.entry)
        sql = _compile(engine, task.program)
        tried = 1
        gold = _gold_result(engine, task)
        candidate = _candidate_rows(engine, sql, task.query_limit_s)
        if (
            gold.tie_groups is not None
            and len(gold.tie_groups) > 1
            and not orders_rows(parse_query(sql, engine.dialect))
        ):
            raise _StoppedError("mismatch", "the question asks for an order, but the program states none")
        differs = difference(gold, candidate)
        if differs:
            raise _StoppedError("mismatch", differs)
        status: VerdictStatus = "match"
        detail = ""
    except _StoppedError as stop:
        status, detail = stop.status, stop.detail
    ms = round((time.perf_counter() - started) * 1000, 2)
    return Verdict(status=status, detail=detail, instances_passed=int(status == "match"), instances_tried=tried, ms=ms)


def _check_source(program: str) -> None:
    try:
        check_program(program)
    except ProgramError as error:
        raise _StoppedError("code_error", str(error)) from error
    except UnsafeProgramError as error:
        raise _StoppedError("unsafe", str(error)) from error


def _engine(entry: DatabaseEntry) -> Engine:
    key = repr(entry)
    if key not in _engines:
        try:
            _engines[key] = open_engine(entry)
        except UserError as error:
            raise _StoppedError("infra_error", str(error)) from error
    return _engines[key]


def _compile(engine: Engine, program: str) -> str:
    try:
        sql = engine.compile_program(program)
        parse_query(sql, engine.dialect)
    except NotAQueryError as error:
        raise _StoppedError("unsafe", f"the program compiles to something that is not a query: {error}") from error
    except MemoryError:
        raise  # depends on the worker's limit: the sandbox tells it, and it is never kept
    except (Exception, SystemExit, KeyboardInterrupt) as error:  # a program may raise anything
        raise _StoppedError("code_error", _one_line(error)) from error
    return sql


def _gold_result(engine: Engine, task: ProofTask) -> GoldResult:
    try:
        query = parse_query(task.gold_sql, engine.dialect)
        rows = canonical_rows(engine.run_sql(engine.pin(task.gold_sql), task.query_limit_s).rows)
    except QueryTimeoutError as error:
        raise _StoppedError("timeout", f"the gold SQL: {error}") from error
    except Exception as error:
        raise _StoppedError("gold_error", _one_line(error)) from error
    if not rows:
        raise _StoppedError("degenerate", "the gold SQL gives no rows, so nothing can be proven")
    if all(cell is None for row in rows for cell in row):
        raise _StoppedError("degenerate", "the gold SQL gives only nulls, so nothing can be proven")
    return GoldResult(rows, _tie_groups(engine, query, rows, task.query_limit_s) if orders_rows(query) else None)


def _tie_groups(engine: Engine, query: exp.Query, rows: list[Row], limit_s: float) -> list[list[Row]]:
    """Gold's rows cut into ties, the last group with all that LIMIT chose from; each row alone if unknown."""
    keyed = keyed_query(query, engine.dialect)
    alone = [[row] for row in rows]
    if keyed is None:
        return alone
    try:
        table = canonical_rows(engine.run_sql(engine.pin(keyed.sql), limit_s).rows)
    except Exception:  # the rewritten query is ours: if it fails, gold's own row order binds, which is stricter
        return alone
    width = len(rows[0])
    groups = tie_groups([row[:width] for row in table], [row[width:] for row in table])
    kept = _groups_of_kept_rows(groups, keyed.offset, len(rows))
    return kept if kept is not None and follows(kept, rows) else alone


def _groups_of_kept_rows(groups: list[list[Row]], offset: int, count: int) -> list[list[Row]] | None:
    """The groups that rows offset .. offset+count fall into; None when the offset cuts a tie."""
    start = 0
    kept: list[list[Row]] = []
    for group in groups:
        if start >= offset + count:
            break
        if start >= offset:
            kept.append(group)
        elif start + len(group) > offset:
            return None
        start += len(group)
    return kept


def _candidate_rows(engine: Engine, sql: str, limit_s: float) -> list[Row]:
    try:
        return canonical_rows(engine.run_sql(sql, limit_s).rows)
    except QueryTimeoutError as error:
        raise _StoppedError("timeout", str(error)) from error
    except ResultTooLargeError as error:
        raise _StoppedError("mismatch", str(error)) from error
    except MemoryError:
        raise
    except Exception as error:
        raise _StoppedError("code_error", _one_line(error)) from error


def _one_line(error: BaseException) -> str:
    return f"{type(error).__name__}: {' '.join(str(error).split())}"[:600]
