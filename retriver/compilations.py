"""Whether a program compiles on a graph, kept by content: the same program is not compiled twice."""

from __future__ import annotations

import asyncio
import json
from concurrent.futures import Future
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from pathlib import Path

from utils.core.fingerprint import file_fingerprint, files_fingerprint, fingerprint
from utils.core.kept import NEVER_KEPT, Kept
from utils.core.paths import PROJECT_ROOT
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import dialect_of
from utils.programs.compiler import Compiled, ProgramCompiler

_LONGEST_REASON = 600


@dataclass(frozen=True)
class Compilation:
    """Whether a program compiles, or PyDough's reason with its hint; not `certain` where another run may differ."""

    compiles: bool
    reason: str = ""
    certain: bool = True


class Compilations:
    """Compiles programs and keeps what came out, in memory and in one SQLite file that processes may share."""

    def __init__(self, compiler: ProgramCompiler, file: Path | None = None) -> None:
        """`file` is the cache to read and write, None for memory only; raises UserError where it cannot be used."""
        self._compiler = compiler
        self._known: dict[str, Compilation] = {}
        self._running: dict[str, Future[Compiled]] = {}
        self._kept = Kept(file) if file else None

    def close(self) -> None:
        """Release the file."""
        if self._kept is not None:
            self._kept.close()

    async def of(self, program: str, entry: DatabaseEntry) -> Compilation:
        """What comes of a program on an entry's graph, for the entry's own dialect."""
        key = _key(program, entry)
        found = self._known.get(key) or self._read(key)
        if found is None:
            found = await self._compiled(key, program, entry)
            if found.certain:
                self._write(key, found)
        if found.certain:
            self._known[key] = found
        return found

    async def _compiled(self, key: str, program: str, entry: DatabaseEntry) -> Compilation:
        """Compile, or wait for whoever is compiling the same."""
        future = self._running.get(key)
        if future is None:
            future = self._running[key] = self._compiler.submit(program, entry, [dialect_of(entry.url)])
        try:
            outcome = await asyncio.shield(asyncio.wrap_future(future))
        finally:
            self._running.pop(key, None)
        if outcome.failure is None:
            return Compilation(compiles=True)
        told = f"{outcome.detail} ({outcome.hint})" if outcome.hint else outcome.detail
        reason = " ".join(told.split())[:_LONGEST_REASON]
        return Compilation(False, reason, outcome.repeatable and outcome.failure not in NEVER_KEPT)

    def _read(self, key: str) -> Compilation | None:
        text = self._kept.get(key) if self._kept else None
        return Compilation(**json.loads(text)) if text else None

    def _write(self, key: str, found: Compilation) -> None:
        if self._kept is not None:
            self._kept.put(key, json.dumps({"compiles": found.compiles, "reason": found.reason}))


def _key(program: str, entry: DatabaseEntry) -> str:
    try:
        graph = _graph_fingerprint(entry.graph_path, entry.graph_path.stat().st_mtime_ns)
    except OSError:
        graph = "missing"  # the compiler says so, and that is not kept
    return fingerprint(program, graph, entry.graph_name, entry.configs, entry.now, dialect_of(entry.url), _code_key())


@cache
def _graph_fingerprint(path: Path, _changed: int) -> str:
    return file_fingerprint(path)


@cache
def _code_key() -> str:
    code = files_fingerprint((PROJECT_ROOT / "utils" / "programs").glob("*.py"))
    return fingerprint(code, version("pydough"), version("sqlglot"))
