"""Single-edit mutants of SQL queries and of PyDough programs: what proof must tell from the original."""

from __future__ import annotations

import ast
import datetime
import re
from collections.abc import Iterator
from dataclasses import dataclass

from sqlglot import exp

from utils.databases.profile import DatabaseProfile
from utils.proof.gold import parse_query


@dataclass(frozen=True)
class Mutant:
    """One edited text and the kind of edit."""

    kind: str
    text: str


# SQL

_OTHER_COMPARISONS: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    exp.EQ: (exp.NEQ,), exp.NEQ: (exp.EQ,),
    exp.GT: (exp.GTE, exp.LT), exp.GTE: (exp.GT, exp.LTE),
    exp.LT: (exp.LTE, exp.GT), exp.LTE: (exp.LT, exp.GTE),
}  # fmt: skip
_OTHER_AGGREGATES: dict[type[exp.Expr], tuple[type[exp.Expr], ...]] = {
    exp.Sum: (exp.Avg, exp.Max), exp.Avg: (exp.Sum, exp.Min), exp.Min: (exp.Max,), exp.Max: (exp.Min,),
}  # fmt: skip
_OTHER_ARITHMETIC: dict[type[exp.Expr], type[exp.Expr]] = {
    exp.Add: exp.Sub, exp.Sub: exp.Add, exp.Mul: exp.Div, exp.Div: exp.Mul,
}  # fmt: skip
_OTHER_RANKS = {
    exp.RowNumber: (exp.Rank, exp.DenseRank), exp.Rank: (exp.RowNumber, exp.DenseRank),
    exp.DenseRank: (exp.Rank, exp.RowNumber),
}  # fmt: skip
_MODIFIER = re.compile(r"([+-])(\d+) (second|minute|hour|day|month|year)(s?)\Z")
_OTHER_UNITS = {"day": "month", "month": "day", "year": "month", "hour": "day", "minute": "hour", "second": "minute"}
_OTHER_FORMATS = {"%Y": "%m", "%m": "%d", "%d": "%m", "%Y-%m": "%Y", "%w": "%d", "%H": "%M", "%M": "%H", "%W": "%m"}


def sql_mutants(sql: str, profile: DatabaseProfile) -> list[Mutant]:
    """Every single edit of a SQLite query that we know to make; each text once, none equal to the original."""
    dialect = profile.dialect
    tree = parse_query(sql, dialect)
    original = tree.sql(dialect=dialect)
    found: dict[str, Mutant] = {}
    count = sum(1 for _ in tree.walk())
    for index in range(count):
        for kind, edited in _edits_at(tree, index, profile):
            text = edited.sql(dialect=dialect)
            if text != original:
                found.setdefault(text, Mutant(kind, text))
    return list(found.values())


def _edits_at(tree: exp.Expr, index: int, profile: DatabaseProfile) -> Iterator[tuple[str, exp.Expr]]:
    """Edited copies of a tree whose node number `index` is changed."""
    node = _node(tree, index)
    for kind, change in _changes(node, profile):
        copy = tree.copy()
        change(_node(copy, index))
        yield kind, copy


def _node(tree: exp.Expr, index: int) -> exp.Expr:
    for place, node in enumerate(tree.walk()):
        if place == index:
            return node
    raise IndexError(index)


