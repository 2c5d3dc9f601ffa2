"""Compile programs nobody has vetted: each in a walled-in child process that is killed when it takes too long."""

from __future__ import annotations

import contextlib
import json
import logging
import multiprocessing
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import cache
from multiprocessing.connection import Connection
from multiprocessing.context import ForkServerProcess
from pathlib import Path
from typing import Any, Literal

from utils.core.forking import fork_server
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import Dialect
from utils.programs.sandbox import DEFAULT_LIMIT_S, default_workers
from utils.programs.walls import DEFAULT_MEMORY_MB

Failure = Literal["code_error", "unsafe", "timeout", "infra_error"]
CHILD_MODULE = "utils.programs.compiler_child"
_START_LIMIT_S = 60.0
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Compiled:
    """The SQL of a program by dialect (readings of the clock as the program has them), or why there is none.

    Not `repeatable` where another run, with more memory or time, may end otherwise.
    """

    sql: dict[Dialect, str] = field(default_factory=dict)
    failure: Failure | None = None
    detail: str = ""
    hint: str = ""  # PyDough's own advice on the error
    repeatable: bool = True


class ProgramCompiler:
    """Child processes that compile programs, as many as there are workers. A context manager."""

    def __init__(
        self,
        workers: int | None = None,
        limit_s: float = DEFAULT_LIMIT_S,
        memory_mb: int = DEFAULT_MEMORY_MB,
    ) -> None:
        self._settings = (memory_mb, limit_s)
        self._threads = ThreadPoolExecutor(workers or default_workers(), "compiler")
        self._own = threading.local()
        self._children: list[_Child] = []

    def __enter__(self) -> ProgramCompiler:
        return self

    def __exit__(self, *_: object) -> None:
        self._threads.shutdown(cancel_futures=True)
        for child in self._children:
            child.stop()

    def submit(self, program: str, entry: DatabaseEntry, dialects: Sequence[Dialect]) -> Future[Compiled]:
        """Start to compile a program on an entry's graph, for each of the dialects."""
        return self._threads.submit(self._compile, program, entry, dialects)

    def _compile(self, program: str, entry: DatabaseEntry, dialects: Sequence[Dialect]) -> Compiled:
        try:
            graph = _graph_text(entry.graph_path, entry.graph_path.stat().st_mtime_ns)
        except (OSError, UnicodeDecodeError) as error:
            return Compiled(failure="infra_error", detail=f"{entry.graph_path}: cannot be read ({error})")
        request = {
            "program": program,
            "graph": graph,
            "graph_name": entry.graph_name,
            "graph_path": str(entry.graph_path),
            "dialects": list(dialects),
            "configs": entry.configs,
            "now": entry.now,
        }
        try:
            body = json.dumps(request).encode()
        except UnicodeEncodeError:
            return Compiled(failure="code_error", detail="the program holds half a character (a lone surrogate)")
        return self._child().ask(body)

    def _child(self) -> _Child:
        """This thread's own child."""
        if not hasattr(self._own, "child"):
            self._own.child = _Child(*self._settings)
            self._children.append(self._own.child)
        return self._own.child


class _Child:
    """One child process, started when it is needed and again after it died."""

    def __init__(self, memory_mb: int, limit_s: float) -> None:
        self._memory_mb = memory_mb
        self._limit_s = limit_s
        self._process: ForkServerProcess | None = None
        self._channel: Connection | None = None

    def ask(self, request: bytes) -> Compiled:
        """Send one request and wait for its answer; a child that takes too long or dies costs this request only."""
        try:
            channel = self._started()
        except RuntimeError as error:
            return Compiled(failure="infra_error", detail=str(error))
        try:
            channel.send_bytes(request)
            if not channel.poll(self._limit_s):
                self.stop()
                return Compiled(failure="timeout", detail="stopped at the wall-clock limit", repeatable=False)
            answer = json.loads(channel.recv_bytes())
        except (EOFError, OSError, ValueError):
            process = self._process
            self.stop()
            code = process.exitcode if process else None
            return Compiled(
                failure="code_error", detail=f"the worker process died (exit code {code})", repeatable=False
            )
        return _compiled(answer)

    def stop(self) -> None:
        """Kill the child, if there is one."""
        if self._process is not None:
            with contextlib.suppress(OSError):
                self._process.kill()
            self._process.join(5)
        if self._channel is not None:
            self._channel.close()
        self._process = self._channel = None

    def _started(self) -> Connection:
        if self._channel is not None:
            return self._channel
        ours, theirs = multiprocessing.Pipe()
        process = fork_server(CHILD_MODULE).Process(
            target=_serve, args=(theirs, self._memory_mb, self._limit_s), daemon=True
        )
        process.start()
        theirs.close()
        self._process, self._channel = process, ours
        try:
            if not ours.poll(_START_LIMIT_S):
                raise EOFError
            filtered = json.loads(ours.recv_bytes())["filtered"]
        except EOFError as error:
            self.stop()
            raise RuntimeError("a process that compiles programs did not start") from error
        if not filtered:
            _warn_of_missing_filter()
        return ours


def _serve(channel: Connection, memory_mb: int, limit_s: float) -> None:
    from utils.programs.compiler_child import serve  # loads PyDough, which only the child is to do

    serve(channel, memory_mb, limit_s)


def _compiled(answer: Any) -> Compiled:
    """An answer as a record; a child that a program has taken over may answer anything."""
    if isinstance(answer, dict):
        sql = answer.get("sql")
        if isinstance(sql, dict) and all(isinstance(text, str) for text in sql.values()):
            return Compiled(sql=sql)
        status, detail = answer.get("status"), answer.get("detail")
        if status in ("code_error", "unsafe", "infra_error") and isinstance(detail, str):
            hint = answer.get("hint")
            return Compiled(
                failure=status,
                detail=" ".join(detail.split())[:1000],
                hint=" ".join(hint.split())[:1000] if isinstance(hint, str) else "",
                repeatable=answer.get("repeatable") is not False,
            )
    return Compiled(failure="code_error", detail="the worker process gave no answer that can be read")


@cache
def _graph_text(path: Path, _changed: int) -> str:
    return path.read_text(encoding="utf-8")


@cache
def _warn_of_missing_filter() -> None:
    _log.warning("libseccomp is not installed: programs run with limits only, without a filter on system calls")
