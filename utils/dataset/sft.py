"""Gemini supervised fine-tuning records: a system instruction, a user turn, a model turn."""

from __future__ import annotations

from typing import Any

from utils.core.records import Answer, Example
from utils.dataset.prompt_template import user_turn_text

SYSTEM_INSTRUCTION = (
    "You are an analytics expert and a proficient Pydough generator that creates Python code based on natural "
    "language descriptions."
)


def sft_record(system_instruction: str, user: str, model: str) -> dict[str, Any]:
    """One training line: system instruction, one user turn, one model turn."""
    return {
        "systemInstruction": {"role": "system", "parts": [{"text": system_instruction}]},
        "contents": [
            {"role": "user", "parts": [{"text": user}]},
            {"role": "model", "parts": [{"text": model}]},
        ],
    }


def user_turn(example: Example, schema: str, with_documentation: bool = False) -> str:
    """Question, its definitions, the schema (unless empty), and on request the documentation."""
    return user_turn_text(example.asked, schema, example.documentation if with_documentation else "")


def answer_record(answer: Answer, system_instruction: str) -> dict[str, Any]:
    """The training line of a question about the language."""
    return sft_record(system_instruction, answer.question, answer.answer)
