"""Written training lines read back: question, program and schema as they are compared."""

from __future__ import annotations

from typing import Any, NamedTuple

from utils.core.fingerprint import fingerprint
from utils.core.questions import normal_question
from utils.dataset.prompt_template import Target, parts_of_user_turn, program_of
from utils.dataset.similarity import shingles
from utils.programs.normal_form import forms
from utils.programs.source import ProgramError


class Written(NamedTuple):
    """What of a written line is looked for on other sides; texts but for its side are in normal form, or hashed."""

    number: int
    side: str
    question: str
    program: str
    template: str
    schema: str
    shingles: tuple[int, ...]


def read_lines(target: Target, lines: list[tuple[int, str, dict[str, Any]]]) -> list[Written]:
    """Read lines: their numbers, sides and records."""
    return [_written(number, side, record, target) for number, side, record in lines]


def _written(number: int, side: str, record: dict[str, Any], target: Target) -> Written:
    user, model = (turn["parts"][0]["text"] for turn in record["contents"])
    asked, schema, _documentation = parts_of_user_turn(user)
    question = asked.partition("\n\nDefinitions: ")[0]
    try:
        found = forms(program_of(model, target))
        hashes = fingerprint(found.normal_form), fingerprint(found.template)
    except ProgramError:
        hashes = "", ""
    hashed = fingerprint(schema) if schema else ""
    return Written(number, side, normal_question(asked), *hashes, hashed, tuple(shingles(question)))
