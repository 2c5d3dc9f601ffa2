"""What a graph says of its collections, in terms of the tables and columns behind them."""

from __future__ import annotations

from collections.abc import Iterator

from utils.databases.graph_relations import Graph, Relationship, relationships_of


class GraphTables:
    """A graph's statements in terms of tables and columns, names in lower case."""

    def __init__(self, graph: Graph) -> None:
        self._tables: dict[str, str] = {}
        self._columns: dict[tuple[str, str], str] = {}
        self.types: dict[tuple[str, str], str] = {}
        self.unique: dict[str, list[tuple[str, ...]]] = {}
        for collection in graph["collections"]:
            name, table = collection["name"], _table_name(collection.get("table path", ""))
            self._tables[name] = table
            for item in collection.get("properties", []):
                column = item.get("column name", item["name"]).strip('"`').lower()
                self._columns[name, item["name"]] = column
                self.types[table, column] = item.get("data type", "")
            for key in collection.get("unique properties", []):
                properties = [key] if isinstance(key, str) else key
                columns = tuple(self._columns.get((name, one), "") for one in properties)
                if all(columns):
                    self.unique.setdefault(table, []).append(columns)
        self.relationships = [one for one in relationships_of(graph) if one.keys]

    def properties(self) -> Iterator[tuple[str, str, str]]:
        """(property, table, column) of all collections."""
        for (collection, name), column in self._columns.items():
            yield name, self._tables[collection], column

    def ends(self, relationship: Relationship) -> list[tuple[tuple[str, str], tuple[str, str]]]:
        """Pairs of (table, column) that a relationship joins; empty where a property is no table column."""
        parent, child = self._tables.get(relationship.parent, ""), self._tables.get(relationship.child, "")
        pairs = [
            (
                (parent, self._columns.get((relationship.parent, left), "")),
                (child, self._columns.get((relationship.child, right), "")),
            )
            for left, right in relationship.keys
        ]
        return pairs if parent and child and all(left[1] and right[1] for left, right in pairs) else []

    def reverse_of(self, relationship: Relationship) -> Relationship | None:
        """The same step walked the other way, where the graph has it."""
        turned = {(right, left) for left, right in relationship.keys}
        for other in self.relationships:
            if (other.parent, other.child) == (relationship.child, relationship.parent) and set(other.keys) == turned:
                return other
        return None

    def reverse_singular(self, relationship: Relationship) -> bool:
        """Whether the step walked the other way leads to one row at most."""
        reverse = self.reverse_of(relationship)
        return reverse is not None and reverse.singular


def _table_name(path: str) -> str:
    return path.split(".")[-1].strip('"`').lower()
