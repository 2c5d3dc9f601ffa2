"""What the values of a text column look like, whatever the column is called."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Literal

Look = Literal["uuid", "hash", "json", "email", "url", "day", "phone", "digits", "code", "prose", "short", ""]

_FORMS: tuple[tuple[Look, str], ...] = (
    ("uuid", r"\{?[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\}?"),
    ("hash", r"(?=.*\d)(?=.*[a-fA-F])[0-9a-fA-F]{16,}"),
    ("json", r"\s*(\{.*\}|\[.*\])\s*"),
    ("email", r"[^\s@]+@[^\s@]+\.[^\s@]+"),
    ("url", r"(https?://|www\.)\S+"),
    ("day", r"(19|20)\d\d([-/.]?)(0[1-9]|1[0-2])\2(0[1-9]|[12]\d|3[01])([T ].*)?"),
    ("day", r"(\d{1,2}[/.]\d{1,2}[/.]|\d{1,2}[- ][A-Za-z]{3}[- ])(\d\d)?\d\d([T ].*)?"),
    ("phone", r"(?=(\D*\d){7,15}\D*$)\+?\(?\d[\d() .x/+-]*[ .)/-][\d() .x/-]*\d"),
    ("digits", r"\d{4,}"),
    ("code", r"(?=.*\d)(?=.*[A-Za-z])[A-Za-z]{0,12}[-_#/.]?[A-Z0-9]+([-_#/.][A-Z0-9]+)*"),
)
_ALMOST_ALL = 0.9
_SHORT_CHARACTERS = 40
_PROSE_WORDS = 5


def look_of(values: Sequence[str]) -> Look:
    """The form that nearly all values have; "short" for a few words each, "prose" for more, "" for neither or none."""
    for look, form in _FORMS:
        pattern = re.compile(form, re.DOTALL)
        if _nearly_all(values, lambda value, pattern=pattern: bool(pattern.fullmatch(value))):  # type: ignore[misc]
            return look
    if values and sum(len(value.split()) for value in values) / len(values) > _PROSE_WORDS:
        return "prose"
    return "short" if _nearly_all(values, lambda value: len(value) <= _SHORT_CHARACTERS) else ""


def _nearly_all(values: Sequence[str], holds: Callable[[str], bool]) -> bool:
    return bool(values) and sum(map(holds, values)) >= _ALMOST_ALL * len(values)
