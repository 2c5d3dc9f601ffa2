"""A property's name as words, however it is written: `UnitPrice`, `p_unit_price`, `unitprice` are "unit price"."""

from __future__ import annotations

import re
from functools import cache


def _set(text: str) -> frozenset[str]:
    return frozenset(text.split())


# What names written without any mark between their words end with: "custkey", "orderdate", "acctbal".
_ENDINGS = (
    *("address", "amount", "balance", "code", "comment", "cost", "count", "date", "flag", "key", "name", "number"),
    *("percent", "phone", "price", "priority", "quantity", "rate", "score", "status", "time", "total", "type", "value"),
    *("amt", "bal", "pct", "qty", "segment", "mode"),
)
_WHOLE_WORDS = _set(
    "account accurate candidate corporate discount donkey hockey jockey lifetime mandate moderate monkey overtime "
    "pirate runtime separate turkey update validate viscount whiskey commode outmode keyphone saxophone"
)
_NO_IDENTIFIERS = _set(
    "acid aid android avoid bid covid droid fluid grid humid hybrid invalid kid liquid orchid paid plaid prepaid rapid "
    "raid solid squid steroid thyroid unpaid valid void"
)
_SHORT_FORMS = {
    "acct": "account", "amt": "amount", "avail": "available", "avg": "average", "bal": "balance", "cd": "code",
    "cnt": "count", "curr": "current", "cust": "customer", "desc": "description", "dob": "birthdate",
    "dt": "date", "emp": "employee", "ind": "flag", "lat": "latitude", "lng": "longitude", "lon": "longitude",
    "max": "maximum", "min": "minimum", "nbr": "number", "num": "number", "pct": "percent",
    "perc": "percent", "qty": "quantity", "tel": "phone", "telephone": "phone", "tot": "total", "ts": "timestamp",
    "txn": "transaction", "yr": "year", "%": "percent",
}  # fmt: skip


@cache
def words_of(name: str) -> tuple[str, ...]:
    """The words of a name in lower case, without digits and single letters, common short forms written out.

    `c_AcctBal2` is ("account", "balance").
    """
    parts = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|%", name)
    words = [word for part in parts for word in _apart(part.lower()) if len(word) > 1 or word == "%"]
    return tuple(_SHORT_FORMS.get(word, word) for word in words)


def _apart(word: str) -> list[str]:
    """A word that is written together, as its parts."""
    if word in _WHOLE_WORDS:
        return [word]
    for ending in _ENDINGS:
        if word.endswith(ending) and len(word) > len(ending) + 2:
            return [*_apart(word.removesuffix(ending)), ending]
    if len(word) > 4 and word.endswith("id") and word not in _NO_IDENTIFIERS:
        return [word.removesuffix("id"), "id"]
    return [word]
