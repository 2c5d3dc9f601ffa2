"""Calls and constants as SQL terms, whatever the SELECT they stand in."""

from __future__ import annotations

import json
import re
from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import cast

from utils.synthesis.intent import Call, Constant, Expression
from utils.synthesis.sql.dialects import Engine
from utils.synthesis.sql.kinds import COMPARISONS, Definitions, is_real, kind_of, may_be_null
from utils.synthesis.sql.terms import (
    ADDED,
    COMPARED,
    JOINED,
    MULTIPLIED,
    NOT,
    OR,
    WHOLE,
    Term,
    conjunction,
    joined,
    number_literal,
    text_literal,
)

_COMPARISONS = {"EQ": "=", "NE": "<>", "LT": "<", "LE": "<=", "GT": ">", "GE": ">="}
_ARITHMETIC = {"ADD": ("+", ADDED), "SUB": ("-", ADDED), "MUL": ("*", MULTIPLIED)}
_SEARCHES = {"CONTAINS": ("%", "%"), "STARTSWITH": ("", "%"), "ENDSWITH": ("%", "")}
_OF_ONE_KIND = (*COMPARISONS, "LARGEST", "SMALLEST", "DEFAULT_TO")
# In JSON's writing of a text a piece that begins so could be found in the middle of an escaped character
_INSIDE_ESCAPES = re.compile(r'[\\"bfnrtu0-9a-e]')


