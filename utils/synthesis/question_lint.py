"""What is wrong with a question: what no person would write, and what can be read in two ways.

Each rule is a function of its own; `question_problems` says what they find, one line a problem.
"""

from __future__ import annotations

import re
from calendar import month_name
from collections import Counter
from collections.abc import Callable, Iterator

from utils.synthesis.english.lexicon import is_adjective
from utils.synthesis.intent import Aggregate, Best, Call, Constant, Exists, Expression, Intent, walk
from utils.synthesis.words import figures, in_words, is_plural, ordinal

MOST_WORDS = 60
MOST_CONDITIONS = 3
MOST_COLUMNS = 5
_REPEATED_WORDS = 7
_COMPARISONS = frozenset(
    ("EQ", "NE", "LT", "LE", "GT", "GE", "BETWEEN", "IN", "LIKE", "CONTAINS", "STARTSWITH", "ENDSWITH")
)
_WEEKEND = ("Saturday", "Sunday")
_ABBREVIATIONS = frozenset(
    "ID IDs USA UK US EU UTC ETF ETFs VAT GDP CEO HR IT PC TV USD EUR GBP JPY CAD A Z I Q1".split()  # noqa: SIM905
)
_COUNTS = "two three four five six seven eight nine ten eleven twelve all these those many".split()  # noqa: SIM905
_QUOTED = re.compile(r"\"[^\"]*\"|(?<!\w)'[^']*'(?!\w)")
_BRACKETS = re.compile(r"\([^()]*\)")
_SAID_OF = frozenset("have has had are is was were do does did belong belongs joined".split())  # noqa: SIM905
_LIMITS = frozenset(("more", "less", "fewer", "later", "earlier", "after", "before", "else"))
_VERBS = frozenset(("has", "is", "was", "does"))


def question_problems(question: str, intent: Intent) -> list[str]:
    """Everything that is wrong with a question for an intent; nothing is found in a good one."""
    return [problem for rule in RULES for problem in rule(question, intent)]


def too_long(question: str, intent: Intent) -> Iterator[str]:
    """More words than a reader keeps in mind."""
    count = len(question.split())
    if count > MOST_WORDS:
        yield f"too long: {count} words"


def too_many_conditions(question: str, intent: Intent) -> Iterator[str]:
    """More conditions than people combine; those of an OR count each, the same one in two measures once."""
    count = len(set(_conditions(intent)))
    if count > MOST_CONDITIONS:
        yield f"too many conditions: {count}"


def too_many_columns(question: str, intent: Intent) -> Iterator[str]:
    """More columns than one sentence lists well."""
    if len(intent.output) > MOST_COLUMNS:
        yield f"too many columns: {len(intent.output)}"


def mixed_or(question: str, intent: Intent) -> Iterator[str]:
    """ "a or b and c" reads in two ways; "either a or b", values ("in Canada or Mexico") and "or more" do not."""
    for sentence in _sentences(_without_values(question)):
        words = re.findall(r"[\w'$€%.,-]+", sentence)
        alternatives = [at for at, word in enumerate(words) if word == "or" and not _joins_values(words, at)]
        for at in alternatives[:]:
            if "either" in words[:at]:
                alternatives.remove(at)
                if "and" in words[words.index("either") : at]:
                    yield "ambiguous: and within either ... or"
        if alternatives and ("and" in words or len(alternatives) > 1):
            yield "ambiguous: or beside and"


def _joins_values(words: list[str], at: int) -> bool:
    """Whether an "or" stands between values, between adjectives of a noun, or in "or more"."""
    before, after = words[at - 1] if at else "", words[at + 1].strip(",.") if at + 1 < len(words) else ""
    if after in _LIMITS:
        return True
    if re.match(r"[A-Z\d$€-]", before) and re.match(r"[A-Z\d$€-]", after):
        return True
    single = before.isalpha() and after.isalpha() and before.islower() and after.islower()
    return single and after not in _SAID_OF and before not in _SAID_OF and words[at + 2 : at + 3] != ["and"]


