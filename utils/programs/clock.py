"""Pin "now" for gold SQL and programs alike, so that "in the past 30 days" never goes stale."""

from __future__ import annotations

import datetime as real_datetime
from types import SimpleNamespace
from typing import Any

from sqlglot.dialects.dialect import Dialect as SqlDialect
from sqlglot.errors import TokenError
from sqlglot.tokens import Token, TokenType

from utils.databases.connect import Dialect

_SQLITE_DATE_FUNCTIONS = {"date", "datetime", "time", "julianday", "strftime", "unixepoch", "timediff"}
_TIMESTAMP_WORDS = {"current_timestamp", "localtimestamp"}
_TIMESTAMP_CALLS = {"now", "get_current_timestamp", "transaction_timestamp", "current_localtimestamp"}


def pin_clock(sql: str, dialect: Dialect, now: str | None) -> str:
    """`sql` with every reading of the clock replaced by the timestamp `now` ("YYYY-MM-DD HH:MM:SS").

    Only the clock's tokens change; `now=None` leaves the SQL as it is.
    Example: `date('now', '-1 day')` becomes `date('2023-12-15 14:30:00', '-1 day')`.
    """
    if now is None:
        return sql
    try:
        tokens = SqlDialect.get_or_raise(dialect).tokenize(sql)
    except TokenError:
        return sql  # running it will tell what is wrong with it
    replacements = _sqlite_replacements(tokens, now) if dialect == "sqlite" else _duckdb_replacements(tokens, now)
    for start, end, text in reversed(replacements):
        sql = sql[:start] + text + sql[end + 1 :]
    return sql


def _sqlite_replacements(tokens: list[Token], now: str) -> list[tuple[int, int, str]]:
    day, _, time_of_day = now.partition(" ")
    words = {"current_timestamp": f"'{now}'", "current_date": f"'{day}'", "current_time": f"'{time_of_day}'"}
    found: list[tuple[int, int, str]] = []
    calls: list[str] = []  # the functions whose parentheses are open
    arguments: list[int] = []  # commas seen in each
    for index, token in enumerate(tokens):
        name = token.text.lower()
        if token.token_type == TokenType.L_PAREN:
            calls.append(tokens[index - 1].text.lower() if index else "")
            arguments.append(0)
            if calls[-1] in _SQLITE_DATE_FUNCTIONS and tokens[index + 1 : index + 2] and tokens[index + 1].text == ")":
                found.append((token.start, token.end, f"('{now}'"))  # date() reads the clock
        elif token.token_type == TokenType.R_PAREN and calls:
            if calls.pop() == "strftime" and arguments[-1] == 0:
                found.append((token.start, token.end, f", '{now}')"))  # so does strftime('%Y')
            arguments.pop()
        elif token.token_type == TokenType.COMMA and arguments:
            arguments[-1] += 1
        elif token.token_type == TokenType.STRING and name == "now" and calls and calls[-1] in _SQLITE_DATE_FUNCTIONS:
            found.append((token.start, token.end, f"'{now}'"))
        elif token.token_type not in (TokenType.STRING, TokenType.IDENTIFIER) and name in words:
            found.append((token.start, token.end, words[name]))
    return found


def _duckdb_replacements(tokens: list[Token], now: str) -> list[tuple[int, int, str]]:
    day, _, time_of_day = now.partition(" ")
    found: list[tuple[int, int, str]] = []
    for index, token in enumerate(tokens):
        if token.token_type in (TokenType.STRING, TokenType.IDENTIFIER):
            continue
        name = token.text.lower()
        empty_call = [following.text for following in tokens[index + 1 : index + 3]] == ["(", ")"]
        end = tokens[index + 2].end if empty_call else token.end
        if name == "localtimestamp" or (name == "current_localtimestamp" and empty_call):
            found.append((token.start, end, f"TIMESTAMP '{now}'"))
        elif name in _TIMESTAMP_WORDS or (name in _TIMESTAMP_CALLS and empty_call):
            found.append((token.start, end, f"TIMESTAMPTZ '{now}+00'"))
        elif name == "current_date" or (name == "today" and empty_call):
            found.append((token.start, end, f"DATE '{day}'"))
        elif name == "current_time":
            found.append((token.start, end, f"TIME '{time_of_day}'"))
    return found


def program_modules(now: str | None) -> dict[str, Any]:
    """What a program may see of `datetime` and `pandas`, with the clock standing at `now`."""
    import pandas

    if now is None:
        pinned: type[real_datetime.datetime] = real_datetime.datetime
        pinned_date: type[real_datetime.date] = real_datetime.date
    else:
        moment = real_datetime.datetime.fromisoformat(now)

        class PinnedDatetime(real_datetime.datetime):
            @classmethod
            def now(cls, tz: Any = None) -> Any:
                return moment

            today = utcnow = now

        class PinnedDate(real_datetime.date):
            @classmethod
            def today(cls) -> Any:
                return moment.date()

        pinned, pinned_date = PinnedDatetime, PinnedDate

    def timestamp(*args: Any, **kwargs: Any) -> Any:
        if args and isinstance(args[0], str) and args[0].lower() in ("now", "today"):
            args = (now or args[0], *args[1:])
        return pandas.Timestamp(*args, **kwargs)

    timestamp.now = timestamp.today = timestamp.utcnow = lambda *_: pandas.Timestamp(now or "now")  # type: ignore[attr-defined]
    dates = SimpleNamespace(
        datetime=pinned, date=pinned_date, time=real_datetime.time, timedelta=real_datetime.timedelta
    )
    tables = SimpleNamespace(
        Timestamp=timestamp,
        Timedelta=pandas.Timedelta,
        DateOffset=pandas.DateOffset,
        to_datetime=timestamp,
        DataFrame=pandas.DataFrame,
    )
    return {"datetime": dates, "pandas": tables, "pd": tables}
