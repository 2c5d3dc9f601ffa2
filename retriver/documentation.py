"""Documentation made of passages: choosing them, putting them together, asking a model for more."""

from __future__ import annotations

import re
from collections.abc import Collection

from retriver.backend import Retriever
from retriver.chunks import path_parts
from retriver.code_blocks import closed
from retriver.terms import is_operator_name
from utils.core.records import Passage

CANDIDATES_A_TERM = 8
IS_HEADING = 4  # a term's own section explains it,
NAMED_IN_HEADING = 3  # one whose heading names it explains a part,
NAMED_IN_TEXT = 1  # one that mentions it may

_PROMPT = """\
You write reference documentation for PyDough, a Python DSL for analytics. Write about this:

{subject}

Explain each of these, as far as the passages below do:
{terms}

The passages are all you may rely on:

{passages}

Rules:
- State nothing that the passages do not say: no operator, method, argument or behaviour from anywhere else,
  neither in prose nor in code.
- End every statement with the number of the passage it rests on, such as [1] or [2][3]. Cite no other numbers.
- Code goes into ```python blocks and uses only the syntax the passages show.
- If the passages do not explain one of the terms, say in one line that the manual does not cover it.
- Answer in Markdown, without a preamble.
"""


def passages_for_terms(
    retriever: Retriever, terms: list[str], limit: int, refused: Collection[str] = ()
) -> list[Passage]:
    """At most `limit` passages that together cover as many of `terms` as possible, best first, none twice.

    Passages whose ids are among the `refused` are not taken.

    Greedy maximum coverage (Nemhauser, Wolsey, Fisher 1978): each step takes the passage that adds most,
    where a term counts more in the passage's heading than in its text. Passages that add nothing are left
    out, so there may be fewer than `limit`.
    """
    asked = max(limit, CANDIDATES_A_TERM) + len(refused)
    candidates = [found for found in _candidates(retriever, terms, asked) if found.passage_id not in refused]
    strengths = {passage.passage_id: [_strength(term, passage) for term in terms] for passage in candidates}
    covered = [0] * len(terms)
    chosen: list[Passage] = []

    def gain(passage: Passage) -> int:
        return sum(max(0, new - old) for new, old in zip(strengths[passage.passage_id], covered, strict=True))

    while candidates and len(chosen) < limit:
        best = max(candidates, key=gain)  # the first, that is the best found, among equals
        if gain(best) == 0:
            break
        chosen.append(best)
        candidates.remove(best)
        covered = [max(pair) for pair in zip(strengths[best.passage_id], covered, strict=True)]
    return chosen


def in_order_of_terms(passages: list[Passage], terms: list[str]) -> list[Passage]:
    """`passages` in the order in which `terms` come that they explain, so that they read along with a program."""

    def place(passage: Passage) -> int:
        strengths = [_strength(term, passage) for term in terms]
        return strengths.index(max(strengths)) if any(strengths) else len(terms)

    return sorted(passages, key=place)


def quoted_passage(passage: Passage) -> str:
    """A passage's own text as a section under its heading, with where it stands."""
    return f"## {path_parts(passage.path)[-1]}\n\n{closed(_words(passage))}\n\nSource: {passage.path}"


def extractive_documentation(title: str, passages: list[Passage]) -> str:
    """Markdown made of the passages' own text, each with where it stands; empty if there are none."""
    if not passages:
        return ""
    return "\n\n".join([f"# {' '.join(title.split())}", *map(quoted_passage, passages)]) + "\n"


def create_rag_prompt(subject: str, terms: list[str], passages: list[Passage]) -> str:
    """The prompt that has a model write about `subject` from numbered `passages` alone."""
    numbered = [f"[{number}] {passage.path}\n{_words(passage)}" for number, passage in enumerate(passages, start=1)]
    return _PROMPT.format(
        subject=subject.strip(),
        terms="\n".join(f"- `{term}`" for term in terms) or "- whatever the subject needs",
        passages="\n\n".join(numbered) or "(none)",
    )


def _words(passage: Passage) -> str:
    """A passage's text without blank lines around it; its first line may be indented code."""
    return passage.text.strip("\n").rstrip()


def _candidates(retriever: Retriever, terms: list[str], limit: int) -> list[Passage]:
    """What is found for all terms together and for each alone, each passage once."""
    queries = [" ".join(terms), *terms] if len(terms) > 1 else terms
    found: dict[str, Passage] = {}
    for query in queries:
        for passage in retriever.search(query, limit):
            found.setdefault(passage.passage_id, passage)
    return list(found.values())


def _strength(term: str, passage: Passage) -> int:
    heading = path_parts(passage.path)[-1]
    if heading == term:
        return IS_HEADING
    mentions = _mention(term)
    if mentions.search(heading):
        return NAMED_IN_HEADING
    return NAMED_IN_TEXT if mentions.search(passage.text) else 0


def _mention(term: str) -> re.Pattern[str]:
    """How a text names a term: RANKING exactly, "rank" in any case and with an ending, `by=` and `%` as code."""
    if is_operator_name(term):
        return re.compile(rf"(?<!\w){re.escape(term)}(?!\w)")
    if term.isidentifier():
        stem = term.removesuffix("s") if len(term) > 3 else term
        return re.compile(rf"(?<!\w){re.escape(stem)}\w{{0,3}}(?!\w)", re.IGNORECASE)
    if term[:1].isidentifier():
        return re.compile(rf"(?<!\w){re.escape(term)}")
    return re.compile(rf"(?<![^\s`]){re.escape(term)}(?![^\s`])")  # `**` and a ** b, but not **bold**
