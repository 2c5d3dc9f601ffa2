"""From a question to a proven program: ask, prove, repair, until proven or the repairs are spent."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass

from retriver.backend import Retriever
from utils.core.records import Example, Passage, Question, Verdict
from utils.databases.catalog import DatabaseEntry
from utils.gemini.calls import GeminiCall, Role
from utils.gemini.engine import GeminiEngine
from utils.gemini.faults import CallError
from utils.generation.examples import proven_or_not, unproven
from utils.generation.prompting import Prompts
from utils.generation.similar import ExamplePool
from utils.programs.source import ProgramError, extract_program
from utils.proof.runner import Prover
from utils.proof.settings import ProofSettings
from utils.proof.tasks import ProofTask

NO_PROGRAM_HELPS = ("gold_error", "degenerate", "infra_error")  # the program is not at fault


@dataclass(frozen=True)
class GenerationSettings:
    """How the model is asked; see the flags of `generate_finetuning_data_gemini.py`."""

    model: str
    pydough_version: str
    temperature: float = 0.2
    max_output_tokens: int = 8192
    repairs: int = 2
    passages: int = 6
    examples: int = 4


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
        self._engine = engine
        self._prover = prover
        self._retriever = retriever
        self._pool = pool
        self._schema_of = schema_of
        self._settings = settings
        self._proof = proof or ProofSettings()
        self._prompts = Prompts()

    async def generate(self, question: Question, entry: DatabaseEntry) -> Example:
        """The first proven program for `question`, else the last attempt and its verdict."""
        if not question.gold_sql:
            return unproven(question, "no_gold", "no gold SQL to prove a program against; add column gold_sql")
        question = question.model_copy(update={"db_name": entry.name})
        first_turn = await asyncio.to_thread(self._first_turn, question, entry)
        turns: list[tuple[Role, str]] = [("user", first_turn)]
        program: str | None = None
        verdict = Verdict(status="code_error")
        origin = self._settings.model
        for attempt in range(1, self._settings.repairs + 2):
            origin = f"{self._settings.model}#{attempt}"
            try:
                reply = await self._engine.ask(self._call(entry, turns))
            except CallError as error:
                return unproven(question, "call_failed", str(error), origin=origin, attempts=attempt)
            if reply.status != "ok":
                detail = f"{reply.status} {reply.finish_reason}".strip()
                return unproven(question, "call_failed", detail, origin=origin, attempts=attempt)
            program, verdict = await self._proven(question, entry, reply.text)
            if verdict.status == "match" or verdict.status in NO_PROGRAM_HELPS:
                break
            helpful = await asyncio.to_thread(self._helpful, verdict)
            repair = self._prompts.repair(verdict.status, verdict.detail, helpful)
            turns += [("model", reply.text), ("user", repair)]
        return proven_or_not(question, program, verdict, origin, attempt, self._settings.pydough_version)

    async def _proven(self, question: Question, entry: DatabaseEntry, reply: str) -> tuple[str | None, Verdict]:
        try:
            program = extract_program(reply)
        except ProgramError as error:
            return None, Verdict(status="code_error", detail=str(error))
        task = ProofTask(question.question_id, program, question.gold_sql or "", entry, self._proof)
        return program, await self._prover.prove_one(task)

    def _first_turn(self, question: Question, entry: DatabaseEntry) -> str:
        passages = self._retriever.search(question.asked, self._settings.passages)
        examples = self._pool.similar(question, self._settings.examples)
        return self._prompts.question(question, self._schema_of(entry), passages, examples)

    def _call(self, entry: DatabaseEntry, turns: list[tuple[Role, str]]) -> GeminiCall:
        return GeminiCall(
            model=self._settings.model,
            system_instruction=self._prompts.system(entry, self._settings.pydough_version),
            contents=tuple(turns),
            temperature=self._settings.temperature,
            max_output_tokens=self._settings.max_output_tokens,
            prompt_version=self._prompts.version,
        )

    def _helpful(self, verdict: Verdict) -> list[Passage]:
        return self._retriever.search(verdict.detail, 3) if verdict.status == "code_error" else []
