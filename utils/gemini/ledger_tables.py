"""The tables of the ledger, and how its file is opened."""

from __future__ import annotations

import sqlite3
from pathlib import Path
from typing import Any

from sqlalchemy import (
    URL,
    Column,
    Engine,
    Float,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    create_engine,
    event,
)

LAYOUT = 2  # raise when the columns change; an older file is then refused, not misread
METADATA = MetaData()
PROMPTS = Table(
    "prompts",
    METADATA,
    Column("key", String, primary_key=True),
    Column("call", String, nullable=False),  # JSON of the GeminiCall, prompt included
)
CALLS = Table(
    "calls",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("key", String, nullable=False),
    Column("created_at", String, nullable=False),  # when it went out: ISO 8601, UTC
    Column("model", String, nullable=False),
    Column("endpoint", String, nullable=False),
    Column("prompt_version", String, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("mode", String, nullable=False),
    Column("status", String, nullable=False),
    Column("detail", String, nullable=False),  # of a failed call: its fault, secrets masked
    *(
        Column(f"{name}_tokens", Integer, nullable=False)
        for name in ("prompt", "output", "thoughts", "cached", "total")
    ),
    Column("cost_usd", Float),  # null where the model's price is not known
    Column("ms", Float, nullable=False),
    Column("response", String),  # JSON as the service sent it
    Column("job", Integer),  # of a call in a batch: its job, and its place in it
    Column("position", Integer),
)
JOBS = Table(
    "jobs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("display_name", String, nullable=False, unique=True),
    Column("name", String),  # the service's; null until it has said so
    Column("place", String, nullable=False),  # which service knows it
    Column("created_at", String, nullable=False),
    Column("ended_at", String),
    Column("state", String, nullable=False),  # the service's last word on it
)
RUNS = Table(
    "runs",
    METADATA,
    Column("id", Integer, primary_key=True),
    Column("name", String, nullable=False),  # content hash of what the run was to do
    Column("started_at", String, nullable=False),
    Column("finished_at", String),
)
INDEXES = (Index("calls_by_key", CALLS.c.key),)


def open_database(path: Path) -> Engine:
    """A SQLite file in WAL mode, for several processes at once."""
    engine = create_engine(URL.create("sqlite", database=str(path)), connect_args={"timeout": 60})
    event.listen(engine, "connect", _set_up_connection)
    return engine


def _set_up_connection(connection: sqlite3.Connection, _record: Any) -> None:
    # WAL with NORMAL: a killed process loses nothing, a power cut at most the last answers, and no commit waits for
    # the disk while the event loop stands still.
    for pragma in ("journal_mode = WAL", "synchronous = NORMAL"):
        connection.execute(f"PRAGMA {pragma}")
