"""What SQL and a bounded sample tell of a database's tables and columns; no table is ever pulled in as a whole."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID
from zlib import crc32

from utils.databases.connect import Dialect, driver_error
from utils.databases.execute import QueryTimeoutError, run_query
from utils.databases.graph_claims import SQLITE_MISFITS
from utils.databases.names import quoted
from utils.databases.reflection import DeclaredTable, reflect
from utils.databases.sampling import sample_sql, stored_as
from utils.synthesis.model import Kind, Value

LIMIT_S = 60.0
SAMPLED_ROWS = 10_000
KEPT_VALUES = 100
_LONGEST_VALUE = 200
_ROWS_TO_COUNT_DISTINCT = 1_000_000
_COLUMNS_A_QUERY = 100
_QUANTILES = (0.1, 0.25, 0.5, 0.75, 0.9)
_KINDS: dict[str, Kind] = {"numeric": "number", "string": "text", "datetime": "date", "bool": "flag"}
_DEFAULT_SCHEMA = {"sqlite": "main", "duckdb": "main", "postgres": "public"}

Plain = Value | datetime


class UnreadableError(Exception):
    """A query cannot be run, or not in LIMIT_S; the message says why."""


@dataclass(frozen=True)
class Shown:
    """What the data of a column shows; the fields mean what they mean of a `model.Column`."""

    kind: Kind
    filled: int
    distinct: int
    values: tuple[Value, ...]
    low: Value | None
    high: Value | None
    quantiles: tuple[float, ...]
    whole: bool
    time: bool


@dataclass(frozen=True)
class FoundTable:
    """A table or view: how SQL calls it, its columns by lower-case name, its declaration (none of a view), its rows."""

    source: str
    columns: dict[str, str]
    declared: DeclaredTable | None
    rows: int

    def nullable(self, column: str) -> bool:
        """Whether the database allows nulls in a column."""
        return all(one.nullable for one in self.declared.columns if one.name == column) if self.declared else True

    def keeps_unique(self, columns: Sequence[str]) -> bool:
        """Whether the database itself keeps the columns, or some of them, free of repetitions."""
        return self.declared is not None and any(set(key) <= set(columns) for key in self.declared.unique)


class Database:
    """A read-only database: finds tables and says what they hold, each query within a time limit."""

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self.dialect: Dialect = dialect
        self._connection = connection
        self._error = driver_error(dialect)
        self._declared, _ = reflect(connection, dialect)

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        """The rows of a query; raises UnreadableError."""
        return self._run(sql)[1]

    def _run(self, sql: str) -> tuple[list[str], list[tuple[Any, ...]]]:
        try:
            answer = run_query(self._connection, self.dialect, sql, LIMIT_S)
        except QueryTimeoutError as error:
            raise UnreadableError(f"no answer within {LIMIT_S:g} s") from error
        except self._error as error:
            raise UnreadableError(" ".join(str(error).split())) from error
        return answer.columns, answer.rows

    def table(self, path: str) -> FoundTable:
        """The table that a graph calls `path`, such as "main.sbCustomer"; raises UnreadableError."""
        *schemas, name = (part.strip('"`') for part in path.split("."))
        declared = self._declaration(schemas, name)
        if declared is not None:
            name = declared.name
            schemas[-1:] = [declared.schema] if schemas and declared.schema else schemas[-1:]
        if schemas == [_DEFAULT_SCHEMA[self.dialect]]:
            schemas = []
        source = ".".join(map(quoted, [*schemas, name]))
        columns, _ = self._run(f"SELECT * FROM {source} LIMIT 0")
        ((rows,),) = self.rows(f"SELECT COUNT(*) FROM {source}")
        return FoundTable(source, {column.lower(): column for column in columns}, declared, int(rows))

    def _declaration(self, schemas: Sequence[str], name: str) -> DeclaredTable | None:
        wanted = schemas[-1].lower() if schemas else _DEFAULT_SCHEMA[self.dialect]
        for table in self._declared:
            if table.name.lower() == name.lower() and table.schema.lower() in (wanted, ""):
                return table
        return None

    def shown(self, table: FoundTable, types: Mapping[str, str]) -> dict[str, Shown | str]:
        """What columns show, by name; of one that does not hold what the graph says it does (`types`), a line."""
        result: dict[str, Shown | str] = {}
        samples = self._samples(table, [column for column, said in types.items() if said in _KINDS])
        plain: dict[str, list[Plain]] = {}
        for column, said in types.items():
            if said not in _KINDS:
                result[column] = f"is of type {said}, which nothing is asked about"
                continue
            values = [(value, _plain(value, _KINDS[said], self.dialect)) for value in samples[column]]
            misfit = next((value for value, fitting in values if fitting is None), None)
            if misfit is None:
                plain[column] = [fitting for _, fitting in values if fitting is not None]
            else:
                result[column] = f"is claimed to be {said}, but holds {str(misfit)[:40]!r}"
        counts = self._counts(table, {column: types[column] for column in plain})
        for column, values_of_column in plain.items():
            count = counts.get(column) or _counts_of(values_of_column, table.rows)
            if count.misfits:
                result[column] = f"is claimed to be {types[column]}, but {count.misfits} values are not"
            else:
                result[column] = _shown(_KINDS[types[column]], values_of_column, count, self.dialect)
        return {column: result[column] for column in types}

    def _samples(self, table: FoundTable, columns: Sequence[str]) -> dict[str, list[Any]]:
        """The values of a bounded sample of rows, by column, without nulls."""
        if not columns:
            return {}
        stored = stored_as(table.declared.statement) if table.declared else "view"
        rows = self.rows(sample_sql(table.source, columns, table.rows, SAMPLED_ROWS, self.dialect, stored))
        return {column: [row[at] for row in rows if row[at] is not None] for at, column in enumerate(columns)}

    def _counts(self, table: FoundTable, types: Mapping[str, str]) -> dict[str, _Counts]:
        """Exact figures of columns, a hundred in one pass over the table; none of those for which that fails."""
        columns = list(types)
        result: dict[str, _Counts] = {}
        for start in range(0, len(columns), _COLUMNS_A_QUERY):
            part = columns[start : start + _COLUMNS_A_QUERY]
            figures = [one for column in part for one in self._figures(quoted(column), types[column], table.rows)]
            try:
                ((*found,),) = self.rows(f"SELECT {', '.join(figures)} FROM {table.source}")
            except UnreadableError:
                continue
            each = len(figures) // len(part)
            result |= {column: _Counts(*found[at * each : (at + 1) * each]) for at, column in enumerate(part)}
        return result

    def _figures(self, column: str, said: str, rows: int) -> tuple[str, ...]:
        """The SQL of a column's `_Counts`."""
        ordered = said in ("numeric", "datetime")
        return (
            f"COUNT({column})",
            f"COUNT(DISTINCT {column})" if rows <= _ROWS_TO_COUNT_DISTINCT else "NULL",
            f"MIN({column})" if ordered else "NULL",
            f"MAX({column})" if ordered else "NULL",
            f"SUM(CASE WHEN {SQLITE_MISFITS[said].format(column)} THEN 1 END)" if self.dialect == "sqlite" else "NULL",
        )


