"""How sorting, the first few and ties are said: "most transactions first, ties by country"."""

from __future__ import annotations

from collections.abc import Sequence

from utils.synthesis.english.phrases import Counted, Phrase
from utils.synthesis.english.voice import Voice
from utils.synthesis.words import in_words, listed, plural

Order = Sequence[tuple[Phrase, bool]]
_PERIODS = ("month", "quarter", "year", "week", "day")


def is_period(phrase: Phrase) -> bool:
    """Whether a value is a period of time, such as a month."""
    return phrase.sort == "date" and phrase.head.split()[-1] in _PERIODS


def _is_numbered(phrase: Phrase) -> bool:
    """Whether a value is the number of a month, an hour or the like, of which none is high."""
    return phrase.sort == "number" and phrase.note.startswith(("0 ", "1 to "))


def _most(phrase: Phrase, descending: bool) -> str:
    if phrase.sort == "count":
        return "most" if descending else "fewest"
    if phrase.sort == "date":
        return "latest" if descending else "earliest"
    return "highest" if descending else "lowest"


def _is_of_different(phrase: Phrase) -> bool:
    """Whether a count is one of different things: "the most different customers" could be those most unlike."""
    return phrase.sort == "count" and phrase.name.startswith("number of different ")


def _things(phrase: Phrase) -> str:
    """What a count counts: "transactions"."""
    return phrase.name.split("number of ", 1)[-1]


def first_said(voice: Voice, phrase: Phrase, descending: bool) -> str:
    """The first of the values by which is sorted, with its direction: "by total amount, highest first"."""
    return _first_said(voice, phrase, descending) + _blanks(phrase, descending)


def _blanks(phrase: Phrase, descending: bool) -> str:
    """Where rows without a value stand."""
    return f" (blanks {'last' if descending else 'first'})" if phrase.blank else ""


def _first_said(voice: Voice, phrase: Phrase, descending: bool) -> str:
    name, most = phrase.name, _most(phrase, descending)
    match phrase.sort:
        case "number" if _is_numbered(phrase):
            return f"by {name}" + (", last first" if descending else "")
        case "count":
            return f"by {name}, {'largest' if descending else 'smallest'} first"
        case "number" | "price":
            way = "from highest to lowest" if descending else "from lowest to highest"
            return voice.one_of(f"by {name}, {most} first", f"by {name} {way}")
        case "date" if is_period(phrase) and not descending:
            return "in chronological order"
        case "date":
            return f"by {name}, {most} first"
        case "text":
            if descending:
                return f"by {name} in reverse alphabetical order"
            return voice.one_of(f"alphabetically by {name}", f"by {name}", f"by {name} from A to Z")
        case "flag":
            return f"by {name}, {'yes before no' if descending else 'no before yes'}"
        case "rank":
            return f"by {name}" + (", last first" if descending else "")
    return f"by {name}" + (", highest first" if descending else "")


def then_said(phrase: Phrase, descending: bool) -> str:
    """A further value by which is sorted."""
    blanks = _blanks(phrase, descending)
    if not descending:
        return f"by {phrase.name}{blanks}"
    if phrase.sort == "flag":
        return f"by {phrase.name}, yes before no"
    if phrase.sort == "text":
        return f"by {phrase.name} in reverse alphabetical order{blanks}"
    return f"by {phrase.name}, {_most(phrase, True)} first{blanks}"


def sorted_by(voice: Voice, order: Order) -> str:
    """The whole order: "by total amount, highest first, then by name"."""
    said = [first_said(voice, *order[0]), *(f"then {then_said(*one)}" for one in order[1:])]
    if len(order) == 2 and order[0][0].sort in ("text", "identifier") and said[0].startswith("by ") and not order[0][1]:
        return f"{said[0]} and {said[1]}"
    return ", ".join(said)


def leading(voice: Voice, order: Order) -> str:
    """The order as what comes first: "most transactions first, ties by country"; "" where there is no such word."""
    phrase, descending = order[0]
    if phrase.sort not in ("count", "number", "price", "date") or _is_numbered(phrase):
        return ""
    if is_period(phrase) and not descending:
        return ""
    if _is_of_different(phrase):
        said = f"{'most' if descending else 'fewest'} {phrase.name.removeprefix('number of different ')} first"
    else:
        what = _things(phrase) if phrase.sort == "count" else phrase.name
        said = f"{_most(phrase, descending)} {what} first{_blanks(phrase, descending)}"
    return f"{said}, {ties(voice, order[1:])}" if order[1:] else said


def ties(voice: Voice, order: Order) -> str:
    """What decides between equal ones: "ties by name"; of an empty order nothing."""
    if not order:
        return ""
    said = [then_said(*one).removeprefix("by ") for one in order]
    return f"{voice.one_of('ties by', 'ties broken by', 'ties in order of')} {' and then '.join(said)}"


def direction(phrase: Phrase, descending: bool, alone: bool = True) -> str:
    """Which of the first few comes first: "highest first"; where it is not `alone`, what is highest is said."""
    if not alone:
        return f"{_most(phrase, descending)} {_things(phrase) if phrase.sort == 'count' else phrase.name} first"
    word = {"count": "largest" if descending else "smallest"}.get(phrase.sort) or _most(phrase, descending)
    return f"{word} first"


def has_superlative(phrase: Phrase) -> bool:
    """Whether the first few "have the most" of it."""
    plain = phrase.sort not in ("text", "identifier", "flag", "rank") and not is_period(phrase)
    return plain and phrase.head.split()[0] not in ("highest", "lowest", "latest", "earliest", "most")


def by_name(phrase: Phrase, descending: bool) -> str:
    """What rows are sorted by in a word: "order number", or "name in reverse order"."""
    return f"{phrase.name} in reverse order" if descending else phrase.name


def superlative(phrase: Phrase, descending: bool) -> str:
    """What the first few have: "the most transactions", "the highest total amount"."""
    if _is_of_different(phrase):
        return f"the {'highest' if descending else 'lowest'} {phrase.whole}"
    if phrase.sort == "count":
        what = phrase.counted.many if phrase.counted else _things(phrase)
        if phrase.counted and phrase.rows and not phrase.is_count:
            what = f"{what} {phrase.joint} {phrase.rows}"
        return f"the {_most(phrase, descending)} {what}"
    return f"the {_most(phrase, descending)} {phrase.whole}"


def first_few(rows: Counted, number: int, phrase: Phrase, descending: bool) -> str:
    """The first few of some rows: "the five customers with the highest account balance"."""
    noun = rows.one if number == 1 else rows.many
    count = "" if number == 1 else f"{in_words(number)} "
    if is_period(phrase):
        return f"the {_most(phrase, descending)} {count}{noun}"
    if not has_superlative(phrase):
        backwards = " in reverse order" if descending and phrase.sort in ("text", "identifier", "flag") else ""
        return f"the first {count}{noun} by {phrase.name}{backwards}"
    return f"the {count}{noun} with {superlative(phrase, descending)}"


def plural_of(phrase: Phrase) -> str:
    """A value's name in the plural."""
    return phrase.many or plural(phrase.head)


def keys_listed(keys: Sequence[Phrase]) -> str:
    """Several keys as one: "country and status", each with how it is shown."""
    if len(keys) == 1:
        return keys[0].head
    return listed([f"{key.head} ({key.note})" if key.note else key.head for key in keys])