def _changes(node: exp.Expr, profile: DatabaseProfile):  # type: ignore[no-untyped-def]
    """(kind, function that edits such a node in place)."""
    kind = type(node)
    if isinstance(node, exp.Literal) and not isinstance(node.parent, exp.Limit | exp.Offset | exp.DataTypeParam):
        for text in _other_literals(node):
            yield "constant", lambda at, text=text: at.replace(exp.Literal(this=text, is_string=at.is_string))
    if kind in _OTHER_COMPARISONS:
        for other in _OTHER_COMPARISONS[kind]:
            yield "comparison", lambda at, other=other: at.replace(other(this=at.this, expression=at.expression))
    if isinstance(node, exp.And):
        yield "and/or", lambda at: at.replace(exp.paren(exp.Or(this=at.left, expression=at.right)))
        yield "dropped condition", lambda at: at.replace(at.left)
        yield "dropped condition", lambda at: at.replace(at.right)
    if isinstance(node, exp.Or):
        yield "and/or", lambda at: at.replace(exp.And(this=at.left, expression=at.right))
        yield "dropped condition", lambda at: at.replace(at.left)
        yield "dropped condition", lambda at: at.replace(at.right)
    if isinstance(node, exp.Where | exp.Having):
        yield "dropped condition", lambda at: at.pop()
    if isinstance(node, exp.Between):
        yield "range ends", lambda at: at.replace(_and(exp.GT, exp.LTE, at))
        yield "range ends", lambda at: at.replace(_and(exp.GTE, exp.LT, at))
    if kind in _OTHER_AGGREGATES:
        for other in _OTHER_AGGREGATES[kind]:
            if not (isinstance(node, exp.Min | exp.Max) and node.expressions):
                yield "aggregate", lambda at, other=other: at.replace(other(this=at.this))
    if isinstance(node, exp.Count):
        inner = node.this
        if isinstance(inner, exp.Distinct):
            yield "distinct", lambda at: at.set("this", at.this.expressions[0])
        elif inner is not None and not isinstance(inner, exp.Star):
            yield "distinct", lambda at: at.set("this", exp.Distinct(expressions=[at.this.copy()]))
            yield "aggregate", lambda at: at.set("this", exp.Star())
    if isinstance(node, exp.Select):
        if node.args.get("distinct"):
            yield "distinct", lambda at: at.set("distinct", None)
        else:
            yield "distinct", lambda at: at.set("distinct", exp.Distinct())
    if isinstance(node, exp.Join):
        if node.side == "LEFT":
            yield "join kind", lambda at: at.set("side", None)
        elif not node.side and node.args.get("on") is not None:
            yield "join kind", lambda at: at.set("side", "LEFT")
    if isinstance(node, exp.Ordered):
        yield "order", lambda at: at.set("desc", not at.args.get("desc"))
    if isinstance(node, exp.Order):
        if len(node.expressions) > 1:
            for place in range(len(node.expressions)):
                yield "order", lambda at, place=place: at.expressions.pop(place)
            yield "order", lambda at: at.set("expressions", at.expressions[1::-1] + at.expressions[2:])
        elif node.parent is not None and not isinstance(node.parent, exp.Select):
            yield "order", lambda at: at.pop()
    if isinstance(node, exp.Limit) and isinstance(node.expression, exp.Literal) and node.expression.is_int:
        limit = int(node.expression.this)
        for other in (limit + 1, limit - 1):
            if other > 0:
                yield "limit", lambda at, other=other: at.set("expression", exp.Literal.number(other))
        yield "limit", lambda at: at.pop()
    if isinstance(node, exp.Column):
        for name in _siblings(node, profile):
            yield "sibling column", lambda at, name=name: at.set("this", exp.to_identifier(name))
    if isinstance(node, exp.Group) and len(node.expressions) > 1:
        for place in range(len(node.expressions)):
            yield "grouping keys", lambda at, place=place: at.expressions.pop(place)
    if isinstance(node, exp.Window) and node.args.get("partition_by"):
        yield "grouping keys", lambda at: at.set("partition_by", None)
    if kind in _OTHER_ARITHMETIC:
        other = _OTHER_ARITHMETIC[kind]
        yield "arithmetic", lambda at: at.replace(other(this=at.this, expression=at.expression))
    if kind in _OTHER_RANKS:
        for other in _OTHER_RANKS[kind]:
            yield "rank function", lambda at, other=other: at.replace(other())
    if isinstance(node, exp.Coalesce):
        yield "null handling", lambda at: at.replace(at.this)
    if isinstance(node, exp.Not):
        yield "negation", lambda at: at.replace(at.this)
    if isinstance(node, exp.Exists | exp.In | exp.Like | exp.Is) and not isinstance(node.parent, exp.Not):
        yield "negation", lambda at: at.replace(exp.not_(at.copy()))
    if isinstance(node, exp.Union):
        yield "distinct", lambda at: at.set("distinct", not at.args.get("distinct"))
    if isinstance(node, exp.Round) and node.args.get("decimals") is None:
        yield "arithmetic", lambda at: at.replace(at.this)


