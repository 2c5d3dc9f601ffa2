"""Results kept by content in one SQLite file: what was made of the same inputs is not made twice."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import Column, MetaData, Table, Text, create_engine, event, insert, select
from sqlalchemy.engine import Connection
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.schema import CreateTable

from utils.core.console import UserError

NEVER_KEPT = ("timeout", "infra_error")  # the machine's doing, perhaps: another run may end otherwise

_metadata = MetaData()
_kept = Table("kept", _metadata, Column("key", Text, primary_key=True), Column("value", Text, nullable=False))


class Kept:
    """Texts by key in one SQLite file, safe to share between processes; raises UserError where it cannot be used."""

    def __init__(self, path: Path) -> None:
        try:
            path.parent.mkdir(parents=True, exist_ok=True)
            self._engine = create_engine(f"sqlite:///{path}", connect_args={"timeout": 60})
            event.listen(self._engine, "connect", lambda raw, _: raw.execute("PRAGMA journal_mode=WAL"))
            self._connection: Connection = self._engine.connect()
            self._connection.execute(CreateTable(_kept, if_not_exists=True))  # another process may do the same
            self._connection.commit()
        except (OSError, SQLAlchemyError) as error:
            reason = getattr(error, "orig", None) or error
            raise UserError(f"{path}: cannot be used as a cache ({reason}); delete it, it is built again") from error

    def close(self) -> None:
        """Release the file."""
        self._connection.close()
        self._engine.dispose()

    def get(self, key: str) -> str | None:
        """The text kept under `key`, if any."""
        row = self._connection.execute(select(_kept.c.value).where(_kept.c.key == key)).first()
        return str(row[0]) if row else None

    def put(self, key: str, value: str) -> None:
        """Keep `value` under `key`, in the place of an earlier one."""
        keep = insert(_kept).prefix_with("OR REPLACE")
        self._connection.execute(keep, {"key": key, "value": value})
        self._connection.commit()
