"""What SQLite, DuckDB and PostgreSQL write differently, and only that which differs beside what all share.

SQLite must be 3.35 or later (3.39 for a condition on the whole) with its mathematical functions
(SQLITE_ENABLE_MATH_FUNCTIONS), which Python's mostly has.
"""

from __future__ import annotations

from dataclasses import dataclass

from utils.databases.connect import Dialect
from utils.synthesis.sql.terms import ADDED, COMPARED, MULTIPLIED, WHOLE

Template = str | tuple[str, int]  # `{0}` is the first argument, `{0:p}` fit to stand beside an operator; with a level


@dataclass(frozen=True)
class Engine:
    """One database's SQL.

    `calls` are templates by operator, or by operator and option; `aggregates` by function, "" where the database has
    none. `same` is the comparison in which null equals null. `nulls_first` and `nulls_last` follow a sort key that
    shall place nulls below all values.
    """

    name: Dialect
    calls: dict[str, Template]
    aggregates: dict[str, str]
    same: str
    nulls_first: str
    nulls_last: str

    def template(self, operator: str, option: str) -> tuple[str, int] | None:
        """The template of a call with its level; None where there is none."""
        found = self.calls.get(f"{operator} {option}" if option else operator) or self.calls.get(operator)
        return (found, WHOLE) if isinstance(found, str) else found


_WHITE = "' ' || CHR(9) || CHR(10) || CHR(13)"
_CALLS: dict[str, Template] = {
    "ABSENT": ("{0:p} IS NULL", COMPARED),
    "PRESENT": ("{0:p} IS NOT NULL", COMPARED),
    "LIKE": ("{0:p} LIKE {1:p}", COMPARED),
    "ABS": "ABS({0})",
    "FLOOR": "FLOOR({0})",
    "CEIL": "CEIL({0})",
    "SIGN": "SIGN({0})",
    "SQRT": "CASE WHEN {0:p} >= 0 THEN SQRT({0}) END",
    "POWER": "POWER({0}, {1})",
    "ROUND": "ROUND({0}, {1})",
    "LARGEST": "GREATEST({all})",
    "SMALLEST": "LEAST({all})",
    "LOWER": "LOWER({0})",
    "UPPER": "UPPER({0})",
    "LENGTH": "LENGTH({0})",
    "STRIP": "TRIM({0}, " + _WHITE + ")",
    "REPLACE": "REPLACE({0}, {1}, {2})",
    "STRCOUNT": ("(LENGTH({0}) - LENGTH(REPLACE({0}, {1}, ''))) / LENGTH({1})", MULTIPLIED),
    "FIND": ("INSTR({0}, {1}) - 1", ADDED),
    "LPAD": "LPAD({0}, {1}, {2})",
    "RPAD": "RPAD({0}, {1}, {2})",
    "GETPART": "SPLIT_PART({0}, {1}, {2})",
    "STRING": "CAST({0} AS TEXT)",
    "YEAR": "EXTRACT(YEAR FROM {0})",
    "QUARTER": "EXTRACT(QUARTER FROM {0})",
    "MONTH": "EXTRACT(MONTH FROM {0})",
    "DAY": "EXTRACT(DAY FROM {0})",
    "HOUR": "EXTRACT(HOUR FROM {0})",
    "MINUTE": "EXTRACT(MINUTE FROM {0})",
    "SECOND": "EXTRACT(SECOND FROM {0})",
    "DAYOFWEEK": ("EXTRACT(ISODOW FROM {0}) - 1", ADDED),
}
_AGGREGATES = {
    "COUNT": "COUNT({value})",
    "SUM": "SUM({value})",
    "AVG": "AVG({value})",
    "MIN": "MIN({value})",
    "MAX": "MAX({value})",
    "NDISTINCT": "COUNT(DISTINCT {value})",
    "STD": "STDDEV_SAMP({value})",
    "VAR": "VAR_SAMP({value})",
}

