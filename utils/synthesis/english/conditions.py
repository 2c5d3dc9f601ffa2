"""What conditions say of rows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from utils.synthesis.english import comparing, shapes, vocabulary
from utils.synthesis.english.lexicon import is_adjective
from utils.synthesis.english.periods import date_of, period
from utils.synthesis.english.phrases import Counted, Phrase, Trait, have, joined, noun_phrase, towards, verb
from utils.synthesis.english.values import Values
from utils.synthesis.intent import Call, Constant, Exists, Expression, Field, Result, Window
from utils.synthesis.model import Collection, Column
from utils.synthesis.words import a, listed

_TEXTS = ("STARTSWITH", "ENDSWITH", "CONTAINS")
_EQUALITIES = ("EQ", "NE", "IN", "NOT IN")
_TYPES = ("type", "kind", "direction", "side")
_TURNED = {"GT": "LT", "LT": "GT", "GE": "LE", "LE": "GE"}


class Clauses(Values):
    """Says conditions, and all that its bases say."""

    def traits(self, conditions: Sequence[Expression], at: Collection) -> list[Trait]:
        """What conditions say of rows of `at`; all that is asked of one date is said at once."""
        found: list[Trait] = []
        dates: dict[Field, list[Expression]] = {}
        for leaf in shapes.leaves(conditions):
            field = date_of(leaf)
            if field is None:
                found.append(self.trait(leaf, at))
            else:
                dates.setdefault(field, []).append(leaf)
        return [*found, *(self._dated(field, several, at) for field, several in dates.items())]

    def trait(self, condition: Expression, at: Collection) -> Trait:
        """What one condition says of a row of `at`."""
        if field := date_of(condition):
            return self._dated(field, [condition], at)
        if isinstance(condition, Exists):
            return self._exists(condition, at)
        if not isinstance(condition, Call):
            return self._true(condition, at)
        first = condition.arguments[0]
        match condition.operator:
            case "AND":
                return _both(self.traits(condition.arguments, at))
            case "OR":
                return _either([self.trait(one, at) for one in condition.arguments])
            case "NOT":
                return self._denied(first, at)
            case "PRESENT" | "ABSENT":
                return _on_file(self.phrase(first, at), condition.operator == "PRESENT")
            case "LIKE":
                said = comparing.pattern_said(self.voice, str(_constants(condition)[0].value))
                return comparing.like_trait(self.phrase(first, at), said)
            case operator if operator in _TEXTS:
                return self._light(comparing.text_trait(self.phrase(first, at), operator, self._texts(condition)))
        return self._compared(condition.operator, condition.arguments, at)

    def _true(self, condition: Expression, at: Collection) -> Trait:
        """A yes-or-no value by itself."""
        if isinstance(condition, Field) and condition.column.role == "flag":
            return self._flagged(condition, True, at)
        return have(f"a true {self.phrase(condition, at).name}")

    def _texts(self, call: Call) -> list[str]:
        return [self.voice.quoted(str(one.value)) for one in _constants(call)]

    def _denied(self, condition: Expression, at: Collection) -> Trait:
        """The contrary of a condition."""
        if isinstance(condition, Exists):
            return self._exists(replace(condition, negated=not condition.negated), at)
        if isinstance(condition, Field) and condition.column.role == "flag":
            return self._flagged(condition, False, at)
        if isinstance(condition, Call):
            first = condition.arguments[0]
            if condition.operator in _TEXTS:
                texts = self._texts(condition)
                return comparing.text_trait(self.phrase(first, at), condition.operator, texts, denied=True)
            if condition.operator in ("PRESENT", "ABSENT"):
                return _on_file(self.phrase(first, at), condition.operator == "ABSENT")
            if condition.operator == "NOT":
                return self.trait(first, at)
            if condition.operator in ("AND", "OR"):
                denied = [self._denied(one, at) for one in condition.arguments]
                return _both(denied) if condition.operator == "OR" else _either(denied)
            if opposite := comparing.opposite(condition.operator):
                return self._compared(opposite, condition.arguments, at)
        trait, who = self.trait(condition, at), self.lexicon.rows(at.name).who
        return Trait(f"is not one {who} {trait.one}", f"are not ones {who} {trait.many}", denies=True)

    # rows that belong to the row, and rows it belongs to

    def _exists(self, exists: Exists, at: Collection) -> Trait:
        many, tail = shapes.split_path(exists.path)
        where = tuple(shapes.moved(one, tail) for one in exists.where)
        rows = self.rows(at, many, where)
        noun = self.lexicon.of_link(many[-1])
        alone = noun_phrase(noun, self.traits(where, self.model.end(at, many))).one
        rest = alone.removeprefix(noun.one) if alone.startswith(noun.one) else ""
        having = "/".join(map(repr, many))
        if exists.negated:
            again = f"none{rest}" if rest else f"no {rows.many}"
            without = Trait(f"has no {rows.many}", f"have no {rows.many}", after=f"without any {rows.many}", heavy=True)
            return replace(without, place=4, denies=True, having=having, again=again)
        again = f"at least one{rest}" if rest else f"at least one {rows.one}"
        what = f"at least one {rows.one}"
        return replace(have(what, after=f"with {what}", heavy=True), having=having, again=again)

    def _of_linked(self, trait: Trait, field: Field, at: Collection) -> Trait:
        """The trait of having a linked row with a trait: "whose order was placed in 1995"."""
        owner = self.lexicon.at_end(at, field.path)
        rows = noun_phrase(owner, [trait])
        owns = owner.person or owner.one.split()[-1] in vocabulary.AGENTS
        act, joint = ("belongs to", "of") if owns else ("is for", "for")
        said = towards(act, rows, whose=f"whose {owner.one} {trait.one}")
        if not self.voice.habit(field.path, 0.6):
            return said
        return replace(said, after=f"{joint} {rows.many}", after_one=f"{joint} {a(rows.one)}")

    def _light(self, trait: Trait) -> Trait:
        """The trait, now and then without its form behind the noun, so that it makes a relative clause."""
        kept = not trait.after or self.voice.habit(("behind", trait.after.split()[:3][-1]), 0.75)
        return trait if kept else replace(trait, after="")

    # dates

    def _dated(self, field: Field, conditions: Sequence[Expression], at: Collection) -> Trait:
        act = self.lexicon.act(field.column)
        when = period(conditions, field, self.voice.day)
        if when.startswith("in ") and when.endswith(" or later") and act and self.voice.chance(0.6):
            when = f"since {when.removeprefix('in ').removesuffix(' or later')}"
        own = self.phrase(Field((), field.column), self.model.end(at, field.path))
        trait = comparing.dated(own, when, act)
        return self._of_linked(trait, field, at) if field.path else self._light(trait)

    # comparisons

    def _compared(self, operator: str, arguments: Sequence[Expression], at: Collection) -> Trait:
        first, *others = arguments
        if isinstance(first, Constant) and len(others) == 1 and not isinstance(others[0], Constant):
            return self._compared(_TURNED.get(operator, operator), (others[0], first), at)
        constants = [one for one in others if isinstance(one, Constant)]
        if len(constants) < len(others):
            return self._beside(first, operator, others, at)
        if isinstance(first, Field) and operator in _EQUALITIES:
            return self._equal(first, operator, constants, at)
        phrase = self.phrase(first, at) if isinstance(first, Result) else _in_full(self.phrase(first, at))
        if phrase.sort == "date" and constants[0].kind == "day":
            return comparing.date_trait(phrase, operator, self.voice.constants(constants))
        if phrase.sort in ("text", "flag", "identifier") and operator in _EQUALITIES:
            return self._is_value(phrase, operator, self.voice.constants(constants, phrase))
        if phrase.sort == "rank":
            return comparing.placed(self.voice, phrase, operator, constants)
        if isinstance(first, Field) and first.path:
            inner = self._compared(operator, (Field((), first.column), *others), self.model.end(at, first.path))
            return self._of_linked(inner, first, at)
        values = comparing.as_numbers(self.voice, phrase, constants)
        if phrase.name.startswith("percentage"):
            values = [f"{value}%" for value in values]
        return self._light(comparing.number_trait(self.voice, phrase, operator, values))

    def _beside(self, first: Expression, operator: str, others: Sequence[Expression], at: Collection) -> Trait:
        """A value compared with other values of the row, or with an average of all."""
        phrase = self.phrase(first, at)
        said = [self._other(one, phrase, at) for one in others]
        if phrase.sort == "date":
            act = self.lexicon.act(first.column) if isinstance(first, Field) and not first.path else ""
            return self._light(comparing.date_trait(phrase, operator, said, act))
        averaged = said[0].startswith("the average")
        if operator in ("GT", "LT") and (than := self._than(phrase, others[0], said[0], at)):
            what = f"{'more' if operator == 'GT' else 'fewer'} {than}"
            return have(what, after=f"with {what}", heavy=True)
        over_own_rows = (phrase.rows or phrase.is_count) and not isinstance(first, Result)
        name = phrase.whole if over_own_rows or (phrase.rows and not phrase.over_all) else phrase.name
        what = f"{a(name)} {comparing.beside(operator, said)}"
        return have(what, after=f"with {what}", heavy=averaged or bool(over_own_rows))

    def _than(self, phrase: Phrase, other: Expression, said: str, at: Collection) -> str:
        """Two counts compared: "orders than the average customer"; "" where they are none."""
        if phrase.sort != "count":
            return ""
        things = phrase.counted.many if phrase.is_count and phrase.counted else phrase.name.split("number of ", 1)[-1]
        if said.startswith("the average of all"):
            return f"{things} than the average {self.group.one}"
        if not isinstance(other, Constant) and not said.startswith("the average"):
            beside = self.phrase(other, at)
            if phrase.is_count and beside.is_count and beside.counted:
                return f"{things} than {beside.counted.many}"
        return ""

    def _other(self, expression: Expression, phrase: Phrase, at: Collection) -> str:
        """What a value is compared with."""
        if isinstance(expression, Constant):
            return self.voice.constant(expression, phrase)
        window = self.expressions.get(expression.name) if isinstance(expression, Result) else expression
        if isinstance(window, Window) and window.function == "RELAVG" and not window.option:
            return self.average(window)
        other = self.phrase(expression, at)
        return f"the {other.name if isinstance(expression, Result) else other.whole}"

    # equality

    def _equal(self, field: Field, operator: str, constants: Sequence[Constant], at: Collection) -> Trait:
        column, denied = field.column, operator in ("NE", "NOT IN")
        if column.role == "flag" and operator in ("EQ", "NE"):
            return self._flagged(field, bool(constants[0].value) != denied, at)
        phrase = self.field(field, at)
        values = self.voice.constants(constants, phrase)
        if self.lexicon.is_place(column) or self.lexicon.ends_at_place(field.path, column):
            return self._at_place(field, values, denied, at)
        end = self.model.end(at, field.path)
        text = listed(values, "or")
        if column is end.label and not denied and field.path:
            owner = self.lexicon.at_end(at, field.path)
            what = f"{owner.one} {text}"
            return have(what, after=f"{'of' if owner.person else 'for'} {what}", whose=f"whose {owner.one} is {text}")
        if column is end.label and not denied and phrase.head == "name":
            return verb(f"is named {text}", after=f"named {text}", place=0)
        if phrase.sort in ("number", "price") and column.unit not in ("year", ""):
            return self._light(comparing.number_trait(self.voice, phrase, operator, values))
        if field.path and phrase.head.split()[-1] in vocabulary.GROUPS and not denied:
            return self._of_linked(self._is_value(self.field(Field((), column), end), operator, values), field, at)
        if field.path and not denied and self._adjective(column, constants, end):
            return self._of_linked(self._equal(Field((), column), operator, constants, end), field, at)
        if field.path:
            return self._of_linked(self._equal(Field((), column), operator, constants, end), field, at)
        plain = self._is_value(self._own_words(phrase, at), operator, values)
        if not denied and (before := self._adjective(column, constants, at)):
            after = "" if self.voice.chance(0.7) else plain.after
            return replace(_being(before, column, constants) or plain, before=before, after=after)
        return plain

    def _own_words(self, phrase: Phrase, at: Collection) -> Phrase:
        """Without the row's own name: the "order status" of an order is its "status"."""
        first, _, rest = phrase.head.partition(" ")
        if first != self.owner(at).split()[-1] or rest in ("", "ID", "number"):
            return phrase
        names = [self.lexicon.column(one).one for one in at.columns.values() if self.lexicon.can_say(one)]
        return phrase if rest in names else replace(phrase, head=rest)

    def _adjective(self, column: Column, constants: Sequence[Constant], at: Collection) -> str:
        """Values that stand before the noun: "active", "buy"; "" where they cannot."""
        values = [str(one.value) for one in constants]
        if column.kind != "text" or not all(value.replace(" ", "").isalpha() and value.islower() for value in values):
            return ""
        if {word for value in values for word in value.split()} & set(self.owner(at).split()):
            return ""
        is_type = self.lexicon.column(column).one.split()[-1] in _TYPES
        return listed(values, "or") if all(is_type or is_adjective(value) for value in values) else ""

    def _at_place(self, field: Field, values: Sequence[str], denied: bool, at: Collection) -> Trait:
        places = [f"the {one}" if vocabulary.WITH_THE.fullmatch(one) else one for one in values]
        if self._is_within_others(field.column) or self._is_elsewhere(field.column, values):
            places[0] = f"the {self.lexicon.column(field.column).one} of {places[0]}"
        where = f"outside {listed(places)}" if denied else f"in {listed(places, 'or')}"
        path = field.path
        while path and self.lexicon.is_place_noun(path[-1]):
            path = path[:-1]
        if not path:
            named = self.lexicon.at_end(at, field.path).one if field.path else self.lexicon.column(field.column).one
            other = "" if denied else f"with {named} {listed(list(values), 'or')}"
            return verb(f"is {where}", after=where, place=0, beside=other)
        owner = self.lexicon.at_end(at, path)
        rows = Counted(owner.one, owner.many).then(where)
        said = towards("belongs to", rows, whose=f"whose {owner.one} is {where}")
        return replace(said, after=f"of {rows.many}", after_one=f"of {a(rows.one)}")

    def _is_within_others(self, column: Column) -> bool:
        """Whether a place is a state or the like of rows that have a city, too, of which many a name could be."""
        others = [one for one in self.model.collections[column.collection].columns.values() if one is not column]
        kind = self.lexicon.column(column).one.split()[-1]
        return kind in vocabulary.STATES and any(self.lexicon.is_place(one) for one in others)

    def _is_elsewhere(self, column: Column, values: Sequence[str]) -> bool:
        """Whether another place of the same rows has one of these names, as a state and its capital do."""
        said = {one.strip("'\"") for one in values}
        others = [one for one in self.model.collections[column.collection].columns.values() if one is not column]
        return any(self.lexicon.is_place(one) and said & set(map(str, one.values)) for one in others)

    def _is_value(self, phrase: Phrase, operator: str, values: Sequence[str]) -> Trait:
        head, text = phrase.name, listed(list(values), "or")
        says = self.lexicon.says(phrase.column) if phrase.column else ""
        if says and operator in ("EQ", "IN"):
            return verb(f"is {says} {text}", after=f"{says} {text}", place=1)
        if operator in ("NE", "NOT IN"):
            what = f"{a(head)} other than {text}"
            return have(what, after=f"with {what}")
        if head.split()[-1] in vocabulary.GROUPS:
            return verb(f"is in the {text} {head}", after=f"in the {text} {head}", place=0)
        trait = have(f"{head} {text}", whose=f"whose {head} is {text}")
        return replace(trait, after=f"with {head} {text}") if self.voice.habit(("with", head), 0.7) else trait

    def _flagged(self, field: Field, yes: bool, at: Collection) -> Trait:
        flag = self.lexicon.flag(field.column)
        trait = verb(flag.yes if yes else flag.no, before=flag.adjective if yes else "")
        return self._of_linked(trait, field, at) if field.path else trait