class Scope(ABC):
    """A place in a SELECT where expressions are written; what they may refer to, its subclasses know."""

    def __init__(self, engine: Engine, results: Definitions) -> None:
        self.engine = engine
        self.results = results
        self.known: dict[Expression, Term] = {}  # what a column here already holds

    def term(self, node: Expression) -> Term:
        """An expression as SQL; raises ValueError for what has no meaning in this place."""
        if node in self.known:
            return self.known[node]
        if isinstance(node, Constant):
            return self._constant(node)
        if isinstance(node, Call):
            return self._call(node)
        return self.reference(node)

    @abstractmethod
    def reference(self, node: Expression) -> Term:
        """A field, an aggregate, a result..."""

    def sort_key(self, node: Expression, descending: bool, written: str = "") -> str:
        """An item of ORDER BY; nulls count as less than all values."""
        nulls = self.engine.nulls_last if descending else self.engine.nulls_first
        direction = " DESC" if descending else ""
        return (written or self.term(node).text) + direction + (nulls if may_be_null(node, self.results) else "")

    def _constant(self, node: Constant, as_moment: bool = False, bare: bool = False) -> Term:
        """`bare`: a date without the word DATE, which its neighbour in a comparison makes superfluous."""
        if isinstance(node.value, bool) or node.kind == "flag":
            return Term("TRUE" if node.value else "FALSE")
        if isinstance(node.value, int | float):
            return Term(number_literal(node.value))
        if node.kind != "day":
            return Term(text_literal(node.value))
        if self.engine.name == "sqlite":
            return Term(text_literal(f"{node.value} 00:00:00" if as_moment else node.value))
        return Term(("" if bare else "DATE ") + text_literal(node.value))

    def _call(self, node: Call) -> Term:
        operator, arguments = node.operator, node.arguments
        if operator in _SEARCHES:
            return self._search(node)
        if operator == "IFF":
            return self._choice(node)
        if operator == "DIV":
            return self._quotient(*arguments)
        if operator in ("LPAD", "RPAD"):
            return self._padded(node)
        if operator == "MOVED":
            return self._moved(node)
        terms = self._alike(node) if operator in _OF_ONE_KIND else [self.term(one) for one in arguments]
        if operator in _ARITHMETIC:
            return joined(*_ARITHMETIC[operator], terms)
        if operator in _COMPARISONS:
            left, right = (one.within(JOINED) for one in terms)
            return Term(f"{left} {_COMPARISONS[operator]} {right}", COMPARED)
        match operator:
            case "AND":
                return conjunction(terms)
            case "OR":  # an AND within it is marked, though it need not be
                return Term(" OR ".join(one.within(NOT) for one in terms), OR)
            case "NOT":
                return Term(f"NOT {terms[0]:p}", NOT)
            case "BETWEEN":
                value, low, high = (one.within(JOINED) for one in terms)
                return Term(f"{value} BETWEEN {low} AND {high}", COMPARED)
            case "IN":
                return Term(f"{terms[0].within(JOINED)} IN ({', '.join(f'{one}' for one in terms[1:])})", COMPARED)
            case "KEEP_IF":
                return Term(f"CASE WHEN {terms[1]} THEN {terms[0]} END")
            case "DEFAULT_TO":
                return Term(f"COALESCE({', '.join(f'{one}' for one in terms)})")
            case "JOIN":
                separator, *texts = terms
                between = " || " if separator.text == "''" else f" || {separator:p} || "
                return Term(between.join(f"{one:p}" for one in texts), JOINED if len(texts) > 1 else WHOLE)
            case "SLICE":
                return self._slice(terms[0], arguments[1], arguments[2])
            case "ROUND" if len(arguments) == 1:
                return Term(f"ROUND({terms[0]})")
            case "ROUND" if _whole_number(arguments[1]) < 0:
                raise ValueError("ROUND takes no negative digits")
            case "GETPART" if self.engine.name == "sqlite":
                return _sqlite_part(terms[0], arguments[1], arguments[2])
            case "LARGEST" | "SMALLEST" if self.engine.name != "sqlite":
                return self._extreme(node, terms)
            case "INTEGER" if kind_of(arguments[0], self.results) == "flag":
                return Term(f"CAST({terms[0]} AS INTEGER)")
        return self._from_template(node, terms)

    def _from_template(self, node: Call, terms: Sequence[Term]) -> Term:
        found = self.engine.template(node.operator, node.option)
        if found is None:
            raise ValueError(f"{node.operator} {node.option}".strip() + f": not known to {self.engine.name}")
        text, level = found
        return Term(text.format(*terms, option=node.option, all=", ".join(f"{one}" for one in terms)), level)

    def _alike(self, node: Call) -> list[Term]:
        """Arguments that are compared: as SQLite writes dates, a day among moments must become its midnight."""
        mixed = any(kind_of(one, self.results) == "moment" for one in node.arguments)
        return [self._dated(one, mixed, bare=node.operator in COMPARISONS) for one in node.arguments]

    def _dated(self, node: Expression, as_moment: bool, bare: bool = False) -> Term:
        """A term that is a moment, where it is a date and moments are its company."""
        if isinstance(node, Constant):
            return self._constant(node, as_moment, bare)
        term = self.term(node)
        day = self.engine.name == "sqlite" and as_moment and kind_of(node, self.results) == "day"
        return Term(f"DATETIME({term})") if day else term

    def _search(self, node: Call) -> Term:
        """LIKE, in whose pattern the signs `%` and `_` of the text looked for mean themselves."""
        value, sought = node.arguments
        before, after = _SEARCHES[node.operator]
        if isinstance(sought, Constant):
            escaped = re.sub(r"([\\%_])", r"\\\1", str(sought.value))
            pattern = text_literal(before + escaped + after)
            escape = " ESCAPE '\\'" if escaped != sought.value else ""
        else:
            pattern = f"{self.term(sought)}"
            for sign in ("\\", "%", "_"):
                pattern = f"REPLACE({pattern}, '{sign}', '\\{sign}')"
            parts = [text_literal(before) if before else "", pattern, text_literal(after) if after else ""]
            pattern, escape = " || ".join(part for part in parts if part), " ESCAPE '\\'"
        return Term(f"{self.term(value):p} LIKE {pattern}{escape}", COMPARED)

    def _choice(self, node: Call) -> Term:
        """IFF, and an IFF in its last branch, as one CASE."""
        moment = kind_of(node, self.results) == "moment"
        branches, otherwise = "", cast(Expression, node)
        while isinstance(otherwise, Call) and otherwise.operator == "IFF":
            condition, value, otherwise = otherwise.arguments
            branches += f" WHEN {self.term(condition)} THEN {self._dated(value, moment)}"
        return Term(f"CASE{branches} ELSE {self._dated(otherwise, moment)} END")

    def _quotient(self, dividend: Expression, divisor: Expression) -> Term:
        over, under = self.term(dividend), self.term(divisor)
        if isinstance(divisor, Constant) and divisor.value != 0:
            under = Term(number_literal(float(divisor.value)))
        else:
            under = Term(f"NULLIF({under}, 0)")
        if is_real(dividend, self.results) or is_real(divisor, self.results) or isinstance(divisor, Constant):
            return joined("/", MULTIPLIED, [over, under])
        return self._from_template(Call("DIV", (dividend, divisor)), [over, under])

    def _extreme(self, node: Call, terms: list[Term]) -> Term:
        """GREATEST and LEAST pass nulls over, where LARGEST and SMALLEST are null."""
        pairs = zip(node.arguments, terms, strict=True)
        guards = [Term(f"{term:p} IS NOT NULL", COMPARED) for one, term in pairs if may_be_null(one, self.results)]
        plain = self._from_template(node, terms)
        return Term(f"CASE WHEN {conjunction(guards)} THEN {plain} END") if guards else plain

    def _slice(self, value: Term, start: Expression, end: Expression) -> Term:
        first, last = _whole_number(start), _whole_number(end)
        if first < 0 or last < 0:
            raise ValueError("SLICE counts from 0, not from the end")
        return Term(f"SUBSTR({value}, {first + 1}, {max(last - first, 0)})")

    def _padded(self, node: Call) -> Term:
        value, length, fill = node.arguments
        text = self.term(value)
        if kind_of(value, self.results) != "text":
            text = Term(f"CAST({text} AS TEXT)")
        if self.engine.name != "sqlite":
            return self._from_template(node, [text, self.term(length), self.term(fill)])
        size = _whole_number(length)
        padding = self.term(Constant(str(fill.value) * size, "text")) if isinstance(fill, Constant) else None
        if padding is None:
            raise ValueError(f"{node.operator} takes a constant character")
        if node.operator == "RPAD":
            return Term(f"SUBSTR({text:p} || {padding}, 1, {size})")
        whole = f"CASE WHEN LENGTH({text}) >= {size} THEN SUBSTR({text}, 1, {size})"
        return Term(f"{whole} ELSE SUBSTR({padding} || {text:p}, -{size}) END")

    def _moved(self, node: Call) -> Term:
        value, number = node.arguments
        moment, step = self.term(value), self.term(number)
        amount = number.value if isinstance(number, Constant) and isinstance(number.value, int) else None
        if self.engine.name == "sqlite":
            function = "DATE" if kind_of(value, self.results) == "day" else "DATETIME"
            shift = f"{step:p} || ' {node.option}'" if amount is None else f"'{amount:+d} {node.option}'"
            return Term(f"{function}({moment}, {shift})")
        if amount is not None:
            sign = "-" if amount < 0 else "+"
            return Term(f"{moment.within(ADDED)} {sign} INTERVAL '{abs(amount)} {node.option}'", ADDED)
        if self.engine.name == "duckdb":
            return Term(f"{moment.within(ADDED)} + TO_{node.option.upper()}({step})", ADDED)
        return Term(f"{moment.within(ADDED)} + MAKE_INTERVAL({node.option} => CAST({step} AS INTEGER))", ADDED)


