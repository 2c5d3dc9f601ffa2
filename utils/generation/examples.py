"""Rows of stages 2 and 3: what a verdict makes of a question, and the corpus' own programs."""

from __future__ import annotations

from collections.abc import Mapping

from utils.core.console import UserError
from utils.core.questions import SYNTHETIC, QuestionRow
from utils.core.records import Example, Question, Tier, Verdict
from utils.databases.catalog import DatabaseEntry, find_entry
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask


def proven_or_not(
    question: Question,
    program: str | None,
    verdict: Verdict,
    origin: str,
    attempts: int,
    pydough_version: str,
    tier: Tier = "gold",
    rationale: str = "",
) -> Example:
    """The example that a verdict makes of a question and its program; `tier` is what a match makes it.

    How long proof took differs from run to run, so it is left out: the same inputs give the same stage file.
    """
    accepted = verdict.status == "match"
    return Example(
        **question.model_dump(),
        status="accepted" if accepted else verdict.status,
        program=program,
        verdict=verdict.model_copy(update={"ms": 0.0}),
        tier=tier if accepted else None,
        rationale=rationale,
        origin=origin,
        attempts=attempts,
        pydough_version=pydough_version,
    )


def unproven(question: Question, status: str, detail: str, origin: str = "", attempts: int = 0) -> Example:
    """A row without a verdict, with the reason."""
    return Example(**question.model_dump(), status=status, detail=detail, origin=origin, attempts=attempts)


def without_gold(question: Question) -> Example:
    """A row that nothing can be proven of."""
    return unproven(question, "no_gold", "no gold SQL to prove a program against; add column gold_sql")


class CorpusProver:
    """Proves the programs that the question files bring along."""

    def __init__(
        self,
        prover: Prover,
        entries: Mapping[str, DatabaseEntry],
        pydough_version: str,
        settings: ProofSettings | None = None,
    ) -> None:
        self._prover = prover
        self._entries = entries
        self._pydough_version = pydough_version
        self._settings = settings or ProofSettings()

    def entry(self, question: Question) -> DatabaseEntry:
        """The question's database; raises UserError when it is unknown."""
        return find_entry(self._entries, question.db_name)

    async def prove(self, row: QuestionRow) -> Example:
        """The row with its verdict; a row at fault, or without a program or gold SQL, keeps its reason."""
        question = row.question
        if row.problem:
            return unproven(question, "invalid", row.problem)
        try:
            entry = self.entry(question)
        except UserError as error:
            return unproven(question, "invalid", f"{question.source}: {error}")
        question = question.model_copy(update={"db_name": entry.name})  # one spelling from here on
        if not question.gold_sql:
            return without_gold(question)
        if not question.pydough:
            return unproven(
                question, "no_program", "nobody has written a program yet; `--provider gemini` asks for one"
            )
        verdict = await self._prover.prove_one(
            ProofTask(question.question_id, question.pydough, question.gold_sql, entry, self._settings)
        )
        tier: Tier = "synthetic" if row.origin == SYNTHETIC else "gold"
        return proven_or_not(question, question.pydough, verdict, row.origin, 1, self._pydough_version, tier)
