"""The command line on the ledger: what was asked and paid, single calls in full, and what may be deleted.

python -m utils.gemini.ledger                        # totals by model, endpoint and mode
python -m utils.gemini.ledger calls --status safety
python -m utils.gemini.ledger show 12
python -m utils.gemini.ledger prune --failed --older-than 30 --dry-run
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    ColumnElement,
    Connection,
    Integer,
    LargeBinary,
    Row,
    and_,
    cast,
    create_engine,
    func,
    inspect,
    not_,
    or_,
    select,
)
from sqlalchemy.exc import DBAPIError

from utils.core.arguments import CommandLine, not_negative, positive_int
from utils.core.console import UserError, mask_secrets
from utils.core.paths import DEFAULT_WORK_DIR, WorkDir
from utils.gemini.calls import GeminiCall
from utils.gemini.ledger import FAILED, SENT, stored_reply
from utils.gemini.ledger_tables import CALLS, PROMPTS
from utils.gemini.prices import dollars

_PROG = "python -m utils.gemini.ledger"
_ON_ITS_WAY = timedelta(days=1)  # a call may wait so long for its answer before it counts as lost
_MOST_DAYS = 36_500
_WAIT_S = 60.0  # for a ledger that another process is writing to
_WORDS = 60  # characters of a question worth showing in one line
_TOKENS = ("prompt", "cached", "output", "thoughts")
_WITH_PROMPT = select(CALLS, PROMPTS.c.call).join(PROMPTS, PROMPTS.c.key == CALLS.c.key, isouter=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; see `--help`. Raises UserError for a missing ledger or a call that is not in it."""
    args = _parser().parse_args(argv)
    args.ledger = args.ledger or WorkDir(args.work_dir or DEFAULT_WORK_DIR).ledger
    with _open(args.ledger) as connection:
        for line in args.command(connection, args):
            print(mask_secrets(line))
    return 0


# totals


@dataclass
class _Total:
    calls: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    tokens: Counter[str] = field(default_factory=Counter)
    cost_usd: float = 0.0
    unpriced: int = 0  # calls that were answered, at a price nobody has named
    days: set[str] = field(default_factory=set)  # the first and the last

    def add(self, row: Row[Any]) -> None:
        self.calls += row.calls
        self.statuses[row.status] += row.calls
        self.tokens.update({name: getattr(row, name) for name in _TOKENS})
        self.cost_usd += row.cost_usd or 0.0
        self.unpriced += row.unpriced if row.status not in (SENT, FAILED) else 0
        self.days |= {row.first[:10], row.last[:10]}

    def cells(self) -> list[str]:
        named = ("ok", FAILED, SENT)
        others = ", ".join(
            f"{status} {count}" for status, count in sorted(self.statuses.items()) if status not in named
        )
        ok, failed, unanswered = (f"{self.statuses[status]:,}" for status in named)
        counts = [f"{self.calls:,}", ok, others or "-", failed, unanswered]
        tokens = [f"{self.tokens[name]:,}" for name in _TOKENS]
        return [*counts, *tokens, dollars(self.cost_usd), f"{self.unpriced:,}", min(self.days), max(self.days)]


_COLUMNS = (
    *("model", "endpoint", "mode", "calls", "ok", "withheld or cut", "failed", "unanswered"),
    *("prompt", "cached", "output", "thoughts", "cost", "no price", "first", "last"),
)


