"""Prompts from templates; their content hash is part of every call's key, so a changed template asks again."""

from __future__ import annotations

from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from utils.core.fingerprint import files_fingerprint
from utils.core.records import Example, Passage, Question, Verdict
from utils.databases.catalog import DatabaseEntry
from utils.proof.explain import counterexample_text

_FOLDER = Path(__file__).parent / "prompts"


class Prompts:
    """The templates of this room; `version` is their content hash."""

    def __init__(self) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(_FOLDER),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # plain text for a model, not HTML
        )
        self.version = files_fingerprint(_FOLDER.glob("*.j2"))[:16]

    def system(self, entry: DatabaseEntry, pydough_version: str, as_json: bool = False) -> str:
        """The system instruction: the language, the output contract, the database's session settings and clock."""
        return self._render(
            "system", pydough_version=pydough_version, settings=entry.configs, now=entry.now, as_json=as_json
        )

    def question(self, question: Question, schema: str, passages: list[Passage], examples: list[Example]) -> str:
        """The first user turn: schema, manual sections, similar proven examples, the question."""
        return self._render(
            "question",
            schema=schema,
            passages=passages,
            examples=examples,
            db_name=question.db_name,
            question=question.asked,
        )

    def repair(self, status: str, verdict: Verdict, passages: list[Passage], as_json: bool = False) -> str:
        """The turn that asks for a corrected program: the error and its hint, or what differs and where."""
        shown = verdict.counterexample
        return self._render(
            "repair",
            status=status,
            verdict=verdict,
            counterexample=counterexample_text(verdict, shown, "the right answer is") if shown else "",
            passages=passages,
            as_json=as_json,
        )

    def _render(self, name: str, **values: object) -> str:
        return self._templates.get_template(f"{name}.j2").render(**values).strip()
