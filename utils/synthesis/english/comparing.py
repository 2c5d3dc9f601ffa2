"""What a comparison says of a row, once it is known what is compared with what."""

from __future__ import annotations

from collections.abc import Sequence

from utils.synthesis.english.phrases import Phrase, Trait, have, verb
from utils.synthesis.english.voice import Voice
from utils.synthesis.intent import Constant
from utils.synthesis.words import a, listed, plural

_OPPOSITE = {"EQ": "NE", "NE": "EQ", "GT": "LE", "LE": "GT", "GE": "LT", "LT": "GE", "IN": "NOT IN"}
_COUNTED = {"GT": "more than", "GE": "at least", "LT": "fewer than", "LE": "at most", "EQ": "exactly"}
_DATED = {"GT": "after", "GE": "on or after", "LT": "before", "LE": "on or before", "EQ": "the same as"}
_MATCHED = {
    "STARTSWITH": ("starts with", "starting with"),
    "ENDSWITH": ("ends in", "ending in"),
    "CONTAINS": ("contains", "containing"),
}


def opposite(operator: str) -> str | None:
    """The operator that says the contrary; None where there is none."""
    return _OPPOSITE.get(operator)


def number_trait(voice: Voice, phrase: Phrase, operator: str, values: Sequence[str]) -> Trait:
    """A number compared with others: "with a tax above 5"; the others as they are said."""
    if phrase.is_count or phrase.head.startswith("number of "):
        return count_trait(phrase, operator, values)
    if phrase.head.startswith("percentage of all ") and operator in _COUNTED:
        words = _COUNTED[operator].replace("fewer", "less")
        what = f"{words} {values[0]} {phrase.head.removeprefix('percentage ')}"
        return have(what, after=f"with {what}")
    return _trait(phrase, size(voice, operator, values))


def size(voice: Voice, operator: str, values: Sequence[str]) -> str:
    """ "above 5", "of at least 5", "between 5 and 9"."""
    first = values[0]
    match operator:
        case "GT":
            return f"{voice.one_of('above', 'above', 'of more than')} {first}"
        case "GE":
            return voice.one_of(f"of at least {first}", f"of {first} or more")
        case "LT":
            return f"{voice.one_of('below', 'below', 'of less than')} {first}"
        case "LE":
            return voice.one_of(f"of at most {first}", f"of {first} or less")
        case "EQ":
            return f"of exactly {first}"
        case "NE" | "NOT IN":
            return f"other than {listed(values, 'or')}"
        case "IN":
            return f"of {listed(values, 'or')}"
        case "BETWEEN":
            return f"between {first} and {values[1]} inclusive"
    raise ValueError(f"no comparison: {operator}")


def _trait(phrase: Phrase, size: str) -> Trait:
    """The trait of a value of some size; of rows that have it where it is taken over other rows."""
    if phrase.rows:
        having = f"{phrase.rows} with {a(phrase.head)} {size}"
        return have(having, whose=f"whose {phrase.rows} have {a(phrase.head)} {size}", heavy=True)
    head = phrase.name
    what = f"{head} {size}" if _is_mass(head) else f"{a(head)} {size}"
    return have(what, after=f"with {what}")


def _is_mass(head: str) -> bool:
    return plural(head) == head


def count_trait(phrase: Phrase, operator: str, values: Sequence[str]) -> Trait:
    """A number of things compared with others: "with at least three orders"."""
    if phrase.counted and phrase.is_count:
        one, many = phrase.counted.one, phrase.counted.many
    else:
        many = phrase.head.split("number of ", 1)[1]
        one = many if not phrase.counted else phrase.counted.one
        if phrase.rows:
            many, one = f"{many} {phrase.joint} {phrase.rows}", f"{one} {phrase.joint} {phrase.rows}"
    heavy = bool(phrase.counted)
    if operator == "BETWEEN":
        what = f"{values[0]} to {values[1]} {many}"
    elif operator in ("NE", "NOT IN", "IN"):
        what = f"{'a number other than ' if operator != 'IN' else ''}{listed(values, 'or')} {many}"
        if operator != "IN":
            what = f"any number of {many} other than {listed(values, 'or')}"
    else:
        single = values[0] in ("one", "1")
        what = f"{_COUNTED[operator]} {values[0]} {one if single else many}"
    return have(what, after=f"with {what}", heavy=heavy)