def _whole_number(node: Expression) -> int:
    if isinstance(node, Constant) and isinstance(node.value, int):
        return node.value
    raise ValueError(f"expected a whole number, found {node}")


def _sqlite_part(value: Term, separator: Expression, number: Expression) -> Term:
    """A part of a text: what stands before the first separator, after the last, or between two.

    SQLite cannot split a text, but it can write one as JSON, in which its pieces become elements of a list.
    """
    if not isinstance(separator, Constant) or not separator.value:
        raise ValueError(f"SQLite cannot split a text at {separator}")
    place, sign = _whole_number(number), text_literal(str(separator.value))
    if place == 1:
        return Term(f"SUBSTR({value}, 1, INSTR({value:p} || {sign}, {sign}) - 1)")
    if place == -1 and len(str(separator.value)) == 1:
        return Term(f"SUBSTR({value}, LENGTH(RTRIM({value}, REPLACE({value}, {sign}, ''))) + 1)")
    if _INSIDE_ESCAPES.match(str(separator.value)):
        raise ValueError(f"SQLite cannot split a text at {separator}")
    quoted = text_literal(json.dumps(separator.value, ensure_ascii=False)[1:-1])
    pieces = f"""'[' || REPLACE(JSON_QUOTE({value}), {quoted}, '","') || ']'"""
    index = f"#{place}" if place < 0 else str(place - 1)
    return Term(f"CASE WHEN {value:p} IS NOT NULL THEN COALESCE(JSON_EXTRACT({pieces}, '$[{index}]'), '') END")
