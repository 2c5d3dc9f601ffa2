"""One question's manner of speaking: which quotes, how days are written, whether small numbers are words."""

from __future__ import annotations

import random
import re
from collections.abc import Sequence
from datetime import date

from utils.synthesis.english.lexicon import Lexicon
from utils.synthesis.english.phrases import Phrase
from utils.synthesis.english.times import DAY_TEXTS
from utils.synthesis.intent import Constant
from utils.synthesis.model import Column, Value
from utils.synthesis.role_words import UNITS
from utils.synthesis.words import figures, in_words

_PROPER = re.compile(r"(?:[A-Z][A-Za-z]+)(?: [A-Z][A-Za-z]+)*")
_COUNTED_UNITS = frozenset(UNITS.values())


class Voice:
    """Chooses between wordings by `dice`, and keeps to one manner within a question."""

    def __init__(self, lexicon: Lexicon, dice: random.Random) -> None:
        self.lexicon = lexicon
        self._dice = dice
        self._quote = dice.choice("'\"")
        self._quotes_names = dice.random() < 0.15
        self._habits: dict[object, bool] = {}
        self.day = dice.choice(DAY_TEXTS)

    def one_of(self, *options: str) -> str:
        """One of several wordings."""
        return self._dice.choice(options)

    def chance(self, share: float) -> bool:
        """True in this share of cases."""
        return self._dice.random() < share

    def habit(self, of: object, share: float) -> bool:
        """True in this share of cases, and always the same of one thing, so that what is alike is said alike."""
        return self._habits.setdefault(of, self.chance(share))

    def quoted(self, text: str) -> str:
        """A text in quotes that it does not hold itself."""
        quote = '"' if "'" in text else "'" if '"' in text else self._quote
        return f"{quote}{text}{quote}"

    def value(self, value: Value, column: Column | None = None) -> str:
        """A constant as it is said of a column: "$1,500", "5%", 'active', Canada."""
        if isinstance(value, bool):
            return "yes" if value else "no"
        if isinstance(value, str):
            return (
                value if _PROPER.fullmatch(value) and len(value) > 1 and not self._quotes_names else self.quoted(value)
            )
        return self.number(value, column)

    def number(self, value: int | float, column: Column | None = None) -> str:
        """A number with the unit of its column."""
        if isinstance(value, float) and value.is_integer():
            value = int(value)
        if column is None:
            return figures(value)
        if column.unit == "year":
            return str(value)
        if column.unit == "share":
            return f"{figures(round(value * 100, 6))}%"
        if column.unit == "percent":
            return f"{figures(value)}%"
        sign = self.lexicon.currency(column)
        text = f"{'-' if value < 0 else ''}{sign}{figures(abs(value))}"
        if column.unit in _COUNTED_UNITS and column.unit.split()[-1] not in self.lexicon.column(column).many:
            return f"{text} {column.unit}"
        return text

    def count(self, value: Value) -> str:
        """A number of things: "three", "25"."""
        return in_words(value) if isinstance(value, int) else figures(value)

    def constant(self, constant: Constant, phrase: Phrase | None = None) -> str:
        """A constant that a phrase is compared with."""
        if constant.kind == "day":
            return self.day(date.fromisoformat(str(constant.value)[:10]))
        return self.value(constant.value, phrase.column if phrase else None)

    def constants(self, constants: Sequence[Constant], phrase: Phrase | None = None) -> list[str]:
        """Several constants."""
        return [self.constant(one, phrase) for one in constants]