def _totals(connection: Connection, _args: argparse.Namespace) -> Iterator[str]:
    group = (CALLS.c.model, CALLS.c.endpoint, CALLS.c.mode)
    sums = (func.sum(CALLS.c[f"{name}_tokens"]).label(name) for name in _TOKENS)
    rows = connection.execute(
        select(
            *group,
            CALLS.c.status,
            func.count().label("calls"),
            *sums,
            func.sum(CALLS.c.cost_usd).label("cost_usd"),
            func.sum(cast(CALLS.c.cost_usd.is_(None), Integer)).label("unpriced"),
            func.min(CALLS.c.created_at).label("first"),
            func.max(CALLS.c.created_at).label("last"),
        )
        .group_by(*group, CALLS.c.status)
        .order_by(*group)
    )
    totals: dict[tuple[str, ...], _Total] = {}
    everything = _Total()
    for row in rows:
        totals.setdefault((row.model, row.endpoint, row.mode), _Total()).add(row)
        everything.add(row)
    if not totals:
        yield "no calls"
        return
    yield from _table(
        _COLUMNS,
        [[*names, *total.cells()] for names, total in totals.items()] + [["total", "", "", *everything.cells()]],
    )
    if everything.unpriced:
        yield f"{everything.unpriced:,} answered calls have no price; their cost is not in the sums"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    number = [all(cell[:1] in "$0123456789" for cell in column) for column in zip(*rows, strict=True)]
    for row in (header, *rows):
        cells = zip(row, widths, number, strict=True)
        yield "  ".join(cell.rjust(width) if right else cell.ljust(width) for cell, width, right in cells).rstrip()


# calls


def _calls(connection: Connection, args: argparse.Namespace) -> Iterator[str]:
    wanted: list[ColumnElement[bool]] = [
        CALLS.c[name] == value for name in ("status", "model", "endpoint") if (value := getattr(args, name))
    ]
    if args.since:
        wanted.append(CALLS.c.created_at >= _iso(args.since))
    rows = connection.execute(_WITH_PROMPT.where(*wanted).order_by(CALLS.c.id.desc()).limit(args.limit)).all()
    for row in rows:
        yield _as_json(row) if args.json else _as_line(row)


def _as_line(row: Row[Any]) -> str:
    asked = " ".join(mask_secrets(_asked(row.call)).split())  # masked before it is cut, or half a secret would stay
    short = asked if len(asked) <= _WORDS else "..." + asked[3 - _WORDS :]
    tokens = f"{row.prompt_tokens}+{row.output_tokens}+{row.thoughts_tokens} tokens"
    when, mode = row.created_at[:19] + "Z", f"{row.mode} #{row.attempt}"
    return "  ".join(
        [str(row.id), when, row.model, mode, row.status, tokens, _cost(row.cost_usd), f"{row.ms:.0f} ms", short]
    )


def _as_json(row: Row[Any]) -> str:
    told = {name: value for name, value in row._mapping.items() if name not in ("call", "response")}
    told["asked"] = _asked(row.call)
    # Masked before it is JSON: a secret's end is not always where its string ends.
    return json.dumps(
        {name: mask_secrets(value) if isinstance(value, str) else value for name, value in told.items()},
        ensure_ascii=False,
    )


def _asked(call: str | None) -> str:
    """The turn that opens the conversation; it ends with what is asked."""
    turns = GeminiCall.model_validate_json(call).contents if call else ()
    return turns[0][1] if turns else ""


def _cost(cost_usd: float | None) -> str:
    return "no price" if cost_usd is None else dollars(cost_usd)


# show


def _show(connection: Connection, args: argparse.Namespace) -> Iterator[str]:
    row, others = _find(connection, args.id)
    yield f"call {row.id}"
    yield f"key: {row.key}" + (f" (also of calls {', '.join(map(str, others))})" if others else "")
    yield f"sent: {row.created_at}, {row.mode}, to {row.endpoint}, attempt {row.attempt}"
    if row.job is not None:
        yield f"job: {row.job}, item {row.position}"
    call = GeminiCall.model_validate_json(row.call) if row.call else None
    parameters = call.model_dump(mode="json", exclude_none=True) if call else {"model": row.model}
    for name, value in parameters.items():
        if name not in ("contents", "system_instruction") and value != "":
            yield f"{name}: {json.dumps(value, ensure_ascii=False) if isinstance(value, dict) else value}"
    reply = stored_reply(row.response, row.call, row.ms) if row.response and row.call else None
    read_now = f" (read as {reply.status} today)" if reply and reply.status != row.status else ""
    yield f"status: {row.status}{read_now}"
    if reply and reply.finish_reason:
        yield f"finish reason: {reply.finish_reason}"
    if row.detail:
        yield f"detail: {row.detail}"
    yield "tokens: " + ", ".join(f"{getattr(row, f'{name}_tokens'):,} {name}" for name in (*_TOKENS, "total"))
    yield f"cost: {_cost(row.cost_usd)}"
    yield f"took: {row.ms:,.0f} ms"
    if call and call.system_instruction:
        yield from ("", "--- system instruction", call.system_instruction)
    for role, text in call.contents if call else ():
        yield from ("", f"--- {role}", text)
    if reply:
        yield from ("", "--- answer", reply.text)


