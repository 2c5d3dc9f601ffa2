"""Which syntax a program may use: PyDough is data flow, so little of Python is needed.

The list is the first of three walls (the others: a separate process with limits, and a
read-only database). It works on the syntax tree, before anything runs.
"""

from __future__ import annotations

import ast

from utils.programs.source import parse_program


class UnsafeProgramError(Exception):
    """The program uses something that is not on the allow-list; it was not run."""


MAX_SOURCE_CHARACTERS = 20_000
SAFE_BUILTINS = frozenset(
    [
        "abs",
        "all",
        "any",
        "bool",
        "dict",
        "enumerate",
        "filter",
        "float",
        "int",
        "len",
        "list",
        "map",
        "max",
        "min",
        "range",
        "reversed",
        "round",
        "set",
        "sorted",
        "str",
        "sum",
        "tuple",
        "zip",
    ]
)
SAFE_MODULES = {
    "datetime": frozenset({"datetime", "date", "time", "timedelta"}),
    "pandas": frozenset({"Timestamp", "Timedelta", "DateOffset", "to_datetime", "DataFrame"}),
    "pydough": frozenset({"range_collection", "dataframe_collection"}),
}
MODULE_ALIASES = {"datetime": "datetime", "pd": "pandas", "pandas": "pandas", "pydough": "pydough"}
IMPORTABLE = frozenset({"datetime", "pandas"})
# Attributes that lead from a value to the interpreter, to files, or into PyDough's own objects.
_UNSAFE_ATTRIBUTES = frozenset(
    [
        "format",
        "format_map",
        "mro",
        "coerce_to_unqualified",
        "to_table",
        "call_template",
        "_parcel",
        "gi_frame",
        "gi_code",
        "cr_frame",
        "f_globals",
        "f_locals",
        "f_builtins",
        "f_back",
        "tb_frame",
        "tb_next",
        "ag_frame",
    ]
)
_UNSAFE_NAMES = frozenset({"_ROOT", "_graph", "UnqualifiedRoot", "to_table", "call_template"})
_SAFE_NODES = (
    ast.Module, ast.Expr, ast.Assign, ast.AnnAssign, ast.AugAssign, ast.For, ast.If, ast.Pass, ast.FunctionDef,
    ast.Return, ast.Lambda, ast.arguments, ast.arg, ast.Import, ast.ImportFrom, ast.alias, ast.Name, ast.Load,
    ast.Store, ast.Attribute, ast.Call, ast.keyword, ast.Constant, ast.Subscript, ast.Slice, ast.Starred, ast.Tuple,
    ast.List, ast.Set, ast.Dict, ast.ListComp, ast.SetComp, ast.DictComp, ast.GeneratorExp, ast.comprehension,
    ast.BinOp, ast.UnaryOp, ast.BoolOp, ast.Compare, ast.IfExp, ast.JoinedStr, ast.FormattedValue, ast.operator,
    ast.unaryop, ast.boolop, ast.cmpop,
)  # fmt: skip


def check_program(program: str) -> ast.Module:
    """Parse a program and check every node against the allow-list.

    Raises ProgramError (does not parse, no `result`) or UnsafeProgramError (one line with the place).
    """
    if len(program) > MAX_SOURCE_CHARACTERS:
        raise UnsafeProgramError(f"program longer than {MAX_SOURCE_CHARACTERS:,} characters")
    tree = parse_program(program)
    supplied_frames = _frames_given_to_pydough(tree)
    for node in ast.walk(tree):
        problem = _problem(node, supplied_frames)
        if problem:
            raise UnsafeProgramError(f"line {getattr(node, 'lineno', 1)}: {problem}")
    return tree


def _problem(node: ast.AST, supplied_frames: set[int]) -> str | None:
    if not isinstance(node, _SAFE_NODES):
        return f"{type(node).__name__} is not allowed in a program"
    if isinstance(node, ast.Import | ast.ImportFrom):
        return _import_problem(node)
    if isinstance(node, ast.FunctionDef) and node.decorator_list:
        return "decorators are not allowed"
    if isinstance(node, ast.Name):
        if isinstance(node.ctx, ast.Store) and node.id in MODULE_ALIASES:
            return f"assigning to '{node.id}' is not allowed"
        if node.id in _UNSAFE_NAMES or node.id.startswith("__"):
            return f"name '{node.id}' is not allowed"
    if isinstance(node, ast.arg) and (node.arg in MODULE_ALIASES or node.arg.startswith("__")):
        return f"argument name '{node.arg}' is not allowed"
    if isinstance(node, ast.FunctionDef) and (node.name in MODULE_ALIASES or node.name.startswith("__")):
        return f"function name '{node.name}' is not allowed"
    if isinstance(node, ast.Attribute):
        return _attribute_problem(node, supplied_frames)
    return None


def _import_problem(node: ast.Import | ast.ImportFrom) -> str | None:
    if isinstance(node, ast.Import):
        for alias in node.names:
            if alias.name not in IMPORTABLE or MODULE_ALIASES.get(alias.asname or alias.name) != alias.name:
                return f"import of '{alias.name}' is not allowed (datetime and pandas as pd are supplied)"
        return None
    names = SAFE_MODULES.get(node.module or "", frozenset()) if node.module in IMPORTABLE else frozenset()
    for alias in node.names:
        if node.level or alias.name not in names or alias.name == "DataFrame" or (alias.asname or "").startswith("__"):
            return f"import of '{node.module}.{alias.name}' is not allowed (datetime and pandas as pd are supplied)"
    return None


def _attribute_problem(node: ast.Attribute, supplied_frames: set[int]) -> str | None:
    if node.attr.startswith("__") or node.attr in _UNSAFE_ATTRIBUTES:
        return f"attribute '{node.attr}' is not allowed"
    if isinstance(node.ctx, ast.Store):
        return f"assigning to attribute '{node.attr}' is not allowed"
    if isinstance(node.value, ast.Constant | ast.JoinedStr) and node.attr not in {"lower", "upper", "join", "strip"}:
        return f"attribute '{node.attr}' of a literal is not allowed"
    if isinstance(node.value, ast.Name) and node.value.id in MODULE_ALIASES:
        module = MODULE_ALIASES[node.value.id]
        if node.attr not in SAFE_MODULES[module]:
            return f"'{node.value.id}.{node.attr}' is not allowed"
        if node.attr == "DataFrame" and id(node) not in supplied_frames:
            return "'pd.DataFrame(...)' is allowed only as an argument of dataframe_collection"
    return None


def _frames_given_to_pydough(tree: ast.Module) -> set[int]:
    """Ids of the `pd.DataFrame` nodes called directly in an argument of `dataframe_collection`."""
    found = set()
    for call in ast.walk(tree):
        if isinstance(call, ast.Call) and _called_name(call) == "dataframe_collection":
            for argument in [*call.args, *(keyword.value for keyword in call.keywords)]:
                if isinstance(argument, ast.Call):
                    found.add(id(argument.func))
    return found


def _called_name(call: ast.Call) -> str:
    if isinstance(call.func, ast.Attribute):
        return call.func.attr
    return call.func.id if isinstance(call.func, ast.Name) else ""