def unresolved_pronoun(question: str, intent: Intent) -> Iterator[str]:
    """A pronoun without a noun of its number before it in the sentence."""
    for sentence in _sentences(_BRACKETS.sub("", _without_values(question))):  # where they speak of what is before them
        words = re.findall(r"[A-Za-z']+", sentence)
        for index, word in enumerate(words):
            before = [one.lower() for one in words[:index]]
            if word.lower() in ("their", "them", "they", "theirs") and not any(map(is_plural, before)):
                yield f"unresolved pronoun: {word}"
            if word.lower() in ("its", "it", "itself") and not {"a", "an", "each", "every", "the", "this"} & set(
                before
            ):
                yield f"unresolved pronoun: {word}"


def repeated_phrase(question: str, intent: Intent) -> Iterator[str]:
    """The same words in the same order twice."""
    words = _without_values(question).lower().replace(",", "").split()
    runs = Counter(tuple(words[at : at + _REPEATED_WORDS]) for at in range(len(words) - _REPEATED_WORDS + 1))
    repeated = [" ".join(run) for run, count in runs.items() if count > 1]
    if repeated:
        yield f"repeated: {repeated[0]}"


def code_like(question: str, intent: Intent) -> Iterator[str]:
    """Names of a machine's kind: with underscores, camelCase, in capitals without being a value or an abbreviation."""
    for word in re.findall(r"[A-Za-z_][\w]*", _without_values(_without_constants(question, intent))):
        if "_" in word or (re.search(r"[a-z][A-Z]", word) and word not in _ABBREVIATIONS):
            yield f"code-like: {word}"
        elif word.isupper() and word not in _ABBREVIATIONS and word != "VALUE" and len(word) > 1:
            yield f"capitals: {word}"


def doubled(question: str, intent: Intent) -> Iterator[str]:
    """A word twice in a row, or two articles."""
    text = _without_values(question)
    for word in re.findall(r"\b([A-Za-z]+) \1\b", text, re.IGNORECASE):
        yield f"doubled: {word}"
    for pair in re.findall(r"\b(?:the|an?) (?:the|an?|each|every|all)\b", text, re.IGNORECASE):
        if len(set(pair.lower().split())) > 1:
            yield f"two articles: {pair}"


def wrong_article(question: str, intent: Intent) -> Iterator[str]:
    """ "a" before a vowel, "an" before a consonant, either before a plural."""
    for article, word in re.findall(r"\b([Aa]n?) ([a-z]+)\b", _without_values(question)):
        vowel = (word[0] in "aeiou" and not re.match(r"(?:uni|use|usa|eu|one|once)", word)) or re.match(
            r"hour|honest|heir", word
        )
        if bool(vowel) != (article.lower() == "an"):
            yield f"wrong article: {article} {word}"


def wrong_number(question: str, intent: Intent) -> Iterator[str]:
    """A singular noun after a number above one, a plural after "each"."""
    text = _without_values(question)
    for word, noun in re.findall(r"\b(each|every|one) ([a-z]+)\b", text, re.IGNORECASE):
        if is_plural(noun) and noun not in _VERBS:
            yield f"wrong number: {word} {noun}"
    for word, noun in re.findall(rf"\b({'|'.join(_COUNTS[:11])}) ([a-z]+)(?=[.,?;:]|$)", text):
        if not is_plural(noun) and not is_adjective(noun):
            yield f"wrong number: {word} {noun}"


def broken_marks(question: str, intent: Intent) -> Iterator[str]:
    """Empty brackets, brackets or quotes that are not closed, punctuation twice, blanks before it, no end."""
    if re.search(r"\(\s*\)", question):
        yield "empty brackets"
    if question.count("(") != question.count(")"):
        yield "unbalanced brackets"
    rest = re.sub(r"(?<=\w)'(?=\w)", "", re.sub(_QUOTED, "", question))
    if "'" in rest or '"' in rest:
        yield "unbalanced quotes"
    if re.search(r"[.,;:?]{2}|\s[.,;:?]|\s\s", _without_values(question)):
        yield "broken punctuation"
    if not question[:1].isupper() and question[:1].isalpha():
        yield "no capital at the start"
    if question[-1:] not in (".", "?"):
        yield "no end"