def _find(connection: Connection, wanted: str) -> tuple[Row[Any], list[int]]:
    """The call of a number, or a key's last answered call, and the other calls of its key."""
    row = None
    if wanted.isdecimal():
        row = connection.execute(_WITH_PROMPT.where(CALLS.c.id == int(wanted[:18]))).first()
    if row is None:
        begins = CALLS.c.key.startswith(wanted, autoescape=True)
        keys = connection.execute(select(CALLS.c.key).where(begins).distinct().limit(2)).scalars().all()
        if not keys:
            raise UserError(f"{wanted}: no call has this number or key; list them with `{_PROG} calls`")
        if len(keys) > 1:
            raise UserError(f"{wanted}: several keys begin so, such as {' and '.join(keys)}; give more of it")
        last = (CALLS.c.response.is_not(None).desc(), CALLS.c.id.desc())
        row = connection.execute(_WITH_PROMPT.where(CALLS.c.key == keys[0]).order_by(*last)).first()
        assert row is not None
    others = select(CALLS.c.id).where(CALLS.c.key == row.key, CALLS.c.id != row.id).order_by(CALLS.c.id)
    return row, list(connection.execute(others).scalars())


# prune


def _prune(connection: Connection, args: argparse.Namespace) -> Iterator[str]:
    now = datetime.now(UTC)
    wanted: list[ColumnElement[bool]] = []
    if args.older_than is not None:
        wanted.append(CALLS.c.created_at < _iso(now - timedelta(days=args.older_than)))
    if args.failed:
        wanted.append(CALLS.c.status != "ok")
    wanted += [CALLS.c[name] == value for name in ("endpoint", "model") if (value := getattr(args, name))]
    if not wanted:
        raise UserError("prune: say which calls, by --older-than, --failed, --endpoint or --model")
    # An answer that is still on its way is paid for: its call must be there when it comes.
    fresh = CALLS.c.created_at > _iso(now - _ON_ITS_WAY)
    on_its_way = and_(CALLS.c.status == SENT, or_(CALLS.c.mode == "batch", fresh))
    condition = and_(not_(on_its_way), *wanted)
    stays = select(CALLS.c.id).where(CALLS.c.key == PROMPTS.c.key, not_(condition)).correlate(PROMPTS).exists()

    if not args.dry_run:
        connection.exec_driver_sql("BEGIN IMMEDIATE")  # nothing comes between counting and deleting
    calls, of_calls = _counted(connection, condition, CALLS.c.response, CALLS.c.detail)
    prompts, of_prompts = _counted(connection, not_(stays), PROMPTS.c.call)
    what = f"{calls:,} calls and {prompts:,} prompts, {of_calls + of_prompts:,} bytes"
    if args.dry_run:
        yield f"would delete {what}"
        return
    connection.execute(CALLS.delete().where(condition))
    connection.execute(PROMPTS.delete().where(not_(stays)))
    connection.commit()
    yield f"deleted {what}"
    yield from _shrink(connection, args.ledger)


def _counted(connection: Connection, rows: ColumnElement[bool], *texts: ColumnElement[Any]) -> tuple[int, int]:
    """How many of the rows there are, and how many bytes their texts have."""
    sizes = [func.coalesce(func.sum(func.length(cast(text, LargeBinary))), 0) for text in texts]
    count, *total = connection.execute(select(func.count(), *sizes).where(rows)).one()
    return count, sum(total)


def _shrink(connection: Connection, path: Path) -> Iterator[str]:
    before = path.stat().st_size
    alone = connection.execution_options(isolation_level="AUTOCOMMIT")  # VACUUM runs in no transaction
    try:
        alone.exec_driver_sql("VACUUM")
        alone.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    except DBAPIError as error:
        yield f"{path} keeps its size, for another process is at it ({error.orig}); prune again later"
    else:
        yield f"{path}: {path.stat().st_size:,} bytes, {before:,} before"


