"""What opens a conversation about a question: schema, sections of the manual, solved examples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from retriver.backend import Retriever
from utils.core.records import Passage, Question
from utils.databases.catalog import DatabaseEntry
from utils.gemini.calls import GeminiCall
from utils.generation.prompting import Prompts
from utils.generation.sampling import SamplingSettings, Turns, first_call
from utils.generation.similar import ExamplePool


@dataclass(frozen=True)
class GenerationSettings:
    """How a question becomes a program; see the flags of `generate_finetuning_data_gemini.py`.

    `candidates` are asked for one after another, until one is proven; then the best gets `repairs` turns. Without gold
    SQL `agree` of the candidates must give the same (0: such questions are not asked).
    """

    sampling: SamplingSettings
    pydough_version: str
    candidates: int = 1
    repairs: int = 2
    agree: int = 0
    passages: int = 6
    examples: int = 4

    @property
    def samples(self) -> int:
        """Samples of a question without gold SQL."""
        return max(self.candidates, self.agree)


class PromptWriter:
    """Puts together what opens a conversation about a question."""

    def __init__(
        self,
        prompts: Prompts,
        retriever: Retriever,
        pool: ExamplePool,
        schema_of: Callable[[DatabaseEntry], str],
        settings: GenerationSettings,
    ) -> None:
        self._prompts = prompts
        self._retriever = retriever
        self._pool = pool
        self._schema_of = schema_of
        self._settings = settings

    def opening(self, question: Question, entry: DatabaseEntry) -> tuple[str, Turns, list[Passage]]:
        """The system instruction, the first turn, and the sections of the manual it shows."""
        passages = self._retriever.search(question.asked, self._settings.passages)
        examples = self._pool.similar(question, self._settings.examples)
        asked = self._prompts.question(question, self._schema_of(entry), passages, examples)
        system = self._prompts.system(entry, self._settings.pydough_version, self._settings.sampling.as_json)
        return system, (("user", asked),), passages

    def first_call(self, question: Question, entry: DatabaseEntry) -> GeminiCall:
        """The first call that `Generator.generate` would make."""
        system, turns, _passages = self.opening(question, entry)
        wanted = (
            self._settings.candidates if question.gold_sql else max(self._settings.candidates, self._settings.agree)
        )
        return first_call(self._settings.sampling, self._prompts.version, system, turns, 0, wanted)
