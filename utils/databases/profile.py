"""What a small copy of a database must look like: its tables, keys, links, values, and what its data shows.

A profile is made once a database and graph, from declared keys, the graph's claims, a sample of the rows and a few
counts. It holds plain values only, so that it can be kept as JSON.
"""

from __future__ import annotations

import datetime
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, Literal

from utils.databases.connect import Dialect
from utils.databases.data_rules import Choice, DataRules
from utils.databases.graph_relations import Graph
from utils.databases.graph_tables import GraphTables
from utils.databases.names import quoted
from utils.databases.reflection import DeclaredColumn, DeclaredTable, DeclaredView, reflect
from utils.databases.sampling import sample_sql, stored_as

Kind = Literal["integer", "real", "text", "date", "timestamp", "boolean", "other"]
Value = None | int | float | str
Source = Literal["graph", "declared", "observed", "flag"]

SAMPLED_ROWS = 300
_DATE_LENGTH = 10
_TIMESTAMP_LENGTH = 19


@dataclass(frozen=True)
class Permission:
    """Whether something may occur in made data, and who says so."""

    allowed: bool
    source: Source


@dataclass(frozen=True)
class Column:
    """A column: its kind, declared type, whether null is allowed, and the distinct values of the sampled rows."""

    name: str
    kind: Kind
    type: str
    nullable: bool
    computed: bool = False
    values: tuple[Value, ...] = ()


@dataclass(frozen=True)
class Link:
    """The rows of `child` refer to rows of `parent`: `columns` hold a value of `parent_columns`, which are unique.

    `single` where a parent has one child at most. `name` is how a person would call it.
    """

    child: str
    columns: tuple[str, ...]
    parent: str
    parent_columns: tuple[str, ...]
    single: bool
    name: str
    childless_parents: Permission
    null_keys: Permission
    unmatched_keys: Permission


@dataclass(frozen=True)
class Table:
    """A table: its columns, what is unique, and a sample of its rows (values in the order of the columns)."""

    schema: str
    name: str
    columns: tuple[Column, ...]
    unique: tuple[tuple[str, ...], ...]
    rows: tuple[tuple[Value, ...], ...]
    statement: str = ""

    def column(self, name: str) -> Column:
        """The column called `name`."""
        return next(column for column in self.columns if column.name == name)

    def position(self, name: str) -> int:
        """Where in a row the column stands."""
        return next(index for index, column in enumerate(self.columns) if column.name == name)


@dataclass(frozen=True)
class DatabaseProfile:
    """A database: tables by lower-case name, links, views; `equal_columns` are joined by many-to-many relationships."""

    dialect: Dialect
    tables: dict[str, Table]
    links: tuple[Link, ...]
    views: tuple[DeclaredView, ...] = ()
    equal_columns: tuple[tuple[tuple[str, str], tuple[str, str]], ...] = field(default=())


def profile_database(connection: Any, dialect: Dialect, graph: Graph, rules: DataRules) -> DatabaseProfile:
    """Read a database through a read-only DB-API connection."""
    declared, views = reflect(connection, dialect)
    claims = GraphTables(graph)
    reader = _Reader(connection, dialect)
    tables = {table.name.lower(): _table(table, claims, reader) for table in declared}
    links = _links(declared, tables, claims, reader, rules)
    equal = tuple(
        (left, right)
        for relationship in claims.relationships
        if (ends := claims.ends(relationship))
        and not relationship.singular
        and not claims.reverse_singular(relationship)
        for left, right in ends
    )
    return DatabaseProfile(dialect, tables, tuple(links), tuple(views), equal)


def timestamp_properties(profile: DatabaseProfile, graph: Graph) -> frozenset[str]:
    """The names of a graph's properties whose columns hold a day with a time."""
    return frozenset(
        name
        for name, table, column in GraphTables(graph).properties()
        if table in profile.tables
        and any(one.name.lower() == column and one.kind == "timestamp" for one in profile.tables[table].columns)
    )


