"""The layout of a user turn: how it is written, taken apart, and told to who serves the model.

A tuned model must be asked in the words it was tuned with, so one function lays out training lines and template.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Literal

from utils.core.jsonl import whole_file
from utils.core.records import Question
from utils.databases.schema_text import SchemaStyle
from utils.programs.source import only_code

PROMPT_TEMPLATE = "prompt_template.json"
Target = Literal["code", "fenced", "rationale"]
_SCHEMA = "Database Schema:\n"
_DOCUMENTATION = "Documentation:\n"
_GAP = "\n\n"
_FIELDS = {
    "question": "what is asked, in the user's words",
    "definitions": "terms of the question and their meaning, such as 'AR = account revenue'; where there are some, "
    "put questionWithDefinitions in the place of the question",
    "schema": "the PyDough metadata graph of the database, as text",
    "documentation": "passages on the operators that the question needs; where there are none, use "
    "userTurnWithoutDocumentation",
}
_SCHEMA_STYLES = {
    "markdown": "compact Markdown, as utils.databases.schema_text.schema_markdown writes it",
    "json": "JSON, as utils.databases.schema_text.schema_json writes it",
    "none": "no schema",
}
_TARGETS = {
    "code": "a PyDough program and nothing else",
    "fenced": "a PyDough program in one fenced code block",
    "rationale": "a short plan, then a PyDough program in one fenced code block",
}


def user_turn_text(asked: str, schema: str = "", documentation: str = "") -> str:
    """The text of a user turn: what is asked, then schema and documentation unless they are empty."""
    parts = [asked]
    if schema:
        parts.append(_SCHEMA + schema)
    if documentation:
        parts.append(_DOCUMENTATION + documentation)
    return _GAP.join(parts)


def question_and_context(turn: str) -> tuple[str, str]:
    """What is asked in a user turn, and the schema and documentation below it ("" when there are none).

    `asked + "\\n\\n" + context` (just `asked` without a context) is the turn again, for any text.
    """
    ends = [end for title in (_SCHEMA, _DOCUMENTATION) if (end := turn.find(_GAP + title)) >= 0]
    return (turn[: min(ends)], turn[min(ends) + len(_GAP) :]) if ends else (turn, "")


def parts_of_user_turn(turn: str) -> tuple[str, str, str]:
    """What is asked in a user turn, its schema and its documentation; "" for what it does not have."""
    body, _, documentation = turn.partition(_GAP + _DOCUMENTATION)
    asked, _, schema = body.partition(_GAP + _SCHEMA)
    return asked, schema, documentation


def program_of(target: str, style: Target) -> str:
    """The program of a target that was written in this style."""
    return target if style == "code" else only_code(target)


def prompt_template(
    system_instruction: str, schema_style: SchemaStyle, with_documentation: bool, target: Target = "code"
) -> dict[str, Any]:
    """How to ask the tuned model: `{field}` in a layout stands for what `fields` says."""
    schema = "" if schema_style == "none" else "{schema}"
    layouts = {"userTurn": user_turn_text("{question}", schema, "{documentation}" if with_documentation else "")}
    if with_documentation:
        layouts["userTurnWithoutDocumentation"] = user_turn_text("{question}", schema)
    layouts["questionWithDefinitions"] = Question(
        question_id="", db_name="", question="{question}", definitions="{definitions}"
    ).asked
    shown = "".join(layouts.values())
    return {
        "systemInstruction": system_instruction,
        **layouts,
        "userTurnAboutTheLanguage": user_turn_text("{question}"),
        "fields": {name: text for name, text in _FIELDS.items() if f"{{{name}}}" in shown},
        "schemaStyle": f"{schema_style}: {_SCHEMA_STYLES[schema_style]}",
        "target": target,
        "answer": _TARGETS[target],
        "modelSettings": {
            "temperature": 0,
            "thinkingConfig": {"thinkingBudget": 0},
            "why": "tuning teaches no thinking: keep it off, or at the lowest that the model allows",
        },
    }


def render_user_turn(
    template: dict[str, Any], question: str, definitions: str = "", schema: str = "", documentation: str = ""
) -> str:
    """The user turn to send, from a template and what its fields stand for."""
    asked = question
    if definitions:
        asked = template["questionWithDefinitions"].format(question=question, definitions=definitions)
    without = "" if documentation else "WithoutDocumentation"
    layout: str = template.get(f"userTurn{without}", template["userTurn"])
    return layout.format(question=asked, schema=schema, documentation=documentation)


def write_prompt_template(
    folder: Path,
    system_instruction: str,
    schema_style: SchemaStyle,
    with_documentation: bool,
    target: Target = "code",
) -> Path:
    """Write prompt_template.json of the version in `folder`."""
    path = folder / PROMPT_TEMPLATE
    with whole_file(path) as stream:
        template = prompt_template(system_instruction, schema_style, with_documentation, target)
        json.dump(template, stream, indent=2, ensure_ascii=False)
        stream.write("\n")
    return path
