"""Who goes to train, validation and test: whole groups, by a seeded hash, so that a row never changes sides."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal, get_args

from utils.core.fingerprint import fingerprint

Side = Literal["train", "validation", "test"]
SplitKind = Literal["template", "database", "question"]
SIDES: tuple[Side, ...] = get_args(Side)
SPLIT_KINDS: tuple[SplitKind, ...] = get_args(SplitKind)

# What must not stand on two sides, by kind of split
FORBIDDEN: dict[SplitKind, tuple[str, ...]] = {
    "template": ("question", "near_question", "program", "template"),
    "database": ("question", "near_question", "program", "schema"),
    "question": ("question", "near_question", "program"),
}


@dataclass(frozen=True)
class SplitRule:
    """How rows are divided.

    Rows of one group stay together: programs of one template, one database (the `holdout` ones, in lower case,
    are held out), or one question. The shares are the expected shares of groups.
    """

    kind: SplitKind = "template"
    validation_share: float = 0.1
    test_share: float = 0.0
    seed: int = 0
    holdout: tuple[str, ...] = ()

    def side(self, template: str, db_name: str, question: str) -> Side:
        """The side of a row, by its program's template, its database and its normal question.

        It depends on the row's group and the rule alone: adding rows moves none. Held-out databases are
        validation, a share of their templates test.
        """
        if self.kind == "database":
            if db_name.lower() not in self.holdout:
                return "train"
            return "test" if point(self.seed, template) < self.test_share else "validation"
        place = point(self.seed, template if self.kind == "template" else question)
        if place < self.validation_share:
            return "validation"
        return "test" if place < self.validation_share + self.test_share else "train"


def point(seed: int, *group: str) -> float:
    """A number from 0 to below 1 that depends on its arguments alone, evenly spread over groups."""
    return int(fingerprint(seed, *group)[:12], 16) / 16**12
