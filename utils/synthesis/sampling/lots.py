"""Drawing by lot, and giving up where there is nothing to draw from."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from typing import TypeVar

T = TypeVar("T")


class NothingFitsError(Exception):
    """The model has nothing that this draw needs; another draw may fit."""


class Lots:
    """Choices of one run, all from one seed."""

    def __init__(self, dice: random.Random) -> None:
        self.dice = dice

    def one(self, choices: Iterable[T]) -> T:
        """One of them, all alike; raises NothingFitsError where there is none."""
        listed = list(choices)
        if not listed:
            raise NothingFitsError
        return self.dice.choice(listed)

    def weighted(self, choices: Mapping[T, float]) -> T:
        """One of them, by weight; raises NothingFitsError where none has any."""
        if not any(weight > 0 for weight in choices.values()):
            raise NothingFitsError
        return self.dice.choices(list(choices), list(choices.values()))[0]

    def some(self, choices: Iterable[T], most: int) -> list[T]:
        """Up to `most` different ones."""
        listed = list(choices)
        return self.dice.sample(listed, min(most, len(listed)))

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self.dice.random() < share
