"""Gemini supervised fine-tuning records, and the contract every line must keep.

The contract: one JSON object a line; `contents` alternates user and model turns and ends with the
model's; every turn has non-empty `parts`, each with a non-empty string `text` and nothing else;
`systemInstruction` is optional; at most 131,072 tokens an example.
"""

from __future__ import annotations

from typing import Any

from utils.core.records import Answer, Example

SYSTEM_INSTRUCTION = (
    "You are an analytics expert and a proficient Pydough generator that creates Python code based on natural "
    "language descriptions."
)
MAX_TOKENS = 131_072
CHARACTERS_PER_TOKEN = 2.5  # cautious: code and identifiers give about 3 to 4
_ROLES = ("user", "model")


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
    parts = [example.asked]
    if schema:
        parts.append(f"Database Schema:\n{schema}")
    if with_documentation and example.documentation:
        parts.append(f"Documentation:\n{example.documentation}")
    return "\n\n".join(parts)


def example_record(example: Example, schema: str, system_instruction: str, with_documentation: bool) -> dict[str, Any]:
    """The training line of a proven example: its target is the program and nothing else."""
    return sft_record(
        system_instruction, user_turn(example, schema, with_documentation), (example.program or "").strip()
    )


def answer_record(answer: Answer, system_instruction: str) -> dict[str, Any]:
    """The training line of a question about the language."""
    return sft_record(system_instruction, answer.question, answer.answer)


def estimated_tokens(record: dict[str, Any]) -> int:
    """An upper estimate of a record's tokens, from its characters."""
    turns = [record.get("systemInstruction") or {}, *record.get("contents", [])]
    characters = sum(len(part.get("text", "")) for turn in turns for part in turn.get("parts", []))
    return int(characters / CHARACTERS_PER_TOKEN)


def contract_problem(record: Any) -> str:
    """What breaks the contract, in a few words; "" when nothing does."""
    if not isinstance(record, dict):
        return "expected a JSON object"
    unknown = set(record) - {"systemInstruction", "contents"}
    if unknown:
        return f"unknown field '{min(unknown, key=str)}'"
    if "systemInstruction" in record:
        problem = _turn_problem(record["systemInstruction"], ("system",))
        if problem:
            return f"systemInstruction: {problem}"
    contents = record.get("contents")
    if not isinstance(contents, list) or len(contents) < 2:
        return "contents: expected a list of at least a user and a model turn"
    if len(contents) % 2:
        return "contents: the last turn must be the model's"
    for index, turn in enumerate(contents):
        problem = _turn_problem(turn, (_ROLES[index % 2],))
        if problem:
            return f"contents[{index}]: {problem}"
    if estimated_tokens(record) > MAX_TOKENS:
        return f"about {estimated_tokens(record):,} tokens, the limit is {MAX_TOKENS:,}"
    return ""


def _turn_problem(turn: Any, roles: tuple[str, ...]) -> str:
    if not isinstance(turn, dict):
        return "expected an object with role and parts"
    unknown = set(turn) - {"role", "parts"}
    if unknown:
        return f"unknown field '{min(unknown, key=str)}'"
    if turn.get("role") not in roles:
        return f"role '{turn.get('role')}', expected '{roles[0]}'"
    parts = turn.get("parts")
    if not isinstance(parts, list) or not parts:
        return "parts must be a non-empty list"
    for part in parts:
        if not isinstance(part, dict) or set(part) != {"text"}:
            return "a part must have a text and nothing else"
        if not isinstance(part["text"], str) or not part["text"].strip():
            return "text must be a non-empty string"
    return ""


def file_problem(train_rows: int, validation_rows: int) -> str:
    """What breaks the contract's limits on validation files; "" when nothing does."""
    if validation_rows > 5_000:
        return f"{validation_rows:,} validation rows, the limit is 5,000"
    if validation_rows > 1_000 and validation_rows > 0.3 * train_rows:
        return f"{validation_rows:,} validation rows are more than 30 % of {train_rows:,} training rows"
    return ""
