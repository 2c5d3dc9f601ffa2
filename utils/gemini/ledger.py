"""Every call to a model, in one SQLite file: what has been paid for is never asked again.

A call is written down before it goes out and its answer when it arrives, each committed at once: a killed process loses
only the answers that were on their way, and the ledger shows how many. Several processes may share the file. Answers
are kept as the service sent them and read anew each time, so that a better reader finds more in them.

    python -m utils.gemini.ledger            # totals; see --help for calls, show and prune
"""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from filelock import BaseFileLock
from google.genai import types
from pydantic_core import PydanticSerializationError
from sqlalchemy import (
    Connection,
    Executable,
    bindparam,
    func,
    select,
)
from sqlalchemy.dialects.sqlite import dialect as sqlite_dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from utils.core.console import UserError, mask_known_secrets
from utils.core.jsonl import whole_characters
from utils.core.locks import taken
from utils.gemini.calls import GeminiCall, Reply
from utils.gemini.ledger_tables import CALLS, INDEXES, JOBS, LAYOUT, METADATA, PROMPTS, RUNS, open_database
from utils.gemini.outcomes import read_reply

Mode = Literal["online", "batch"]
SENT, FAILED = "sent", "failed"  # statuses of a call without an answer; else the reply's

_ANSWERS = (
    select(CALLS.c.response, CALLS.c.ms, CALLS.c.created_at, PROMPTS.c.call)
    .join(PROMPTS, PROMPTS.c.key == CALLS.c.key)
    .where(CALLS.c.key == bindparam("wanted"), CALLS.c.response.is_not(None))
    .order_by(CALLS.c.id)
)
_NO_USAGE = {f"{name}_tokens": 0 for name in ("prompt", "output", "thoughts", "cached", "total")}
_NEW_CALL = [column.name for column in CALLS.columns if column.name not in ("id", "cost_usd", "response")]
_CLOSED = ["status", "detail", *_NO_USAGE, "cost_usd", "ms", "response"]


def _sql(statement: Executable) -> str:
    """A statement's text with named parameters: what runs twice a request is compiled once."""
    return str(statement.compile(dialect=sqlite_dialect(paramstyle="named")))  # type: ignore[attr-defined]


_GET_ANSWERS = _sql(_ANSWERS)
_KEEP_PROMPT = _sql(PROMPTS.insert().prefix_with("OR IGNORE"))
_WRITE_CALL = _sql(CALLS.insert().values({name: bindparam(name) for name in _NEW_CALL}))
_WRITE_JOB = _sql(
    JOBS.insert().values({name: bindparam(name) for name in ("display_name", "place", "created_at", "state")})
)
_CLOSE_CALL = _sql(
    CALLS.update().where(CALLS.c.id == bindparam("row")).values({name: bindparam(name) for name in _CLOSED})
)


@dataclass(frozen=True)
class StoredItem:
    """A call in a batch job: its number in the ledger, its key, and its place in the job."""

    number: int
    key: str
    call: GeminiCall
    position: int


@dataclass(frozen=True)
class StoredJob:
    """A batch job as the ledger knows it; `name` is None while nobody has said that the service took it."""

    number: int
    display_name: str
    name: str | None
    items: list[StoredItem]


