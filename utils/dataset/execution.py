"""Programs run once more: a sample of the targets as they were written, and with --reprove every accepted row."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from utils.core.console import UserError, with_progress
from utils.core.jsonl import numbered_lines, read_records_or_errors
from utils.core.records import Example, Verdict
from utils.databases.catalog import DatabaseEntry, find_entry
from utils.databases.connect import dialect_of
from utils.dataset.contract import text_of
from utils.dataset.prompt_template import Target, program_of
from utils.dataset.release import WrittenRow
from utils.programs.sandbox import DEFAULT_LIMIT_S
from utils.programs.walls import DEFAULT_MEMORY_MB
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask

if TYPE_CHECKING:
    from utils.proof.runner import Prover

Key = TypeVar("Key")
_AT_ONCE = 64  # programs under way
_ONCE = ProofSettings(instances=0, twins=False, counterexamples=False)


@dataclass(frozen=True)
class Execution:
    """What is run again: so many of the written `targets`, and whether every row is proven anew, by `proof`.

    `workers`, `limit_s` (seconds a program) and `memory_mb` are those of `Prover`.
    """

    targets: int = 50
    reprove: bool = False
    proof: ProofSettings = field(default_factory=ProofSettings)
    workers: int | None = None
    limit_s: float = DEFAULT_LIMIT_S
    memory_mb: int = DEFAULT_MEMORY_MB

    def prover(self) -> Prover:
        """A prover that keeps nothing, and knows nothing of earlier proofs."""
        from utils.proof.runner import Prover  # loads what a run that proves nothing needs not, 50 MB

        return Prover(self.workers, self.limit_s, self.memory_mb)

    def state(self) -> dict[str, Any]:
        """What of it decides what is written."""
        return {"targets": self.targets, "reprove": self.proof.state() if self.reprove else None}


def unproven_rows(generated: Path, entries: Mapping[str, DatabaseEntry], execution: Execution) -> dict[int, str]:
    """Prove every accepted row of a stage 3 file anew; by line number, what is wrong with those that fail.

    A row without gold SQL must run. Raises UserError where a database cannot be asked.
    """
    with execution.prover() as prover:
        tasks = with_progress(_accepted(generated, entries, execution.proof), "reproof")
        return {
            number: f"{verdict.status}: {verdict.detail or 'proves nothing'}"
            for (number, has_gold), verdict in _verdicts(prover, tasks)
            if verdict.status != "match" and (has_gold or verdict.status != "degenerate")
        }


def run_targets(
    folder: Path,
    generated: Path,
    sample: Iterable[WrittenRow],
    target: Target,
    entries: Mapping[str, DatabaseEntry],
    execution: Execution,
) -> int:
    """Run the targets that stand at `sample`'s places of the files in `folder`; returns how many.

    Raises UserError where one does not give, on its database, what its gold SQL gives.
    """
    chosen = sorted(sample)
    if not chosen:
        return 0
    rows = _lines_at(generated, {one.number for one in chosen})
    sides = {one.side for one in chosen}
    written = {
        side: _lines_at(folder / f"{side}.jsonl", {one.line for one in chosen if one.side == side}) for side in sides
    }
    tasks = []
    for one in chosen:
        row = Example.model_validate_json(rows[one.number])
        program = program_of(text_of(json.loads(written[one.side][one.line])["contents"][-1]), target)
        entry = find_entry(entries, row.db_name)
        tasks.append((one, ProofTask(row.question_id, program, row.gold_sql or "", entry, _ONCE)))
    with execution.prover() as prover:
        for one, verdict in _verdicts(prover, tasks):
            if verdict.status not in ("match", "degenerate"):  # an empty answer: it ran, and gold gives the same
                raise UserError(
                    f"{one.side}.jsonl:{one.line}: the target does not give what was proven ({verdict.status}: "
                    f"{verdict.detail}); nothing is released; --reprove leaves such rows out"
                )
    return len(chosen)


def _accepted(
    generated: Path, entries: Mapping[str, DatabaseEntry], settings: ProofSettings
) -> Iterator[tuple[tuple[int, bool], ProofTask]]:
    for number, row in read_records_or_errors(generated, Example):
        if not isinstance(row, Example) or not row.accepted or not row.program:
            continue
        try:
            entry = find_entry(entries, row.db_name)
        except UserError:
            continue  # told as `unknown_schema`
        yield (number, bool(row.gold_sql)), ProofTask(row.question_id, row.program, row.gold_sql or "", entry, settings)


def _lines_at(path: Path, numbers: Collection[int]) -> dict[int, str]:
    """Lines of a file by number."""
    return {number: line for number, line in numbered_lines(path) if number in numbers}


def _verdicts(prover: Prover, tasks: Iterable[tuple[Key, ProofTask]]) -> Iterator[tuple[Key, Verdict]]:
    """The verdict on each task, in their order. Raises UserError where a database cannot be asked."""
    stream = iter(tasks)
    while part := list(islice(stream, _AT_ONCE)):
        for (key, _task), verdict in zip(part, asyncio.run(_proven(prover, [task for _, task in part])), strict=True):
            if verdict.status == "infra_error":
                raise UserError(f"{verdict.detail}; programs are run once more: --execute 0 leaves that out")
            yield key, verdict


async def _proven(prover: Prover, tasks: Iterable[ProofTask]) -> list[Verdict]:
    return await asyncio.gather(*(_verdict(prover, task) for task in tasks))


async def _verdict(prover: Prover, task: ProofTask) -> Verdict:
    """The verdict on a program; without gold SQL its own stands for it, so that it is run."""
    if not task.gold_sql:
        compiled = await prover.compile_one(task)
        if compiled.failure:
            return Verdict(status=compiled.failure, detail=compiled.detail)
        task = replace(task, gold_sql=compiled.sql[dialect_of(task.entry.url)])
    return await prover.prove_one(task)