@dataclass(frozen=True)
class _Counts:
    """Figures of a column; None where not known."""

    filled: int
    distinct: int | None
    low: Any
    high: Any
    misfits: int | None = None


def _counts_of(values: Sequence[Plain], rows: int) -> _Counts:
    """What a sample tells where the table itself cannot be counted."""
    return _Counts(rows if values else 0, None, min(values, default=None), max(values, default=None))


def _plain(value: Any, kind: Kind, dialect: Dialect) -> Plain | None:
    """A driver's value as the kind wants it; None where it is something else."""
    if kind == "flag":
        fits = isinstance(value, bool) or (dialect == "sqlite" and value in (0, 1))
        return bool(value) if fits else None
    if kind == "number":
        number = float(value) if isinstance(value, Decimal) else value
        fits = isinstance(number, int | float) and not isinstance(number, bool) and math.isfinite(number)
        return number if fits else None
    if kind == "text":
        return str(value) if isinstance(value, str | UUID) else None
    if isinstance(value, str) and dialect == "sqlite":
        try:
            return datetime.fromisoformat(value).replace(tzinfo=None)
        except ValueError:
            return None
    if isinstance(value, datetime):
        return value.replace(tzinfo=None)
    return datetime.combine(value, time()) if isinstance(value, date) else None


def _shown(kind: Kind, sample: Sequence[Plain], counts: _Counts, dialect: Dialect) -> Shown:
    numbers = sorted(value for value in sample if kind == "number" and isinstance(value, int | float))
    whole = kind == "number" and all(number == int(number) for number in numbers)
    with_time = any(isinstance(value, datetime) and value.time() != time() for value in sample)

    def told(value: Any) -> Value | None:
        """A value as a `model.Value`."""
        if value is None:
            return None
        plain = _plain(value, kind, dialect)
        if isinstance(plain, datetime):
            return plain.isoformat(" ", "seconds") if with_time else plain.date().isoformat()
        return int(plain) if whole and plain is not None else plain

    return Shown(
        kind=kind,
        filled=counts.filled,
        distinct=_distinct(sample, counts),
        values=tuple(value for one in _frequent(sample) if (value := told(one)) is not None),
        low=told(counts.low),
        high=told(counts.high),
        quantiles=tuple(float(numbers[int(share * (len(numbers) - 1))]) for share in _QUANTILES if numbers),
        whole=whole,
        time=with_time,
    )


def _distinct(sample: Sequence[Plain], counts: _Counts) -> int:
    """How many values there are; of a large table, what its sample lets one expect."""
    if counts.distinct is not None:
        return counts.distinct
    distinct = len(set(sample))
    return distinct if 2 * distinct < len(sample) else counts.filled * distinct // max(1, len(sample))


def _frequent(sample: Sequence[Plain]) -> list[Plain]:
    """The most frequent distinct values; of equally frequent ones some from all over, the same every time."""
    counted = Counter(value for value in sample if not isinstance(value, str) or len(value) <= _LONGEST_VALUE)
    ranked = sorted(counted, key=lambda value: (-counted[value], crc32(repr(value).encode())))
    return ranked[:KEPT_VALUES]
