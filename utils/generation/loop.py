"""From a question to a proven program: candidates until one is proven, then repairs of the best of them."""

from __future__ import annotations

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass

from retriver.backend import Retriever
from retriver.documentation import passages_for_terms
from utils.core.records import Example, Passage, Question, Tier, Verdict
from utils.databases.catalog import DatabaseEntry
from utils.gemini.engine import GeminiEngine
from utils.gemini.faults import CallError
from utils.generation.agreement import Votes
from utils.generation.examples import proven_or_not, unproven, without_gold
from utils.generation.opening import GenerationSettings, PromptWriter
from utils.generation.prompting import Prompts
from utils.generation.sampling import Sample, Sampler, Turns
from utils.generation.similar import ExamplePool
from utils.programs.source import ProgramError
from utils.programs.terms import operators
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask

NO_PROGRAM_HELPS = ("gold_error", "degenerate", "infra_error")  # the program is not at fault
_HELPFUL_PASSAGES = 3
_OPERATOR = re.compile(r"\b[A-Z][A-Z0-9_]+[A-Z0-9]\b")
# How near a program is to being right; of two alike, the one that was right on more data, then the later one
_NEARNESS = ("unsafe", "code_error", "timeout", "mismatch", "quirk", "dialect_split", *NO_PROGRAM_HELPS, "match")


@dataclass(frozen=True)
class _Try:
    """One program and what proof says of it (None: there was no program)."""

    number: int
    sample: Sample
    verdict: Verdict | None

    @property
    def length(self) -> tuple[int, int]:
        """Of two programs that are right, the shorter is to be kept, then the earlier."""
        return len(self.sample.program or ""), self.number

    @property
    def nearness(self) -> tuple[int, float, int]:
        if self.verdict is None:
            return (-1 if self.sample.can_be_repaired else -2, 0.0, self.number)
        verdict = self.verdict
        return _NEARNESS.index(verdict.status), verdict.instances_passed / max(1, verdict.instances_tried), self.number


