"""Where the columns of a query come from: through aliases, subqueries, WITH and UNION to the tables' own columns."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass

from sqlglot import exp
from sqlglot.errors import OptimizeError
from sqlglot.optimizer.scope import Scope, traverse_scope

from utils.databases.profile import DatabaseProfile

TableColumn = tuple[str, str]  # both in lower case
_MAX_DEPTH = 40
# Functions whose numbers say nothing of their arguments' values
_COUNTING = (exp.Count, exp.RowNumber, exp.Rank, exp.DenseRank, exp.PercentRank, exp.CumeDist, exp.Ntile)


@dataclass(frozen=True)
class Reading:
    """One reading of a table in a query: the aliases that lead to it, outermost first."""

    table: str
    path: tuple[str, ...]


class Origins:
    """The base columns behind each column of one query; `scopes` are its SELECTs, inner ones first."""

    def __init__(self, query: exp.Query, profile: DatabaseProfile) -> None:
        self._profile = profile
        self.scopes: list[Scope] = []
        with suppress(OptimizeError):  # a query that sqlglot cannot make sense of has no origins
            self.scopes = traverse_scope(query)
        self._scope_of = {id(node): scope for scope in self.scopes for node in scope.walk()}
        self._known: dict[tuple[int, int], set[TableColumn]] = {}

    def of_column(self, column: exp.Column, scope: Scope) -> set[TableColumn]:
        """The base columns that a column's values come from or are computed from."""
        key = id(column), id(scope)
        if key not in self._known:
            self._known[key] = set()  # what refers to itself comes from nowhere
            self._known[key] = self._find(column, scope)
        return self._known[key]

    def _find(self, column: exp.Column, scope: Scope) -> set[TableColumn]:
        name = column.name.lower()
        for _alias, source in self._named_sources(column.table, scope):
            if isinstance(source, exp.Table):
                if self._has_column(source, name):
                    return {(source.name.lower(), name)}
            elif isinstance(source, Scope):
                found = self._projected(source, name)
                if found is not None:
                    return found
        # an alias of this very SELECT, as in GROUP BY month
        own = self._own_alias(scope, name)
        if own is not None and own is not column and not _contains(own, column):
            return self.of_expression(own, scope)
        return set()

    def _named_sources(self, qualifier: str, scope: Scope) -> Iterator[tuple[str, exp.Table | Scope]]:
        """(alias, source) that a column may be read from, those of the surrounding queries last."""
        current: Scope | None = scope
        while current is not None:
            for alias, source in current.sources.items():
                if not qualifier or alias.lower() == qualifier.lower():
                    yield alias, source
            current = current.parent

    def _projected(self, source: Scope, name: str) -> set[TableColumn] | None:
        """Origins of an output column of a subquery or CTE; None when it has no such column."""
        query = source.expression
        if not isinstance(query, exp.Query):
            return None
        if source.union_scopes:
            names = [one.alias_or_name.lower() for one in query.selects]
            if name not in names:
                return None
            place = names.index(name)
            found: set[TableColumn] = set()
            for part in source.union_scopes:
                selects = part.expression.selects if isinstance(part.expression, exp.Query) else []
                if place < len(selects):
                    found |= self.of_expression(selects[place], part)
            return found
        for projection in query.selects:
            if projection.alias_or_name.lower() == name:
                return self.of_expression(projection, source)
            if projection.is_star:
                for inner in source.sources.values():
                    if isinstance(inner, exp.Table):
                        if self._has_column(inner, name):
                            return {(inner.name.lower(), name)}
                    else:
                        passed_on = self._projected(inner, name)
                        if passed_on is not None:
                            return passed_on
        return None

    def _has_column(self, source: exp.Table, name: str) -> bool:
        table = self._profile.tables.get(source.name.lower())
        return table is not None and any(one.name.lower() == name for one in table.columns)

    def of_expression(self, expression: exp.Expr, scope: Scope) -> set[TableColumn]:
        """The base columns that an expression's value is made of."""
        return {
            origin
            for column in _valued(expression)
            if isinstance(column, exp.Column)
            for origin in self.of_column(column, self._scope_of.get(id(column), scope))
        }

    @staticmethod
    def _own_alias(scope: Scope, name: str) -> exp.Expr | None:
        if not isinstance(scope.expression, exp.Select):
            return None
        return next(
            (one.this for one in scope.expression.selects if isinstance(one, exp.Alias) and one.alias.lower() == name),
            None,
        )

    def of_value(self, node: exp.Expr, scope: Scope) -> set[TableColumn]:
        """Origins of a node's columns, those of its subqueries' results among them, of their insides not."""
        found: set[TableColumn] = set()
        for one in _valued(node):
            if isinstance(one, exp.Column):
                found |= self.of_column(one, scope)
            elif isinstance(one, exp.Query):
                selects = one.selects
                if len(selects) == 1:
                    found |= self.of_expression(selects[0], self._scope_of.get(id(selects[0]), scope))
        return found

    def plain_column(self, column: exp.Column, scope: Scope) -> tuple[Reading, str] | None:
        """The base table's column that a column is, through subqueries that pass it on unchanged."""
        name = column.name.lower()
        path: tuple[str, ...] = ()
        for _ in range(_MAX_DEPTH):
            step = self._plain_step(name, column.table, scope)
            if step is None:
                return None
            alias, source, inner = step
            path = (*path, alias)
            if isinstance(source, exp.Table):
                return Reading(source.name.lower(), path), name
            if inner is None:
                return None
            name, scope, column = inner.name.lower(), source, inner
        return None

    def _plain_step(
        self, name: str, qualifier: str, scope: Scope
    ) -> tuple[str, exp.Table | Scope, exp.Column | None] | None:
        """The source that a column is read from; of a subquery the column that it passes on, if it is one."""
        for alias, source in self._named_sources(qualifier, scope):
            if isinstance(source, exp.Table):
                if self._has_column(source, name):
                    return alias, source, None
            elif isinstance(source.expression, exp.Select):
                for projection in source.expression.selects:
                    if projection.alias_or_name.lower() == name:
                        inner = projection.unalias()
                        return alias, source, inner if isinstance(inner, exp.Column) else None
        return None


def _valued(node: exp.Expr) -> Iterator[exp.Expr]:
    """The parts of an expression that its value is made of: not what is only counted, ranked or grouped by.

    Subqueries come as they are, without their insides.
    """
    yield node
    if isinstance(node, (exp.Query, *_COUNTING)):
        return
    for part in [node.this] if isinstance(node, exp.Window) else node.iter_expressions():
        if isinstance(part, exp.Expr):
            yield from _valued(part)


def _contains(expression: exp.Expr, node: exp.Expr) -> bool:
    return any(one is node for one in expression.walk())
