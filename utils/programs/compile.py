"""Compile PyDough programs to SQL. It executes them: for programs nobody has vetted see `compiler`."""

from __future__ import annotations

import builtins
import json
from functools import cache
from importlib import import_module
from types import SimpleNamespace
from typing import Any

import pydough
from pydough.configs import DayOfWeek, DivisionByZeroBehavior, PyDoughConfigs, PyDoughSession
from pydough.database_connectors import DatabaseContext, DatabaseDialect
from pydough.unqualified import UnqualifiedRoot

from utils.core.console import UserError
from utils.databases.connect import Dialect
from utils.programs.allowlist import SAFE_BUILTINS
from utils.programs.clock import program_modules

_LIBRARY_IMPORTS = frozenset({"time", "_strptime"})  # what strftime and strptime themselves import
_CONFIG_ENUMS = {"start_of_week": DayOfWeek, "division_by_zero": DivisionByZeroBehavior}


class GraphCompiler:
    """Compiles programs on one metadata graph, for one dialect and one set of session settings."""

    def __init__(self, graph_json: str, graph_name: str, dialect: Dialect, configs: dict[str, str]) -> None:
        """`graph_json` is a PyDough V2 metadata file's text; raises UserError where PyDough refuses it."""
        self.session = PyDoughSession()
        try:
            self.session.metadata = pydough.parse_metadata_from_list(json.loads(graph_json), graph_name)
        except Exception as error:
            raise UserError(f"PyDough refuses the graph: {' '.join(str(error).split())}") from error
        apply_configs(self.session.config, configs)
        # Only the dialect matters: queries are never run through this session
        self.session.database = DatabaseContext(None, DatabaseDialect.from_string(dialect))

    def compile(self, program: str, now: str | None) -> str:
        """The SQL of a program, whose Python clock stands at `now`; SQL's own clock is left as the program has it.

        Raises whatever PyDough or the program raises.
        """
        return self.sql_of(self.built(program, now))

    def sql_of(self, built: Any) -> str:
        """The SQL of what a program has built; raises whatever PyDough raises."""
        return pydough.to_sql(built, session=self.session)

    def advice_on(self, built: Any) -> str:
        """PyDough's own advice on why there is no SQL for what a program has built; "" where it has none."""
        try:
            explained = pydough.explain_llm(built, session=self.session)
        except Exception:
            return ""
        advice = explained.get("hint") if isinstance(explained, dict) and explained.get("error") else None
        return str(advice or "")

    def built(self, program: str, now: str | None) -> Any:
        """Run a program: what it assigns to `result`, not yet looked at by PyDough; raises whatever it raises."""
        modules = program_modules(now)
        environment = {"datetime": modules["datetime"], "pd": modules["pd"], "__builtins__": _safe_builtins(modules)}
        # PyDough hands a program the whole `pydough` module; this import puts our few functions in its place.
        source = f"import pydough\n{program}"
        return pydough.from_string(source, answer_variable="result", session=self.session, environment=environment)


def apply_configs(config: PyDoughConfigs, settings: dict[str, str]) -> None:
    """Set a PyDough session's configuration from text, such as {"start_of_week": "MONDAY"}."""
    for name, text in settings.items():
        if not isinstance(getattr(PyDoughConfigs, name, None), bool | DayOfWeek | DivisionByZeroBehavior):
            raise UserError(f"--config {name}={text}: PyDough has no such setting; known: {', '.join(config_names())}")
        allowed = [member.name for member in _CONFIG_ENUMS[name]] if name in _CONFIG_ENUMS else ["true", "false"]
        if text.lower() not in [value.lower() for value in allowed]:
            raise UserError(f"--config {name}={text}: expected one of {', '.join(allowed)}")
        setattr(config, name, _CONFIG_ENUMS[name][text.upper()] if name in _CONFIG_ENUMS else text.lower() == "true")


def config_names() -> list[str]:
    """The names of PyDough's session settings."""
    return sorted(
        name
        for name in vars(PyDoughConfigs)
        if isinstance(getattr(PyDoughConfigs, name), bool | DayOfWeek | DivisionByZeroBehavior)
    )


def pydough_version() -> str:
    """The pinned PyDough version that is installed."""
    from importlib.metadata import version

    return version("pydough")


@cache
def _builtin_functions() -> dict[str, Any]:
    return {name: getattr(builtins, name) for name in SAFE_BUILTINS}


def _safe_builtins(modules: dict[str, Any]) -> dict[str, Any]:
    supplied = {
        **modules,
        "pydough": SimpleNamespace(
            range_collection=pydough.range_collection, dataframe_collection=pydough.dataframe_collection
        ),
        # the import that PyDough itself puts before every program
        "pydough.unqualified": SimpleNamespace(UnqualifiedRoot=UnqualifiedRoot),
    }

    def supplied_import(name: str, *_args: Any) -> Any:
        if name in supplied:
            return supplied[name]
        if name in _LIBRARY_IMPORTS:
            return import_module(name)
        raise ImportError(f"import of '{name}' is not allowed")

    return {**_builtin_functions(), "__import__": supplied_import}
