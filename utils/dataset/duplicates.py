"""One question, one program, once: later copies name the row that stays."""

from __future__ import annotations

from utils.core.fingerprint import fingerprint
from utils.core.questions import normal_question
from utils.core.records import Example
from utils.programs.normal_form import normal_form


class DuplicateFinder:
    """Remembers (as hashes) what is in the set; a row enters it with `keep`, so that `earlier` names one that stays."""

    def __init__(self) -> None:
        self._kept: dict[str, str] = {}

    def earlier(self, example: Example) -> str | None:
        """The id and kind of a kept row with the same question or program on the same database, else None.

        Raises ProgramError when the example's program does not parse.
        """
        for kind, key in _keys(example).items():
            if key in self._kept:
                return f"same {kind} as {self._kept[key]}"
        return None

    def keep(self, example: Example) -> None:
        """Remember a row that is in the set."""
        self._kept |= dict.fromkeys(_keys(example).values(), example.question_id)


def _keys(example: Example) -> dict[str, str]:
    return {
        "question": fingerprint("question", example.db_name, normal_question(example.asked)),
        "program": fingerprint("program", example.db_name, normal_form(example.program or "")),
    }
