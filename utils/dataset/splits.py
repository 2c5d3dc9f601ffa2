"""Who goes to validation: whole templates, chosen by a seeded hash, so that a row never changes sides."""

from __future__ import annotations

from typing import Literal

from utils.core.fingerprint import fingerprint
from utils.programs.normal_form import template

Split = Literal["train", "validation"]


def split_of(group: str, seed: int, validation_share: float) -> Split:
    """The side of every row of `group` (its program template).

    It depends on the group and the seed alone: adding rows moves none.
    `validation_share` is the expected share of groups, between 0 and 1.
    """
    point = int(fingerprint(seed, group)[:12], 16) / 16**12
    return "validation" if point < validation_share else "train"


def is_held_out(program: str, seed: int, validation_share: float) -> bool:
    """Whether a program's template goes to validation; raises ProgramError when it does not parse."""
    return split_of(template(program), seed, validation_share) == "validation"
