"""One row in hand: its columns, its links to other rows, and what is computed from the rows it leads to."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from utils.synthesis.intent import Aggregate, Best, Exists, Expression, Field, Intent, Path
from utils.synthesis.model import Collection, Link
from utils.synthesis.sql.aggregates import Grouped
from utils.synthesis.sql.calls import Scope
from utils.synthesis.sql.kinds import ZERO_OF_NOTHING, needed_links
from utils.synthesis.sql.statement import Statement
from utils.synthesis.sql.terms import COMPARED, NOT, Names, Select, Term, indented
from utils.synthesis.words import singular_name


class Row(Scope):
    """A row of a collection in a SELECT that is being written; what an expression needs is joined to it.

    Links to one row are joined. What lies behind links to many is aggregated in a WITH query of its own, one for each
    path and set of conditions, with a row for each parent: so no join multiplies rows.
    """

    def __init__(
        self, statement: Statement, collection: Collection, table: str = "", names: Names | None = None
    ) -> None:
        super().__init__(statement.engine, {})
        self.statement = statement
        self.collection = collection
        self.names = names or Names()
        alias = self.names.unique(collection.name)
        self.alias = statement.name(alias)
        self.select = Select(_aliased(table or statement.table(collection), self.alias))
        self.sure = True  # it is there: not the nulls of an outer join
        self._linked: dict[Path, Row] = {(): self}
        self._needed: set[Path] = set()
        self._columns: dict[Expression, Term] = {}

    def joined(self, link: Link, sure: bool = True) -> Row:
        """The row, or the rows, that a link leads to from here, in the same SELECT; null where it leads to none.

        `sure`: rows without any are none, or shall go.
        """
        row = Row(self.statement, self.statement.model.collections[link.child], names=self.names)
        conditions = " AND ".join(term.text for term in self._link_terms(link, row))
        self.select.joins.append(f"{'JOIN' if sure else 'LEFT JOIN'} {row.select.source} ON {conditions}")
        row.select, row.sure = self.select, sure
        return row

    def joined_parent(self, link: Link) -> Row:
        """The row from which a link leads here."""
        back = Link(
            link.child, link.name, link.parent, tuple((child, parent) for parent, child in link.keys), True, False
        )
        row = self.joined(back)
        for own in self.collection.singular_links:  # the graph's own way there, if it has one, needs no second join
            if own.child == back.child and set(own.keys) == set(back.keys):
                self._linked[own,] = row
        return row

    def along(self, path: Path) -> Row:
        """The rows that a path leads to, one for each way there; without a path this row."""
        row = self
        for link in path:
            row = row.joined(link)
        return row

    def keep(self, conditions: Iterable[Expression]) -> None:
        """Keep only rows that meet conditions; to be said before anything else is asked of the row."""
        conditions = tuple(conditions)
        self._needed |= needed_links(conditions)
        self.select.where += [self.term(one) for one in conditions]

    def columns(self, properties: Iterable[str]) -> list[tuple[str, Term]]:
        """(name, term) of properties."""
        names = [self.statement.key_column(self.collection, one) for one in properties]
        return [(name, Term(f"{self.alias}.{name}")) for name in names]

    def reference(self, node: Expression) -> Term:
        """A field, or what is computed from the rows that this one leads to."""
        match node:
            case Field(path, column):
                return Term(f"{self._at(path).alias}.{self.statement.column(column)}")
            case Exists():
                if node not in self._columns:
                    self._columns[node] = self._exists(node)
                return self._columns[node]
            case Aggregate(path=path) if path:
                if node not in self._columns:
                    self._join_aggregates(node)
                zero = node.function in ZERO_OF_NOTHING
                return Term(f"COALESCE({self._columns[node]}, 0)") if zero else self._columns[node]
            case Best():
                if node not in self._columns:
                    self._join_best(node)
                return self._columns[node]
        raise ValueError(f"has no meaning for a row: {node}")

    def _at(self, path: Path) -> Row:
        if path not in self._linked:
            before, link = self._at(path[:-1]), path[-1]
            sure = path in self._needed or (before.sure and not link.optional)
            self._linked[path] = before.joined(link, sure)
        return self._linked[path]

    def _link_terms(self, link: Link, row: Row) -> list[Term]:
        ours = self.columns(parent for parent, _ in link.keys)
        theirs = row.columns(child for _, child in link.keys)
        return [Term(f"{their} = {our}", COMPARED) for (_, our), (_, their) in zip(ours, theirs, strict=True)]

    def _exists(self, node: Exists) -> Term:
        link, *others = node.path
        row = Row(self.statement, self.statement.model.collections[link.child], names=self.names)
        row.select.where += self._link_terms(link, row)
        row.along(tuple(others)).keep(node.where)
        found = f"EXISTS (\n{indented(row.select.text())}\n)"
        return Term(f"NOT {found}", NOT) if node.negated else Term(found)

    def _children(self, path: Path, where: Sequence[Expression]) -> tuple[Row, list[tuple[str, Term]]]:
        """The rows that a path leads to from all rows like this one, and the columns that tell from which."""
        first = Row(self.statement, self.statement.model.collections[path[0].child])
        last = first.along(path[1:])
        last.keep(where)
        return last, first.columns(child for _, child in path[0].keys)

    def _join_query(self, query: str, link: Link, more: str = "") -> None:
        """Join a WITH query by the columns that `_children` gave."""
        ours = self.columns(parent for parent, _ in link.keys)
        theirs = [self.statement.key_column(self.statement.model.collections[link.child], one) for _, one in link.keys]
        pairs = [f"{query}.{their} = {our}" for (_, our), their in zip(ours, theirs, strict=True)]
        self.select.joins.append(f"LEFT JOIN {query} ON {' AND '.join(pairs)}{more}")

    def _join_aggregates(self, node: Aggregate) -> None:
        """One WITH query for all that is computed from the same rows."""
        same = self.statement.computed_with(node)
        last, keys = self._children(node.path, node.where)
        wanted = f"{chosen(last.collection, node.where)}_per_{singular_name(self.collection.name)}"
        over_rows = {one: replace(one, path=(), where=()) for one in same}
        grouped = Grouped(self.statement, last, last.select, keys, list(over_rows.values()), wanted)
        grouped.select.columns = [(term, name) for name, term in grouped.keys]
        names = Names({name for name, _ in keys})
        columns = {}
        for one, name in same.items():
            columns[one] = self.statement.name(names.unique(name or aggregate_name(one, last.collection)))
            grouped.select.columns.append((grouped.aggregate(over_rows[one], zero=False), columns[one]))
        query = self.statement.with_query(wanted, grouped.select)
        self._join_query(query, node.path[0])
        self._columns |= {one: Term(f"{query}.{column}") for one, column in columns.items()}

    def _join_best(self, node: Best) -> None:
        """One WITH query for all values of the same first row."""
        same = self.statement.computed_with(node)
        last, keys = self._children(node.path, node.where)
        names = Names({name for name, _ in keys})
        columns = {one: self.statement.name(names.unique(name or "value")) for one, name in same.items()}
        place = names.unique("place")
        order = ", ".join(last.sort_key(key, descending) for key, descending in node.by)
        over = f"PARTITION BY {', '.join(term.text for _, term in keys)} ORDER BY {order}"
        last.select.columns = [(term, name) for name, term in keys]
        last.select.columns += [(last.term(one.value), column) for one, column in columns.items()]
        last.select.columns.append((Term(f"ROW_NUMBER() OVER ({over})"), place))
        wanted = f"{chosen(last.collection, node.where)}_ranked_per_{singular_name(self.collection.name)}"
        query = self.statement.with_query(wanted, last.select)
        self._join_query(query, node.path[0], f" AND {query}.{place} = 1")
        self._columns |= {one: Term(f"{query}.{column}") for one, column in columns.items()}


def source_rows(
    statement: Statement, intent: Intent, having: Sequence[Expression] = ()
) -> tuple[Row, list[tuple[str, Term]]]:
    """The rows that an intent starts from, and what tells their parents apart where it comes by way of parents."""
    row = Row(statement, intent.source)
    parent: list[tuple[str, Term]] = []
    if intent.via is not None:
        parent = row.joined_parent(intent.via).columns(statement.model.collections[intent.via.parent].key)
    row.keep([*intent.where, *having])
    return row, parent


def _aliased(table: str, alias: str) -> str:
    return table if table == alias else f"{table} AS {alias}"


def chosen(collection: Collection, where: Sequence[Expression]) -> str:
    """What rows of a collection are called where only some are meant."""
    return f"chosen_{collection.name}" if where else collection.name


def aggregate_name(node: Aggregate, collection: Collection) -> str:
    """What a column with an aggregate is called where the intent gives it no name."""
    if node.value is None:
        return f"number_of_{collection.name}"
    of = node.value.column.name if isinstance(node.value, Field) else "value"
    return f"{node.function.lower()}_{of}"
