"""Pin "now" for gold SQL and programs alike, so that "in the past 30 days" never goes stale."""

from __future__ import annotations

import ast
import datetime as real_datetime
import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache
from types import SimpleNamespace
from typing import Any

from sqlglot.dialects.dialect import Dialect as SqlDialect
from sqlglot.errors import TokenError
from sqlglot.tokens import Token, TokenType

from utils.databases.connect import Dialect

_SQLITE_DATE_FUNCTIONS = {"date", "datetime", "time", "julianday", "strftime", "unixepoch", "timediff"}
# What every reading of the clock has in it; comments may stand anywhere
_MAY_READ_CLOCK = re.compile(
    r"now|current|today|localtime|transaction_timestamp|strftime|timediff|\bage\b|\(\s*\)|--|/\*", re.IGNORECASE
)
_TIMESTAMPTZ_CALLS = ("now", "get_current_timestamp", "transaction_timestamp")


@lru_cache(maxsize=2_000)
def pin_clock(sql: str, dialect: Dialect, now: str | None) -> str:
    """`sql` with every reading of the clock replaced by the timestamp `now` ("YYYY-MM-DD HH:MM:SS").

    Only the clock's tokens change; `now=None` leaves the SQL as it is.
    Example: `date('now', '-1 day')` becomes `date('2023-12-15 14:30:00', '-1 day')`.
    """
    if now is None or not _MAY_READ_CLOCK.search(sql):
        return sql
    try:
        tokens = _tokens(sql, dialect)
    except TokenError:
        return sql  # running it will tell what is wrong with it
    replacements = _sqlite_replacements(tokens, now) if dialect == "sqlite" else _duckdb_replacements(tokens, now)
    for start, end, text in reversed(replacements):
        sql = sql[:start] + text + sql[end + 1 :]
    return sql


@lru_cache(maxsize=50)
def _tokens(sql: str, dialect: Dialect) -> list[Token]:
    """The tokens of a query, which is mostly pinned to several moments in turn."""
    return SqlDialect.get_or_raise(dialect).tokenize(sql)


@dataclass
class _Call:
    """One function call, or a parenthesis within one: whose it is, and where it opens and closes."""

    function: str
    opened: Token
    closed: Token | None = None
    arguments: int = 0  # how many there are


def _calls(tokens: list[Token]) -> tuple[list[_Call], list[_Call | None]]:
    """All calls, and for every token the innermost call that it is an argument's part of."""
    calls: list[_Call] = []
    inner: list[_Call | None] = []
    open_calls: list[_Call] = []
    for index, token in enumerate(tokens):
        inner.append(open_calls[-1] if open_calls else None)
        if open_calls and token.token_type != TokenType.R_PAREN:
            open_calls[-1].arguments += token.token_type == TokenType.COMMA or not open_calls[-1].arguments
        if token.token_type == TokenType.L_PAREN:
            before = tokens[index - 1] if index else None
            grouping = before is None or before.token_type in (TokenType.L_PAREN, TokenType.COMMA)
            function = open_calls[-1].function if grouping and open_calls else before.text.lower() if before else ""
            open_calls.append(_Call(function, token))
            if not grouping:
                calls.append(open_calls[-1])
        elif open_calls and token.token_type == TokenType.R_PAREN:
            open_calls.pop().closed = token
    return calls, inner


def _is_clock_word(tokens: list[Token], index: int) -> bool:
    """Whether a token may read the clock by its mere name: not text, not quoted, not a column or an alias."""
    named = index and tokens[index - 1].token_type in (TokenType.DOT, TokenType.ALIAS)
    return not named and tokens[index].token_type not in (TokenType.STRING, TokenType.IDENTIFIER)


def _sqlite_replacements(tokens: list[Token], now: str) -> list[tuple[int, int, str]]:
    day, _, time_of_day = now.partition(" ")
    words = {"current_timestamp": f"'{now}'", "current_date": f"'{day}'", "current_time": f"'{time_of_day}'"}
    calls, inner = _calls(tokens)
    found: list[tuple[int, int, str]] = []
    for index, token in enumerate(tokens):
        name, call = token.text.lower(), inner[index]
        text = token.token_type in (TokenType.STRING, TokenType.IDENTIFIER)  # SQLite takes "now" for text, too
        column = index and tokens[index - 1].token_type == TokenType.DOT
        if name == "now" and text and not column and call and call.function in _SQLITE_DATE_FUNCTIONS:
            found.append((token.start, token.end, f"'{now}'"))
        elif name in words and _is_clock_word(tokens, index):
            found.append((token.start, token.end, words[name]))
    for call in calls:
        if call.closed is None or call.function not in _SQLITE_DATE_FUNCTIONS:
            continue
        if call.arguments == 0:
            found.append((call.opened.start, call.opened.end, f"('{now}'"))  # date() reads the clock
        elif call.arguments == 1 and call.function == "strftime":
            found.append((call.closed.start, call.closed.end, f", '{now}')"))  # so does strftime('%Y')
    return sorted(found)


