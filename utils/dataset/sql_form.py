"""When two SQL texts are the same query written otherwise."""

from __future__ import annotations

import re

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError
from sqlglot.optimizer.qualify_tables import qualify_tables
from sqlglot.optimizer.simplify import simplify

_DIALECTS = ("", "sqlite", "duckdb", "postgres", "snowflake", "mysql", "bigquery")
_COMMENT = re.compile(r"--[^\n]*|/\*.*?\*/", re.DOTALL)
_TOKEN = re.compile(r"'(?:[^']|'')*'|\d+(?:\.\d+)?|[^\W\d]\w*(?:\s*\()?")
# Words that stay whatever the layout, the aliases and the optional words of a query are.
_CLAUSES = frozenset({
    "select", "from", "where", "group", "having", "order", "limit", "union", "distinct", "exists", "case", "over",
})  # fmt: skip
_AGGREGATES = frozenset({"count", "sum", "avg", "min", "max"})  # as a call: an alias may be called so, too


def sql_form(sql: str) -> str | None:
    """A query without layout, comments, quotes, aliases, and the order of joined conditions; None if not SQL.

    Queries of equal form give equal answers, but for the names of their columns. Names of columns and tables are
    taken without case. It is what sqlglot can do without a schema: other ways to ask the same stay different.
    """
    tree = _parsed(sql)
    if tree is None:
        return None
    for identifier in tree.find_all(exp.Identifier):
        identifier.set("this", identifier.name.lower())
        identifier.set("quoted", False)
    try:
        _rename_ctes(tree)
        tree = qualify_tables(tree, canonicalize_table_aliases=True)
        for join in tree.find_all(exp.Join):
            join.set("kind", None if join.kind == "INNER" else join.args.get("kind"))
        for select in tree.find_all(exp.Select):
            _resolve_aliases(select)
        _drop_aliases(tree)
        return str(simplify(tree).sql(comments=False))
    except (SqlglotError, ValueError, TypeError, AttributeError, KeyError, RecursionError):
        return None  # a query that the optimizer cannot take has no form to compare


def sql_outline(sql: str) -> str:
    """Literals and telling words of a query, each once, sorted: a fast look at whether two can have one form.

    How often is not told, as a formula may be repeated where another query has its alias.
    Queries of equal form have equal outlines, unless one writes `1 + 1` or `a AND a` where the other writes 2 or `a`.
    """
    return " ".join(
        sorted({kept for token in _TOKEN.findall(_COMMENT.sub(" ", sql).lower()) if (kept := _telling(token))})
    )


def _telling(token: str) -> str:
    """A token that every way to write a query has, else ""."""
    word = token.rstrip("(").rstrip()
    called = token.endswith("(") and word in _AGGREGATES
    return word if called or word in _CLAUSES or word[0] == "'" or word[0].isdigit() else ""


def _parsed(sql: str) -> exp.Expr | None:
    for dialect in _DIALECTS:
        try:
            statements = [one for one in sqlglot.parse(sql, dialect=dialect) if one is not None]
        except (SqlglotError, RecursionError):
            continue
        if len(statements) == 1 and isinstance(statements[0], exp.Query):
            return statements[0]
    return None


def _rename_ctes(tree: exp.Expr) -> None:
    """Number the queries of a WITH clause; unless two have one name."""
    ctes = list(tree.find_all(exp.CTE))
    numbers = {cte.alias: f"cte_{number}" for number, cte in enumerate(ctes)}
    if len(numbers) < len(ctes):
        return
    for cte in ctes:
        cte.args["alias"].set("this", exp.to_identifier(numbers[cte.alias]))
    for table in tree.find_all(exp.Table):
        if table.name in numbers and not table.db:
            table.set("this", exp.to_identifier(numbers[table.name]))
    for column in tree.find_all(exp.Column):
        if column.table in numbers:
            column.set("table", exp.to_identifier(numbers[column.table]))


def _resolve_aliases(select: exp.Select) -> None:
    """Put a column's formula in place of its alias where the query itself refers to it, and drop lone tables' names."""
    formulas = {one.alias: one.this for one in select.expressions if isinstance(one, exp.Alias)}
    for clause in ("group", "having", "order"):
        part = select.args.get(clause)
        for column in list(part.find_all(exp.Column)) if part is not None else []:
            if not column.table and column.name in formulas and column.parent_select is select:
                column.replace(formulas[column.name].copy())
    sources = [select.args.get("from_"), *(select.args.get("joins") or [])]
    if len(sources) == 1 and select.parent is None:
        for column in select.find_all(exp.Column):
            if column.parent_select is select:
                column.set("table", None)


def _drop_aliases(tree: exp.Expr) -> None:
    """Remove the names of the answer's own columns."""
    if isinstance(tree, exp.Select):
        tree.set("expressions", [one.this if isinstance(one, exp.Alias) else one for one in tree.expressions])