def _and(low: type[exp.Expr], high: type[exp.Expr], between: exp.Expr) -> exp.Expr:
    return exp.paren(
        exp.And(
            this=low(this=between.this.copy(), expression=between.args["low"].copy()),
            expression=high(this=between.this.copy(), expression=between.args["high"].copy()),
        )
    )


def _other_literals(node: exp.Expr) -> list[str]:
    text = str(node.this)
    if not node.is_string:
        if "." in text:
            return [str(round(float(text) + 0.01, 6))]
        return [str(int(text) + 1), str(int(text) - 1)] if int(text) > 0 else [str(int(text) + 1)]
    return other_texts(text, isinstance(node.parent, exp.Like))


def other_texts(text: str, pattern: bool = False) -> list[str]:
    """What a text constant may be mistaken for."""
    if pattern and "%" in text:
        kept = text.strip("%")
        return [one for one in {kept, f"%{kept}", f"{kept}%", f"%{kept}%"} if one != text]
    found = _MODIFIER.match(text)
    if found:
        sign, amount, unit, plural = found.groups()
        return [f"{sign}{int(amount) + 1} {unit}{plural}", f"{sign}{amount} {_OTHER_UNITS[unit]}{plural}"]
    if text in _OTHER_FORMATS:
        return [_OTHER_FORMATS[text]]
    try:
        moment = datetime.datetime.fromisoformat(text) if len(text) >= 10 else None
    except ValueError:
        moment = None
    if moment is not None:
        days = [moment + datetime.timedelta(days=step) for step in (1, -1)]
        return [day.date().isoformat() if len(text) == 10 else day.isoformat(" ") for day in days]
    if text.isdigit():
        return [str(int(text) + 1).zfill(len(text))]
    if not text or text.startswith("%"):
        return []
    swapped = text.swapcase()
    return [text[:-1] or text + "x"] + ([swapped] if swapped != text else [])


def _siblings(column: exp.Expr, profile: DatabaseProfile) -> list[str]:
    """Another column of the same table and kind, the next one in order."""
    name = column.name.lower()
    for table in profile.tables.values():
        names = [one.name.lower() for one in table.columns]
        if name in names:
            kind = table.columns[names.index(name)].kind
            others = [one.name for one in table.columns if one.kind == kind and one.name.lower() != name]
            after = [one for one in others if names.index(one.lower()) > names.index(name)]
            return (after or others)[:1]
    return []


# PyDough

