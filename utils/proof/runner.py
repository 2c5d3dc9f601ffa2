"""Prove many programs on all cores; one verdict a task, in the order of the tasks."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path

from utils.core.records import Verdict
from utils.programs.sandbox import DEFAULT_LIMIT_S, DEFAULT_MEMORY_MB, Outcome, Sandbox
from utils.proof.cache import VerdictCache
from utils.proof.prove import ProofTask, prove


class Prover:
    """Worker processes that prove programs, with verdicts kept by content when `cache_file` is given.

    A context manager; `kept` and `proven` count what came from the cache and what was run.
    """

    def __init__(
        self,
        workers: int | None = None,
        limit_s: float = DEFAULT_LIMIT_S,
        memory_mb: int = DEFAULT_MEMORY_MB,
        cache_file: Path | None = None,
    ) -> None:
        self._limit_s = limit_s
        self._settings = (workers, limit_s, memory_mb)
        self._sandbox: Sandbox[ProofTask, Verdict] | None = None
        self._cache = VerdictCache(cache_file) if cache_file else None
        self.kept = 0
        self.proven = 0

    def __enter__(self) -> Prover:
        return self

    def __exit__(self, *exception: object) -> None:
        if self._sandbox is not None:
            self._sandbox.__exit__(*exception)  # type: ignore[arg-type]
        if self._cache is not None:
            self._cache.close()

    def prove_all(self, tasks: Iterable[ProofTask]) -> Iterator[tuple[ProofTask, Verdict]]:
        """Yield (task, verdict) in the order of tasks; memory does not grow with their number."""
        batch: list[tuple[ProofTask, Verdict | None]] = []
        for task in tasks:
            batch.append((task, self._from_cache(task)))
            if len(batch) >= 256:
                yield from self._finish(batch)
                batch = []
        yield from self._finish(batch)

    async def prove_one(self, task: ProofTask) -> Verdict:
        """Prove one program without blocking the event loop."""
        kept = self._from_cache(task)
        if kept is not None:
            return kept
        return self._settle(await self._workers().run(task).outcome_async())

    def _finish(self, batch: list[tuple[ProofTask, Verdict | None]]) -> Iterator[tuple[ProofTask, Verdict]]:
        open_tasks = [task for task, kept in batch if kept is None]
        outcomes = self._workers().map(open_tasks) if open_tasks else iter(())
        for task, kept in batch:
            yield task, kept if kept is not None else self._settle(next(outcomes))

    def _workers(self) -> Sandbox[ProofTask, Verdict]:
        if self._sandbox is None:  # started only when something is left to prove: it loads PyDough
            self._sandbox = Sandbox(prove, *self._settings)
        return self._sandbox

    def _from_cache(self, task: ProofTask) -> Verdict | None:
        verdict = self._cache.get(task) if self._cache else None
        self.kept += verdict is not None
        return verdict

    def _settle(self, outcome: Outcome[ProofTask, Verdict]) -> Verdict:
        self.proven += 1
        verdict = outcome.result or self._failure(outcome)
        if self._cache is not None and outcome.failure is None:  # a worker's death may be the machine's doing
            self._cache.put(outcome.task, verdict)
        return verdict

    def _failure(self, outcome: Outcome[ProofTask, Verdict]) -> Verdict:
        if outcome.failure == "timeout":
            return Verdict(status="timeout", detail=outcome.detail, ms=self._limit_s * 1000)
        status = "code_error" if outcome.failure == "crash" else "infra_error"
        return Verdict(status=status, detail=outcome.detail)  # type: ignore[arg-type]