def unsaid_constant(question: str, intent: Intent) -> Iterator[str]:
    """A value that the intent compares with and the question does not name, in figures, in words or as a period."""
    for constant in dict.fromkeys(_compared(intent)):
        if not any(form in question or form in question[:1].lower() + question[1:] for form in _forms(constant)):
            yield f"unsaid: {constant.value}"


def _forms(constant: Constant) -> Iterator[str]:
    """The ways in which a value may be said; "" for those that need not be."""
    value = constant.value
    if constant.kind == "day":
        yield str(value)[:4]
    elif isinstance(value, str):
        parts = [part for part in value.split("%") if part]
        yield parts[0] if parts else value
        yield "weekend" if value in _WEEKEND else parts[-1] if parts else value
    elif isinstance(value, bool) or value in (0, 1):
        yield ""  # "is active", "the first", "without any"
    else:
        yield from (figures(abs(value)), str(value), f"{figures(round(value * 100, 6))}%")
        if isinstance(value, int) or value.is_integer():
            yield from (str(int(value)), in_words(int(value)), ordinal(max(int(value), 1)))
        if 1 <= value <= 12:
            yield month_name[int(value)]


Rule = Callable[[str, Intent], Iterator[str]]
RULES: tuple[Rule, ...] = (
    too_long, too_many_conditions, too_many_columns, mixed_or, unresolved_pronoun, repeated_phrase, code_like, doubled,
    wrong_article, wrong_number, broken_marks, unsaid_constant,
)  # fmt: skip


def _sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.?:])\s+", text)


def _without_values(question: str) -> str:
    """The question with VALUE for each quoted text."""
    return re.sub(_QUOTED, "VALUE", question)


def _without_constants(question: str, intent: Intent) -> str:
    texts = [str(one.value) for one in walk(intent) if isinstance(one, Constant) and one.kind == "text"]
    for text in sorted(texts, key=len, reverse=True):
        question = re.sub(rf"(?<!\w){re.escape(text)}(?!\w)", "VALUE", question)
    return question


def _conditions(intent: Intent) -> Iterator[Expression]:
    """All conditions; one on rows that meet others ("with at least one order placed in 1995") is these others."""
    for node in walk(intent):
        found: tuple[Expression, ...] = ()
        if isinstance(node, Intent):
            found = (*node.where, *node.having, *node.kept)
        elif isinstance(node, Aggregate | Exists | Best):
            found = node.where
        for leaf in _leaves(found):
            inner = [one for one in walk(leaf) if isinstance(one, Aggregate | Exists)]
            if not any(one.where for one in inner):
                yield leaf


def _leaves(conditions: tuple[Expression, ...]) -> Iterator[Expression]:
    for one in conditions:
        if isinstance(one, Call) and one.operator in ("AND", "OR", "NOT"):
            if _is_period(one):
                yield one
            else:
                yield from _leaves(one.arguments)
        else:
            yield one


def _is_period(call: Call) -> bool:
    """Whether it names one span of time, such as a month of a year."""
    parts = [one.arguments[0] for one in call.arguments if isinstance(one, Call) and one.arguments]
    fields = [one.arguments[0] if isinstance(one, Call) and one.arguments else one for one in parts]
    return call.operator == "AND" and len(fields) == len(call.arguments) and all(one == fields[0] for one in fields)


def _compared(intent: Intent) -> Iterator[Constant]:
    """The values that anything is compared with, not those that are calculated with."""
    for node in walk(intent):
        if isinstance(node, Call) and node.operator in _COMPARISONS:
            yield from (one for one in node.arguments if isinstance(one, Constant))
