"""A statement under way: its WITH queries and what they are called."""

from __future__ import annotations

from typing import TypeVar, cast

from utils.databases.connect import Dialect
from utils.synthesis.intent import Aggregate, Best, Intent, named, walk
from utils.synthesis.model import Collection, Column, Model
from utils.synthesis.sql.dialects import ENGINES
from utils.synthesis.sql.kinds import outermost
from utils.synthesis.sql.terms import LINE_IN_TEXT, Names, Select, identifier, indented, table_name

_LONGEST = 50  # letters of a name; PostgreSQL cuts at 63
Computed = TypeVar("Computed", Aggregate, Best)


class Statement:
    """Collects WITH queries, each once, in an order in which every one comes before those that read it.

    `computed` is what the intent computes from the rows that single rows lead to, with the name of the result column
    that it is, or "": what comes from the same rows is computed in one query.
    """

    def __init__(self, intent: Intent, model: Model, dialect: Dialect) -> None:
        self.model = model
        self.engine = ENGINES[dialect]
        self.computed = _computed_for_rows(intent)
        # A WITH query named as a table would hide it; one named as a collection is taken for the collection's alias
        tables = {one.table.split(".")[-1].strip('"`') for one in model.collections.values()}
        self._names = Names(tables | set(model.collections))
        self._queries: dict[str, str] = {}  # name by text

    def computed_with(self, node: Computed) -> dict[Computed, str]:
        """What is computed from the same rows as `node`, itself among them, and after as many steps before it."""
        same = {one: name for one, name in self.computed.items() if _rows(one) == _rows(node)}
        depth = _depth(node)
        return cast(dict[Computed, str], {one: name for one, name in same.items() if _depth(one) == depth})

    def name(self, name: str) -> str:
        """A name as this database writes it."""
        return identifier(name, self.engine.name)

    def column(self, column: Column) -> str:
        """A column's name as this database writes it."""
        return self.name(column.column)

    def key_column(self, collection: Collection, key: str) -> str:
        """The column behind a key's property, which need not be among the collection's columns."""
        found = collection.columns.get(key)
        return self.column(found) if found else self.name(key)

    def table(self, collection: Collection) -> str:
        """A table's name as this database writes it."""
        return table_name(collection.table, self.engine.name)

    def with_query(self, wanted: str, select: Select) -> str:
        """Put a SELECT into a WITH query and give its name, the same one for the same text."""
        text = select.text()
        if text not in self._queries:
            self._queries[text] = self.name(self._names.unique(wanted[:_LONGEST]))
        return self._queries[text]

    def text(self, last: Select) -> str:
        """The whole statement."""
        queries = ",\n".join(f"{name} AS (\n{indented(text)}\n)" for text, name in self._queries.items())
        text = f"WITH {queries}\n{last.text()}" if queries else last.text()
        return text.replace(LINE_IN_TEXT, "\n")


def _rows(node: object) -> object:
    """What two computations from the same rows have in common."""
    if isinstance(node, Best):
        return node.path, node.where, node.by
    return (node.path, node.where) if isinstance(node, Aggregate) else None


def _depth(node: Aggregate | Best) -> int:
    """How many computations from rows reached in the same way stand within one another here."""
    return sum(_rows(part) == _rows(node) for part in walk(node))


def _computed_for_rows(intent: Intent) -> dict[Aggregate | Best, str]:
    columns = [node for _, node in intent.columns]
    if intent.level == "rows":
        names = {node: name for name, node in named(intent).items()}
        parts = walk((intent.where, *columns, intent.having))
    else:  # only what is within an aggregate belongs to single rows
        names = {}
        grouped = [one for one in outermost([*columns, *intent.having]) if isinstance(one, Aggregate)]
        parts = walk((intent.where, intent.keys, *((one.where, one.value) for one in grouped)))
    return {
        one: names.get(one, "") for one in parts if isinstance(one, Best) or (isinstance(one, Aggregate) and one.path)
    }