_OTHER_NAMES = {
    "SUM": ("AVG", "MAX"), "AVG": ("SUM", "MEDIAN"), "MIN": ("MAX",), "MAX": ("MIN",), "MEDIAN": ("AVG",),
    "COUNT": ("NDISTINCT",), "NDISTINCT": ("COUNT",), "STD": ("VAR",), "VAR": ("STD",),
    "HAS": ("HASNOT",), "HASNOT": ("HAS",), "PRESENT": ("ABSENT",), "ABSENT": ("PRESENT",),
    "YEAR": ("MONTH",), "MONTH": ("DAY",), "DAY": ("MONTH",), "QUARTER": ("MONTH",),
    "HOUR": ("MINUTE",), "MINUTE": ("HOUR",), "ASC": ("DESC",), "DESC": ("ASC",), "PREV": ("NEXT",), "NEXT": ("PREV",),
    "STARTSWITH": ("ENDSWITH", "CONTAINS"), "ENDSWITH": ("STARTSWITH", "CONTAINS"), "CONTAINS": ("STARTSWITH",),
    "LARGEST": ("SMALLEST",), "SMALLEST": ("LARGEST",), "LOWER": ("UPPER",), "UPPER": ("LOWER",),
    "RELSUM": ("RELAVG",), "RELAVG": ("RELSUM",), "RELCOUNT": ("RELSIZE",), "FLOOR": ("CEIL",), "CEIL": ("FLOOR",),
}  # fmt: skip
_OTHER_AST_COMPARISONS: dict[type[ast.cmpop], tuple[type[ast.cmpop], ...]] = {
    ast.Eq: (ast.NotEq,), ast.NotEq: (ast.Eq,), ast.Gt: (ast.GtE, ast.Lt), ast.GtE: (ast.Gt, ast.LtE),
    ast.Lt: (ast.LtE, ast.Gt), ast.LtE: (ast.Lt, ast.GtE),
}  # fmt: skip
_OTHER_AST_OPERATORS: dict[type[ast.operator], type[ast.operator]] = {
    ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult,
}  # fmt: skip
_UNIT_TEXTS = {
    "days": "hours",
    "months": "days",
    "years": "months",
    "hours": "days",
    "minutes": "hours",
    "weeks": "months",
}


def program_mutants(program: str, siblings: dict[str, str]) -> list[Mutant]:
    """Every single edit of a PyDough program that we know to make; `siblings` names another property for each."""
    tree = ast.parse(program)
    original = ast.unparse(tree)
    found: dict[str, Mutant] = {}
    for index, node in enumerate(ast.walk(tree)):
        for kind, change in _program_changes(node, siblings):
            copy = ast.parse(program)
            target = next(one for place, one in enumerate(ast.walk(copy)) if place == index)
            replacement = change(target)
            if replacement is not None:
                copy = _Replace(target, replacement).visit(copy)
            text = ast.unparse(ast.fix_missing_locations(copy))
            if text != original:
                found.setdefault(text, Mutant(kind, text))
    return list(found.values())


class _Replace(ast.NodeTransformer):
    def __init__(self, old: ast.AST, new: ast.AST) -> None:
        self._old, self._new = old, new

    def visit(self, node: ast.AST) -> ast.AST:
        return self._new if node is self._old else self.generic_visit(node)