class _Reader:
    """The queries that a profile needs, one dialect's way."""

    def __init__(self, connection: Any, dialect: Dialect) -> None:
        self._connection = connection
        self._dialect = dialect

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        cursor = self._connection.cursor()
        cursor.execute(sql)
        return cursor.fetchall()

    def name(self, table: DeclaredTable) -> str:
        schema = f"{quoted(table.schema)}." if table.schema else ""
        return schema + quoted(table.name)

    def sample(self, table: DeclaredTable) -> list[tuple[Any, ...]]:
        """Up to SAMPLED_ROWS rows from all over the table, the same ones every time."""
        source = self.name(table)
        count = int(self.rows(f"SELECT COUNT(*) FROM {source}")[0][0])
        names = [column.name for column in table.columns]
        stored = stored_as(table.statement)
        return self.rows(sample_sql(source, names, count, SAMPLED_ROWS, self._dialect, stored))

    def any_rows(self, sql: str) -> bool:
        return bool(self.rows(f"SELECT 1 FROM {sql} LIMIT 1"))


def _table(declared: DeclaredTable, claims: GraphTables, reader: _Reader) -> Table:
    raw = reader.sample(declared)
    rows = [tuple(plain_value(value) for value in row) for row in raw]
    graph_unique = claims.unique.get(declared.name.lower(), [])
    names = {column.name.lower(): column.name for column in declared.columns}
    claimed = [tuple(names[one] for one in key) for key in graph_unique if all(one in names for one in key)]
    unique = _without_supersets([*declared.unique, *claimed])
    single = {key[0] for key in unique if len(key) == 1}
    columns = []
    for index, column in enumerate(declared.columns):
        values = tuple(dict.fromkeys(row[index] for row in rows if row[index] is not None))
        graph_type = claims.types.get((declared.name.lower(), column.name.lower()), "")
        seen_null = any(row[index] is None for row in rows)
        nullable = column.nullable and (column.name not in single or seen_null)
        columns.append(
            Column(column.name, _kind(column, graph_type, values), column.type, nullable, column.computed, values)
        )
    return Table(declared.schema, declared.name, tuple(columns), unique, tuple(rows), declared.statement)


