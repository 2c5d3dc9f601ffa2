"""Several columns in one list, none of which says again what another has said."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

from utils.synthesis.english.phrases import Counted, Phrase
from utils.synthesis.words import listed

_LEVELS = frozenset(["total", "average", "median", "highest", "lowest", "earliest", "latest", "largest", "smallest"])


def taken_over(phrase: Phrase) -> str:
    """The rows that a value is taken over."""
    return phrase.counted.many if phrase.is_count and phrase.counted else phrase.rows


def columns_listed(phrases: Sequence[Phrase], articles: bool = True) -> str:
    """Columns as one list: "the name, city and join date"; "the number of buy transactions and their average tax"."""
    said: list[str] = []
    shorts: list[bool] = []
    before, last = "", None
    articles = articles or any(_of_others(one, other).startswith("the same ") for one, other in pairwise(phrases))
    for run in _runs(phrases):
        phrase = _merged(run)
        rows = taken_over(phrase)
        again = bool(rows) and rows == before and not (last and last.head.startswith("number of different "))
        text = _of_the_same(phrase) if again else _of_others(last, phrase) if last is not None else ""
        text = text or phrase.the
        said.append(text if articles or not phrase.article else text.removeprefix("the "))
        last = phrase
        shorts.append(not again and phrase.article and not phrase.note and not rows and len(phrase.bare.split()) <= 4)
        named = phrase.head.removeprefix("number of ")  # what has been counted before goes by this name
        before = rows or (named if named != phrase.head else "" if phrase.over_all or phrase.rows else before)
    if articles and len(said) > 1 and all(shorts):
        said = [said[0], *(text.removeprefix("the ") for text in said[1:])]
    return listed(said)


def _runs(phrases: Sequence[Phrase]) -> list[list[Phrase]]:
    """Columns that differ in their level alone, such as the total and the average amount, together."""
    runs: list[list[Phrase]] = []
    for phrase in phrases:
        last = runs[-1][-1] if runs else None
        if last is not None and _level(last) and _level(phrase) and _same_but_level(last, phrase):
            runs[-1].append(phrase)
        else:
            runs.append([phrase])
    return runs


def _level(phrase: Phrase) -> str:
    first = phrase.head.split()[0]
    return first if first in _LEVELS else ""


def _same_but_level(one: Phrase, other: Phrase) -> bool:
    same = one.head.split()[1:] == other.head.split()[1:] and one.over_all == other.over_all
    return same and one.joint == other.joint and one.rows == other.rows and not one.note and not other.note


def _merged(run: Sequence[Phrase]) -> Phrase:
    if len(run) == 1:
        return run[0]
    levels = list(dict.fromkeys(_level(phrase) for phrase in run))
    return replace(run[0], head=f"{listed(levels)} {run[0].head.partition(' ')[2]}")


def _of_the_same(phrase: Phrase) -> str:
    """A value of rows that have just been spoken of."""
    note = f" ({phrase.note})" if phrase.note else ""
    if phrase.that:
        return f"the {phrase.head} of them {phrase.who} {phrase.that}{note}"
    if phrase.is_count:
        bare = taken_over(phrase) == phrase.of_what
        return f"the {phrase.name if bare else phrase.name.replace('number of ', 'number of these ', 1)}{note}"
    if phrase.head.startswith("number of different"):
        return f"the {phrase.head} among them{note}"
    if " of the " in phrase.head:
        return f"the {phrase.head.replace(' of the ', ' of their ', 1)}{note}"
    whose = "its" if phrase.joint == "of the" else "their"  # of one row, the best of several
    return f"{whose} {phrase.head}{note}"


def _of_others(last: Phrase, phrase: Phrase) -> str:
    """The same value of other rows of one kind: "the number of those with status 'fail'"; "" where it is not."""
    if not phrase.of_what or last.of_what != phrase.of_what or last.head != phrase.head or phrase.over_all:
        return ""
    rows = taken_over(phrase)
    note = f" ({phrase.note})" if phrase.note else ""
    rest = rows.removeprefix(phrase.of_what).strip() if rows.startswith(phrase.of_what) else ""
    linked = rest.split()[:1] in (["of"], ["for"])
    if phrase.is_count:
        return f"the number {rest}{note}" if rest and not linked else ""
    if rest:
        return f"the same for {rest.partition(' ')[2] if linked else f'those {rest}'}{note}"
    if len(phrase.head.split()) > 4:
        return f"the same for {'all ' if rows == phrase.of_what else ''}{rows}{note}"
    return ""


def as_such(phrase: Phrase, said: str) -> Phrase:
    """A value of rows whose conditions have been `said` already: "the number of such orders"."""
    rows = taken_over(phrase)
    if not rows or phrase.over_all or phrase.that or rows == phrase.of_what or rows not in said:
        return phrase
    such = f"such {phrase.of_what}"
    return replace(phrase, counted=Counted(such, such)) if phrase.is_count else replace(phrase, rows=such)


def named_before(phrase: Phrase) -> Phrase:
    """A value whose rows have been spoken of: "the total amount"."""
    return replace(phrase, head=phrase.name, rows="", who="", that="", counted=None, over_all=False, of_what="")


def without_shared_note(phrases: Sequence[Phrase]) -> tuple[list[Phrase], str]:
    """Columns without the rounding that several of them share, and that rounding as a sentence."""
    absent = [phrase.note for phrase in phrases if phrase.note.endswith(" where there is none")]
    if len(absent) > 1 and len(set(absent)) == 1:
        plain = [replace(one, note="") if one.note == absent[0] else one for one in phrases]
        return plain, f"Show {absent[0]}"
    notes = [phrase.note for phrase in phrases if phrase.note.startswith("rounded")]
    if len(notes) < 2 or len(set(notes)) > 1:
        return list(phrases), ""
    plain = [replace(one, note="") if one.note == notes[0] else one for one in phrases]
    what = "both" if len(phrases) == 2 == len(notes) else "all averages and percentages" if len(notes) > 2 else "these"
    if len(notes) < len(phrases):
        what = listed([f"the {one.name}" for one in phrases if one.note == notes[0]])
    return plain, f"Round {what} {notes[0].removeprefix('rounded ')}"


def told_apart(phrases: Sequence[Phrase], owner: str) -> list[Phrase]:
    """Columns none of which is called like another: beside a "customer name" the row's own "name" is the ticker's."""
    heads = [phrase.whole for phrase in phrases]
    return [
        replace(phrase, head=f"{owner} {phrase.head}")
        if heads.count(phrase.whole) > 1 and not phrase.of_what
        else phrase
        for phrase in phrases
    ]
