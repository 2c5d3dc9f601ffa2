"""A model that rewrites questions, well and badly, and writes programs for what it has rewritten; always alike.

model = RewritingModel(rows)      # lines of generated.jsonl, as `--provider synthetic` has written them
with LoopbackGemini(model) as server: ...
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from tests.loopback.scripted_model import DEFAULT_ANSWER, Prompt

GOOD, CHANGED, UNREADABLE = "good", "changed", "unreadable"  # a program is asked back: right, another row's, none
LINES, CODE, REPEATED, UNCHANGED, LONG = "lines", "code", "repeated", "unchanged", "long"  # none is asked back
KINDS = (GOOD, CHANGED, GOOD, LINES, CODE, GOOD, REPEATED, UNCHANGED, GOOD, LONG, UNREADABLE, CHANGED)
ASKED_BACK = (GOOD, CHANGED, UNREADABLE)
_REWRITING = "You put questions about a company's data into the words of the people who ask them."
_QUESTION = "\n# Question\n"


class RewritingModel:
    """A callable for LoopbackGemini's `answers`. The rows have the KINDS in turn; `kinds` are told by question."""

    def __init__(self, rows: Sequence[Mapping[str, Any]]) -> None:
        self.kinds = {row["question"]: KINDS[place % len(KINDS)] for place, row in enumerate(rows)}
        questions = list(self.kinds)
        self.rewrites = {
            question: _rewritten(question, self.kinds[question], questions[place - 1])
            for place, question in enumerate(questions)
        }
        self._programs = {
            self.rewrites[row["question"]]: _program(row, self.kinds[row["question"]], rows)
            for row in rows
            if self.kinds[row["question"]] in ASKED_BACK
        }

    def __call__(self, prompt: Prompt) -> str:
        last = prompt.turns[-1][1]
        if prompt.system.startswith(_REWRITING):
            rewrite = self.rewrites.get(last, DEFAULT_ANSWER)
            quotes = self.kinds.get(last) == GOOD and '"' not in rewrite
            return f'"{rewrite}"\n' if quotes else rewrite
        return self._programs.get(last.rpartition(_QUESTION)[2].strip(), DEFAULT_ANSWER)


def is_rewriting(body: Mapping[str, Any]) -> bool:
    """Whether a request asks for a rewrite, not for a program."""
    return str(body["systemInstruction"]["parts"][0]["text"]).startswith(_REWRITING)


def _rewritten(question: str, kind: str, other: str) -> str:
    return {
        GOOD: f"Please tell me, {question.lower()}",
        CHANGED: f"Or rather: {question}",
        UNREADABLE: f"Whatever this means: {question}",
        LINES: f"Hello,\n{question}",
        CODE: "What is the customer_id of all of them?",
        REPEATED: other.upper(),
        UNCHANGED: question.replace("?", "!"),
        LONG: f"{question} {'please ' * 60}",
    }[kind]


def _program(row: Mapping[str, Any], kind: str, rows: Sequence[Mapping[str, Any]]) -> str:
    others = [other for other in rows if other["db_name"] == row["db_name"] and other is not row]
    if kind == UNREADABLE:
        return DEFAULT_ANSWER
    return f"```python\n{(row if kind == GOOD else others[0])['program']}\n```"
