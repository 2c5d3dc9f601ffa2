"""One question, one program, once: later copies name the row that stays."""

from __future__ import annotations

import re

from utils.core.fingerprint import fingerprint
from utils.core.records import Example
from utils.programs.normal_form import normal_form


def normal_question(text: str) -> str:
    """A question without case, punctuation and spacing: "Top 5  cities?" is "top 5 cities"."""
    return " ".join(re.findall(r"\w+", text.casefold()))


class DuplicateFinder:
    """Remembers (as hashes) what was seen; `earlier` names the row that a new one repeats."""

    def __init__(self) -> None:
        self._seen: dict[str, str] = {}

    def earlier(self, example: Example) -> str | None:
        """The id and kind of an earlier row with the same question or program on the same database, else None."""
        question = fingerprint("question", example.db_name, normal_question(example.asked))
        program = fingerprint("program", example.db_name, normal_form(example.program or ""))
        for kind, key in (("question", question), ("program", program)):
            if key in self._seen:
                return f"same {kind} as {self._seen[key]}"
        self._seen[question] = self._seen[program] = example.question_id
        return None
