"""What stage 3 is to do, and which rows it still has to ask for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from utils.core.jsonl import read_records
from utils.core.questions import QuestionFiles, QuestionRow
from utils.core.records import Example
from utils.databases.catalog import DatabaseEntry
from utils.generation.loop import NO_PROGRAM_HELPS
from utils.generation.opening import GenerationSettings
from utils.generation.similar import ExamplePool
from utils.proof.settings import ProofSettings

NOT_ASKED = "not_asked"


class MadeRows(Protocol):
    """Rows beside those of the question files, made while the run goes on until enough of them were accepted."""

    def __iter__(self) -> Iterator[QuestionRow]:
        """Yield the next row as long as one is wanted."""

    @property
    def target(self) -> int:
        """How many must be accepted."""

    def take(self, example: Example) -> bool:
        """Count a row that is done, unless enough were accepted while it was under way: then it is not wanted."""


@dataclass(frozen=True)
class StagePlan:
    """What stage 3 is to do. `held_out` says which proven rows no prompt may show.

    `made` are further rows, which are also written to `made_questions` as questions; `paraphrase` has a model rewrite
    the questions of those that are accepted.
    """

    rows: QuestionFiles
    entries: dict[str, DatabaseEntry]
    documented: Path
    output: Path
    generation: GenerationSettings
    proof: ProofSettings
    held_out: Callable[[Example], bool]
    ask_all: bool = False
    target: int | None = None
    made: MadeRows | None = None
    made_questions: Path | None = None
    paraphrase: bool = False

    def solved(self) -> dict[str, Example]:
        """Stage 2's proven rows by question id."""
        return {example.question_id: example for example in read_records(self.documented, Example) if example.accepted}

    def unsolved(self) -> dict[str, str]:
        """Status of stage 2's other rows by question id."""
        rows = read_records(self.documented, Example)
        return {example.question_id: example.status for example in rows if not example.accepted}

    def pool(self, solved: dict[str, Example]) -> ExamplePool:
        """The proven rows that a prompt may show."""
        return ExamplePool(example for example in solved.values() if not self.held_out(example))

    def asks_for(self, example: Example) -> bool:
        """Whether the model is asked for a row, as proof of the corpus' own program left it."""
        if example.status == "no_gold":
            return self.generation.agree > 0
        if example.status in ("invalid", *NO_PROGRAM_HELPS):
            return False
        return self.ask_all or not example.accepted


class TargetGate:
    """Rows in order, each asked only while fewer than `target` of those before it are, or may still be, accepted.

    So no call is made for a row that the target leaves out, and what is asked does not depend on who is faster.
    """

    def __init__(self, target: int | None, idle: Callable[[], AbstractContextManager[None]] = nullcontext) -> None:
        """`idle` is entered while a row waits."""
        self._idle = idle
        self._target = target
        self._accepted = 0
        self._emitted = 0
        self._moved = asyncio.Event()
        self._stop_reason: Exception | None = None

    async def may_ask(self, index: int) -> bool:
        """Wait until it is known whether row `index` is wanted; raises what `stop` was given."""
        if self._target is None:
            return True
        while self._accepted < self._target:
            if self._stop_reason is not None:
                raise self._stop_reason.with_traceback(None)
            if self._accepted + index - self._emitted < self._target:
                return True
            self._moved.clear()
            with self._idle():
                await self._moved.wait()
        return False

    def stop(self, reason: Exception) -> None:
        """Let nobody wait any longer."""
        self._stop_reason = reason
        self._moved.set()

    def emit(self, accepted: bool) -> None:
        """The next row in order is done."""
        self._emitted += 1
        self._accepted += accepted
        self._moved.set()