def _duckdb_replacements(tokens: list[Token], now: str) -> list[tuple[int, int, str]]:
    day, _, time_of_day = now.partition(" ")
    literals = dict.fromkeys(_TIMESTAMPTZ_CALLS, f"TIMESTAMPTZ '{now}+00'")
    literals |= dict.fromkeys(("today", "current_date"), f"DATE '{day}'")
    literals |= dict.fromkeys(("get_current_time", "current_localtime"), f"TIME '{time_of_day}'")
    literals["current_localtimestamp"] = f"TIMESTAMP '{now}'"
    words = {
        "current_timestamp": literals["now"],
        "localtimestamp": literals["current_localtimestamp"],
        "current_date": literals["today"],
        "current_time": literals["current_localtime"],
        "localtime": literals["current_localtime"],
    }
    found: list[tuple[int, int, str]] = []
    for index, token in enumerate(tokens):
        name = token.text.lower()
        if not _is_clock_word(tokens, index):
            continue
        if name in literals and [after.text for after in tokens[index + 1 : index + 3]] == ["(", ")"]:
            found.append((token.start, tokens[index + 2].end, literals[name]))
        elif name in words:
            found.append((token.start, token.end, words[name]))
    for call in _calls(tokens)[0]:
        if call.function == "age" and call.arguments == 1:  # the age as of today
            found.append((call.opened.start, call.opened.end, f"(TIMESTAMP '{day}', "))
    return sorted(found)


def reads_python_clock(program: str) -> bool:
    """Whether a program may take the moment from Python and not leave it to SQL, as `datetime.date.today()` does."""
    names = {"now", "today", "utcnow", "Timestamp", "to_datetime"}
    return any(isinstance(node, ast.Attribute) and node.attr in names for node in ast.walk(ast.parse(program)))


def program_modules(now: str | None) -> dict[str, Any]:
    """What a program may see of `datetime` and `pandas`, with the clock standing at `now`."""
    import pandas

    dates = SimpleNamespace(
        datetime=real_datetime.datetime,
        date=real_datetime.date,
        time=real_datetime.time,
        timedelta=real_datetime.timedelta,
        timezone=real_datetime.timezone,
    )
    if now is not None:
        dates.datetime, dates.date = _pinned_classes(real_datetime.datetime.fromisoformat(now))
    tables = SimpleNamespace(
        Timestamp=_single_moment(pandas.Timestamp, now),
        Timedelta=pandas.Timedelta,
        DateOffset=pandas.DateOffset,
        to_datetime=_single_moment(pandas.to_datetime, now),
        DataFrame=pandas.DataFrame,
    )
    return {"datetime": dates, "pandas": tables, "pd": tables}


def _pinned_classes(moment: real_datetime.datetime) -> tuple[type[real_datetime.datetime], type[real_datetime.date]]:
    class PinnedDatetime(real_datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return moment

        today = utcnow = now

    class PinnedDate(real_datetime.date):
        @classmethod
        def today(cls) -> Any:
            return moment.date()

    return PinnedDatetime, PinnedDate


def _single_moment(function: Callable[..., Any], now: str | None) -> Callable[..., Any]:
    """pandas' `Timestamp` or `to_datetime` with the clock at `now`; of many moments at once it makes none."""
    import pandas

    def pinned(value: Any) -> Any:
        return now or value if isinstance(value, str) and value.lower() in ("now", "today") else value

    def moment(*args: Any, **kwargs: Any) -> Any:
        made = function(*map(pinned, args), **{name: pinned(value) for name, value in kwargs.items()})
        if not isinstance(made, real_datetime.datetime):  # a Series or an Index, which could write files
            raise TypeError(f"expected one moment, found {type(made).__name__}")
        return made

    def reading(tz: Any = None) -> Any:
        return pandas.Timestamp(now or "now")

    moment.now = moment.today = moment.utcnow = reading  # type: ignore[attr-defined]
    return moment