_SQLITE_YEARS = "CAST(STRFTIME('%Y', {1}) AS INTEGER) - CAST(STRFTIME('%Y', {0}) AS INTEGER)"
_SQLITE_DAYS = "CAST(JULIANDAY(DATE({1})) - JULIANDAY(DATE({0})) AS INTEGER)"
_SQLITE_WEEKDAYS = " ".join(
    f"WHEN '{number}' THEN '{name}'"
    for number, name in enumerate(("Sunday", "Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday"))
)
SQLITE = Engine(
    "sqlite",
    {
        **_CALLS,
        "SQRT": "SQRT({0})",
        "INTEGER": "CAST({0} AS INTEGER)",
        "FLOAT": "CAST({0} AS REAL)",
        "DIV": ("CAST({0} AS REAL) / {1:p}", MULTIPLIED),
        "LARGEST": "MAX({all})",
        "SMALLEST": "MIN({all})",
        "STRIP": "TRIM({0}, ' ' || CHAR(9, 10, 13))",
        "YEAR": "CAST(STRFTIME('%Y', {0}) AS INTEGER)",
        "QUARTER": ("(CAST(STRFTIME('%m', {0}) AS INTEGER) + 2) / 3", MULTIPLIED),
        "MONTH": "CAST(STRFTIME('%m', {0}) AS INTEGER)",
        "DAY": "CAST(STRFTIME('%d', {0}) AS INTEGER)",
        "HOUR": "CAST(STRFTIME('%H', {0}) AS INTEGER)",
        "MINUTE": "CAST(STRFTIME('%M', {0}) AS INTEGER)",
        "SECOND": "CAST(STRFTIME('%S', {0}) AS INTEGER)",
        "DAYOFWEEK": ("(CAST(STRFTIME('%w', {0}) AS INTEGER) + 6) % 7", MULTIPLIED),
        "DAYNAME": "CASE STRFTIME('%w', {0}) " + _SQLITE_WEEKDAYS + " END",
        "MONTHNAME": (
            "SUBSTR('JanFebMarAprMayJunJulAugSepOctNovDec', 3 * CAST(STRFTIME('%m', {0}) AS INTEGER) - 2, 3)"
        ),
        "START year": "DATE({0}, 'start of year')",
        "START quarter": (
            "DATE({0}, 'start of month', '-' || ((CAST(STRFTIME('%m', {0}) AS INTEGER) + 2) % 3) || ' months')"
        ),
        "START month": "DATE({0}, 'start of month')",
        "START week": "DATE({0}, 'weekday 0', '-6 days')",
        "START day": "DATE({0})",
        "DIFFERENCE years": (_SQLITE_YEARS, ADDED),
        "DIFFERENCE months": (
            f"12 * ({_SQLITE_YEARS}) + CAST(STRFTIME('%m', {{1}}) AS INTEGER) - CAST(STRFTIME('%m', {{0}}) AS INTEGER)",
            ADDED,
        ),
        "DIFFERENCE days": _SQLITE_DAYS,
        "DIFFERENCE hours": (
            f"24 * {_SQLITE_DAYS} + CAST(STRFTIME('%H', {{1}}) AS INTEGER) - CAST(STRFTIME('%H', {{0}}) AS INTEGER)",
            ADDED,
        ),
    },
    {**_AGGREGATES, "ANYTHING": "MAX({value})", "MEDIAN": "", "QUANTILE": "", "STD": "", "VAR": ""},
    same="IS",
    nulls_first="",
    nulls_last="",
)
DUCKDB = Engine(
    "duckdb",
    {
        **_CALLS,
        "INTEGER": "CAST(TRUNC(CAST({0} AS DOUBLE)) AS BIGINT)",
        "FLOAT": "CAST({0} AS DOUBLE)",
        "DIV": ("{0:p} / {1:p}", MULTIPLIED),
        "STRCOUNT": ("(LENGTH({0}) - LENGTH(REPLACE({0}, {1}, ''))) // LENGTH({1})", MULTIPLIED),
        "DAYNAME": "DAYNAME({0})",
        "MONTHNAME": "STRFTIME({0}, '%b')",
        "START": "DATE_TRUNC('{option}', {0})",
        "DIFFERENCE years": "DATE_DIFF('year', {0}, {1})",
        "DIFFERENCE months": "DATE_DIFF('month', {0}, {1})",
        "DIFFERENCE days": "DATE_DIFF('day', {0}, {1})",
        "DIFFERENCE hours": "DATE_DIFF('hour', {0}, {1})",
    },
    {
        **_AGGREGATES,
        "ANYTHING": "ANY_VALUE({value})",
        "MEDIAN": "MEDIAN(CAST({value} AS DOUBLE))",  # of decimals it would be cut to their number of digits
        "QUANTILE": "QUANTILE_DISC({value}, {option})",
    },
    same="IS NOT DISTINCT FROM",
    nulls_first=" NULLS FIRST",
    nulls_last=" NULLS LAST",
)
_POSTGRES_YEARS = "EXTRACT(YEAR FROM {1}) - EXTRACT(YEAR FROM {0})"
POSTGRES = Engine(
    "postgres",
    {
        **_CALLS,
        "ROUND": "ROUND(CAST({0} AS NUMERIC), {1})",
        "INTEGER": "CAST(TRUNC(CAST({0} AS DOUBLE PRECISION)) AS BIGINT)",
        "FLOAT": "CAST({0} AS DOUBLE PRECISION)",
        "DIV": ("CAST({0} AS DOUBLE PRECISION) / {1:p}", MULTIPLIED),
        "FIND": ("STRPOS({0}, {1}) - 1", ADDED),
        "HOUR": "EXTRACT(HOUR FROM CAST({0} AS TIMESTAMP))",
        "MINUTE": "EXTRACT(MINUTE FROM CAST({0} AS TIMESTAMP))",
        "SECOND": "FLOOR(EXTRACT(SECOND FROM CAST({0} AS TIMESTAMP)))",
        "DAYNAME": "TO_CHAR({0}, 'FMDay')",
        "MONTHNAME": "TO_CHAR({0}, 'Mon')",
        "START": "DATE_TRUNC('{option}', CAST({0} AS TIMESTAMP))",
        "DIFFERENCE years": (_POSTGRES_YEARS, ADDED),
        "DIFFERENCE months": (
            f"12 * ({_POSTGRES_YEARS}) + EXTRACT(MONTH FROM {{1}}) - EXTRACT(MONTH FROM {{0}})",
            ADDED,
        ),
        "DIFFERENCE days": ("CAST({1} AS DATE) - CAST({0} AS DATE)", ADDED),
        "DIFFERENCE hours": (
            "24 * (CAST({1} AS DATE) - CAST({0} AS DATE)) + EXTRACT(HOUR FROM CAST({1} AS TIMESTAMP))"
            " - EXTRACT(HOUR FROM CAST({0} AS TIMESTAMP))",
            ADDED,
        ),
    },
    {
        **_AGGREGATES,
        "ANYTHING": "MAX({value})",
        "MEDIAN": "PERCENTILE_CONT(0.5) WITHIN GROUP (ORDER BY {value})",
        "QUANTILE": "PERCENTILE_DISC({option}) WITHIN GROUP (ORDER BY {value})",
    },
    same="IS NOT DISTINCT FROM",
    nulls_first=" NULLS FIRST",
    nulls_last=" NULLS LAST",
)
ENGINES: dict[Dialect, Engine] = {"sqlite": SQLITE, "duckdb": DUCKDB, "postgres": POSTGRES}
