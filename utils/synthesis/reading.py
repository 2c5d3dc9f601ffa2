"""Read the model that synthesis stands on from a metadata graph and its database.

What the database contradicts is left out and noted, because PyDough believes a graph and would answer wrongly.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from typing import Any

from utils.core.console import UserError
from utils.core.paths import hints_path
from utils.databases.catalog import DatabaseEntry
from utils.databases.check_graph import load_accepted_graph
from utils.databases.connect import connect_read_only, dialect_of
from utils.databases.graph_relations import Graph, Relationship, relationships_of
from utils.databases.names import quoted
from utils.synthesis.hints import Hints, read_hints
from utils.synthesis.missing import listed, missing_notes
from utils.synthesis.model import Collection, Column, Link, Model
from utils.synthesis.name_words import words_of
from utils.synthesis.role_words import IDENTIFIERS, SNAPSHOTS
from utils.synthesis.roles import Seen, role_of
from utils.synthesis.tables import Database, FoundTable, Shown, UnreadableError
from utils.synthesis.units import unit_of


def read_model(entry: DatabaseEntry) -> Model:
    """The model of an entry's graph and database, with the hints beside the graph.

    Raises UserError where graph, hints or database cannot be read, or a hinted role does not fit its column.
    """
    graph = load_accepted_graph(entry.graph_path, entry.graph_name)
    hints = read_hints(entry.graph_path)
    with closing(connect_read_only(entry.url)) as connection:
        model = _Reading(graph, hints, Database(connection, dialect_of(entry.url))).model()
    try:
        hinted = _with_hints(model, hints)
    except ValueError as error:
        raise UserError(f"{hints_path(entry.graph_path)}: {error}") from error
    return replace(hinted, notes=(*hinted.notes, *missing_notes(hinted)))


def _with_hints(model: Model, hints: Hints) -> Model:
    """The model with the roles and units that hints give; raises ValueError where a role cannot be a column's."""
    collections = {}
    for name, collection in model.collections.items():
        columns = {}
        for column in collection.columns.values():
            hint = hints.column(name, column.name)
            hinted = replace(column, role=hint.role or column.role)
            if not _fits(hinted):
                raise ValueError(f"columns > {column!r} > role: {hint.role!r} does not fit a {column.kind} column")
            columns[column.name] = hinted if hint.unit is None else replace(hinted, unit=hint.unit)
        collections[name] = replace(collection, columns=columns)
    return replace(model, collections=collections)


def _fits(column: Column) -> bool:
    """Whether a column can play its role."""
    if column.role == "flag":
        return column.kind == "flag" or (column.kind == "number" and {*column.values} <= {0, 1})
    needed = {"amount": "number", "measure": "number", "date": "date"}
    return needed.get(column.role, column.kind) == column.kind


@dataclass(frozen=True)
class _Source:
    """A collection of the graph with its table; by property its column and what that shows; its keys."""

    item: dict[str, Any]
    table: FoundTable
    columns: dict[str, str]
    shown: dict[str, Shown]
    keys: tuple[tuple[str, ...], ...]

    @property
    def name(self) -> str:
        return str(self.item["name"])

    @property
    def key(self) -> tuple[str, ...]:
        """The shortest key, and of several one that is called so."""
        return min(self.keys, key=lambda key: (len(key), IDENTIFIERS.isdisjoint(words_of(key[0])[-1:])))

    @property
    def holds_states(self) -> bool:
        """Whether its rows are states of the same things at many times, whose stocks cannot be added."""
        dated = any(self.shown[one].kind == "date" for one in self.key)
        return (dated and len(self.key) > 1) or not SNAPSHOTS.isdisjoint(words_of(self.name))

    def quoted(self, properties: Sequence[str]) -> list[str]:
        """The columns of properties as SQL writes them."""
        return [quoted(self.columns[one]) for one in properties]


