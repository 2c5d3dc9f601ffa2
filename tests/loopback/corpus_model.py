"""A model that has read the corpus: plays a plausible Gemini for all stages, wrong now and then, and always alike.

    with LoopbackGemini(CorpusModel()) as server: ...

What it answers depends on the request's content alone.
"""

from __future__ import annotations

import ast
import functools
import hashlib
import json
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.mutants import program_mutants
from tests.loopback.scripted_model import DEFAULT_ANSWER, Answer, Prompt, tokens
from utils.core.paths import QUESTIONS_DIR
from utils.core.questions import question_files, read_questions

ONE_IN_WITHHELD = 40  # questions whose answer a content filter withholds
ONE_IN_WRONG = 4  # questions whose first answer is wrong
_QUESTION = "\n# Question\n"
_PASSAGES = re.compile(r"\nThe passages are all you may rely on:\n\n(.*?)\n\nRules:\n", re.DOTALL)
_FENCED = re.compile(r"^(```.*?^```)[ \t]*$", re.MULTILINE | re.DOTALL)
_INLINE_CODE = re.compile(r"(`[^`]*`)")
_CITATION_LIKE = re.compile(r"\[\d+(?:\s*[,;\u2013-]\s*\d+)*\](?!\()")
_WRONG_KINDS = ("comparison", "constant", "operator", "order", "dropped condition", "arithmetic")


class CorpusModel:
    """A callable for LoopbackGemini's `answers`.

    Stage 3's prompts get the program that the question files hold for the question, about every fourth time a
    wrong one first, which a repair turn puts right; one question in forty is withheld (finish reason SAFETY).
    Stages 1 and 2 get a text made of the passages in the prompt, with citations. A request for JSON gets JSON.
    """

    def __init__(self, files: Sequence[Path] | None = None) -> None:
        """Read the question files, by default those of stages 2 and 3."""
        paths = question_files(list(files) if files else None, QUESTIONS_DIR, exclude="basic_questions.csv")
        questions = (row.question for row in read_questions(paths) if not row.problem)
        self.programs = {one.asked.strip(): one.pydough for one in questions if one.pydough}

    def prepare(self) -> None:
        """Make all wrong programs now, about 10 ms each, so that no request waits for one."""
        for asked, program in self.programs.items():
            if wrong_at_first(asked):
                wrong_program(program)

    def __call__(self, prompt: Prompt) -> Answer:
        users = [text for role, text in prompt.turns if role == "user"]
        if users and (found := _PASSAGES.search(users[0])):
            return self._told(prompt, _documentation(found[1]))
        asked = users[0].rpartition(_QUESTION)[2].strip() if users and _QUESTION in users[0] else ""
        program = self.programs.get(asked)
        if program is None:
            return Answer(DEFAULT_ANSWER)
        if withheld(asked):
            return Answer(finish="SAFETY")
        code = wrong_program(program) if len(users) == 1 and wrong_at_first(asked) else program
        if _wants_json(prompt.body):
            return self._told(prompt, json.dumps({"rationale": f"It answers: {asked.splitlines()[0]}", "code": code}))
        return self._told(prompt, f"```python\n{code}\n```")

    def _told(self, prompt: Prompt, text: str) -> Answer:
        config = prompt.body.get("generationConfig") or {}
        thinking = config.get("thinkingConfig") or {}
        budget = thinking.get("thinkingBudget", thinking.get("thinking_budget"))
        thoughts = 0 if budget == 0 else 40 + _number(prompt.body_hash) % 400
        before = sum(tokens(turn) for _role, turn in prompt.turns[:-1])  # a repair's first turns are known already
        return Answer(text, thoughts_tokens=thoughts, cached_tokens=before)


def withheld(asked: str) -> bool:
    """Whether the question gets no answer."""
    return _number(asked) % ONE_IN_WITHHELD == 0


def wrong_at_first(asked: str) -> bool:
    """Whether the question gets a wrong program before the right one."""
    return _number(asked) % ONE_IN_WRONG == 1


@functools.cache
def wrong_program(program: str) -> str:
    """The program with one edit: another comparison or the like, or, one time in four, a missing bracket.

    Some few edits make no difference that any data shows, such as `<=` for `<` between sums of floats.
    """
    number = _number(program)
    if number % 4:
        same = ast.unparse(ast.parse(program)).lower()  # another case of a name that is only a name is no error
        mutants = [mutant for mutant in program_mutants(program, {}) if mutant.text.lower() != same]
        for kind in _WRONG_KINDS:
            if texts := [mutant.text for mutant in mutants if mutant.kind == kind]:
                return texts[number % len(texts)]
    head, _, tail = program.rpartition(")")
    return head + tail


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:12], 16)


def _wants_json(body: dict[str, Any]) -> bool:
    config = body.get("generationConfig") or {}
    return bool(config.get("responseMimeType") == "application/json" or config.get("responseSchema"))


def _documentation(passages: str) -> str:
    """A section for each passage: its first words and its first code block, with its number as the citation."""
    sections = []
    for number, (path, text) in enumerate(_split_passages(passages), start=1):
        prose, *rest = [part.strip() for part in _FENCED.split(text)]
        said = _without_numbers(prose.partition("\n\n")[0]).strip() or "The manual shows this:"
        code = f"\n\n{rest[0]}" if rest else ""
        sections.append(f"## {path.rpartition(' > ')[2]}\n\n{said} [{number}]{code}")
    return "\n\n".join(sections)


def _without_numbers(prose: str) -> str:
    """No bracketed numbers but in code: they would pass for citations."""
    parts = _INLINE_CODE.split(prose)
    return "".join(part if place % 2 else _CITATION_LIKE.sub("", part) for place, part in enumerate(parts))


def _split_passages(numbered: str) -> list[tuple[str, str]]:
    """(path, text) of each passage as the prompt numbers them."""
    found = []
    rest, number = numbered, 1
    while rest.startswith(f"[{number}] "):
        one, _, following = rest.partition(f"\n\n[{number + 1}] ")
        path, _, text = one.removeprefix(f"[{number}] ").partition("\n")
        found.append((path, text))
        number += 1
        rest = f"[{number}] {following}" if following else ""
    return found
