"""A short plan in plain English of what a program does, read from its own steps, without a model."""

from __future__ import annotations

import ast
import re
from collections import Counter
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass

from utils.dataset.phrases import Phrases, argument, is_condition
from utils.programs.source import ANSWER_VARIABLE, ProgramError, parse_program
from utils.programs.structure import METHODS

MAX_LINES = 8
MAX_CHARACTERS = 200  # of a line, its number included
_MAKERS = frozenset({"range_collection", "dataframe_collection"})
_STAYS_LAST = frozenset({"WHERE", "ORDER_BY", "TOP_K", "BEST", "SINGULAR"})  # after them the columns are still the same
# What a step does that is told in short, by operator.
_KINDS = {
    "COUNT": "counts", "SUM": "sums", "AVG": "averages", "MIN": "minima", "MAX": "maxima", "MEDIAN": "medians",
    "QUANTILE": "quantiles", "NDISTINCT": "numbers of different values", "ANYTHING": "any one value",
    "STD": "standard deviations", "VAR": "variances", "LISTOF": "lists", "HAS": "whether there are any",
    "HASNOT": "whether there are no", "RANKING": "ranks", "PERCENTILE": "buckets", "PREV": "previous values",
    "NEXT": "next values", "RELSUM": "totals over rows", "RELAVG": "averages over rows",
    "RELCOUNT": "counts over rows", "RELSIZE": "numbers of rows", "WHERE": "only rows where conditions hold",
    "PARTITION": "groups", "CROSS": "pairs", "BEST": "first rows", "TOP_K": "first rows", "ORDER_BY": "an order",
}  # fmt: skip


@dataclass(frozen=True)
class _Clause:
    """One step in words, from the most telling way to the shortest, and the statement it is of."""

    ways: tuple[str, ...]
    statement: int


def rationale(program: str, graph_names: Collection[str] = ()) -> str:
    """The plan: 1 to 8 numbered lines of at most 200 characters, without code.

    `graph_names` are the names of the graph's collections, properties and relationships; what starts a chain and is
    none of them is the graph itself. Steps that do not fit are told in fewer words, never left out in silence. Raises
    ProgramError when the program does not parse or is nested too deeply.
    """
    try:
        clauses = list(_Plan(parse_program(program), graph_names).clauses())
    except RecursionError as error:
        raise ProgramError("the program is nested too deeply") from error
    return "\n".join(f"{number}. {line}" for number, line in enumerate(_lines(clauses), start=1))


