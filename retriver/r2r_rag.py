"""Answers that an R2R server writes itself: the prompt it gets, and its citations as our numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from retriver.code_blocks import read_markdown
from retriver.language_names import without_code
from utils.core.records import Passage

UNKNOWN = 0  # the number of no passage: what cites it does not pass the gate

_TASK = """\
You write reference documentation for PyDough, a Python DSL for analytics.

### Query:

{query}

Explain each of these, as far as the search results below do:
TERMS

### Context:

The search results are all you may rely on. Each begins with its source ID in square brackets.

{context}

### Rules:

- State nothing that the search results do not say: no operator, method, argument or behaviour from anywhere else,
  neither in prose nor in code.
- End every statement with the ID of the source it rests on, in square brackets as given: seven characters such as
  [c910e2e]. Cite no other IDs and no numbers.
- Code goes into ```python blocks and uses only the syntax the search results show.
- If the search results do not explain one of the terms, say in one line that the manual does not cover it.
- Answer in Markdown, without a preamble.
"""

_ONE_MARK = r"(?:[0-9a-f]{7,8}|\d{1,3})"
_MARKS = re.compile(rf"\[\s*({_ONE_MARK}(?:\s*[,;]\s*{_ONE_MARK})*)\s*\](?!\()")
_STAND_INS = range(0xE000, 0xF900)  # characters that mean nothing by themselves
_MARK_LENGTH = 7  # R2R cites a result by the first characters of its id


@dataclass(frozen=True)
class RagAnswer:
    """What the server wrote; `[2]` in `text` is `passages[1]`, `[0]` is a citation of nothing that was found."""

    text: str
    passages: list[Passage]
    citations: list[int]


def rag_task_prompt(terms: Sequence[str]) -> str:
    """The task for the server's model; the server fills in `{query}` and `{context}`."""
    listed = "\n".join(f"- `{term}`" for term in terms) or "- whatever the query needs"
    return _TASK.replace("TERMS", listed.replace("{", "{{").replace("}", "}}"))


def numbered_answer(text: str, passages: Sequence[Passage], result_ids: Sequence[str]) -> RagAnswer:
    """`text` with the server's citation marks turned into the numbers of `passages`.

    `result_ids` are the server's ids of the passages, in the same order. A mark of no passage, and a number that
    the model made up, become `[0]`. Code is left as it is, and found as the gate finds it: the marks are numbered
    through, and those renumbered that then stand in prose.
    """
    numbers = {identity[:_MARK_LENGTH]: number for number, identity in enumerate(result_ids, start=1)}
    cited: set[int] = set()

    def renumbered(marks: str) -> str:
        mapped = [numbers.get(mark[:_MARK_LENGTH], UNKNOWN) for mark in re.findall(_ONE_MARK, marks)]
        cited.update(mapped)
        return "".join(f"[{number}]" for number in dict.fromkeys(mapped))

    stand_in = next(character for character in map(chr, _STAND_INS) if character not in text)
    marks = [found[0] for found in _MARKS.finditer(text)]
    places = iter(range(len(marks)))
    marked = _MARKS.sub(lambda _: f"{stand_in}{next(places)}{stand_in}", text)
    in_place = re.compile(f"{stand_in}(\\d+){stand_in}")
    prose = " ".join(map(without_code, read_markdown(marked).paragraphs))
    outside = {int(place) for place in in_place.findall(prose)}

    def put_back(found: re.Match[str]) -> str:
        mark = marks[int(found[1])]
        return renumbered(mark) if int(found[1]) in outside else mark

    return RagAnswer(in_place.sub(put_back, marked).strip("\n").rstrip(), list(passages), sorted(cited))
