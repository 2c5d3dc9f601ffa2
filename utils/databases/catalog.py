"""Which databases there are: ours, and those the command line names."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from pathlib import Path

from sqlalchemy.engine import URL, make_url

from utils.core.console import UserError
from utils.core.paths import GRAPHS_DIR, WorkDir
from utils.databases.connect import dialect_of, is_file
from utils.databases.schema_text import load_graph

PINNED_NOW = "2023-12-15 14:30:00"
SESSION_CONFIGS = {"start_of_week": "MONDAY", "division_by_zero": "NULL"}
_BUILT_IN = (  # name, graph, engine, engine of the twin; the file is the name's first part
    ("tpch", "TPCH", "sqlite", "duckdb"),
    ("broker", "Broker", "sqlite", "duckdb"),
    ("tpch_duckdb", "TPCH", "duckdb", None),
    ("broker_duckdb", "Broker", "duckdb", None),
)
_ENGINE_OF_SUFFIX = {".db": "sqlite", ".sqlite": "sqlite", ".sqlite3": "sqlite", ".duckdb": "duckdb"}


@dataclass(frozen=True)
class DatabaseEntry:
    """A database with its graph and how its questions are meant.

    `url` is a SQLAlchemy URL such as `sqlite:////data/broker.sqlite`; `now` is the moment at which the
    clock stands still, such as "2023-12-15 14:30:00" (None: the clock runs); `configs` are PyDough
    session settings as text, such as {"start_of_week": "MONDAY"}; `twin_url` is a DuckDB database with the same
    tables and rows, on which a program must give the same.
    """

    name: str
    graph_path: Path
    graph_name: str
    url: str
    now: str | None = None
    configs: dict[str, str] = field(default_factory=dict)
    twin_url: str | None = None


def file_url(engine: str, path: Path) -> str:
    """The SQLAlchemy URL of a database file."""
    return URL.create(engine, database=str(path.absolute())).render_as_string(hide_password=False)


def built_in_entries(work: WorkDir) -> dict[str, DatabaseEntry]:
    """TPC-H and broker, each as SQLite and as DuckDB file of `work`, by name."""
    entries = {}
    for name, graph_name, engine, twin in _BUILT_IN:
        stem = name.removesuffix("_duckdb")
        entries[name] = DatabaseEntry(
            name=name,
            graph_path=GRAPHS_DIR / f"{stem}.json",
            graph_name=graph_name,
            url=file_url(engine, work.databases / f"{stem}.{engine}"),
            now=PINNED_NOW,
            configs=dict(SESSION_CONFIGS),
            twin_url=file_url(twin, work.databases / f"{stem}.{twin}") if twin else None,
        )
    return entries


def find_entry(entries: Mapping[str, DatabaseEntry], db_name: str) -> DatabaseEntry:
    """The entry called `db_name`, in any case; raises UserError listing the known ones."""
    for name, entry in entries.items():
        if name.lower() == db_name.strip().lower():
            return entry
    raise UserError(
        f"unknown database {db_name!r}; known: {', '.join(sorted(entries))}; "
        f"add another with --graph NAME=PATH --database NAME=URL"
    )


def with_overrides(
    entries: Mapping[str, DatabaseEntry],
    graphs: Iterable[str] = (),
    databases: Iterable[str] = (),
    configs: Iterable[str] = (),
    now: str | None = None,
    twins: Iterable[str] = (),
) -> dict[str, DatabaseEntry]:
    """`entries` with what the command line says of them, and the databases it adds.

    `graphs` are NAME=PATH, `databases` and `twins` NAME=URL (or a file's path), `configs` NAME=VALUE; `configs`
    and `now` hold for every database. Raises UserError for whatever cannot be read.
    """
    result = dict(entries)
    known = {name.lower(): name for name in entries}
    graph_paths = {name: Path(value) for name, value in _pairs("--graph", "NAME=PATH", graphs, known)}
    known |= {name.lower(): name for name in graph_paths}
    urls = {name: database_url(value) for name, value in _pairs("--database", "NAME=URL", databases, known)}
    for name in dict.fromkeys([*graph_paths, *urls]):
        if name not in result and name not in urls:
            raise UserError(f"--graph {name}={graph_paths[name]}: no database of that name; add --database {name}=URL")
        if name not in result and name not in graph_paths:
            raise UserError(f"--database {name}=...: no graph of that name; add --graph {name}=PATH")
        entry = result.get(name) or DatabaseEntry(name, graph_paths[name], name, urls[name])
        if name in urls:  # another database than ours has no twin of ours
            entry = replace(entry, url=urls[name], twin_url=None)
        if name in graph_paths:
            path = graph_paths[name]
            wanted = entry.graph_name if name in entries else name
            entry = replace(entry, graph_path=path, graph_name=load_graph(path, wanted)["name"])
        result[name] = entry
    for name, url in ((name, database_url(value)) for name, value in _pairs("--twin", "NAME=URL", twins, known)):
        if name not in result:
            raise UserError(f"--twin {name}=...: no database of that name; add --graph and --database for it")
        if dialect_of(url) != "duckdb":
            raise UserError(f"--twin {name}=...: expected a DuckDB database, such as duckdb:////path/to/file.duckdb")
        result[name] = replace(result[name], twin_url=url)
    settings = dict(_pairs("--config", "NAME=VALUE", configs, {}))
    moment = _as_moment(now) if now is not None else None
    return {
        name: replace(entry, configs=entry.configs | settings, now=moment or entry.now)
        for name, entry in result.items()
    }


def _pairs(flag: str, form: str, values: Iterable[str], known: Mapping[str, str]) -> list[tuple[str, str]]:
    """NAME=VALUE texts split; a name that `known` has in another case is given as there."""
    pairs: dict[str, str] = {}
    for text in values:
        name, sign, value = text.partition("=")
        name, value = name.strip(), value.strip()
        if not (name and sign and value):
            raise UserError(f"{flag} {text!r}: expected {form}")
        name = known.get(name.lower(), next((one for one in pairs if one.lower() == name.lower()), name))
        if name in pairs:
            raise UserError(f"{flag} {text!r}: {name} is given twice; give it once")
        pairs[name] = value
    return list(pairs.items())


def database_url(text: str) -> str:
    """A URL with an absolute path, from a URL or the path of a database file; raises UserError."""
    if "://" not in text:
        engine = _ENGINE_OF_SUFFIX.get(Path(text).suffix.lower())
        if engine is None:
            endings = ", ".join(_ENGINE_OF_SUFFIX)
            raise UserError(f"--database {text}: expected a URL such as sqlite:////path, or a file ending in {endings}")
        return file_url(engine, Path(text))
    engine = dialect_of(text)
    if not is_file(text):
        return text
    path = make_url(text).database
    if not path:
        raise UserError(f"--database {text}: names no file; expected a path, such as sqlite:////path/to/file.sqlite")
    return file_url(engine, Path(path))


def _as_moment(text: str) -> str:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise UserError(f"--now {text!r}: not a moment; expected one such as '2023-12-15 14:30:00'") from error
    if moment.tzinfo is not None:
        raise UserError(f"--now {text!r}: has a time zone; databases store local times, so leave it out")
    return moment.replace(microsecond=0).isoformat(" ")
