"""The process that runs programs: it has no database, no gold SQL, no file and no network. It turns text into SQL.

It speaks JSON over one pipe: whatever a program does to this process, what comes out is text, and that text is run
elsewhere, as one read-only query.
"""

from __future__ import annotations

import json
import pkgutil
import signal
import warnings
from importlib import import_module
from multiprocessing.connection import Connection
from typing import Any

import pandas as pd
import pyarrow as pa
import pydough
import sqlglot

from utils.core.console import UserError
from utils.programs.allowlist import UnsafeProgramError, check_program
from utils.programs.compile import GraphCompiler
from utils.programs.source import ProgramError
from utils.programs.walls import (
    allow_cpu,
    close_in,
    collect_garbage_seldom,
    filter_library,
    forget_environment,
    limit_resources,
    silence,
)

_OPEN_FILES = 64
_MOST_DETAIL = 600
_compilers: dict[str, GraphCompiler] = {}


def preload() -> None:
    """Import all that compiling may import later, when no file can be opened any more."""
    for package in (pydough, sqlglot):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "__main__" not in module.name and "jupyter" not in module.name and "executor" not in module.name:
                try:
                    import_module(module.name)
                except ImportError:  # an optional part of a library whose own dependency is not installed
                    continue
    for name in ("_strptime", "zoneinfo", "encodings.idna", "encodings.unicode_escape", "dateutil.parser"):
        import_module(name)
    filter_library()
    moment = pd.Timestamp("2020-01-01")
    pa.Table.from_pandas(pd.DataFrame({"n": [1, None], "x": [1.5, 2.0], "t": ["a", None], "d": [moment, moment]}))


def serve(channel: Connection, memory_mb: int, limit_s: float) -> None:
    """Answer requests until the channel closes; the walls go up first."""
    warnings.simplefilter("ignore")
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches all processes; the first of them decides
    silence()
    forget_environment()
    limit_resources(memory_mb, _OPEN_FILES, file_bytes=0)
    collect_garbage_seldom()
    filtered = close_in()
    channel.send_bytes(json.dumps({"ready": True, "filtered": filtered}).encode())
    while True:
        try:
            request = json.loads(channel.recv_bytes())
        except (EOFError, OSError):
            return
        allow_cpu(limit_s)
        channel.send_bytes(json.dumps(_answer(request)).encode("utf-8", "replace"))


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """{"sql": {dialect: text}}, or {"status", "detail"} of what went wrong."""
    compiler, built = None, None
    try:
        check_program(request["program"])
        sql = {}
        for dialect in request["dialects"]:
            compiler = _compiler(request, dialect)
            built = compiler.built(request["program"], request["now"])
            sql[dialect] = compiler.sql_of(built)
        return {"sql": sql}
    except ProgramError as error:
        return {"status": "code_error", "detail": str(error)}
    except UnsafeProgramError as error:
        return {"status": "unsafe", "detail": str(error)}
    except UserError as error:
        return {"status": "infra_error", "detail": f"{request['graph_path']}: {error}"}
    except MemoryError:
        return {"status": "code_error", "detail": "out of memory", "repeatable": False}
    except BaseException as error:  # a program may raise anything
        told = " ".join(str(error).split())
        hint = compiler.advice_on(built) if compiler is not None and built is not None else ""
        return {"status": "code_error", "detail": f"{type(error).__name__}: {told}"[:_MOST_DETAIL], "hint": hint}


def _compiler(request: dict[str, Any], dialect: Any) -> GraphCompiler:
    key = json.dumps([request["graph"], request["graph_name"], dialect, request["configs"]])
    if key not in _compilers:
        _compilers[key] = GraphCompiler(request["graph"], request["graph_name"], dialect, request["configs"])
    return _compilers[key]


preload()