def _being(before: str, column: Column, constants: Sequence[Constant]) -> Trait | None:
    """ "is active" of adjectives; other values one has."""
    return verb(f"is {before}") if all(is_adjective(str(one.value)) for one in constants) else None


def _in_full(phrase: Phrase) -> Phrase:
    """A value that has not been named before, so that no short name will do."""
    return replace(phrase, head=phrase.whole, short="", rows="", that="") if phrase.that else replace(phrase, short="")


def _on_file(phrase: Phrase, present: bool) -> Trait:
    what = phrase.whole
    if present:
        return have(f"{a(what)} on file", after=f"with {a(what)} on file", place=3)
    return Trait(f"has no {what} on file", f"have no {what} on file", after=f"without {a(what)} on file", place=3)


def _both(traits: Sequence[Trait]) -> Trait:
    return Trait(joined(traits, one=True), joined(traits), heavy=any(trait.heavy for trait in traits))


def _either(traits: Sequence[Trait]) -> Trait:
    if all(trait.one.startswith("has ") and trait.after.startswith("with ") for trait in traits):
        what = " or ".join(trait.after.removeprefix("with ") for trait in traits)
        return have(f"either {what}", after=f"with either {what}", heavy=True)
    one, many = " or ".join(trait.one for trait in traits), " or ".join(trait.many for trait in traits)
    return Trait(f"either {one}", f"either {many}", heavy=True)


def _constants(call: Call) -> list[Constant]:
    return [one for one in call.arguments[1:] if isinstance(one, Constant)]
