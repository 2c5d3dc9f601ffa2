"""The contract that every line of a Gemini fine-tuning file must keep (text only), and the limits of the files.

One JSON object a line; `contents` alternates user and model turns and ends with the model's; every turn has
non-empty `parts`, each with a non-empty string `text` and nothing else; `systemInstruction` is optional, and
its role is ignored; at most 131,072 tokens an example.
https://cloud.google.com/vertex-ai/generative-ai/docs/models/gemini-supervised-tuning

The older form, of Gemini 1.0, is {"messages": [{"role": "system" | "user" | "model", "content": "..."}]}.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

MAX_TOKENS = 131_072
CHARACTERS_PER_TOKEN = 2.5  # cautious: code and identifiers give about 3 to 4
MAX_FILE_BYTES = 1_000_000_000
MAX_TRAINING_LINES = 1_000_000  # of Gemini 2.5; later models take more
MIN_TRAINING_LINES = 100  # what the service recommends at least
MAX_VALIDATION_LINES = 5_000
FREE_VALIDATION_LINES = 1_000  # above so many, at most a share of the training lines
MAX_VALIDATION_SHARE = 0.3
_ROLES = ("user", "model")


def contract_problem(record: Any, characters_per_token: float = CHARACTERS_PER_TOKEN) -> str:
    """What breaks the contract, and what was expected, in a few words; "" when nothing does."""
    if not isinstance(record, dict):
        return f"found a {type(record).__name__}; expected a JSON object"
    if problem := _unknown_field(record, ("systemInstruction", "contents")):
        return problem
    if "systemInstruction" in record:
        problem = _turn_problem(record["systemInstruction"], None)
        if problem:
            return f"systemInstruction: {problem}"
    contents = record.get("contents")
    if problem := _length_problem(contents):
        return f"contents: {problem}"
    for index, turn in enumerate(contents or []):
        if problem := _turn_problem(turn, _ROLES[index % 2]):
            return f"contents[{index}]: {problem}"
    return _tokens_problem(record, characters_per_token)


def is_older(record: Any) -> bool:
    """Whether a line is in the older form, with `messages` in place of `contents`."""
    return isinstance(record, dict) and "messages" in record and "contents" not in record


def older_problem(record: dict[str, Any], characters_per_token: float = CHARACTERS_PER_TOKEN) -> str:
    """What breaks the contract in a line of the older form; "" when nothing does."""
    if problem := _unknown_field(record, ("messages",)):
        return problem
    messages = record["messages"]
    first = 1 if _opens_with_system(messages) else 0  # the first user turn
    if problem := _length_problem(messages[first:] if isinstance(messages, list) else messages):
        return f"messages: {problem}"
    for index, message in enumerate(messages):
        role = "system" if index < first else _ROLES[(index - first) % 2]
        if problem := _message_problem(message, role):
            return f"messages[{index}]: {problem}"
    return _tokens_problem(current_form(record), characters_per_token)


def current_form(record: dict[str, Any]) -> dict[str, Any]:
    """A sound line of the older form, as the current one."""
    turns = [{"role": message["role"], "parts": [{"text": message["content"]}]} for message in record["messages"]]
    if turns[0]["role"] == "system":
        return {"systemInstruction": turns[0], "contents": turns[1:]}
    return {"contents": turns}


def text_of(turn: dict[str, Any]) -> str:
    """The text of a sound turn."""
    return "".join(part["text"] for part in turn["parts"])


def estimated_tokens(record: dict[str, Any], characters_per_token: float = CHARACTERS_PER_TOKEN) -> int:
    """An upper estimate of a sound record's tokens, from its characters."""
    turns = [*([record["systemInstruction"]] if "systemInstruction" in record else []), *record["contents"]]
    return int(sum(len(text_of(turn)) for turn in turns) / characters_per_token)


def most_validation_lines(train_rows: int) -> int:
    """How many validation lines the service takes beside so many training lines."""
    return min(MAX_VALIDATION_LINES, max(FREE_VALIDATION_LINES, int(MAX_VALIDATION_SHARE * train_rows)))


def file_problem(train_rows: int, validation_rows: int) -> str:
    """What breaks the contract's limits on validation files; "" when nothing does."""
    if validation_rows > MAX_VALIDATION_LINES:
        return f"{validation_rows:,} validation rows, the limit is {MAX_VALIDATION_LINES:,}"
    if validation_rows > most_validation_lines(train_rows):
        return f"{validation_rows:,} validation rows are more than 30 % of {train_rows:,} training rows"
    return ""


def _unknown_field(found: dict[str, Any], known: Collection[str]) -> str:
    unknown = set(found) - set(known)
    return f"unknown field '{min(unknown)}'; expected {' and '.join(known)} only" if unknown else ""


def _length_problem(turns: Any) -> str:
    if not isinstance(turns, list) or len(turns) < 2:
        return "expected a list of at least a user and a model turn"
    return "ends with the user's turn; expected the model's as the last" if len(turns) % 2 else ""


def _turn_problem(turn: Any, role: str | None) -> str:
    """What is wrong with a turn; with role None any role is fine, or none."""
    if not isinstance(turn, dict):
        return "expected an object with role and parts"
    if problem := _unknown_field(turn, ("role", "parts")):
        return problem
    found = turn.get("role", "")
    if not (isinstance(found, str) if role is None else found == role):
        return _role_problem(found, role or "system")
    parts = turn.get("parts")
    if not isinstance(parts, list) or not parts:
        return "expected parts, a non-empty list"
    for part in parts:
        if not isinstance(part, dict) or set(part) != {"text"}:
            return "expected a part with a text and nothing else"
        if problem := _text_problem("text", part["text"]):
            return problem
    return ""


def _message_problem(message: Any, role: str) -> str:
    if not isinstance(message, dict):
        return "expected an object with role and content"
    if problem := _unknown_field(message, ("role", "content")):
        return problem
    if message.get("role") != role:
        return _role_problem(message.get("role"), role)
    return _text_problem("content", message.get("content"))


def _role_problem(found: Any, expected: str) -> str:
    return f"{f'role {str(found)[:40]!r}' if found else 'no role'}; expected '{expected}'"


def _text_problem(field: str, text: Any) -> str:
    return "" if isinstance(text, str) and text.strip() else f"expected {field}, a non-empty string"


def _tokens_problem(record: dict[str, Any], characters_per_token: float) -> str:
    tokens = estimated_tokens(record, characters_per_token)
    return f"about {tokens:,} tokens; expected at most {MAX_TOKENS:,}" if tokens > MAX_TOKENS else ""


def _opens_with_system(messages: Any) -> bool:
    first = messages[0] if isinstance(messages, list) and messages else None
    return isinstance(first, dict) and first.get("role") == "system"