def placed(voice: Voice, phrase: Phrase, operator: str, constants: Sequence[Constant]) -> Trait:
    """A rank compared with places."""
    number = int(float(str(constants[0].value)))
    if " by " in phrase.head:
        part = f"{phrase.short} {number}" if operator == "EQ" else f"{phrase.short} 1 to {number}"
        text = f"{phrase.head.replace(phrase.short, part, 1)} ({phrase.note})"
        return (
            verb(f"is in {text}", after=f"in {text}")
            if operator in ("EQ", "LE")
            else have(f"{a(phrase.head)} {number}")
        )
    known = {"EQ": f"place {number}", "LE": f"places 1 to {number}", "LT": f"places 1 to {number - 1}"}
    place = known.get(operator) or f"a place {size(voice, operator, [str(number)])}"
    text = f"at {place} ({phrase.note})" if phrase.note else f"at {place}"
    return verb(f"is {text}", after=text)


def beside(operator: str, said: Sequence[str]) -> str:
    """A size in terms of other values: "above the tax"."""
    words = {
        "GT": "above",
        "LT": "below",
        "GE": "of at least",
        "LE": "of at most",
        "EQ": "equal to",
        "NE": "other than",
    }
    return f"from {said[0]} to {said[-1]}" if operator == "BETWEEN" else f"{words[operator]} {said[0]}"


def date_trait(phrase: Phrase, operator: str, values: Sequence[str], act: str = "") -> Trait:
    """A date compared with others: "shipped after the commit date"."""
    when = f"from {values[0]} to {values[1]}" if operator == "BETWEEN" else f"{_DATED[operator]} {values[0]}"
    return dated(phrase, when, act)


def dated(phrase: Phrase, when: str, act: str) -> Trait:
    """What happened when: by the act of a date where it is known, by its name else."""
    if act.startswith("were "):
        done = f"{act.removeprefix('were ')} {when}"
        return verb(f"was {done}", after=done, when=when, place=3)
    if act:
        return Trait(f"{act} {when}", f"{act} {when}", when=when)
    if phrase.rows:
        return have(f"{a(phrase.head)} of {phrase.rows} {when}", whose=f"whose {phrase.whole} is {when}", heavy=True)
    if phrase.head == "date":
        near = {"in": "from", "on": "from"}.get(when.split()[0])
        after = (
            f"{near} {when.split(' ', 1)[1]}" if near and " or " not in when and "any" not in when else f"dated {when}"
        )
        return Trait(f"is dated {when}", f"are dated {when}", after=after, when=when, place=3)
    return have(f"{a(phrase.name)} {when}", after=f"with {a(phrase.name)} {when}", when=when)


def text_trait(phrase: Phrase, operator: str, values: Sequence[str], denied: bool = False) -> Trait:
    """A text that begins, ends with or holds another; `values` in quotes."""
    verb_one, verb_ing = _MATCHED[operator]
    if denied:
        verb_one, verb_ing = f"does not {_plain(verb_one)}", f"not {verb_ing}"
    return have(
        f"{a(phrase.name)} {verb_ing} {values[0]}",
        after="" if denied else f"with {a(phrase.name)} {verb_ing} {values[0]}",
        whose=f"whose {phrase.whole} {verb_one} {values[0]}" if denied else "",
    )


def like_trait(phrase: Phrase, said: str) -> Trait:
    """A text of a pattern, as `pattern_said` says it."""
    return have(f"{a(phrase.name)} that {said}", whose=f"whose {phrase.whole} {said}")


def pattern_said(voice: Voice, pattern: str) -> str:
    """A LIKE pattern in words: "A%z" is "starts with 'A' and ends in 'z'"."""
    parts = [part for part in pattern.split("%") if part]
    said = []
    if parts and not pattern.startswith("%"):
        said.append(f"starts with {voice.quoted(parts.pop(0))}")
    last = f"ends in {voice.quoted(parts.pop())}" if parts and not pattern.endswith("%") else ""
    if parts:
        said.append(f"contains {' followed somewhere by '.join(voice.quoted(part) for part in parts)}")
    return " and ".join([*said, last] if last else said)


def _plain(verb_one: str) -> str:
    first, _, rest = verb_one.partition(" ")
    return f"{first.removesuffix('s')} {rest}".strip()


def as_numbers(voice: Voice, phrase: Phrase, constants: Sequence[Constant]) -> list[str]:
    """Constants as they are said of a number: a count in words, an amount with its unit."""
    if phrase.is_count or phrase.head.startswith("number of different"):
        return [voice.count(one.value) for one in constants]
    return voice.constants(constants, phrase)