class _Reading:
    """One pass over a graph and its database, noting what is left out."""

    def __init__(self, graph: Graph, hints: Hints, database: Database) -> None:
        self._graph = graph
        self._database = database
        self._notes: list[str] = []
        self._sources: dict[str, _Source] = {}
        for item in graph["collections"]:
            if not hints.collection(item["name"]).skip:
                self._add_source(item)
        related = list(zip(relationships_of(graph), graph["relationships"], strict=True))
        self._references = [one for relationship, _ in related for one in self._as_references(relationship)]
        self._links = [link for one, item in related if (link := self._link(one, item)) is not None]

    def model(self) -> Model:
        """The model as graph and data have it."""
        collections = {name: self._collection(source) for name, source in self._sources.items()}
        notes = [*self._notes, *map(self._loose, collections.values())]
        return Model(self._graph["name"], collections, tuple(note for note in notes if note))

    def _loose(self, collection: Collection) -> str:
        """A note of columns without nulls in which made data has some, because it may; "" where there is none."""
        asked = collection.of_role("amount", "measure", "category", "name", "date", "flag")
        loose = [column.name for column in asked if column.nulls and column.full]
        why = "but the database allows some, so that made data has some, on which more programs differ"
        return f"{collection.name}: no null in {listed(loose)}, {why}" if loose else ""

    def _leave_out(self, what: str, why: str) -> None:
        self._notes.append(f"{what}: left out, {why}")

    def _add_source(self, item: dict[str, Any]) -> None:
        name, path = item["name"], item["table path"]
        try:
            table = self._database.table(path)
            if not table.rows:
                return self._leave_out(name, f"table {path} holds no rows")
            columns = dict(self._columns(item, table))
            types = {columns[one["name"]]: one["data type"] for one in item["properties"] if one["name"] in columns}
            found = self._database.shown(table, types)
        except UnreadableError as error:
            return self._leave_out(name, f"table {path} cannot be read ({error})")
        shown: dict[str, Shown] = {}
        for one, column in columns.items():
            data = found[column]
            if isinstance(data, str):
                self._leave_out(f"{name}.{one}", f"it {data}")
            else:
                shown[one] = data
        keys = tuple((key,) if isinstance(key, str) else tuple(key) for key in item["unique properties"])
        source = _Source(item, table, columns, shown, keys)
        fault = next((fault for key in keys if (fault := self._key_fault(source, key))), "")
        if fault:
            return self._leave_out(name, fault)
        self._sources[name] = source

    def _columns(self, item: dict[str, Any], table: FoundTable) -> Iterator[tuple[str, str]]:
        """The properties that can be read, with their columns."""
        for one in item["properties"]:
            what = f"{item['name']}.{one['name']}"
            if one["type"] != "table column":
                self._leave_out(what, f"it is a {one['type']}, and only table columns are asked about")
                continue
            column = table.columns.get(one["column name"].strip('"`').lower())
            if column is None:
                self._leave_out(what, f"its column {one['column name']} does not exist")
            else:
                yield one["name"], column

    def _key_fault(self, source: _Source, key: Sequence[str]) -> str:
        """Why a key does not tell rows apart as PyDough believes; "" where it does."""
        name = ", ".join(key)
        if missing := [one for one in key if one not in source.shown]:
            return f"its key {name} needs {', '.join(missing)}"
        if any(source.shown[one].filled < source.table.rows for one in key):
            return f"its key {name} holds nulls"
        if source.table.keeps_unique([source.columns[one] for one in key]):
            return ""
        columns = ", ".join(source.quoted(key))
        repeated = f"SELECT 1 FROM {source.table.source} GROUP BY {columns} HAVING COUNT(*) > 1 LIMIT 1"
        try:
            return f"its key {name} is not unique" if self._database.rows(repeated) else ""
        except UnreadableError as error:
            return f"its key {name} cannot be checked ({error})"

    def _as_references(self, relationship: Relationship) -> Iterator[Relationship]:
        """A relationship from the side that refers to one row: as it is, or turned where its parent's side is a key."""
        parent = self._sources.get(relationship.parent)
        if relationship.singular:
            yield relationship
        elif parent is not None and {left for left, _ in relationship.keys} in map(set, parent.keys):
            turned = tuple((right, left) for left, right in relationship.keys)
            yield replace(
                relationship, parent=relationship.child, child=relationship.parent, keys=turned, always_matches=None
            )

    def _link(self, relationship: Relationship, item: dict[str, Any]) -> Link | None:
        parent, child = self._sources.get(relationship.parent), self._sources.get(relationship.child)
        if parent is None or child is None:
            return None
        what = f"{relationship.parent}.{relationship.name}"
        fault = self._link_fault(relationship, parent, child)
        if fault:
            self._leave_out(what, fault)
            return None
        try:
            lonely, most, matches = self._matches(relationship, parent, child)
        except UnreadableError as error:
            self._leave_out(what, f"it cannot be checked ({error})")
            return None
        if relationship.singular and most > 1:
            self._leave_out(what, f"it is claimed singular, but a row matches up to {most:,}")
            return None
        if relationship.always_matches and lonely:
            self._leave_out(what, f"it is claimed always to match, but {lonely:,} rows match none")
            return None
        return Link(
            parent=parent.name,
            name=relationship.name,
            child=child.name,
            keys=relationship.keys,
            singular=relationship.singular,
            optional=lonely > 0 or relationship.always_matches is False,
            full=lonely == 0,
            fanout=matches / parent.table.rows,
            description=relationship.description,
            synonyms=tuple(item.get("synonyms", ())),
        )

    def _link_fault(self, relationship: Relationship, parent: _Source, child: _Source) -> str:
        """Why a relationship cannot be walked; "" where it can."""
        if not relationship.keys:
            return f"it is a {relationship.kind}, and only equal properties are followed"
        for left, right in relationship.keys:
            if left not in parent.shown or right not in child.shown:
                return f"it needs {left} of {parent.name} and {right} of {child.name}"
            if parent.shown[left].kind != child.shown[right].kind:
                return f"it compares a {parent.shown[left].kind} ({left}) with a {child.shown[right].kind} ({right})"
        return ""

    def _matches(self, relationship: Relationship, parent: _Source, child: _Source) -> tuple[int, int, int]:
        """How many rows of the parent match none, the most that one matches, and all matches together."""
        lefts = parent.quoted([left for left, _ in relationship.keys])
        rights = child.quoted([right for _, right in relationship.keys])
        equal = " AND ".join(f"p.{left} = c.{right}" for left, right in zip(lefts, rights, strict=True))
        names = ", ".join(rights)
        counted = f"SELECT {names}, COUNT(*) AS matches FROM {child.table.source} GROUP BY {names}"
        ((parents, some, most, matches),) = self._database.rows(
            "SELECT COUNT(*), COUNT(c.matches), MAX(c.matches), SUM(c.matches) "
            f"FROM {parent.table.source} AS p LEFT JOIN ({counted}) AS c ON {equal}"
        )
        return int(parents - some), int(most or 0), int(matches or 0)

    def _collection(self, source: _Source) -> Collection:
        return Collection(
            name=source.name,
            table=source.table.source,
            key=source.key,
            rows=source.table.rows,
            description=source.item.get("description", ""),
            synonyms=tuple(source.item.get("synonyms", ())),
            columns={
                one["name"]: self._column(source, one)
                for one in source.item["properties"]
                if one["name"] in source.shown
            },
            links={link.name: link for link in self._links if link.parent == source.name},
        )

    def _column(self, source: _Source, item: dict[str, Any]) -> Column:
        name, shown = item["name"], source.shown[item["name"]]
        unique = (name,) in source.keys or source.table.keeps_unique([source.columns[name]])
        seen = Seen(
            collection=source.name,
            name=name,
            kind=shown.kind,
            description=item.get("description", ""),
            synonyms=tuple(item.get("synonyms", ())),
            key=source.key == (name,),
            part_of_key=name in source.key,
            foreign=bool(self._claims(source, name)),
            snapshot=source.holds_states,
            filled=shown.filled,
            distinct=shown.distinct,
            values=shown.values,
            low=shown.low,
            high=shown.high,
            whole=shown.whole,
        )
        role = role_of(seen)
        return Column(
            collection=source.name,
            name=name,
            column=source.columns[name],
            kind=shown.kind,
            role=role,
            description=seen.description,
            synonyms=seen.synonyms,
            nulls=self._may_be_null(source, name, unique),
            full=shown.filled == source.table.rows,
            unique=unique,
            distinct=shown.distinct,
            values=shown.values,
            low=shown.low,
            high=shown.high,
            quantiles=shown.quantiles,
            whole=shown.whole,
            time=shown.time,
            unit=unit_of(seen, role),
        )

    def _claims(self, source: _Source, name: str) -> list[bool | None]:
        """Of the relationships that make a property refer to one row: whether they always match, as the graph says."""
        return [
            one.always_matches
            for one in self._references
            if one.parent == source.name and any(left == name for left, _ in one.keys)
        ]

    def _may_be_null(self, source: _Source, name: str, unique: bool) -> bool:
        """Whether data may hold nulls, as made data has them: see `utils.databases.profile`."""
        if source.shown[name].filled < source.table.rows:
            return True
        if unique or not source.table.nullable(source.columns[name]):
            return False
        claims = self._claims(source, name)
        return not claims or False in claims