class _Plan:
    """The steps of one program."""

    def __init__(self, tree: ast.Module, graph_names: Collection[str]) -> None:
        self._statements = [one for one in tree.body if not isinstance(one, ast.Import | ast.ImportFrom)]
        self._graph_names = graph_names
        named = {name: value for name, value in map(_named, self._statements) if value is not None}
        self._variables = frozenset(named)
        self._keys = {name: value for name, value in named.items() if _are_keys(value)}
        self._phrases = Phrases(self._keys)
        names = (node for node in ast.walk(tree) if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load))
        self._uses = Counter(node.id for node in names)

    def clauses(self) -> Iterator[_Clause]:
        for number, statement in enumerate(self._statements):
            name, value = _named(statement)
            if value is None:
                if not isinstance(statement, ast.Expr):
                    said = f"Prepare parts with Python's own {_python_part(statement)}"
                    yield _Clause((_with_kinds(said, statement),), number)
            elif name not in self._keys:
                yield from self._named_ends(name, number, list(self._steps(name, value, number)))

    def _named_ends(self, name: str, number: int, clauses: list[_Clause]) -> Iterator[_Clause]:
        """The clauses of a statement; the last tells the variable's name, unless only the next step uses it."""
        if name != ANSWER_VARIABLE and not self._goes_on(name, number) and not clauses[0].ways[0].startswith("Let "):
            ways = tuple(f"{way} (call them {name})" for way in clauses[-1].ways)
            clauses[-1] = _Clause(ways, number)
        yield from clauses

    def _goes_on(self, name: str, number: int) -> bool:
        """Whether the next statement starts where this one ended, and no other uses it."""
        if self._uses[name] != 1 or number + 1 >= len(self._statements):
            return False
        value = _named(self._statements[number + 1])[1]
        if value is None:
            return False
        start = _chain(value)[0]
        return isinstance(start, ast.Name) and start.id == name

    def _steps(self, name: str, value: ast.expr, number: int) -> Iterator[_Clause]:
        chain = _chain(value)
        start, steps = chain[0], chain[1:]
        if not steps and name != ANSWER_VARIABLE and not _makes_rows(start):
            said = self._phrases.condition(start) if is_condition(start) else self._phrases.value(start)
            word = "mean that" if is_condition(start) else "be"
            yield _Clause((f"Let {name} {word} {said}", _with_kinds(f"Let {name} be a formula", start)), number)
            return
        continued = isinstance(start, ast.Name) and number > 0 and self._continues(start.id, number)
        told = "" if continued else self._graph(start)
        if not continued and not (told and steps):
            yield _Clause(self._start(start), number)
        for index, step in enumerate(steps):
            ways = self._step(step, name == ANSWER_VARIABLE and all(map(_keeps_columns, steps[index + 1 :])))
            if told:  # one row, so there is no "each"
                ways = tuple(way.removeprefix("For each, ") for way in ways)
                ways = tuple(f"{told}{way[0].lower()}{way[1:]}" for way in ways)
            yield _Clause(ways, number)
            told = ""

    def _graph(self, start: ast.expr) -> str:
        """What to say before the first step where a chain starts at the graph itself; "" elsewhere."""
        if not isinstance(start, ast.Name) or start.id in self._variables or start.id in self._graph_names:
            return ""
        return f"For the whole of {start.id}, " if start.id[:1].isupper() else ""

    def _continues(self, name: str, number: int) -> bool:
        before = _named(self._statements[number - 1])
        return before[0] == name and before[1] is not None and self._goes_on(name, number - 1)

    def _start(self, start: ast.expr) -> tuple[str, ...]:
        if isinstance(start, ast.Name):
            return (f"Start from {start.id}",)
        maker = _maker(start)
        if maker == "range_collection" and isinstance(start, ast.Call):
            return (self._numbers(start),)
        if maker and isinstance(start, ast.Call):
            return self._given_table(start)
        if isinstance(start, ast.Call) and isinstance(start.func, ast.Name) and start.func.id == "CROSS":
            return (f"Pair each row with each of {self._phrases.value(start.args[0])}", _with_kinds("Pair rows", start))
        return (f"Take {self._phrases.value(start)}", _with_kinds("Take values", start))

    def _given_table(self, call: ast.Call) -> tuple[str, ...]:
        keys = [key for node in ast.walk(call) if isinstance(node, ast.Dict) for key in node.keys]
        columns = ", ".join(str(key.value) for key in keys if isinstance(key, ast.Constant))
        return (f"Make a small table with {columns}", "Make a small table") if columns else ("Make a small table",)

    def _numbers(self, call: ast.Call) -> str:
        said = [self._phrases.value(one) for one in call.args]
        if len(said) < 3:
            return "Make a table of numbers"
        low, high = ("0", said[2]) if len(said) == 3 else (said[2], said[3])
        step = f" in steps of {said[4]}" if len(said) > 4 else ""
        return f"Make a row for each number {said[1].strip(chr(39))} from {low} to below {high}{step}"

    def _step(self, call: ast.expr, is_last: bool) -> tuple[str, ...]:
        if not isinstance(call, ast.Call):
            return (f"Go on to their {call.attr if isinstance(call, ast.Attribute) else 'rows'}",)
        name = call.func.attr if isinstance(call.func, ast.Attribute) else ""
        phrases = self._phrases
        if name == "CALCULATE":
            word = "Show" if is_last else "For each, work out"
            columns = [one.id for one in call.args if isinstance(one, ast.Name)]
            columns += [str(one.arg) for one in call.keywords]
            parts = [*call.args, *(one.value for one in call.keywords)]
            return (
                f"{word} {phrases.terms(call)}",
                _with_kinds(f"{word} {', '.join(columns)}", *parts),
                _with_kinds(f"{word} {len(parts)} values", *parts),
            )
        if name == "WHERE" and call.args:
            said = f"Keep only those where {phrases.condition(call.args[0])}"
            return (
                said,
                _with_kinds(f"Keep only those that meet conditions on {_columns(call.args[0])}", call.args[0]),
            )
        if name == "PARTITION":
            groups, by = argument(call, "name", 0), argument(call, "by", 1)
            into = f" into {groups.value!s}" if isinstance(groups, ast.Constant) else ""
            return (f"Group them by {'nothing' if by is None else phrases.columns(by)}{into}",)
        if name == "ORDER_BY":
            return (
                f"Order by {phrases.sort_keys(call.args)}",
                _with_kinds(f"Order by {_columns(*call.args)}", *call.args),
            )
        if name == "TOP_K":
            many = argument(call, "k", 0)
            end = f" and keep only the first {phrases.value(many) if many is not None else 'rows'}"
            return (
                f"Order by {self._keys_of(call, 1)}{end}",
                _with_kinds(f"Order by {_columns(*call.args, *call.keywords)}{end}", call),
            )
        if name == "BEST":
            many = argument(call, "n_best")
            count = f" {phrases.value(many)}" if many is not None else ""
            ties = argument(call, "allow_ties")
            tied = ", with all that tie" if isinstance(ties, ast.Constant) and ties.value is True else ""
            return (f"Keep only the first{count} by {self._keys_of(call, 0)}{phrases.per(call)}{tied}",)
        if name == "CROSS" and call.args:
            return (f"Pair each with each of {phrases.value(call.args[0])}", _with_kinds("Pair each with others", call))
        return ("Take the one row of each",) if name == "SINGULAR" else ("Make a row of each element",)

    def _keys_of(self, call: ast.Call, position: int) -> str:
        by = argument(call, "by", position)
        return "nothing" if by is None else self._phrases.sort_keys([by])


