"""Groups, or the whole as one: aggregates over their rows, and over all the rows that those lead to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

from utils.synthesis.intent import Aggregate, Expression, Intent, Named, Path
from utils.synthesis.sql.aggregates import Grouped
from utils.synthesis.sql.calls import Scope
from utils.synthesis.sql.kinds import ZERO_OF_NOTHING
from utils.synthesis.sql.rows import Row, aggregate_name, chosen, source_rows
from utils.synthesis.sql.statement import Statement
from utils.synthesis.sql.terms import Names, Select, Term

_Way = tuple[Path, tuple[Expression, ...]]  # a path and the conditions on the rows at its end
_ROWS: _Way = ((), ())  # the group's own rows


class JoinedGroups(Scope):
    """Columns of WITH queries that are joined group by group, by the expressions that they hold."""

    def __init__(self, statement: Statement, select: Select) -> None:
        super().__init__(statement.engine, {})
        self.select = select

    def reference(self, node: Expression) -> Term:
        """Nothing but what is known."""
        raise ValueError(f"has no meaning for a group: {node}")


def groups_of(
    statement: Statement, intent: Intent, keys: Sequence[Named], aggregates: Mapping[Aggregate, str]
) -> Grouped | JoinedGroups:
    """The groups, knowing their keys and aggregates; `aggregates` with the names that they shall have, or ""."""
    grouping = _Grouping(statement, intent, keys)
    ways: dict[_Way, list[Aggregate]] = {} if aggregates else {_ROWS: []}
    for one in aggregates:
        ways.setdefault((one.path, one.where) if one.path else _ROWS, []).append(one)
    if len(ways) > 1 or (keys and _ROWS not in ways):
        return grouping.joined({_ROWS: [], **ways} if keys else ways, aggregates)
    ((way, members),) = ways.items()
    return grouping.grouped(source_rows(statement, intent)[0], way, members)


class _Grouping:
    def __init__(self, statement: Statement, intent: Intent, keys: Sequence[Named]) -> None:
        self._statement = statement
        self._intent = intent
        self._keys = keys
        self._names = [statement.name(name) for name, _ in keys]

    def grouped(self, row: Row, way: _Way, aggregates: Sequence[Aggregate], zero: bool = True) -> Grouped:
        """What `row` leads to on a way, grouped by keys of `row`."""
        path, where = way
        rows = row.along(path)
        rows.keep(where)
        over_rows = {one: replace(one, path=(), where=()) if path else one for one in aggregates}
        columns = [(name, row.term(node)) for name, (_, node) in zip(self._names, self._keys, strict=True)]
        wanted = by_keys(chosen(rows.collection, where), self._keys)
        grouped = Grouped(self._statement, rows, row.select, columns, list(over_rows.values()), wanted)
        grouped.known = {node: term for (_, node), (_, term) in zip(self._keys, grouped.keys, strict=True)}
        grouped.known |= {one: grouped.aggregate(over, zero) for one, over in over_rows.items()}
        return grouped

    def joined(self, ways: Mapping[_Way, Sequence[Aggregate]], names: Mapping[Aggregate, str]) -> JoinedGroups:
        """A WITH query for each way, the first of all groups, the others of those that the way leads on from."""
        statement, intent = self._statement, self._intent
        start = ""
        if intent.where or intent.via:
            row, _ = source_rows(statement, intent)
            row.select.columns = [(Term(f"{row.alias}.*"), "*")]
            start = statement.with_query(f"chosen_{intent.source.name}", row.select)
        queries: list[str] = []
        known: dict[Expression, Term] = {}
        for way, aggregates in ways.items():
            may_lack = bool(self._keys and queries)
            grouped = self.grouped(Row(statement, intent.source, table=start), way, aggregates, zero=not may_lack)
            grouped.select.columns = [(term, name) for name, term in grouped.keys]
            end = statement.model.end(intent.source, way[0])
            taken = Names(set(self._names))
            columns = {one: statement.name(taken.unique(names[one] or aggregate_name(one, end))) for one in aggregates}
            grouped.select.columns += [(grouped.known[one], column) for one, column in columns.items()]
            query = statement.with_query(by_keys(chosen(end, way[1]), self._keys), grouped.select)
            queries.append(query)
            for one, column in columns.items():
                zero = may_lack and one.function in ZERO_OF_NOTHING
                known[one] = Term(f"COALESCE({query}.{column}, 0)" if zero else f"{query}.{column}")
        first, *others = queries
        groups = JoinedGroups(statement, Select(first, [self._join(first, one) for one in others]))
        named = zip(self._keys, self._names, strict=True)
        groups.known = {**known, **{node: Term(f"{first}.{name}") for (_, node), name in named}}
        return groups

    def _join(self, first: str, query: str) -> str:
        same = self._statement.engine.same
        pairs = [f"{query}.{name} {same} {first}.{name}" for name in self._names]
        return f"LEFT JOIN {query} ON {' AND '.join(pairs)}" if pairs else f"CROSS JOIN {query}"


def by_keys(name: str, keys: Sequence[Named]) -> str:
    """What groups are called."""
    return f"{name}_by_{'_'.join(key for key, _ in keys)}" if keys else f"{name}_overall"