# the file and the command line


@contextmanager
def _open(path: Path) -> Iterator[Connection]:
    """The ledger at `path`, which is neither made nor changed by being opened."""
    if not path.is_file():
        raise UserError(f"{path}: no such ledger; name it with --ledger FILE or its folder with --work-dir DIR")
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": _WAIT_S})
    try:
        with engine.connect() as connection:
            _check(connection, path)
            yield connection
    except DBAPIError as error:
        raise UserError(f"{path}: cannot be used as the ledger ({error.orig}); check what it is") from error
    finally:
        engine.dispose()


def _check(connection: Connection, path: Path) -> None:
    there = inspect(connection)
    for table in (PROMPTS, CALLS):
        found = {column["name"] for column in there.get_columns(table.name)} if there.has_table(table.name) else set()
        if missing := [column.name for column in table.columns if column.name not in found]:
            raise UserError(
                f"{path}: not a ledger as this version writes it (no {missing[0]} in table {table.name}); give another"
            )


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")  # as the ledger writes it


def _moment(text: str) -> datetime:
    """An argparse type: an ISO 8601 date or time, in UTC where it names no zone."""
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


_moment.__name__ = "ISO 8601 time"  # as argparse names it in its message


def _days(text: str) -> float:
    """An argparse type: a number of days that the calendar has."""
    if (days := not_negative(text)) > _MOST_DAYS:
        raise argparse.ArgumentTypeError(f"{text}: expected at most {_MOST_DAYS:,} days")
    return days


def _add_place(parser: argparse.ArgumentParser, default: Any = argparse.SUPPRESS) -> None:
    """Add the flags on the ledger's place; a command leaves alone what stands before it."""

    def add(flag: str, metavar: str, text: str) -> None:
        parser.add_argument(flag, type=Path, metavar=metavar, default=default, help=text)

    add("--ledger", "FILE", "the ledger (default: ledger.sqlite in the work folder)")
    add("--work-dir", "DIR", "folder of all built files (default training_data)")


def _parser() -> argparse.ArgumentParser:
    parser = CommandLine(
        prog=_PROG,
        description="What was asked of models and what it cost; without a command, the totals. All times are UTC.",
    )
    _add_place(parser, None)
    parser.set_defaults(command=_totals)
    commands = parser.add_subparsers(title="commands", metavar="COMMAND")

    totals = commands.add_parser("totals", help="calls, tokens and cost by model, endpoint and mode")
    totals.set_defaults(command=_totals)

    calls = commands.add_parser("calls", help="one line a call, newest first")
    calls.set_defaults(command=_calls)
    add = calls.add_argument
    add("--status", metavar="S", help="such as ok, safety, max_tokens, failed, sent (not answered)")
    add("--model", metavar="M", help="only this model's")
    add("--endpoint", metavar="E", help="only this endpoint's: google, loopback or an address")
    add("--since", type=_moment, metavar="ISO", help="sent at or after this date or time")
    add("--limit", type=positive_int, default=20, metavar="N", help="at most so many (default %(default)s)")
    add("--json", action="store_true", help="one JSON object a line")

    show = commands.add_parser("show", help="one call in full")
    show.set_defaults(command=_show)
    show.add_argument("id", metavar="ID", help="a call's number, or a key or the beginning of one")

    prune = commands.add_parser(
        "prune",
        help="delete calls",
        description="Delete the calls that meet all conditions, at least one, and the prompts that no call needs any "
        "more. Calls that may still be answered stay: those sent less than a day ago, and those of batch jobs. "
        "A deleted answer is paid again when it is asked again, and today's deleted calls no longer count for --rpd.",
    )
    prune.set_defaults(command=_prune)
    add = prune.add_argument
    add("--older-than", type=_days, metavar="DAYS", help="sent so many days ago or earlier")
    add("--failed", action="store_true", help="without an answer to use again (status not ok)")
    add("--endpoint", metavar="E", help="only this endpoint's")
    add("--model", metavar="M", help="only this model's")
    add("--dry-run", action="store_true", help="only say what would be deleted")
    for command in (totals, calls, show, prune):
        _add_place(command)
    return parser
