"""What a model's answer holds: one program, and with structured output a line on how it answers the question."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

from utils.core.jsonl import whole_characters
from utils.programs.source import NoCodeError, extract_program, only_code

_LONGEST_ANSWER = 100_000  # characters; no program is near that
RESPONSE_SCHEMA: dict[str, Any] = {
    "type": "OBJECT",
    "properties": {
        "rationale": {"type": "STRING", "description": "one line: how the program answers the question"},
        "code": {"type": "STRING", "description": "the whole PyDough program, without a code fence"},
    },
    "required": ["rationale", "code"],
    "propertyOrdering": ["rationale", "code"],
}


@dataclass(frozen=True)
class ModelAnswer:
    """One program and the model's words on it ("" where none were asked for)."""

    program: str
    rationale: str = ""


def read_answer(text: str, as_json: bool = False) -> ModelAnswer:
    """The program in a model's answer; `as_json`: in the form of RESPONSE_SCHEMA.

    Raises SeveralCodesError or NoCodeError.
    """
    if len(text) > _LONGEST_ANSWER:
        raise NoCodeError(f"expected one program, found {len(text):,} characters")
    if not as_json:
        return ModelAnswer(extract_program(text))
    try:
        answer = json.loads(text)
    except (ValueError, RecursionError):
        answer = None
    if not (isinstance(answer, dict) and isinstance(answer.get("code"), str) and answer["code"].strip()):
        raise NoCodeError("expected a JSON object with `rationale` and `code`, found none")
    rationale = answer.get("rationale")
    told = whole_characters(" ".join(rationale.split())) if isinstance(rationale, str) else ""
    return ModelAnswer(only_code(whole_characters(answer["code"])), told)
