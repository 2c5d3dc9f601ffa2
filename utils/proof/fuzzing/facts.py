"""What in a query tells right from wrong data: its tables, columns, constants and conditions.

Read from SQL text by sqlglot: the gold query's and the one that a program compiles to. Made data is
built around these facts, so that every comparison is met, missed by a hair, and missed.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from sqlglot import exp
from sqlglot.optimizer.scope import Scope

from utils.databases.connect import Dialect
from utils.databases.profile import DatabaseProfile
from utils.proof.fuzzing.origins import Origins, Reading, TableColumn

Constant = int | float | str

_COMPARISONS = (
    exp.EQ, exp.NEQ, exp.GT, exp.GTE, exp.LT, exp.LTE, exp.Is, exp.NullSafeEQ, exp.NullSafeNEQ, exp.Between, exp.In,
)  # fmt: skip
_PATTERNS = (exp.Like, exp.ILike, exp.Glob, exp.RegexpLike)
_DIFFERENCES = (exp.Add, exp.Sub)
_CONDITIONALS = (exp.If, exp.Filter)
# Functions whose numbers say how to compute, not what a column's values are compared with
_COMPUTING = (exp.Round, exp.Pow, exp.Coalesce, exp.Case, exp.If, exp.Cast, exp.Lag, exp.Lead, exp.Ntile)
# Functions whose results are compared as their arguments would be
_TRANSPARENT = (exp.Case, exp.If, exp.Coalesce, exp.Cast, exp.AggFunc, exp.Binary)


@dataclass(frozen=True)
class QueryFacts:
    """What made data must be built around; see the module's docstring.

    `constants`: (table, column, value) that the column, or something computed from it, is compared with. `defaults`:
    what stands in for its nulls. `patterns`: the same as constants for LIKE. `parts`: texts that a function looks for
    in the column. `cased`: columns whose letter case matters. `expressions`: the same as constants for SQL that must be
    evaluated, such as a date some days before now. `pairs`: columns compared with, added to or subtracted from one
    another. `conditions`: (table, branch, conditions that hold together, as SQL over the table's own columns); rows of
    several tables that meet the sets of one branch meet the query's WHERE, or one alternative of it, together.
    `counts`: numbers compared with aggregates. `limits`: LIMIT and OFFSET.
    """

    tables: frozenset[str] = frozenset()
    columns: frozenset[TableColumn] = frozenset()
    constants: frozenset[tuple[str, str, Constant]] = frozenset()
    defaults: frozenset[tuple[str, str, Constant]] = frozenset()
    patterns: frozenset[tuple[str, str, str]] = frozenset()
    parts: frozenset[tuple[str, str, str]] = frozenset()
    cased: frozenset[TableColumn] = frozenset()
    expressions: frozenset[tuple[str, str, str]] = frozenset()
    pairs: frozenset[tuple[TableColumn, TableColumn]] = frozenset()
    conditions: frozenset[tuple[str, str, tuple[str, ...]]] = frozenset()
    counts: frozenset[Constant] = frozenset()
    limits: frozenset[int] = frozenset()

    def __or__(self, other: QueryFacts) -> QueryFacts:
        """The facts of both queries."""
        return QueryFacts(*(getattr(self, name) | getattr(other, name) for name in self.__dataclass_fields__))

    def key(self) -> list[list[Any]]:
        """The same facts in a fixed order, for a content hash."""
        return [sorted(map(repr, getattr(self, name))) for name in self.__dataclass_fields__]


def query_facts(query: exp.Query, profile: DatabaseProfile, dialect: Dialect) -> QueryFacts:
    """The facts of a parsed query, its views replaced by what they stand for.

    What cannot be resolved is left out: data is then less telling, not wrong.
    """
    reader = _FactReader(_without_views(query, profile, dialect), profile, dialect)
    reader.read()
    return QueryFacts(**{name: frozenset(values) for name, values in reader.found.items()})


def _without_views(query: exp.Query, profile: DatabaseProfile, dialect: Dialect) -> exp.Query:
    used = {table.name.lower() for table in query.find_all(exp.Table)}
    if not any(view.name.lower() in used for view in profile.views):
        return query
    sources: dict[str, Any] = {view.name: found for view in profile.views if (found := view.query(dialect))}
    expanded = exp.expand(query, sources, dialect=dialect)
    return expanded if isinstance(expanded, exp.Query) else query


@dataclass
class _FactReader:
    query: exp.Query
    profile: DatabaseProfile
    dialect: Dialect
    found: dict[str, set[Any]] = field(
        default_factory=lambda: {name: set() for name in QueryFacts.__dataclass_fields__}
    )

    def __post_init__(self) -> None:
        self._origins = Origins(self.query, self.profile)

    def read(self) -> None:
        for table in self.query.find_all(exp.Table):
            if table.name.lower() in self.profile.tables:
                self.found["tables"].add(table.name.lower())
        for scope in self._origins.scopes:
            self._read_scope(scope)
        for clause in self.query.find_all(exp.Limit, exp.Offset):
            if isinstance(clause.expression, exp.Literal) and clause.expression.is_int:
                self.found["limits"].add(int(clause.expression.this))

    def _read_scope(self, scope: Scope) -> None:
        starred = any(isinstance(node, exp.Star) and not isinstance(node.parent, exp.Count) for node in scope.walk())
        for source in scope.sources.values():
            table = self.profile.tables.get(source.name.lower()) if isinstance(source, exp.Table) else None
            if table is not None and starred:
                self.found["columns"] |= {(table.name.lower(), column.name.lower()) for column in table.columns}
        for node in scope.walk():
            if isinstance(node, exp.Column):
                self.found["columns"] |= self._origins.of_column(node, scope)
            elif isinstance(node, _PATTERNS):
                self._read_pattern(node, scope)
            elif isinstance(node, _COMPARISONS):
                self._read_comparison(node, scope)
            elif isinstance(node, _DIFFERENCES):
                self._read_difference(node, scope)
            elif isinstance(node, exp.Func) and not isinstance(node, exp.AggFunc):
                self._read_function(node, scope)
        self._read_conditions(scope)

    # constants

    def _read_pattern(self, node: exp.Expr, scope: Scope) -> None:
        pattern = node.args.get("expression")
        origins = self._origins.of_expression(node.this, scope)
        if isinstance(pattern, exp.Literal) and pattern.is_string:
            self.found["patterns"] |= {(table, column, pattern.this) for table, column in origins}
        elif pattern is not None:
            texts = [one.this for one in pattern.find_all(exp.Literal) if one.is_string and one.this.strip("%_")]
            self.found["patterns"] |= {(*origin, text) for origin in origins for text in texts}

    def _read_comparison(self, node: exp.Expr, scope: Scope) -> None:
        origins = self._origins.of_value(node, scope)
        constants = list(_constants(node))
        for constant in constants:
            self._note_constant(constant, origins)
        if not origins or any(isinstance(one, exp.AggFunc) for one in node.walk()):
            self.found["counts"] |= {
                value for constant in constants if not isinstance(value := _value(constant), str) and value is not None
            }
        self._note_pairs(origins)

    def _read_difference(self, node: exp.Expr, scope: Scope) -> None:
        self._note_pairs(self._origins.of_value(node, scope))

    def _read_function(self, node: exp.Expr, scope: Scope) -> None:
        """Constants that a function applies to a column: SUBSTR(x, 1, 3), INSTR(x, '@'), STRFTIME('%Y', x)."""
        origins = self._origins.of_value(node, scope)
        if isinstance(node, exp.Lower | exp.Upper):
            self.found["cased"] |= origins
        for part in node.iter_expressions() if origins else ():
            if not isinstance(part, exp.Literal):
                continue
            if isinstance(node, exp.Coalesce):
                self.found["defaults"] |= {(*origin, _value(part)) for origin in origins}
            elif part.is_string:
                self.found["parts"] |= {(*origin, part.this) for origin in origins if part.this}
            elif not isinstance(node, _COMPUTING):
                self._note_constant(part, origins)

    def _note_constant(self, constant: exp.Expr, origins: set[TableColumn]) -> None:
        value = _value(constant)
        if value is not None:
            self.found["constants"] |= {(*origin, value) for origin in origins}
        else:
            text = constant.sql(dialect=self.dialect)
            self.found["expressions"] |= {(*origin, text) for origin in origins}

    def _note_pairs(self, origins: set[TableColumn]) -> None:
        if 2 <= len(origins) <= 4:
            ordered = sorted(origins)
            self.found["pairs"] |= {(left, right) for left in ordered for right in ordered if left < right}

    # conditions

    def _read_conditions(self, scope: Scope) -> None:
        """Sets of conditions that hold together: the WHERE's, each alternative's of an OR, each CASE branch's."""
        if not isinstance(scope.expression, exp.Select):
            return
        together = list(_conjuncts(scope.expression.args.get("where")))
        for join in scope.expression.args.get("joins") or []:
            together += _conjuncts(join.args.get("on"))
        name = self._branch_name(scope)
        base = self._by_reading(together, scope)
        self._note_conditions(name, base)
        alternatives = [
            part for node in scope.walk() if isinstance(node, exp.Or | exp.Case) for part in _alternatives(node)
        ]
        alternatives += [
            node.this if isinstance(node, exp.If) else node.expression.this
            for node in scope.walk()
            if isinstance(node, _CONDITIONALS)
        ]
        for number, alternative in enumerate(alternatives):
            own = self._by_reading(list(_conjuncts(alternative)), scope)
            self._note_conditions(
                f"{name}.{number}", {reading: base.get(reading, []) + texts for reading, texts in own.items()}
            )

    def _branch_name(self, scope: Scope) -> str:
        """The same name for scopes whose conditions must be met together; subqueries of an EXISTS apart."""
        return str(self._origins.scopes.index(scope)) if scope.is_subquery else "main"

    def _by_reading(self, conditions: list[exp.Expr], scope: Scope) -> dict[Reading, list[str]]:
        found: dict[Reading, list[str]] = {}
        for condition in conditions:
            for reading, text in self._table_conditions(condition, scope):
                found.setdefault(reading, []).append(text)
        return found

    def _note_conditions(self, branch: str, by_reading: dict[Reading, list[str]]) -> None:
        self.found["conditions"] |= {
            (reading.table, branch, tuple(sorted(set(texts)))) for reading, texts in by_reading.items()
        }

    def _table_conditions(self, condition: exp.Expr, scope: Scope) -> Iterator[tuple[Reading, str]]:
        """A condition as SQL over one base table's own columns, and an OR's parts; nothing when it needs more."""
        if isinstance(condition, exp.Paren):
            yield from self._table_conditions(condition.this, scope)
            return
        if isinstance(condition, exp.Query) or any(
            isinstance(part, exp.Query | exp.AggFunc | exp.Window) for part in condition.walk()
        ):
            return
        origins: list[tuple[Reading, str]] = []
        for column in condition.find_all(exp.Column):
            base = self._origins.plain_column(column, scope)
            if base is None:
                return
            origins.append(base)
        if len({reading for reading, _ in origins}) != 1:
            return
        copy = condition.copy()
        for column, (_reading, name) in zip(list(copy.find_all(exp.Column)), origins, strict=True):
            column.replace(exp.column(exp.to_identifier(name, quoted=True)))
        yield origins[0][0], copy.sql(dialect=self.dialect)


def _conjuncts(clause: exp.Expr | None) -> Iterator[exp.Expr]:
    if clause is None:
        return
    condition = clause.this if isinstance(clause, exp.Where | exp.Paren) else clause
    if isinstance(condition, exp.And):
        yield from _conjuncts(condition.left)
        yield from _conjuncts(condition.right)
    elif isinstance(condition, exp.Paren):
        yield from _conjuncts(condition)
    else:
        yield condition


def _alternatives(node: exp.Expr) -> Iterator[exp.Expr]:
    """The sides of an OR; of a CASE x WHEN v THEN c what holds when a branch is taken and says yes."""
    if isinstance(node, exp.Or):
        if not isinstance(node.parent, exp.Or):
            yield from node.flatten()
        return
    for branch in node.args.get("ifs") or []:
        subject, result = node.this, branch.args.get("true")
        taken = exp.EQ(this=subject.copy(), expression=branch.this.copy()) if subject is not None else branch.this
        if isinstance(result, exp.Predicate | exp.Connector | exp.Paren):
            yield exp.And(this=taken.copy(), expression=result.copy())


def _constants(node: exp.Expr) -> Iterator[exp.Expr]:
    """The largest parts of a node that are constant: literals, signed ones, and calls without columns."""
    for part in node.iter_expressions():
        if _is_constant(part):
            yield part
        elif not isinstance(part, exp.Query) and (not isinstance(part, exp.Func) or isinstance(part, _TRANSPARENT)):
            yield from _constants(part)


def _is_constant(part: exp.Expr) -> bool:
    if isinstance(part, exp.Literal):
        return True
    if not isinstance(part, exp.Func | exp.Neg | exp.Paren | exp.Cast | exp.DPipe | exp.Interval | exp.Binary):
        return False
    if isinstance(part, exp.Predicate | exp.Connector | exp.AggFunc):
        return False
    kinds = list(part.walk())
    if any(isinstance(one, exp.Column | exp.Query | exp.Star | exp.Window | exp.AggFunc) for one in kinds):
        return False
    return not isinstance(part, exp.Interval)


def _value(constant: exp.Expr) -> Constant | None:
    """The value of a literal; None for what must be evaluated."""
    if isinstance(constant, exp.Paren):
        return _value(constant.this)
    if isinstance(constant, exp.Neg):
        inner = _value(constant.this)
        return -inner if isinstance(inner, int | float) else None
    if not isinstance(constant, exp.Literal):
        return None
    if constant.is_string:
        return str(constant.this)
    try:
        return int(constant.this)
    except ValueError:
        return float(constant.this)
