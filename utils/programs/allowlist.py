"""Which syntax a program may use: PyDough is data flow, so little of Python is needed.

The list is the first of three walls (the others: a separate process with limits, and a
read-only database). It works on the syntax tree, before anything runs.
"""

from __future__ import annotations

import ast
import builtins
from collections.abc import Sequence

from utils.programs.source import parse_program


class UnsafeProgramError(Exception):
    """The program uses something that is not on the allow-list; it was not run."""


MAX_SOURCE_CHARACTERS = 20_000
SAFE_BUILTINS = frozenset({
    "abs", "all", "any", "bool", "dict", "enumerate", "filter", "float", "int", "len", "list", "map", "max", "min",
    "range", "reversed", "round", "set", "sorted", "str", "sum", "tuple", "zip",
})  # fmt: skip
SAFE_MODULES = {
    "datetime": frozenset({"datetime", "date", "time", "timedelta", "timezone"}),
    "pandas": frozenset({"Timestamp", "Timedelta", "DateOffset", "to_datetime", "DataFrame"}),
    "pydough": frozenset({"range_collection", "dataframe_collection"}),
}
MODULE_ALIASES = {"datetime": "datetime", "pd": "pandas", "pandas": "pandas", "pydough": "pydough"}
# Attributes that lead from a value to the interpreter, to files, or into PyDough's own objects.
_UNSAFE_ATTRIBUTES = frozenset({
    "format", "format_map", "mro", "coerce_to_unqualified", "to_table", "call_template", "_parcel",
    "gi_frame", "gi_code", "cr_frame", "ag_frame", "tb_frame", "tb_next",
    "f_globals", "f_locals", "f_builtins", "f_back",
    # compiled functions, such as a Timedelta's, name their module's globals thus
    "func_globals", "func_code", "func_closure", "func_dict", "func_defaults",
    # a set that all Timedeltas share, so that one program could spoil the next
    "_req_any_kwargs_new",
    # numpy values, which a Timestamp turns into, write files and show raw memory
    "to_numpy", "to_julian_date", "to_datetime64", "to_timedelta64", "asm8", "tofile", "dump", "dumps", "ctypes",
})  # fmt: skip
# PyDough reads an unknown name as an attribute of `_ROOT`, so what is unsafe as an attribute is unsafe as a name.
_UNSAFE_NAMES = _UNSAFE_ATTRIBUTES | {"_ROOT", "_graph", "UnqualifiedRoot"}
_UNSAFE_BUILTINS = frozenset(dir(builtins)) - SAFE_BUILTINS
_SAFE_NODES = (
    ast.Module, ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.Break, ast.Continue, ast.If, ast.Pass,
    ast.FunctionDef, ast.Return, ast.Lambda, ast.arguments, ast.arg, ast.Import, ast.ImportFrom, ast.alias, ast.Name,
    ast.Load, ast.Store, ast.Attribute, ast.Call, ast.keyword, ast.Constant, ast.Subscript, ast.Slice, ast.Starred,
    ast.Tuple, ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp,
    ast.comprehension, ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.JoinedStr, ast.FormattedValue,
    ast.operator, ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip


def check_program(program: str) -> ast.Module:
    """Parse a program and check every node against the allow-list.

    Raises ProgramError (does not parse, no `result`) or UnsafeProgramError (one line with the place).
    """
    if len(program) > MAX_SOURCE_CHARACTERS:
        raise UnsafeProgramError(f"program longer than {MAX_SOURCE_CHARACTERS:,} characters")
    tree = parse_program(program)
    nodes = list(ast.walk(tree))
    names = _Names(nodes)
    for node in nodes:
        problem = _problem(node, names)
        if problem:
            raise UnsafeProgramError(f"line {getattr(node, 'lineno', 1)}: {problem}")
    return tree


class _Names:
    """What the names of one program stand for."""

    def __init__(self, nodes: Sequence[ast.AST]) -> None:
        self.modules = dict(MODULE_ALIASES)
        self.bound: set[str] = set()  # what the program itself gives a meaning to
        self.owners: set[int] = set()  # ids of the nodes of which an attribute is taken
        self.frames: set[int] = set()
        for node in nodes:
            self.bound.update(_bound_names(node))
            if isinstance(node, ast.Attribute):
                self.owners.add(id(node.value))
                if node.attr == "DataFrame" and not self.frames:
                    self.frames = _frames_given_to_pydough(nodes)
            elif isinstance(node, ast.Import):
                self.modules |= {a.asname: a.name for a in node.names if a.asname and a.name in SAFE_MODULES}
            elif isinstance(node, ast.ImportFrom) and any(alias.name == "datetime" for alias in node.names):
                self.modules.pop("datetime", None)  # `from datetime import datetime`: the class, from here on


def _bound_names(node: ast.AST) -> list[str]:
    """The names that this very node gives a meaning to."""
    if isinstance(node, ast.Name):
        return [] if isinstance(node.ctx, ast.Load) else [node.id]
    if isinstance(node, ast.arg):
        return [node.arg]
    if isinstance(node, ast.FunctionDef):
        return [node.name]
    if isinstance(node, ast.alias):
        return [node.asname or node.name]
    return []


def _problem(node: ast.AST, names: _Names) -> str | None:
    if not isinstance(node, _SAFE_NODES):
        return f"{type(node).__name__} is not allowed in a program"
    if isinstance(node, ast.Import | ast.ImportFrom):
        return _import_problem(node)
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        return "decorators are not allowed"
    if isinstance(node, ast.comprehension) and node.is_async:
        return "async is not allowed in a program"
    for name in _bound_names(node):
        if _is_unsafe(name):
            return f"name '{name}' is not allowed"
        if name in names.modules and not isinstance(node, ast.alias):
            return f"assigning to '{name}' is not allowed"
    if isinstance(node, ast.Name):
        return _name_problem(node, names)
    if isinstance(node, ast.Attribute):
        return _attribute_problem(node, names)
    return None


def _is_unsafe(name: str) -> bool:
    return name in _UNSAFE_NAMES or name.startswith("__")


def _name_problem(node: ast.Name, names: _Names) -> str | None:
    if _is_unsafe(node.id):
        return f"name '{node.id}' is not allowed"
    if node.id in names.modules and id(node) not in names.owners:
        return f"the module '{node.id}' may be used only as in '{node.id}.name'"
    if node.id in _UNSAFE_BUILTINS and node.id not in names.bound:
        return f"Python's '{node.id}' is not allowed"
    return None


def _import_problem(node: ast.Import | ast.ImportFrom) -> str | None:
    supplied = "(datetime and pandas as pd are supplied)"
    if isinstance(node, ast.Import):
        for alias in node.names:
            bound = alias.asname or alias.name
            if alias.name not in SAFE_MODULES or MODULE_ALIASES.get(bound, alias.name) != alias.name:
                return f"import of '{alias.name}' is not allowed {supplied}"
        return None
    importable = SAFE_MODULES.get(node.module or "", frozenset()) - {"DataFrame"} if not node.level else frozenset()
    for alias in node.names:
        bound = alias.asname or alias.name
        if alias.name not in importable or (bound in MODULE_ALIASES and bound != alias.name):
            return f"import of '{node.module}.{alias.name}' is not allowed {supplied}"
    return None


def _attribute_problem(node: ast.Attribute, names: _Names) -> str | None:
    if _is_unsafe(node.attr):
        return f"attribute '{node.attr}' is not allowed"
    if not isinstance(node.ctx, ast.Load):
        return f"assigning to attribute '{node.attr}' is not allowed"
    if isinstance(node.value, ast.Constant | ast.JoinedStr) and node.attr not in {"lower", "upper", "join", "strip"}:
        return f"attribute '{node.attr}' of a literal is not allowed"
    module = names.modules.get(node.value.id) if isinstance(node.value, ast.Name) else None
    if module and node.attr not in SAFE_MODULES[module]:
        return f"'{ast.unparse(node)}' is not allowed"
    if node.attr == "DataFrame" and id(node) not in names.frames:
        return "'pd.DataFrame(...)' is allowed only as an argument of pydough.dataframe_collection"
    return None


def _frames_given_to_pydough(nodes: Sequence[ast.AST]) -> set[int]:
    """Ids of the `pd.DataFrame` nodes whose frame goes nowhere but into `pydough.dataframe_collection`.

    Called in an argument, or assigned to a variable of which every use is such an argument.
    """
    arguments: list[ast.expr] = []
    for call in nodes:
        if isinstance(call, ast.Call) and _is_pydoughs(call.func, "dataframe_collection"):
            arguments += [*call.args, *(keyword.value for keyword in call.keywords)]
    handed_over = {id(argument) for argument in arguments}
    used_otherwise = {
        node.id
        for node in nodes
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Load) and id(node) not in handed_over
    }
    assigned = [
        statement.value
        for statement in nodes
        if isinstance(statement, ast.Assign)
        and all(isinstance(target, ast.Name) and target.id not in used_otherwise for target in statement.targets)
    ]
    return {id(value.func) for value in [*arguments, *assigned] if isinstance(value, ast.Call)}


def _is_pydoughs(node: ast.expr, name: str) -> bool:
    owner = node.value if isinstance(node, ast.Attribute) and node.attr == name else None
    return isinstance(owner, ast.Name) and owner.id == "pydough"
