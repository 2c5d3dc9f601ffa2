"""Every model answer, in one SQLite file: what has been paid for is never asked again.

Each answer is committed when it arrives, so a killed process loses only what was in flight, and several
processes may share the file. Only answers with status "ok" are handed out again; the others stay for the account.
"""

from __future__ import annotations

import sqlite3
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Column, Float, Index, Integer, MetaData, String, Table, create_engine, event, select
from sqlalchemy.exc import DBAPIError
from sqlalchemy.schema import CreateIndex, CreateTable
from tenacity import Retrying, retry_if_exception, stop_after_delay, wait_random

from utils.core.console import UserError
from utils.gemini.calls import GeminiCall, Reply

_LAYOUT = 1  # raise when the columns change; an older file is then refused, not misread
_CALLS = Table(
    "calls",
    MetaData(),
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False),
    Column("created_at", String, nullable=False),  # ISO 8601, UTC
    Column("model", String, nullable=False),
    Column("prompt_version", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("status", String, nullable=False),
    Column("prompt_tokens", Integer, nullable=False),
    Column("output_tokens", Integer, nullable=False),
    Column("thoughts_tokens", Integer, nullable=False),
    Column("cached_tokens", Integer, nullable=False),
    Column("total_tokens", Integer, nullable=False),
    Column("ms", Float, nullable=False),
    Column("call", String, nullable=False),  # JSON of the GeminiCall, prompt included
    Column("reply", String, nullable=False),  # JSON of the Reply
)
_BY_KEY = Index("calls_by_key", _CALLS.c.key)


class Ledger:
    """The file of answers at `path`, made when missing. Raises UserError if the file is something else."""

    def __init__(self, path: Path) -> None:
        self._path = path
        path.parent.mkdir(parents=True, exist_ok=True)
        self._engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": 60})
        event.listen(self._engine, "connect", _set_up_connection)
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

    def _create(self) -> None:
        with self._engine.begin() as connection:
            layout = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
            if layout not in (0, _LAYOUT):
                raise UserError(
                    f"{self._path}: a ledger of layout {layout}, expected {_LAYOUT}; move it away or give another path"
                )
            connection.execute(CreateTable(_CALLS, if_not_exists=True))
            connection.execute(CreateIndex(_BY_KEY, if_not_exists=True))
            connection.exec_driver_sql(f"PRAGMA user_version = {_LAYOUT}")

    def get(self, key: str) -> Reply | None:
        """The first good answer kept under `key`, marked `from_ledger`, or None."""
        query = (
            select(_CALLS.c.reply).where(_CALLS.c.key == key, _CALLS.c.status == "ok").order_by(_CALLS.c.id).limit(1)
        )
        with self._engine.connect() as connection:
            stored = connection.execute(query).scalar_one_or_none()
        if stored is None:
            return None
        return Reply.model_validate_json(stored).model_copy(update={"from_ledger": True})

    def put(self, key: str, call: GeminiCall, reply: Reply, attempt: int = 0) -> None:
        """Keep `reply`, whatever its status; on return it has been committed."""
        row = {
            "key": key,
            "created_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
            "model": call.model,
            "prompt_version": call.prompt_version,
            "attempt": attempt,
            "status": reply.status,
            **{f"{name}_tokens": count for name, count in reply.usage.model_dump().items()},
            "ms": reply.ms,
            "call": call.model_dump_json(exclude_none=True),
            "reply": reply.model_dump_json(),
        }
        with self._engine.begin() as connection:
            connection.execute(_CALLS.insert(), row)

    def close(self) -> None:
        """Release the file."""
        self._engine.dispose()


def _set_up_connection(connection: sqlite3.Connection, _record: Any) -> None:
    # WAL with NORMAL: a killed process loses nothing, a power cut at most the last answers, and no commit waits for
    # the disk while the event loop stands still.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}")


def _is_locked(error: BaseException) -> bool:
    return isinstance(error, DBAPIError) and "locked" in str(error.orig)
