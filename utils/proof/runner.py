"""Prove many programs on all cores; one verdict a task, in the order of the tasks.

A program is compiled behind walls, in a process that has nothing but its graph; its SQL is judged in another, which
has the databases and gold, and runs no program.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future
from pathlib import Path
from typing import Protocol

from utils.core.forking import fork_server
from utils.core.records import Verdict
from utils.databases.connect import Dialect, dialect_of
from utils.programs.compiler import CHILD_MODULE, Compiled, ProgramCompiler
from utils.programs.sandbox import DEFAULT_LIMIT_S, Outcome, Pending, Sandbox, default_workers
from utils.programs.walls import DEFAULT_MEMORY_MB
from utils.proof.cache import VerdictCache
from utils.proof.judge import JudgeTask, judge
from utils.proof.store import InstanceStore
from utils.proof.tasks import ProofTask


class AnyProver(Protocol):
    """What proves many programs, on this machine or on several."""

    def prove_all(self, tasks: Iterable[ProofTask]) -> Iterator[tuple[ProofTask, Verdict]]:
        """Yield (task, verdict) in the order of tasks."""


_JUDGE_MODULE = "utils.proof.judge"
_IN_FLIGHT = 6  # tasks a worker, so that neither compiling nor judging waits for the other
Judged = Outcome[JudgeTask, Verdict]


class Prover:
    """Worker processes that prove programs, with verdicts and instances kept in `cache_folder` when it is given.

    `limit_s` is wall seconds a program may take to compile, and ten times that to be judged on all its data. A context
    manager; `kept` and `proven` count what came from the cache and what was run.
    """

    def __init__(
        self,
        workers: int | None = None,
        limit_s: float = DEFAULT_LIMIT_S,
        memory_mb: int = DEFAULT_MEMORY_MB,
        cache_folder: Path | None = None,
    ) -> None:
        self._workers = workers or default_workers()
        self._limit_s = limit_s
        self._memory_mb = memory_mb
        self._compiler: ProgramCompiler | None = None
        self._judges: Sandbox[JudgeTask, Verdict] | None = None
        self._cache = VerdictCache(cache_folder / "verdicts.sqlite") if cache_folder else None
        self._store_file = str((cache_folder / "instances.sqlite").absolute()) if cache_folder else None
        self.kept = 0
        self.proven = 0

    def __enter__(self) -> Prover:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._judges is not None:
            self._judges.__exit__(*exception)  # type: ignore[arg-type]
        if self._compiler is not None:
            self._compiler.__exit__(*exception)
        if self._cache is not None:
            self._cache.close()

    def prove_all(self, tasks: Iterable[ProofTask]) -> Iterator[tuple[ProofTask, Verdict]]:
        """Yield (task, verdict) in the order of tasks; memory does not grow with their number."""
        waiting: deque[_UnderWay] = deque()
        for task in tasks:
            waiting.append(_UnderWay(task, self._from_cache(task)))
            if waiting[-1].verdict is None:
                waiting[-1].compiling = self._compile(task)
            self._move_on(waiting)
            while len(waiting) >= self._workers * _IN_FLIGHT or (waiting and waiting[0].verdict is not None):
                yield self._finished(waiting)
        while waiting:
            yield self._finished(waiting)

    async def prove_one(self, task: ProofTask) -> Verdict:
        """Prove one program without blocking the event loop."""
        kept = self._from_cache(task)
        if kept is not None:
            return kept
        compiled = await asyncio.wrap_future(self._compile(task))
        if compiled.failure:
            return self._settle(task, self._uncompiled(compiled))
        return self._judged(task, await self._judge(task, compiled).outcome_async())

    async def compile_one(self, task: ProofTask) -> Compiled:
        """The SQL of a task's program, without running it."""
        return await asyncio.wrap_future(self._compile(task))

    # the two processes a program passes through

    def _compile(self, task: ProofTask) -> Future[Compiled]:
        if self._compiler is None:  # started only when something is left to prove: it loads PyDough
            fork_server(CHILD_MODULE, _JUDGE_MODULE)
            self._compiler = ProgramCompiler(self._workers, self._limit_s, self._memory_mb)
        return self._compiler.submit(task.program, task.entry, _dialects(task))

    def _judge(self, task: ProofTask, compiled: Compiled) -> Pending[JudgeTask, Verdict]:
        if self._judges is None:
            if self._store_file is not None:
                InstanceStore.create(Path(self._store_file))
            self._judges = Sandbox(judge, self._workers, self._limit_s * 10, self._memory_mb)
        return self._judges.run(
            JudgeTask(task.program, compiled.sql, task.gold_sql, task.entry, task.settings, self._store_file)
        )

    def _move_on(self, waiting: Iterable[_UnderWay]) -> None:
        """Judge whatever has been compiled."""
        for one in waiting:
            if one.verdict is None and one.judging is None and one.compiling is not None and one.compiling.done():
                self._start_judging(one)

    def _start_judging(self, one: _UnderWay) -> None:
        assert one.compiling is not None
        compiled = one.compiling.result()
        if compiled.failure:
            one.verdict = self._settle(one.task, self._uncompiled(compiled))
        else:
            one.judging = self._judge(one.task, compiled)

    def _finished(self, waiting: deque[_UnderWay]) -> tuple[ProofTask, Verdict]:
        """The first task's verdict; while it is waited for, the others go on."""
        one = waiting.popleft()
        if one.verdict is None and one.judging is None:
            self._start_judging(one)
        while one.judging is not None and not one.judging.future.done() and _any_compiling(waiting):
            self._move_on(waiting)
            one.judging.wait(0.005)
        if one.verdict is None:
            assert one.judging is not None
            one.verdict = self._judged(one.task, one.judging.outcome())
        return one.task, one.verdict

    # verdicts

    def _from_cache(self, task: ProofTask) -> Verdict | None:
        verdict = self._cache.get(task) if self._cache else None
        self.kept += verdict is not None
        return verdict

    def _settle(self, task: ProofTask, verdict: Verdict) -> Verdict:
        self.proven += 1
        if self._cache is not None:
            self._cache.put(task, verdict)
        return verdict

    def _uncompiled(self, compiled: Compiled) -> Verdict:
        assert compiled.failure is not None
        ms = self._limit_s * 1000 if compiled.failure == "timeout" else 0.0
        return Verdict(
            status=compiled.failure,
            detail=compiled.detail,
            hint=compiled.hint,
            ms=ms,
            repeatable=compiled.repeatable,
        )

    def _judged(self, task: ProofTask, outcome: Judged) -> Verdict:
        """What judging gave; a worker's death may be the machine's doing, so it is not kept."""
        if outcome.result is not None:
            return self._settle(task, outcome.result)
        status = {"timeout": "timeout", "crash": "code_error"}.get(outcome.failure or "", "infra_error")
        return self._settle(task, Verdict(status=status, detail=outcome.detail, repeatable=False))  # type: ignore[arg-type]


class _UnderWay:
    """A task on its way to its verdict."""

    def __init__(self, task: ProofTask, verdict: Verdict | None) -> None:
        self.task = task
        self.verdict = verdict
        self.compiling: Future[Compiled] | None = None
        self.judging: Pending[JudgeTask, Verdict] | None = None


def _any_compiling(waiting: Iterable[_UnderWay]) -> bool:
    return any(one.judging is None and one.verdict is None for one in waiting)


def _dialects(task: ProofTask) -> Sequence[Dialect]:
    """The dialects that a program must be compiled for: its database's, and DuckDB for a twin."""
    try:
        own = dialect_of(task.entry.url)
    except Exception:  # judging will tell what is wrong with the URL
        own = "sqlite"
    with_twin = task.settings.twins and task.entry.twin_url and own != "duckdb"
    return [own, "duckdb"] if with_twin else [own]
