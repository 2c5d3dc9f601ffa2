"""Instances kept by content: the same query on the same database is not given new data twice."""

from __future__ import annotations

import json
import zlib
from contextlib import suppress
from dataclasses import asdict, dataclass
from functools import cache
from pathlib import Path
from typing import Any

from sqlalchemy import Column, Integer, LargeBinary, MetaData, Table, Text, create_engine, delete, event, insert, select
from sqlalchemy.exc import OperationalError
from sqlalchemy.schema import CreateTable

from utils.core.fingerprint import files_fingerprint, fingerprint
from utils.databases.profile import DatabaseProfile, Value
from utils.proof.compare import Answer
from utils.proof.fuzzing.facts import QueryFacts
from utils.proof.fuzzing.filling import Rows
from utils.proof.instances import Instance

_MOST_BYTES = 1_000_000_000
_metadata = MetaData()
_instances = Table(
    "instances",
    _metadata,
    Column("key", Text, primary_key=True),
    Column("number", Integer, primary_key=True),
    Column("body", LargeBinary, nullable=False),
)

_keys = Table("keys", _metadata, Column("texts", Text, primary_key=True), Column("key", Text, nullable=False))

Kept = tuple[Instance, Answer | None]  # None: gold proves nothing on it


@dataclass(frozen=True)
class Packed:
    """A kept instance that nobody has asked for yet."""

    body: bytes

    def unpacked(self) -> Kept:
        """The instance with gold's answer."""
        return _unpacked(self.body)


class InstanceStore:
    """Instances, each with gold's answer on it, in one SQLite file that processes share."""

    def __init__(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        self._path = path
        self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})
        event.listen(self._engine, "connect", _prepare)
        self._connection = self._engine.connect()

    @staticmethod
    def create(path: Path) -> None:
        """Make the file, before processes share it."""
        store = InstanceStore(path)
        store._connection.exec_driver_sql("PRAGMA journal_mode = WAL")
        for table in (_instances, _keys):
            store._connection.execute(CreateTable(table, if_not_exists=True))
        store._connection.commit()
        store.close()

    def get(self, key: str) -> list[Packed]:
        """What is kept under a key, in order of number; nothing where the file cannot be read now."""
        query = select(_instances.c.body).where(_instances.c.key == key).order_by(_instances.c.number)
        try:
            return [Packed(body) for (body,) in self._connection.execute(query)]
        except OperationalError:
            return []

    def key_of(self, texts: str) -> str | None:
        """The key of the instances that two queries had before, by a hash of their texts."""
        try:
            return self._connection.execute(select(_keys.c.key).where(_keys.c.texts == texts)).scalar()
        except OperationalError:
            return None

    def put_key(self, texts: str, key: str) -> None:
        """Remember the key of two queries' instances, if the file can be written now."""
        with suppress(OperationalError):
            self._connection.execute(insert(_keys).prefix_with("OR REPLACE"), {"texts": texts, "key": key})
        self._connection.commit()

    def put(self, key: str, kept: list[Kept]) -> None:
        """Keep instances, if the file can be written now; the old are dropped when it has grown too large."""
        rows = [{"key": key, "number": one[0].number, "body": _packed(one)} for one in kept]
        with suppress(OperationalError):
            if self._path.stat().st_size > _MOST_BYTES:
                self._connection.execute(delete(_instances))
            self._connection.execute(insert(_instances).prefix_with("OR REPLACE"), rows)
        self._connection.commit()

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
        self._engine.dispose()


def _prepare(raw: Any, _record: Any) -> None:
    raw.execute("PRAGMA synchronous = NORMAL")


def _packed(kept: Kept) -> bytes:
    instance, gold = kept
    answer = None if gold is None else vars(gold)
    tables = {name: _columns(rows) for name, rows in instance.tables.items()}
    body = {**vars(instance), "tables": tables, "gold": answer}
    return zlib.compress(json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode(), 1)


def _unpacked(body: bytes) -> Kept:
    found = json.loads(zlib.decompress(body))
    tables = {name: _rows(*packed) for name, packed in found["tables"].items()}
    instance = Instance(found["number"], tables, found["clock"], found["growth"])
    if found["gold"] is None:
        return instance, None
    rows, groups = found["gold"]["rows"], found["gold"]["tie_groups"]
    tied = groups and [[*map(tuple, one)] for one in groups]
    return instance, Answer([*map(tuple, rows)], tied, found["gold"]["noisy"])


def _columns(rows: Rows) -> tuple[int, list[list[Value]]]:
    """How many rows, and their columns; a column that is the same in all rows as its one value."""
    columns = [list(column) for column in zip(*rows, strict=True)]
    return len(rows), [column[:1] if all(cell == column[0] for cell in column) else column for column in columns]


def _rows(count: int, columns: list[list[Value]]) -> Rows:
    """The opposite of `_columns`."""
    return list(zip(*(column if len(column) == count else column * count for column in columns), strict=True))


@cache
def _code_key() -> str:
    folder = Path(__file__).parent
    return files_fingerprint([*folder.glob("*.py"), *(folder / "fuzzing").glob("*.py")])


def profile_key(profile: DatabaseProfile) -> str:
    """A hash of all that instances are made from on the database's side."""
    return fingerprint(asdict(profile))


def texts_key(profile: str, gold_sql: str, sql: str, clocks: tuple[str | None, ...]) -> str:
    """What the key of instances depends on, as long as nobody has read the two queries."""
    return fingerprint(profile, gold_sql, sql, clocks, _code_key())


def instance_key(profile: str, gold_sql: str, facts: QueryFacts, clocks: tuple[str | None, ...]) -> str:
    """What instances depend on: the profile (its key), gold, the facts of gold and program, the clocks, our code."""
    return fingerprint(profile, gold_sql, facts.key(), clocks, _code_key())
