"""Ground a question or a program in passages: extractive, or written by a model from them."""

from __future__ import annotations

import asyncio

from retriver.backend import Retriever
from retriver.documentation import extractive_documentation, passages_for_terms
from retriver.writing import GroundedWriter, Written
from utils.core.console import UserError
from utils.core.questions import QuestionRow
from utils.core.records import Answer, Example, Passage
from utils.programs.terms import key_terms

PASSAGES_TO_QUOTE = 2  # an answer of the manual's own words is read as it stands
PASSAGES_TO_WRITE_FROM = 4
PASSAGES_AN_EXAMPLE = 6
EXTRACTIVE = "extractive"


class Grounder:
    """Retrieves passages and makes text of them; `writer=None` joins the passages' own words.

    `undocumented` counts the examples for which a service gave nothing: another run may get them.
    """

    def __init__(self, retriever: Retriever, writer: GroundedWriter | None, pydough_version: str) -> None:
        self._retriever = retriever
        self._writer = writer
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
        try:
            passages = await asyncio.to_thread(self._passages_for_question, question.question, question.tags)
        except UserError as error:
            return blank.model_copy(update={"status": "error", "detail": str(error)})
        if not passages:
            return blank.model_copy(update={"status": "no_passages", "detail": "nothing in the manual matches"})
        written = await self._text(question.question, question.tags, passages)
        status = "error" if written.unanswered else "rejected" if written.problem else "answered"
        return blank.model_copy(
            update={
                "status": status,
                "detail": written.problem,
                "answer": written.text,
                "passages": passages,
                "origin": written.origin,
            }
        )

    async def document(self, example: Example, graph_names: frozenset[str]) -> Example:
        """A proven example with its key terms, the passages that explain them, and documentation made of these."""
        terms = key_terms(example.program or "", graph_names)
        language = [term for term in terms if term not in graph_names]
        try:
            passages = await asyncio.to_thread(passages_for_terms, self._retriever, language, PASSAGES_AN_EXAMPLE)
        except UserError as error:
            self.undocumented += 1
            return example.model_copy(update={"key_terms": terms, "detail": f"no documentation: {error}"})
        subject = f"{example.asked}\n\n```python\n{example.program}\n```"
        written = await self._text(example.question, language, passages, subject)
        self.undocumented += written.unanswered
        detail = f"no documentation: {written.problem}" if written.problem else ""
        return example.model_copy(
            update={"key_terms": terms, "passages": passages, "documentation": written.text, "detail": detail}
        )

    def _passages_for_question(self, question: str, tags: list[str]) -> list[Passage]:
        """What explains the sections and operators that the row is tagged with, then what its own words find."""
        limit = PASSAGES_TO_QUOTE if self._writer is None else PASSAGES_TO_WRITE_FROM
        named = passages_for_terms(self._retriever, tags, limit) if tags else []
        asked = self._retriever.search(question, limit)
        distinct = {passage.passage_id: passage for passage in [*named, *asked]}
        return list(distinct.values())[:limit]

    async def _text(self, title: str, terms: list[str], passages: list[Passage], subject: str | None = None) -> Written:
        if not passages:
            return Written(problem="nothing in the manual matches")
        if self._writer is None:
            return Written(extractive_documentation(title, passages).strip(), EXTRACTIVE)
        return await self._writer.write(subject or title, terms, passages)