def _lines(clauses: list[_Clause]) -> list[str]:
    """The clauses as sentences on at most eight lines; the longest are told in fewer words until they fit."""
    chosen = [0] * len(clauses)
    while True:
        texts = [clause.ways[way] for clause, way in zip(clauses, chosen, strict=True)]
        lines = _packed(texts, [clause.statement for clause in clauses])
        if lines is not None:
            return lines
        shorter = [index for index, clause in enumerate(clauses) if chosen[index] + 1 < len(clause.ways)]
        if not shorter:
            return _outline(texts)
        longest = max(shorter, key=lambda index: len(texts[index]))
        chosen[longest] += 1


def _packed(texts: list[str], statements: list[int]) -> list[str] | None:
    """The texts joined to at most eight lines, those of one statement first; None when a line gets too long."""
    lines = [f"{text}." for text in texts]
    of = list(statements)
    room = MAX_CHARACTERS - len(f"{MAX_LINES}. ")
    if max(map(len, lines)) > room or sum(len(line) for line in lines) > MAX_LINES * room:
        return None
    while len(lines) > MAX_LINES:
        joints = [
            (of[index] != of[index + 1], len(lines[index]) + len(lines[index + 1]), index)
            for index in range(len(lines) - 1)
            if len(lines[index]) + 1 + len(lines[index + 1]) <= room
        ]
        if not joints:
            return None
        index = min(joints)[2]
        lines[index : index + 2] = [f"{lines[index]} {lines[index + 1]}"]
        of[index : index + 2] = [of[index + 1]]
    return lines


def _outline(texts: Iterable[str]) -> list[str]:
    """What is left to say of a program too long for a plan: its first steps, and how many follow."""
    room = MAX_CHARACTERS - len(f"{MAX_LINES}. ")
    steps = [f"{text if len(text) < room else text[: room - 4].rsplit(' ', 1)[0] + ' ...'}." for text in texts]
    if len(steps) <= MAX_LINES:
        return steps
    return [*steps[: MAX_LINES - 1], f"Go on with {len(steps) - MAX_LINES + 1} more steps of this kind."]


def _chain(node: ast.expr) -> list[ast.expr]:
    """Where a chain starts, then its methods (calls) and links (attributes) in their order."""
    steps: list[ast.expr] = []
    rest = node
    last_method = 0
    while True:
        if isinstance(rest, ast.Call) and isinstance(rest.func, ast.Attribute) and rest.func.attr in METHODS:
            steps.append(rest)
            last_method = len(steps)
            rest = rest.func.value
        elif isinstance(rest, ast.Attribute):
            steps.append(rest)
            rest = rest.value
        else:
            break
    if not last_method and not isinstance(rest, ast.Call):
        return [node]  # a property or a plain path
    return [rest, *reversed(steps)]


def _named(statement: ast.stmt) -> tuple[str, ast.expr | None]:
    """The variable that a statement assigns and its value; None where it does anything else."""
    if isinstance(statement, ast.Assign) and len(statement.targets) == 1 and isinstance(statement.targets[0], ast.Name):
        return statement.targets[0].id, statement.value
    if isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name):
        return statement.target.id, statement.value
    return "", None


def _are_keys(value: ast.expr) -> bool:
    """Whether a value is a tuple of sort keys, which is told where it is used."""
    elements = value.elts if isinstance(value, ast.Tuple | ast.List) else []
    return any(_method(one) in ("ASC", "DESC") for one in elements)


def _method(node: ast.expr) -> str:
    return node.func.attr if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) else ""


def _keeps_columns(step: ast.expr) -> bool:
    """Whether a step leaves the columns that are shown as they are."""
    return _method(step) in _STAYS_LAST


def _maker(node: ast.expr) -> str:
    return _method(node) if _method(node) in _MAKERS else ""


def _makes_rows(node: ast.expr) -> bool:
    is_cross = isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "CROSS"
    return is_cross or bool(_maker(node))


def _python_part(statement: ast.stmt) -> str:
    if isinstance(statement, ast.FunctionDef):
        return "function"
    return "loop" if isinstance(statement, ast.For) else "condition" if isinstance(statement, ast.If) else "statement"


def _with_kinds(said: str, *nodes: ast.AST) -> str:
    """A short text and, in brackets, what kinds of figures and steps are in the nodes."""
    names = [
        node.func.attr if isinstance(node.func, ast.Attribute) else node.func.id
        for one in nodes
        for node in ast.walk(one)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute | ast.Name)
    ]
    kinds = list(dict.fromkeys(_KINDS[name] for name in names if name in _KINDS))
    return f"{said} ({', '.join(kinds)})" if kinds else said


def _columns(*nodes: ast.AST) -> str:
    found = [node.id for one in nodes for node in ast.walk(one) if isinstance(node, ast.Name)]
    names = [name for name in found if not re.match(r"[A-Z]", name)]
    return ", ".join(dict.fromkeys(name for name in names if name not in ("datetime", "pd"))) or "them"