class Ledger:
    """The file of calls at `path`, made when missing. Raises UserError if the file is something else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self.engine = open_database(path)
        try:
            # Two processes that open a new file at once may find it locked while the other switches it to WAL.
            for trial in Retrying(
                retry=retry_if_exception(_is_locked),
                stop=stop_after_delay(60),
                wait=wait_random(0.01, 0.1),
                reraise=True,
            ):
                with trial:
                    self._create()
        except DBAPIError as error:
            raise UserError(
                f"{path}: cannot be used as the ledger ({error.orig}); move it away or give another path"
            ) from error
        self._connection: Connection = self.engine.connect()
        # What runs for every request goes to the driver itself: SQLAlchemy's own bookkeeping costs as much as SQLite.
        self._pooled = self.engine.raw_connection()
        self._driver: sqlite3.Connection = self._pooled.driver_connection  # type: ignore[assignment]

    def _create(self) -> None:
        with self.engine.begin() as connection:
            layout = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if layout not in (0, LAYOUT):
                raise UserError(
                    f"{self._path}: a ledger of layout {layout}, expected {LAYOUT}; move it away or give another path"
                )
            for table in METADATA.sorted_tables:
                connection.execute(CreateTable(table, if_not_exists=True))
            for index in INDEXES:
                connection.execute(CreateIndex(index, if_not_exists=True))
            connection.exec_driver_sql(f"PRAGMA user_version = {LAYOUT}")

    # answers

    def get(self, key: str, since: str | None = None) -> Reply | None:
        """The first good answer kept under `key`, marked `from_ledger`, or None.

        An answer that was withheld or cut counts only when it came at or after `since`: a resumed run has asked it.
        """
        withheld: Reply | None = None
        for response, ms, created_at, call in self._driver.execute(_GET_ANSWERS, {"wanted": key}).fetchall():
            reply = stored_reply(response, call, ms)
            if reply.status == "ok":
                return reply
            if withheld is None and since is not None and created_at >= since:
                withheld = reply
        return withheld

    def sent(self, key: str, call: GeminiCall, attempt: int, endpoint: str) -> int:
        """Write down that `call` goes out now; the number to close it with. On return it has been committed."""
        with self._driver:  # one transaction
            return self._write_call(key, call, attempt, endpoint, "online")

    def _write_call(
        self,
        key: str,
        call: GeminiCall,
        attempt: int,
        endpoint: str,
        mode: Mode,
        job: int | None = None,
        position: int | None = None,
    ) -> int:
        prompt = {"key": key, "call": mask_known_secrets(call.model_dump_json(exclude_none=True))}
        self._driver.execute(_KEEP_PROMPT, prompt)
        row = {
            "key": key,
            "created_at": _now(),
            "model": call.model,
            "endpoint": endpoint,
            "prompt_version": call.prompt_version,
            "attempt": attempt,
            "mode": mode,
            "status": SENT,
            "detail": "",
            "ms": 0.0,
            "job": job,
            "position": position,
            **_NO_USAGE,
        }
        return int(self._driver.execute(_WRITE_CALL, row).lastrowid or 0)

    def answered(self, number: int, reply: Reply, response: str, cost_usd: float | None) -> None:
        """Close a call with its answer, whatever its status; `response` is the service's JSON."""
        self._close(
            number,
            status=reply.status,
            **{f"{name}_tokens": count for name, count in reply.usage.model_dump().items()},
            cost_usd=cost_usd,
            ms=reply.ms,
            response=mask_known_secrets(response),
        )

    def failed(self, number: int, detail: str) -> None:
        """Close a call that brought no answer."""
        self._close(number, status=FAILED, detail=detail)

    def _close(self, number: int, **values: Any) -> None:
        row = {"detail": "", "cost_usd": None, "ms": 0.0, "response": None, **_NO_USAGE, **values, "row": number}
        with self._driver:
            self._driver.execute(_CLOSE_CALL, row)

    def sent_since(self, moment: datetime, endpoint: str, model: str) -> int:
        """How many requests for `model` went out at or after `moment`, failed ones included, batches not."""
        wanted = (CALLS.c.created_at >= _iso(moment), CALLS.c.endpoint == endpoint, CALLS.c.model == model)
        with self._connection.begin():
            return int(
                self._connection.execute(select(func.count()).where(*wanted, CALLS.c.mode == "online")).scalar_one()
            )

    def last_minute(self, model: str, endpoint: str, now: datetime) -> list[tuple[float, int]]:
        """(seconds ago, prompt tokens) of each request for `model` in the last minute, oldest first.

        Where no answer has said how many tokens it had, a token for two characters is counted.
        """
        wanted = (
            select(CALLS.c.created_at, CALLS.c.prompt_tokens, func.length(PROMPTS.c.call))
            .join(PROMPTS, PROMPTS.c.key == CALLS.c.key)
            .where(CALLS.c.model == model, CALLS.c.endpoint == endpoint, CALLS.c.mode == "online")
            .where(CALLS.c.created_at >= _iso(now - timedelta(seconds=61)))
            .order_by(CALLS.c.id)
        )
        with self._connection.begin():
            rows = self._connection.execute(wanted).all()
        return [
            (max(0.0, (now - datetime.fromisoformat(sent_at)).total_seconds()), tokens or length // 2)
            for sent_at, tokens, length in rows
        ]

    def recent(self, model: str, endpoint: str, most: int = 30) -> list[tuple[GeminiCall, int]]:
        """The last calls that were answered and the prompt tokens the service counted in each, oldest first."""
        counted = (
            select(PROMPTS.c.call, CALLS.c.prompt_tokens)
            .join(PROMPTS, PROMPTS.c.key == CALLS.c.key)
            .where(CALLS.c.model == model, CALLS.c.endpoint == endpoint, CALLS.c.prompt_tokens > 0)
            .order_by(CALLS.c.id.desc())
            .limit(most)
        )
        with self._connection.begin():
            rows = self._connection.execute(counted).all()
        return [(GeminiCall.model_validate_json(call), tokens) for call, tokens in reversed(rows)]

    # batch jobs

    def lock_batches(self) -> BaseFileLock:
        """Keep other batch runs off: they would take our jobs for those of a run that is over. Raises UserError."""
        lock = taken(self._path.with_name(f"{self._path.name}.batches.lock"))
        if lock is None:
            raise UserError(f"{self._path}: another run with --mode batch is at work; wait until it ends")
        return lock

    def begin_job(
        self, display_name: str, calls: Sequence[tuple[str, GeminiCall, int]], endpoint: str, place: str
    ) -> StoredJob:
        """Write down a job and its calls, (key, call, attempt) each, before it is submitted to `place`."""
        job = {"display_name": display_name, "place": place, "created_at": _now(), "state": SENT}
        with self._driver:  # all or nothing
            number = int(self._driver.execute(_WRITE_JOB, job).lastrowid or 0)
            items = [
                StoredItem(
                    self._write_call(key, call, attempt, endpoint, "batch", number, position), key, call, position
                )
                for position, (key, call, attempt) in enumerate(calls)
            ]
        return StoredJob(number, display_name, None, items)

    def name_job(self, number: int, name: str) -> None:
        """Remember under which name the service knows a job."""
        with self._connection.begin():
            self._connection.execute(JOBS.update().where(JOBS.c.id == number).values(name=name))

    def end_job(self, number: int, state: str, detail: str = "") -> None:
        """A job has ended and what it brought has been read; what it did not answer is closed as failed."""
        with self._connection.begin():
            self._connection.execute(JOBS.update().where(JOBS.c.id == number).values(state=state, ended_at=_now()))
            self._connection.execute(
                CALLS.update()
                .where(CALLS.c.job == number, CALLS.c.status == SENT)
                .values(status=FAILED, detail=f"the batch job ended as {state} without an answer {detail}".strip())
            )

    def open_jobs(self, place: str) -> list[StoredJob]:
        """The jobs of earlier runs at `place` that have not been read yet, with the calls still open in them."""
        with self._connection.begin():
            jobs = self._connection.execute(
                select(JOBS).where(JOBS.c.place == place, JOBS.c.ended_at.is_(None)).order_by(JOBS.c.id)
            ).all()
            return [StoredJob(job.id, job.display_name, job.name, self._open_items(job.id)) for job in jobs]

    def _open_items(self, job: int) -> list[StoredItem]:
        rows = self._connection.execute(
            select(CALLS.c.id, CALLS.c.key, CALLS.c.position, PROMPTS.c.call)
            .join(PROMPTS, PROMPTS.c.key == CALLS.c.key)
            .where(CALLS.c.job == job, CALLS.c.status == SENT)
            .order_by(CALLS.c.position)
        )
        return [
            StoredItem(number, key, GeminiCall.model_validate_json(call), position)
            for number, key, position, call in rows
        ]

    # runs

    def begin_run(self, name: str) -> str:
        """When the run of this name began that is not finished yet, or now: a run taken up again goes on from there."""
        with self._connection.begin():
            started = self._connection.execute(
                select(RUNS.c.started_at).where(RUNS.c.name == name, RUNS.c.finished_at.is_(None))
            ).scalar()
            if started is None:
                started = _now()
                self._connection.execute(RUNS.insert(), {"name": name, "started_at": started})
        return str(started)

    def finish_run(self, name: str) -> None:
        """Note that a run has come to its end."""
        with self._connection.begin():
            self._connection.execute(
                RUNS.update().where(RUNS.c.name == name, RUNS.c.finished_at.is_(None)).values(finished_at=_now())
            )

    def close(self) -> None:
        """Release the file."""
        self._pooled.close()
        self._connection.close()
        self.engine.dispose()


def stored_reply(response: str, call: str, ms: float) -> Reply:
    """A kept answer, read as today's code reads answers."""
    read = read_reply(
        types.GenerateContentResponse.model_validate_json(response), GeminiCall.model_validate_json(call), ms
    )
    return read.model_copy(update={"from_ledger": True})


def response_json(response: types.GenerateContentResponse) -> str:
    """A response to keep, without the SDK's own record of its HTTP exchange."""
    options: dict[str, Any] = {"exclude_none": True, "by_alias": True, "exclude": {"sdk_http_response", "parsed"}}
    try:
        return response.model_dump_json(**options)
    except PydanticSerializationError:  # it holds half a character
        return whole_characters(json.dumps(response.model_dump(**options), ensure_ascii=False, default=str))


def _now() -> str:
    return _iso(datetime.now(UTC))


def _iso(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="milliseconds")


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and "locked" in str(error.orig)


def main(argv: Sequence[str] | None = None) -> int:
    """The command line; see `utils.gemini.ledger_command`."""
    from utils.gemini.ledger_command import main as command  # it uses this module

    return command(argv)


if __name__ == "__main__":
    import sys

    from utils.core.console import run_script

    sys.exit(run_script(main))
