"""Pieces of SQL text: terms that know when they need parentheses, names, literals, and a SELECT laid out in lines."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass, field

from utils.databases.connect import Dialect

# How strongly the outermost operator of a term binds. What `||` binds differs by database: it never goes unmarked.
ANY, OR, AND, NOT, COMPARED, JOINED, ADDED, MULTIPLIED, WHOLE = range(9)
LINE_IN_TEXT = "\0"  # a line end inside a text, until the lines of the statement are laid out
_INDENT = "    "
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_]*\Z")
_PARTS = re.compile(r'"(?:[^"]|"")*"|[^."]+')
_PLAIN_LOWER = re.compile(r"[a-z_][a-z0-9_]*\Z")
# Words that SQLite 3.40, DuckDB 1.5 or PostgreSQL 15 do not take as a name, or not everywhere
_RESERVED = """
    add all alter analyse analyze and anti any array as asc asof asymmetric at authorization autoincrement between
    binary both by case cast check collate collation column commit concurrently constraint create cross cube
    current_catalog current_date current_role current_schema current_time current_timestamp current_user default
    deferrable delete desc describe distinct do drop else end escape except exists false fetch for force foreign freeze
    from full glob grant group having if ilike in index initially inner insert install intersect into is isnull join
    lambda lateral leading left like limit localtime localtimestamp lock map natural not nothing notnull null offset on
    only or order outer overlaps pivot pivot_longer pivot_wider placing positional primary qualify raise recursive
    references regexp returning revoke right rollback rollup select semi session_user set show similar some summarize
    symmetric table tablesample then to trailing transaction true union unique unpack unpivot update user using values
    variadic verbose when where window with"""
_RESERVED_WORDS = frozenset(_RESERVED.split())


@dataclass(frozen=True)
class Term:
    """An expression's text and how strongly its outermost operator binds; `{term:p}` is the term fit for any place."""

    text: str
    level: int = WHOLE

    def within(self, level: int) -> str:
        """The text where an operator of this level stands around it."""
        return self.text if self.level >= level else f"({self.text})"

    def __format__(self, spec: str) -> str:
        return self.within(WHOLE) if spec == "p" else self.text


def joined(operator: str, level: int, terms: list[Term]) -> Term:
    """Terms with an operator between them; `a - b - c` is read from the left."""
    first, *others = terms
    return Term(f" {operator} ".join([first.within(level), *(one.within(level + 1) for one in others)]), level)


def conjunction(terms: list[Term]) -> Term:
    """Terms that all hold."""
    return terms[0] if len(terms) == 1 else Term(" AND ".join(one.within(AND) for one in terms), AND)


def identifier(name: str, dialect: Dialect) -> str:
    """A name as SQL writes it, quoted where it must be."""
    name = name.strip('"`')
    plain = _PLAIN_LOWER if dialect == "postgres" else _PLAIN
    return name if plain.match(name) and name.lower() not in _RESERVED_WORDS else '"' + name.replace('"', '""') + '"'


def table_name(table: str, dialect: Dialect) -> str:
    """A table's name with its schema, if it has one; quotes that it comes with stay only where they must be."""
    return ".".join(identifier(part.replace('""', '"'), dialect) for part in _PARTS.findall(table))


def text_literal(text: str) -> str:
    """A text in quotes."""
    return "'" + text.replace("'", "''").replace("\n", LINE_IN_TEXT) + "'"


def number_literal(number: float) -> str:
    """A number; raises ValueError for what is none."""
    if not math.isfinite(number):
        raise ValueError(f"{number!r} cannot be written in SQL")
    return repr(number)


class Names:
    """Names of which each is given out once, whatever its letters' case."""

    def __init__(self, taken: set[str] | None = None) -> None:
        self._taken = {name.strip('"').lower() for name in taken or ()}

    def unique(self, wanted: str) -> str:
        """The name itself, or with a number if it is taken."""
        name, number = wanted, 1
        while name.lower() in self._taken:
            number += 1
            name = f"{wanted}_{number}"
        self._taken.add(name.lower())
        return name


@dataclass
class Select:
    """One SELECT: `columns` are terms with their names, `source` what follows FROM, `joins` whole JOIN clauses."""

    source: str
    joins: list[str] = field(default_factory=list)
    columns: list[tuple[Term, str]] = field(default_factory=list)  # names as SQL writes them
    where: list[Term] = field(default_factory=list)
    group: list[Term] = field(default_factory=list)
    having: list[Term] = field(default_factory=list)
    order: list[str] = field(default_factory=list)
    limit: int | None = None

    def text(self) -> str:
        """The SELECT in lines, as people write it."""
        columns = [term.text if called(term, name) else f"{term.text} AS {name}" for term, name in self.columns]
        columns = columns or ["1"]
        lines = [f"SELECT {columns[0]}"] if len(columns) == 1 else ["SELECT", _listed(columns)]
        lines += [f"FROM {self.source}", *self.joins]
        lines += _conditions("WHERE", self.where)
        lines += [f"GROUP BY {', '.join(self._group_items())}"] if self.group else []
        lines += _conditions("HAVING", self.having)
        lines += [f"ORDER BY {', '.join(self.order)}"] if self.order else []
        lines += [] if self.limit is None else [f"LIMIT {self.limit}"]
        return "\n".join(lines)

    def _group_items(self) -> list[str]:
        """Columns by name; where one is computed, all by their place in the list, so that nothing is written twice."""
        places = {term.text: str(place) for place, (term, _) in enumerate(self.columns, start=1)}
        if all(_is_column(term) for term in self.group):
            return [term.text for term in self.group]
        return [places.get(term.text, term.text) for term in self.group]


def _is_column(term: Term) -> bool:
    return re.fullmatch(r'[\w."]+', term.text) is not None


def called(term: Term, name: str) -> bool:
    """Whether a column has this name without AS."""
    return term.text.endswith(".*") or (_is_column(term) and term.text.rpartition(".")[2] == name)


def _listed(items: list[str]) -> str:
    return indented(",\n".join(items))


def _conditions(clause: str, terms: list[Term]) -> list[str]:
    first, *others = [term.within(AND) if len(terms) > 1 else term.text for term in terms] or [""]
    return [f"{clause} {first}", *(indented(f"AND {other}") for other in others)] if first else []


def indented(text: str) -> str:
    """Every line one step further in."""
    return _INDENT + text.replace("\n", "\n" + _INDENT)
