"""Ground a question or a program in passages: extractive, or written by a model from them."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Protocol

from retriver.backend import Retriever
from retriver.documentation import (
    extractive_documentation,
    in_order_of_terms,
    passages_for_terms,
    quoted_passage,
)
from retriver.errors import SearchError
from retriver.gate import Gate, tidied
from retriver.synonyms import manual_thesaurus
from retriver.writing import Written
from utils.core.questions import QuestionRow
from utils.core.records import Answer, Example, Passage
from utils.databases.catalog import DatabaseEntry
from utils.programs.terms import key_terms

PASSAGES_TO_QUOTE = 3  # an answer of the manual's own words is read as it stands
PASSAGES_TO_WRITE_FROM = 4
PASSAGES_AN_EXAMPLE = 24  # no program of the corpus uses as many operators
MOST_REFUSED = 200  # passages that do not pass the gate, until no others are taken in their place
EXTRACTIVE = "extractive"


class Writer(Protocol):
    """Whoever writes a text from passages, and lets the gate read it."""

    async def write(
        self, subject: str, terms: list[str], passages: list[Passage], entry: DatabaseEntry | None
    ) -> Written:
        """A text about `subject` that explains `terms` from `passages`, or why there is none."""
        ...


class Grounder:
    """Retrieves passages and makes text of them; `writer=None` joins the passages' own words.

    `undocumented` counts the examples for which a service gave nothing: another run may get them.
    """

    def __init__(self, retriever: Retriever, writer: Writer | None, gate: Gate, pydough_version: str) -> None:
        self._retriever = retriever
        self._writer = writer
        self._gate = gate
        self._pydough_version = pydough_version
        self.undocumented = 0

    async def answer(self, row: QuestionRow) -> Answer:
        """The grounded answer to a question about the language, or why there is none."""
        question = row.question
        blank = Answer(
            question_id=question.question_id,
            question=question.question,
            tags=question.tags,
            source=question.source,
            status="invalid",
            detail=row.problem,
            pydough_version=self._pydough_version,
        )
        if row.problem:
            return blank
        limit = PASSAGES_TO_QUOTE if self._writer is None else PASSAGES_TO_WRITE_FROM

        def choose(refused: frozenset[str]) -> list[Passage]:
            """What explains the sections and operators that the row is tagged with, else what its words find.

            A model can pick from both.
            """
            named = passages_for_terms(self._retriever, question.tags, limit, refused) if question.tags else []
            if named and self._writer is None:
                return named
            asked = self._retriever.search(question.question, limit + len(refused))
            distinct = {passage.passage_id: passage for passage in [*named, *asked]}
            return [passage for passage in distinct.values() if passage.passage_id not in refused][:limit]

        try:
            passages, refusals = await self._sound(choose)
            if not passages:
                detail = "; ".join(refusals) or "nothing in the manual matches"
                return blank.model_copy(update={"status": "no_passages", "detail": detail})
            names = await asyncio.to_thread(manual_thesaurus().names_for, question.question)
            terms = list(dict.fromkeys([*question.tags, *names]))
            written = await self._text(question.question, question.question, terms, passages)
        except SearchError as error:
            if error.fatal:
                raise
            return blank.model_copy(update={"status": "error", "detail": str(error)})
        status = "error" if written.unanswered else "rejected" if written.problem else "answered"
        return blank.model_copy(
            update={
                "status": status,
                "detail": written.problem,
                "answer": written.text,
                "passages": passages if written.passages is None else written.passages,
                "origin": written.origin,
            }
        )

    async def document(self, example: Example, graph_names: frozenset[str], entry: DatabaseEntry) -> Example:
        """A proven example with its key terms, the passages that explain them, and documentation made of these."""
        terms = key_terms(example.program or "", graph_names)
        language = [term for term in terms if term not in graph_names]

        def choose(refused: frozenset[str]) -> list[Passage]:
            found = passages_for_terms(self._retriever, language, PASSAGES_AN_EXAMPLE, refused)
            return in_order_of_terms(found, language)

        try:
            passages, refusals = await self._sound(choose, entry)
            if not passages:
                detail = f"no documentation: {'; '.join(refusals) or 'nothing in the manual matches'}"
                return example.model_copy(update={"key_terms": terms, "detail": detail})
            subject = f"{example.asked}\n\n```python\n{example.program}\n```"
            written = await self._text(example.question, subject, language, passages, entry)
        except SearchError as error:
            if error.fatal:
                raise
            self.undocumented += 1
            return example.model_copy(update={"key_terms": terms, "detail": f"no documentation: {error}"})
        self.undocumented += written.unanswered
        return example.model_copy(
            update={
                "key_terms": terms,
                "passages": passages if written.passages is None else written.passages,
                "documentation": written.text,
                "detail": f"no documentation: {written.problem}" if written.problem else "",
            }
        )

    async def _sound(
        self, choose: Callable[[frozenset[str]], list[Passage]], entry: DatabaseEntry | None = None
    ) -> tuple[list[Passage], list[str]]:
        """Passages that pass the gate, others taken for those that do not, and why those were refused."""
        refused: dict[str, str] = {}
        while True:
            chosen = await asyncio.to_thread(choose, frozenset(refused))
            passages = [one.model_copy(update={"text": tidied(one.text)}) for one in chosen]
            read = [self._gate.problems(quoted_passage(passage), [], cited=False, entry=entry) for passage in passages]
            bad = {
                passage.passage_id: f"{passage.path}: {problems[0]}"
                for passage, problems in zip(passages, await asyncio.gather(*read), strict=True)
                if problems
            }
            refused |= bad
            if not bad or len(refused) >= MOST_REFUSED:
                break
        return [passage for passage in passages if passage.passage_id not in refused], list(refused.values())

    async def _text(
        self,
        title: str,
        subject: str,
        terms: list[str],
        passages: list[Passage],
        entry: DatabaseEntry | None = None,
    ) -> Written:
        if self._writer is None:
            return Written(extractive_documentation(title, passages).strip(), EXTRACTIVE)
        return await self._writer.write(subject, terms, passages, entry)
