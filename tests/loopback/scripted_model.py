"""A model that says what its script says: which answer belongs to which prompt.

Answers follow the content of the prompt, never the order in which requests arrive: the same request sent
again (a retry, a resumed run) gets the same answer again. What counts as "again" is the whole request body.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

DEFAULT_ANSWER = "No answer is scripted for this question."
SCRIPT_KEYS = {
    *("answers", "default", "faults", "delay_s", "api_key", "models"),
    *("batch_faults", "poll_faults", "batch_polls", "batch_delay_s", "gcs_endpoint"),
    *("rpm", "tpm", "rpd", "slots", "retry_info_s", "keep_bodies"),
}


@dataclass(frozen=True)
class Answer:
    """What the model gives: a text, or none because the prompt was `blocked` or the answer ended by `finish`.

    `thought` is a summary of its thinking, sent before the text as a part of its own.
    """

    text: str = ""
    thought: str = ""
    finish: str = "STOP"
    blocked: str = ""
    thoughts_tokens: int = 0
    cached_tokens: int = 0


@dataclass(frozen=True)
class Prompt:
    """A request as the model sees it."""

    model: str
    body: dict[str, Any]
    body_hash: str

    @property
    def turns(self) -> list[tuple[str, str]]:
        return [(turn.get("role", "user"), _text(turn)) for turn in self.body.get("contents") or []]

    @property
    def system(self) -> str:
        return _text(self.body.get("systemInstruction") or {})

    @property
    def asked(self) -> str:
        """All user turns, in order."""
        return "\n".join(text for role, text in self.turns if role == "user")


Scripted = str | Mapping[str, Any] | Answer
Answers = Mapping[str, Sequence[Scripted]] | Callable[[Prompt], Scripted]


@dataclass
class ScriptedModel:
    """Answers by a callable, or by the question that stands last in the prompt.

    Example: `{"How many clerks": ["wrong", "right"]}` gives "wrong" to the first request whose last known
    question contains "How many clerks", "right" to the next different one, and "right" to all after.
    """

    answers: Answers = field(default_factory=dict)
    default: Scripted = DEFAULT_ANSWER
    _seen: dict[str, list[str]] = field(default_factory=dict)
    _lock: threading.Lock = field(default_factory=threading.Lock)

    def answer(self, prompt: Prompt) -> Answer:
        if callable(self.answers):
            return _as_answer(self.answers(prompt))
        question = last_question(prompt.asked, self.answers)
        if question is None:
            return _as_answer(self.default)
        with self._lock:
            seen = self._seen.setdefault(question, [])
            if prompt.body_hash not in seen:
                seen.append(prompt.body_hash)
            turn = seen.index(prompt.body_hash)
        scripted = self.answers[question]
        return _as_answer(scripted[min(turn, len(scripted) - 1)])


def last_question(text: str, questions: Mapping[str, Any]) -> str | None:
    """The key that occurs last in `text`; of two at one place, the longer."""
    found = [(text.rfind(question), len(question), question) for question in questions if question in text]
    return max(found)[2] if found else None


def _as_answer(scripted: Scripted) -> Answer:
    if isinstance(scripted, Answer):
        return scripted
    return Answer(text=scripted) if isinstance(scripted, str) else Answer(**scripted)


def _text(turn: Mapping[str, Any]) -> str:
    return "".join(part.get("text", "") for part in turn.get("parts") or [])


def generate_response(prompt: Prompt, answer: Answer) -> dict[str, Any]:
    """The body of a generateContent response; four characters count as one token."""
    asked_tokens = prompt_tokens(prompt)
    response: dict[str, Any] = {"modelVersion": prompt.model, "responseId": prompt.body_hash[:16]}
    output_tokens = 0
    if answer.blocked:
        response["promptFeedback"] = {"blockReason": answer.blocked}
    else:
        candidate: dict[str, Any] = {"finishReason": answer.finish, "index": 0, "content": {"role": "model"}}
        thought = [{"text": answer.thought, "thought": True}] if answer.thought else []
        if parts := thought + ([{"text": answer.text}] if answer.text else []):
            candidate["content"]["parts"] = parts
            output_tokens = tokens(answer.text)
        response["candidates"] = [candidate]
    usage = {
        "promptTokenCount": asked_tokens,
        "totalTokenCount": asked_tokens + output_tokens + answer.thoughts_tokens,
    }
    optional = {
        "candidatesTokenCount": output_tokens,
        "thoughtsTokenCount": answer.thoughts_tokens,
        "cachedContentTokenCount": answer.cached_tokens,
    }
    response["usageMetadata"] = usage | {name: count for name, count in optional.items() if count}
    return response


def prompt_tokens(prompt: Prompt) -> int:
    """What a request counts for, before it is answered."""
    return tokens(prompt.system) + sum(tokens(text) for _, text in prompt.turns)


def tokens(text: str) -> int:
    return -(-len(text) // 4)


def load_script(path: str) -> dict[str, Any]:
    """Keyword arguments for LoopbackGemini from a JSON file; see SCRIPT_KEYS."""
    with open(path, encoding="utf-8") as stream:
        script = json.load(stream)
    unknown = set(script) - SCRIPT_KEYS
    if unknown:
        raise SystemExit(f"{path}: unknown keys {sorted(unknown)}; expected some of {sorted(SCRIPT_KEYS)}")
    return script
