"""How hard a program is to write, told from its structure alone."""

from __future__ import annotations

from typing import Literal

from utils.programs.structure import Structure

Difficulty = Literal["easy", "medium", "hard", "expert"]
LEVELS: tuple[Difficulty, ...] = ("easy", "medium", "hard", "expert")
# Quarters of our corpus, roughly: 26 % easy, 34 % medium, 23 % hard, 17 % expert; its own tags agree with them.
_BOUNDS = (16, 24, 32)


def difficulty(structure: Structure) -> Difficulty:
    """The level of a program: "easy" below a score of 16, "medium" below 24, "hard" below 32, else "expert".

    A further operator, link, window or level of nesting never lowers it.
    """
    return LEVELS[sum(score(structure) >= bound for bound in _BOUNDS)]


def score(structure: Structure) -> int:
    """1 a call of an operator, 2 a level of nesting, 2 a link crossed, 3 a PARTITION, CROSS or BEST, 4 a window.

    A PARTITION, window and so on counts as an operator, too.
    """
    return (
        structure.operators
        + 2 * structure.nesting
        + 2 * structure.links
        + 3 * (structure.partitions + structure.crosses + structure.bests)
        + 4 * structure.windows
    )