def _without_supersets(keys: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
    """Each key once; one that holds another says nothing more."""
    distinct = {frozenset(key): key for key in keys if key}
    return tuple(key for columns, key in distinct.items() if not any(other < columns for other in distinct))


def plain_value(value: Any) -> Value:
    """A driver's value as null, number or text: dates in ISO form, decimals as floats, booleans as 0 and 1."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, int | float):
        return value
    if isinstance(value, Decimal):
        return float(value)
    if isinstance(value, datetime.datetime):
        return value.replace(tzinfo=None, microsecond=0).isoformat(" ")
    if isinstance(value, datetime.date | datetime.time):
        return value.isoformat()
    return None  # blobs, lists, structures: nothing a business question compares


def _kind(column: DeclaredColumn, graph_type: str, values: Sequence[Value]) -> Kind:
    declared = column.type.upper()
    texts = [value for value in values if isinstance(value, str)]
    if graph_type == "bool" or "BOOL" in declared:
        return "boolean"
    if texts and len(texts) == len(values):
        if graph_type == "datetime" or (not graph_type and ("DATE" in declared or "TIME" in declared)):
            if all(len(text) == _DATE_LENGTH for text in texts):
                return "date"
            return "timestamp" if all(len(text) >= _TIMESTAMP_LENGTH for text in texts) else "other"
        return "text"
    if not values:
        return _declared_kind(declared)
    if all(isinstance(value, int) for value in values):
        return "integer" if not any(word in declared for word in ("REAL", "DOUB", "FLOA", "DEC", "NUMERIC")) else "real"
    return "real" if not texts else "other"


def _declared_kind(declared: str) -> Kind:
    """The kind of a column that holds no value yet."""
    for kind, words in _WORDS_OF_KIND:
        if any(word in declared for word in words):
            return kind
    return "other"


_WORDS_OF_KIND: tuple[tuple[Kind, tuple[str, ...]], ...] = (
    ("timestamp", ("TIMESTAMP", "DATETIME")),
    ("date", ("DATE",)),
    ("integer", ("INT",)),
    ("real", ("REAL", "DOUB", "FLOA", "DEC", "NUMERIC")),
    ("text", ("CHAR", "TEXT", "CLOB", "STRING")),
)


@dataclass
class _Reference:
    """A link before it is known what it permits: (child column, parent column) pairs, in lower case, and what is said.

    None where nobody says anything.
    """

    child: str
    parent: str
    pairs: tuple[tuple[str, str], ...]
    declared: bool = False
    matched: bool | None = None  # every child has a parent
    with_children: bool | None = None  # every parent has a child
    single: bool = False  # no parent has two children


def _references(
    declared: Sequence[DeclaredTable], tables: dict[str, Table], claims: GraphTables
) -> Iterator[_Reference]:
    """Foreign keys and the graph's relationships towards a single row, each once."""
    found: dict[tuple[str, str, frozenset[tuple[str, str]]], _Reference] = {}

    def reference(child: str, parent: str, pairs: Sequence[tuple[str, str]]) -> _Reference:
        return found.setdefault((child, parent, frozenset(pairs)), _Reference(child, parent, tuple(pairs)))

    for table in declared:
        for key in table.foreign_keys:
            if key.target.lower() in tables and len(key.columns) == len(key.target_columns):
                names = zip(key.columns, key.target_columns, strict=True)
                pairs = [(left.lower(), right.lower()) for left, right in names]
                reference(table.name.lower(), key.target.lower(), pairs).declared = True
    for relationship in claims.relationships:
        ends = claims.ends(relationship)
        if not ends or not all(end[0] in tables for end in ends[0]):
            continue
        (here, _), (there, _) = ends[0]
        reverse = claims.reverse_of(relationship)
        if relationship.singular:
            if reverse is not None and reverse.singular and any(one[:2] == (there, here) for one in found):
                continue  # one to one: the side noted first is the child
            link = reference(here, there, [(left[1], right[1]) for left, right in ends])
            link.matched = relationship.always_matches
            link.single = reverse is not None and reverse.singular
            if reverse is not None:
                link.with_children = reverse.always_matches
        elif reverse is None and _is_key(tables[here], [left[1] for left, _ in ends]):
            link = reference(there, here, [(right[1], left[1]) for left, right in ends])
            link.with_children = relationship.always_matches
    yield from found.values()


def _is_key(table: Table, columns: Sequence[str]) -> bool:
    return any({name.lower() for name in key} <= set(columns) for key in table.unique)


def _links(
    declared: Sequence[DeclaredTable],
    tables: dict[str, Table],
    claims: GraphTables,
    reader: _Reader,
    rules: DataRules,
) -> Iterator[Link]:
    """References with what they permit: as the user's rules say, the graph, the keys, or else the data."""
    sources = {table.name.lower(): reader.name(table) for table in declared}
    for one in _references(declared, tables, claims):
        child, parent = tables[one.child], tables[one.parent]
        child_names = {column.name.lower(): column.name for column in child.columns}
        parent_names = {column.name.lower(): column.name for column in parent.columns}
        if not all(left in child_names and right in parent_names for left, right in one.pairs):
            continue
        columns = tuple(child_names[left] for left, _ in one.pairs)
        parent_columns = tuple(parent_names[right] for _, right in one.pairs)
        equal = zip(columns, parent_columns, strict=True)
        joined = " AND ".join(f"p.{quoted(right)} = c.{quoted(left)}" for left, right in equal)
        present = " AND ".join(f"c.{quoted(left)} IS NOT NULL" for left in columns)
        p, c = f"{sources[one.parent]} AS p", f"{sources[one.child]} AS c"
        observed = {
            "childless": f"{p} WHERE NOT EXISTS (SELECT 1 FROM {c} WHERE {joined})",
            "null": f"{c} WHERE NOT ({present})",
            "unmatched": f"{c} WHERE {present} AND NOT EXISTS (SELECT 1 FROM {p} WHERE {joined})",
        }
        nullable = any(child.column(column).nullable for column in columns)
        yield Link(
            child=one.child,
            columns=columns,
            parent=one.parent,
            parent_columns=parent_columns,
            single=one.single or any(set(key) <= set(columns) for key in child.unique),
            name=f"{parent.name} without {child.name}",
            childless_parents=_permission(
                rules.childless_parents, _stated(one.with_children), reader, observed["childless"]
            ),
            null_keys=_permission(rules.null_keys, _stated(one.matched), reader, observed["null"])
            if nullable
            else Permission(False, "declared"),
            unmatched_keys=_permission(
                rules.unmatched_keys,
                _never("graph", one.matched) or _never("declared", one.declared),
                reader,
                observed["unmatched"],
            ),
        )


def _stated(always_matches: bool | None) -> Permission | None:
    """What a graph that says "always matches", or says that it does not hold, permits; None where it says nothing."""
    return None if always_matches is None else Permission(not always_matches, "graph")


def _never(source: Source, holds: bool | None) -> Permission | None:
    return Permission(False, source) if holds else None


def _permission(choice: Choice, stated: Permission | None, reader: _Reader, observed: str) -> Permission:
    if choice != "auto":
        return Permission(choice == "yes", "flag")
    return stated or Permission(reader.any_rows(observed), "observed")