class Generator:
    """Asks a model for programs and proves what it answers."""

    def __init__(
        self,
        engine: GeminiEngine,
        prover: Prover,
        retriever: Retriever,
        pool: ExamplePool,
        schema_of: Callable[[DatabaseEntry], str],
        settings: GenerationSettings,
        proof: ProofSettings | None = None,
    ) -> None:
        self._prover = prover
        self._settings = settings
        self._proof = proof or ProofSettings()
        self._prompts = Prompts()
        self._writer = PromptWriter(self._prompts, retriever, pool, schema_of, settings)
        self._retriever = retriever
        self._sampler = Sampler(engine, settings.sampling, self._prompts.version)

    async def generate(self, question: Question, entry: DatabaseEntry) -> Example:
        """The first proven program for `question`, else the one that came nearest and its verdict.

        Raises UserError or Interrupted (Exhausted for quota and budget) when asking on is useless.
        """
        question = question.model_copy(update={"db_name": entry.name})
        if not question.gold_sql and not self._settings.agree:
            return without_gold(question)
        system, turns, shown = await asyncio.to_thread(self._writer.opening, question, entry)
        tries: list[_Try] = []
        votes = Votes(self._prover, self._proof, question.question_id, entry, self._settings.agree)
        try:
            if not question.gold_sql:
                return await self._agreed(question, entry, system, turns, shown, votes)
            await self._climb(question, entry, system, turns, shown, tries)
        except CallError as error:
            model = self._settings.sampling.model
            number = len(tries) + votes.attempts + 1
            return unproven(question, "call_failed", str(error), origin=f"{model}#{number}", attempts=number)
        return self._outcome(question, tries)

    async def _climb(
        self,
        question: Question,
        entry: DatabaseEntry,
        system: str,
        turns: Turns,
        shown: list[Passage],
        tries: list[_Try],
    ) -> None:
        """Try candidates, then repairs; `tries` holds whatever was tried, the last a proven one if there is any."""
        async for _number, sample in self._sampler.samples(system, turns, self._settings.candidates):
            tries.append(await self._tried(question, entry, sample, len(tries) + 1))
            if _settled(tries[-1]) and not self._settings.sampling.together:
                return
        if any(map(_settled, tries)):
            return
        latest = max(tries, key=lambda one: one.nearness)
        for _ in range(self._settings.repairs):
            if not latest.sample.can_be_repaired:
                return
            asked = await self._repair_turn(latest, shown)
            sample = await self._sampler.sample(system, (*latest.sample.turns, ("user", asked)))
            latest = await self._tried(question, entry, sample, len(tries) + 1)
            tries.append(latest)
            if _settled(latest):
                return

    async def _tried(self, question: Question, entry: DatabaseEntry, sample: Sample, number: int) -> _Try:
        if sample.program is None:
            return _Try(number, sample, None)
        task = ProofTask(question.question_id, sample.program, question.gold_sql or "", entry, self._proof)
        return _Try(number, sample, await self._prover.prove_one(task))

    async def _repair_turn(self, latest: _Try, shown: list[Passage]) -> str:
        """The turn that says what is wrong with the latest program."""
        if latest.verdict is None:
            nothing = Verdict(status="code_error", detail=latest.sample.detail)
            return self._prompts.repair(latest.sample.problem, nothing, [], self._settings.sampling.as_json)
        helpful = await asyncio.to_thread(self._helpful, latest, {passage.passage_id for passage in shown})
        return self._prompts.repair(latest.verdict.status, latest.verdict, helpful, self._settings.sampling.as_json)

    def _helpful(self, latest: _Try, shown: set[str]) -> list[Passage]:
        """Sections of the manual on what failed: the names in an error, else the operators of the program."""
        assert latest.verdict is not None
        detail = f"{latest.verdict.detail} {latest.verdict.hint}"
        names = list(dict.fromkeys(_OPERATOR.findall(detail)))
        if latest.verdict.status != "code_error":
            names += _operators(latest.sample.program or "")
        found = passages_for_terms(self._retriever, names, _HELPFUL_PASSAGES + len(shown)) if names else []
        found = found or self._retriever.search(detail, _HELPFUL_PASSAGES)
        return [passage for passage in found if passage.passage_id not in shown][:_HELPFUL_PASSAGES]

    async def _agreed(
        self, question: Question, entry: DatabaseEntry, system: str, turns: Turns, shown: list[Passage], votes: Votes
    ) -> Example:
        """A program that several samples agree on, or why they do not; a sample that does not compile is repaired."""
        async for number, first in self._sampler.samples(system, turns, self._settings.samples):
            sample = first
            for repair in range(self._settings.repairs + 1):
                failed = await votes.add(sample)
                if failed is not None and failed.status == "infra_error":
                    return self._row(question, votes.attempts, votes.attempts, sample, failed)
                if (failed is None and sample.program) or not sample.can_be_repaired:
                    break
                if repair < self._settings.repairs:
                    asked = await self._repair_turn(_Try(votes.attempts, sample, failed), shown)
                    repaired = (*sample.turns, ("user", asked))
                    sample = await self._sampler.sample(system, repaired, number, self._settings.samples)
            votes.samples += 1
            if votes.chosen() is not None and not self._settings.sampling.together:
                break
        chosen = votes.chosen()
        if chosen is None:
            model = self._settings.sampling.model
            return unproven(question, "no_agreement", votes.told(), origin=model, attempts=votes.attempts)
        return self._row(question, chosen.number, votes.attempts, chosen.sample, chosen.verdict, "vote")

    def _outcome(self, question: Question, tries: list[_Try]) -> Example:
        """The row that the tries make: a proven program (the shortest of several), else the nearest."""
        proven = [one for one in tries if one.verdict is not None and one.verdict.status == "match"]
        best = min(proven, key=lambda one: one.length) if proven else max(tries, key=lambda one: one.nearness)
        if best.verdict is None:
            origin = f"{self._settings.sampling.model}#{best.number}"
            return unproven(question, best.sample.problem, best.sample.detail, origin=origin, attempts=len(tries))
        return self._row(question, best.number, len(tries), best.sample, best.verdict)

    def _row(
        self, question: Question, number: int, attempts: int, sample: Sample, verdict: Verdict, tier: Tier = "gold"
    ) -> Example:
        return proven_or_not(
            question,
            sample.program,
            verdict,
            f"{self._settings.sampling.model}#{number}",
            attempts,
            self._settings.pydough_version,
            tier,
            sample.rationale,
        )


def _settled(one: _Try) -> bool:
    """Whether asking on is over: proven, or no program could be, or the prompt itself is refused."""
    if one.verdict is None:
        return one.sample.problem == "blocked"
    return one.verdict.status == "match" or one.verdict.status in NO_PROGRAM_HELPS


def _operators(program: str) -> list[str]:
    try:
        return operators(program)
    except ProgramError:
        return []
