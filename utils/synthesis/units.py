"""What the numbers of a column count: only those of one unit can be compared."""

from __future__ import annotations

import re

from utils.synthesis import role_words as known
from utils.synthesis.model import Role
from utils.synthesis.name_words import words_of
from utils.synthesis.roles import Seen, is_year


def unit_of(seen: Seen, role: Role) -> str:
    """The unit of a column, "" where it has none or it is not known.

    "money" is a sum of it, "price" what one piece costs, "share" a part of one, "percent" a part of a hundred, "year" a
    calendar year; others are a plural, such as "shares", "days" or "kilograms".
    """
    if role == "category" and seen.kind == "number":
        return "year" if is_year(seen) else ""
    if role not in ("amount", "measure"):
        return ""
    if "percent" in seen.words or "percentage" in seen.words:
        return "percent"
    if role == "measure" and not seen.whole and seen.within(-1, 1) and seen.called(known.SHARES):
        return "share"
    return _counted(seen) or _money(seen, role)


def _counted(seen: Seen) -> str:
    """The thing that is counted, or the unit in which is measured."""
    if "per" in seen.words:
        return ""
    if measured := [known.UNITS[word] for word in seen.words if word in known.UNITS]:
        return f"square {measured[-1]}" if "square" in seen.words else measured[-1]
    if seen.counted:
        return seen.counted
    if seen.words[-1] in known.COUNTED_THINGS:
        return seen.words[-1]
    return "pieces" if "quantity" in seen.words or re.match(r"(the )?(pieces|units)\b", seen.said) else ""


def _money(seen: Seen, role: Role) -> str:
    words = {*seen.words, *words_of(seen.description)}
    if seen.called(known.NOT_MONEY) or not words & known.MONEY:
        return ""
    return "price" if role == "measure" and words & known.PRICES else "money"
