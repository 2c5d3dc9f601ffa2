"""Have a model write from passages alone, and let nothing through that the gate refuses."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import Protocol

from retriver.documentation import create_rag_prompt
from retriver.errors import SearchError
from retriver.gate import Gate
from retriver.local_models import NO_MODEL
from retriver.r2r_rag import RagAnswer
from utils.core.console import UserError
from utils.core.records import Passage
from utils.databases.catalog import DatabaseEntry
from utils.gemini.calls import GeminiCall
from utils.gemini.engine import GeminiEngine
from utils.gemini.faults import CallError

PROMPT_VERSION = "rag-1"
MAX_OUTPUT_TOKENS = 4096
ATTEMPTS = (1, 2)


@dataclass(frozen=True)
class Written:
    """A grounded text and who wrote it; `problem` says why there is none, `unanswered` that asking later may help.

    `passages` are those it was written from where they are others than were given.
    """

    text: str = ""
    origin: str = ""
    problem: str = ""
    unanswered: bool = False
    passages: list[Passage] | None = None


class GroundedWriter:
    """Asks Gemini for documentation; what fails the gate is asked for once more with the reasons, then dropped."""

    def __init__(self, engine: GeminiEngine, model: str, gate: Gate) -> None:
        self._engine = engine
        self._model = model
        self._gate = gate

    async def write(
        self, subject: str, terms: list[str], passages: list[Passage], entry: DatabaseEntry | None = None
    ) -> Written:
        """A text about `subject` that passes the gate: code compiles, operators exist, citations hold."""
        turns: list[tuple[str, str]] = [("user", create_rag_prompt(subject, terms, passages))]
        problem = ""
        for attempt in ATTEMPTS:
            call = GeminiCall(
                model=self._model,
                contents=tuple(turns),  # type: ignore[arg-type]
                temperature=0.2,
                max_output_tokens=MAX_OUTPUT_TOKENS,
                prompt_version=PROMPT_VERSION,
            )
            try:
                reply = await self._engine.ask(call)
            except CallError as error:
                return Written(problem=f"the model did not answer ({error})", unanswered=True)
            if reply.status != "ok":
                return Written(problem=f"the model gave no answer ({reply.status} {reply.finish_reason})".strip())
            problems = await self._gate.problems(reply.text, passages, cited=True, entry=entry)
            if not problems:
                return Written(reply.text.strip(), f"{self._model}#{attempt}")
            problem = "; ".join(problems)
            turns += [
                ("model", reply.text),
                ("user", f"This must be put right: {problem}. Write the whole text again."),
            ]
        return Written(problem=f"not grounded after two attempts: {problem}")


class Rag(Protocol):
    """A server that finds passages and writes from them."""

    def rag(self, question: str, limit: int, terms: list[str]) -> RagAnswer:
        """What it answers from at most `limit` passages; raises SearchError if there is no answer."""
        ...


class R2RWriter:
    """Lets an R2R server find passages and write; what fails the gate is asked for once more, then dropped."""

    def __init__(self, server: Rag, gate: Gate) -> None:
        self._server = server
        self._gate = gate

    async def write(
        self, subject: str, terms: list[str], passages: list[Passage], entry: DatabaseEntry | None = None
    ) -> Written:
        """A text about `subject` from as many passages of the server's own choice as are given."""
        problem = ""
        for attempt in ATTEMPTS:
            asked = f"{subject}\n\nAn earlier answer had to be put right: {problem}" if problem else subject
            try:
                answer = await asyncio.to_thread(self._server.rag, asked, len(passages), terms)
            except SearchError as error:
                if error.fatal:
                    raise
                return Written(problem=str(error), unanswered=True)
            if NO_MODEL in answer.text:
                raise UserError(
                    "--provider r2r: the R2R server has no language model to write with; start it with GOOGLE_API_KEY "
                    "set, or leave --provider r2r out: the manual's own words are then quoted"
                )
            problems = await self._gate.problems(answer.text, answer.passages, cited=True, entry=entry)
            if not problems:
                return Written(answer.text.strip(), f"r2r#{attempt}", passages=answer.passages)
            problem = "; ".join(problems)
        return Written(problem=f"not grounded after two attempts: {problem}")
