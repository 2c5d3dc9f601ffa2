"""What the gold SQL promises about order: whether rows are ordered, by what, and where ties are."""

from __future__ import annotations

import re
from dataclasses import dataclass

import sqlglot
from sqlglot import exp
from sqlglot.errors import SqlglotError

from utils.programs.clock import Dialect

_KEY_PREFIX = "order_key_"
_SELECT = re.compile(r"\s*(SELECT|WITH)\b", re.IGNORECASE)
_LANDMARKS = re.compile(
    r"""'(?:[^']|'')*'|"(?:[^"]|"")*"|[();]|(?P<order>\bORDER\s+BY\b)|(?P<unclear>--|/\*|[$`\[\\])""", re.IGNORECASE
)


@dataclass(frozen=True)
class KeyedQuery:
    """A gold query rewritten to show its sort keys: the last `keys` columns, limit and offset removed."""

    sql: str
    keys: int
    offset: int


class NotAQueryError(Exception):
    """The SQL is not one read-only query."""


def parse_query(sql: str, dialect: Dialect) -> exp.Query:
    """Parse exactly one SELECT (or WITH, UNION, ...); raises NotAQueryError otherwise."""
    try:
        statements = [statement for statement in sqlglot.parse(sql, read=dialect) if statement is not None]
    except (SqlglotError, RecursionError) as error:
        raise NotAQueryError(f"SQL does not parse: {str(error).splitlines()[0]}") from error
    if len(statements) != 1 or not isinstance(statements[0], exp.Query):
        raise NotAQueryError("expected exactly one SELECT statement")
    return statements[0]


def orders_by_text(sql: str) -> bool | None:
    """Whether a SELECT's outermost query has an ORDER BY, seen without parsing it, which takes a hundred times longer.

    None where that needs a parser: other statements, several of them, comments, quotes that only some dialects have.
    """
    if not _SELECT.match(sql):
        return None
    depth, ordered = 0, False
    for found in _LANDMARKS.finditer(sql):
        landmark = found[0].lower()
        if landmark in "()":
            depth += 1 if landmark == "(" else -1
        elif found["order"]:
            ordered = ordered or depth == 0
        elif found["unclear"] or (landmark == ";" and sql[found.end() :].strip()):
            return None
    return ordered


def orders_rows(query: exp.Query) -> bool:
    """Whether the outermost query has an ORDER BY."""
    return query.args.get("order") is not None


def keyed_query(query: exp.Query, dialect: Dialect) -> KeyedQuery | None:
    """Rewrite an ordered query so that its ties can be seen; None when the rewriting is not safe.

    Every sort key becomes one more output column; LIMIT and OFFSET go, so that rows tied with
    the last one kept are seen too.
    """
    query = query.copy()
    order = query.args.get("order")
    offset = _literal_int(query.args.get("offset"))
    if order is None or offset is None or _literal_int(query.args.get("limit")) is None:
        return None
    keys = [ordered.this if isinstance(ordered, exp.Ordered) else ordered for ordered in order.expressions]
    query.set("limit", None)
    query.set("offset", None)
    if not isinstance(query, exp.Select) or query.args.get("distinct") or query.is_star:
        return _with_output_keys(query, keys, offset, dialect)
    outputs = {projection.alias_or_name.lower(): projection.unalias() for projection in query.selects}
    for index, key in enumerate(keys):
        expression = _resolved_key(key, query.selects, outputs)
        if expression is None:
            return None
        query.select(exp.alias_(expression, f"{_KEY_PREFIX}{index}"), copy=False)
    return KeyedQuery(query.sql(dialect=dialect), len(keys), offset)


def _with_output_keys(query: exp.Query, keys: list[exp.Expr], offset: int, dialect: Dialect) -> KeyedQuery | None:
    """For UNION, DISTINCT and `*`: the keys must be output columns, which a surrounding query can repeat."""
    columns = [_output_name(key, query.selects) for key in keys]
    if "*" in columns or not all(columns):
        return None
    order = query.args["order"].copy()
    query.set("order", None)
    shown = []
    for index, (name, ordered) in enumerate(zip(columns, order.expressions, strict=True)):
        key_name = exp.to_identifier(f"{_KEY_PREFIX}{index}")
        shown.append(f"{exp.to_identifier(name).sql(dialect=dialect)} AS {key_name.sql(dialect=dialect)}")
        ordered.set("this", exp.Column(this=key_name))
    sql = f"SELECT *, {', '.join(shown)} FROM ({query.sql(dialect=dialect)}) {order.sql(dialect=dialect)}"
    return KeyedQuery(sql, len(keys), offset)


def _output_name(key: exp.Expr, selects: list[exp.Expr]) -> str:
    """The output column that a sort key names by number, by name or by what it is computed from; "" when none."""
    names = [projection.alias_or_name for projection in selects]
    if isinstance(key, exp.Literal) and key.is_int:
        return names[int(key.this) - 1] if 0 < int(key.this) <= len(names) else ""
    if not isinstance(key, exp.Column):
        return ""
    by_value = [projection.alias for projection in selects if projection.alias and projection.unalias() == key]
    return by_value[0] if by_value and key.name not in names else key.name


def _resolved_key(key: exp.Expr, selects: list[exp.Expr], outputs: dict[str, exp.Expr]) -> exp.Expr | None:
    """A sort key as an expression that may stand in the SELECT list: aliases and ordinals replaced."""
    if isinstance(key, exp.Literal) and key.is_int:
        position = int(key.this) - 1
        return selects[position].unalias().copy() if 0 <= position < len(selects) else None

    def replace_alias(node: exp.Expr) -> exp.Expr:
        if isinstance(node, exp.Column) and not node.table and node.name.lower() in outputs:
            return exp.paren(outputs[node.name.lower()].copy())
        return node

    return key.copy().transform(replace_alias)


def _literal_int(clause: exp.Expr | None) -> int | None:
    """The number in a LIMIT or OFFSET clause; 0 when there is no clause, None when it is not a plain number."""
    if clause is None:
        return 0
    value = clause.expression
    return int(value.this) if isinstance(value, exp.Literal) and value.is_int else None
