"""Prompts from templates; their content hash is part of every call's key, so a changed template asks again."""

from __future__ import annotations

import re
from pathlib import Path

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from utils.core.fingerprint import files_fingerprint
from utils.core.records import Example, Passage, Question, Verdict
from utils.databases.catalog import DatabaseEntry
from utils.proof.explain import counterexample_text

_FOLDER = Path(__file__).parent / "prompts"


_MADE_DATA = re.compile(r"^on data made for the query \(instance \d+\): ")
# A reason for a difference on made data, as a model is told it
_WHERE = {
    "childless_parents": "a parent has no children",
    "unmatched_keys": "a reference is null or leads nowhere",
    "null_order": "nulls have to be put in order",
    "null_vs_zero": "there is nothing to sum or count, so that the answer is null or 0",
    "nulls": "a column that is counted, compared or grouped by holds nulls",
    "case": "texts differ in letter case only",
    "boundary": "a value lies on the very end of a range",
    "tie": "rows are equal in all that they are ordered by",
    "shared_names": "two different entities have the same name",
    "clock": "'now' is another moment",
}


class Templates:
    """The templates of a folder; `version` is their content hash."""

    def __init__(self, folder: Path) -> None:
        self._templates = Environment(
            loader=FileSystemLoader(folder),
            undefined=StrictUndefined,
            trim_blocks=True,
            lstrip_blocks=True,
            autoescape=False,  # plain text for a model, not HTML
        )
        self.version = files_fingerprint(folder.glob("*.j2"))[:16]

    def _render(self, name: str, **values: object) -> str:
        return self._templates.get_template(f"{name}.j2").render(**values).strip()


class Prompts(Templates):
    """What a model is asked for a program."""

    def __init__(self) -> None:
        super().__init__(_FOLDER)

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
        on_original = verdict.differs_on in ("", "original")
        return self._render(
            "repair",
            status=status,
            verdict=verdict,
            differs=_MADE_DATA.sub("", verdict.detail),
            where=[] if on_original else [_WHERE[reason] for reason in verdict.reasons if reason in _WHERE],
            on_original=on_original,
            counterexample=_counterexample(verdict),
            passages=passages,
            as_json=as_json,
        )


def _counterexample(verdict: Verdict) -> str:
    """The data, the right answer and the program's, without gold's own names for its columns."""
    shown = verdict.counterexample
    if shown is None:
        return ""
    nameless = shown.model_copy(update={"gold": shown.gold.model_copy(update={"columns": []})})
    return counterexample_text(verdict, nameless, "As small an example as possible:", "the right answer is")