def _program_changes(node: ast.AST, siblings: dict[str, str]):  # type: ignore[no-untyped-def]
    if isinstance(node, ast.Constant):
        value = node.value
        if isinstance(value, bool):
            yield "flag", lambda at: ast.Constant(not at.value)
        elif isinstance(value, int):
            yield "constant", lambda at: ast.Constant(at.value + 1)
            if value > 1:
                yield "constant", lambda at: ast.Constant(at.value - 1)
        elif isinstance(value, float):
            yield "constant", lambda at: ast.Constant(round(at.value + 0.01, 6))
        elif isinstance(value, str):
            others = [_UNIT_TEXTS[value]] if value in _UNIT_TEXTS else other_texts(value, "%" in value)
            for text in others:
                yield "constant", lambda at, text=text: ast.Constant(text)
    if isinstance(node, ast.Compare) and len(node.ops) == 1:
        for other in _OTHER_AST_COMPARISONS.get(type(node.ops[0]), ()):
            yield "comparison", lambda at, other=other: ast.Compare(at.left, [other()], at.comparators)
    if isinstance(node, ast.BinOp) and type(node.op) in _OTHER_AST_OPERATORS:
        kind = "and/or" if isinstance(node.op, ast.BitAnd | ast.BitOr) else "arithmetic"
        yield kind, lambda at: ast.BinOp(at.left, _OTHER_AST_OPERATORS[type(at.op)](), at.right)
        if isinstance(node.op, ast.BitAnd | ast.BitOr):
            yield "dropped condition", lambda at: at.left
            yield "dropped condition", lambda at: at.right
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Invert):
        yield "negation", lambda at: at.operand
    if isinstance(node, ast.Call):
        name = (
            node.func.id
            if isinstance(node.func, ast.Name)
            else node.func.attr
            if isinstance(node.func, ast.Attribute)
            else ""
        )
        for other in _OTHER_NAMES.get(name, ()):
            if name == "COUNT" and node.args and isinstance(node.args[0], ast.Name):
                continue
            yield ("order" if name in ("ASC", "DESC") else "operator"), lambda at, other=other: _renamed(at, other)
        if name in ("WHERE", "ORDER_BY") and isinstance(node.func, ast.Attribute):
            yield ("dropped condition" if name == "WHERE" else "order"), lambda at: at.func.value
        if name == "TOP_K" and isinstance(node.func, ast.Attribute):
            yield "limit", lambda at: _as_order(at)
        if name in ("DEFAULT_TO", "ROUND", "LOWER", "UPPER", "ABS", "STRIP", "FLOOR") and node.args:
            yield "null handling" if name == "DEFAULT_TO" else "operator", lambda at: at.args[0]
        for place, keyword in enumerate(node.keywords):
            if keyword.arg in ("allow_ties", "dense", "per", "cumulative"):
                yield "flag", lambda at, place=place: _without_keyword(at, place)
            if keyword.arg == "by" and isinstance(keyword.value, ast.Tuple) and len(keyword.value.elts) > 1:
                for element in range(len(keyword.value.elts)):
                    kind = "grouping keys" if name == "PARTITION" else "order"
                    yield kind, lambda at, place=place, element=element: _without_key(at, place, element)
        if name == "RANKING":
            for flag in ("allow_ties", "dense"):
                if not any(keyword.arg == flag for keyword in node.keywords):
                    yield "rank function", lambda at, flag=flag: _with_keyword(at, flag)
    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and node.id in siblings:
        yield "sibling column", lambda at: ast.Name(siblings[at.id], ast.Load())
    if isinstance(node, ast.Attribute) and node.attr in siblings:
        yield "sibling column", lambda at: ast.Attribute(at.value, siblings[at.attr], ast.Load())


def _called(call: ast.Call) -> str:
    if isinstance(call.func, ast.Name):
        return call.func.id
    return call.func.attr if isinstance(call.func, ast.Attribute) else ""


def _renamed(call: ast.Call, name: str) -> ast.Call:
    if isinstance(call.func, ast.Name):
        return ast.Call(ast.Name(name, ast.Load()), call.args, call.keywords)
    assert isinstance(call.func, ast.Attribute)
    return ast.Call(ast.Attribute(call.func.value, name, ast.Load()), call.args, call.keywords)


def _as_order(call: ast.Call) -> ast.Call:
    assert isinstance(call.func, ast.Attribute)
    by = next((keyword.value for keyword in call.keywords if keyword.arg == "by"), call.args[-1])
    keys = list(by.elts) if isinstance(by, ast.Tuple) else [by]
    return ast.Call(ast.Attribute(call.func.value, "ORDER_BY", ast.Load()), keys, [])


def _without_keyword(call: ast.Call, place: int) -> ast.Call:
    return ast.Call(call.func, call.args, [one for index, one in enumerate(call.keywords) if index != place])


def _with_keyword(call: ast.Call, name: str) -> ast.Call:
    return ast.Call(call.func, call.args, [*call.keywords, ast.keyword(name, ast.Constant(True))])


def _without_key(call: ast.Call, place: int, element: int) -> ast.Call:
    keywords = list(call.keywords)
    keys = keywords[place].value
    assert isinstance(keys, ast.Tuple)
    kept = [one for index, one in enumerate(keys.elts) if index != element]
    keywords[place] = ast.keyword(keywords[place].arg, kept[0] if len(kept) == 1 else ast.Tuple(kept, ast.Load()))
    return ast.Call(call.func, call.args, keywords)
