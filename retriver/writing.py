"""Have a model write from passages alone, and let nothing through that the passages do not carry."""

from __future__ import annotations

from dataclasses import dataclass

from retriver.documentation import create_rag_prompt, grounding_problems
from utils.core.records import Passage
from utils.gemini.calls import GeminiCall
from utils.gemini.engine import GeminiEngine
from utils.gemini.faults import CallError

PROMPT_VERSION = "rag-1"
MAX_OUTPUT_TOKENS = 4096


@dataclass(frozen=True)
class Written:
    """A grounded text and who wrote it; `problem` says why there is none, `unanswered` that asking later may help."""

    text: str = ""
    origin: str = ""
    problem: str = ""
    unanswered: bool = False


class GroundedWriter:
    """Asks Gemini for documentation; what fails the gate is asked for once more with the reasons, then dropped."""

    def __init__(self, engine: GeminiEngine, model: str) -> None:
        self._engine = engine
        self._model = model

    async def write(self, subject: str, terms: list[str], passages: list[Passage]) -> Written:
        """A text about `subject` whose every citation and operator stands in `passages`."""
        turns: list[tuple[str, str]] = [("user", create_rag_prompt(subject, terms, passages))]
        problem = ""
        for attempt in (1, 2):
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
            problems = grounding_problems(reply.text, passages)
            if not problems:
                return Written(reply.text.strip(), f"{self._model}#{attempt}")
            problem = "; ".join(problems)
            turns += [
                ("model", reply.text),
                ("user", f"This must be put right: {problem}. Write the whole text again."),
            ]
        return Written(problem=f"not grounded after two attempts: {problem}")
