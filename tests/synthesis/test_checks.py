"""Which answers are worth asking for: every kind of poor one is told, on a real SQLite database."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.synthesis.shop import MODEL, at, path, sqlite_shop
from utils.synthesis.checks import MOST_ROWS, problem_of, without_each
from utils.synthesis.intent import Aggregate, Call, Constant, Exists, Expression, Intent, Result, Window
from utils.synthesis.sql import render_sql

OWNERS = MODEL.collections["owners"]
NAME = ("name", at("owners", "name"))
STATE = ("state", at("owners", "state"))


def _shop(owners: int = 6):
    rows = [
        {"id": n, "name": f"o{n}", "state": "TX" if n % 2 else "CA", "rating": n, "joined": None, "active": True}
        for n in range(1, owners + 1)
    ]
    items = [{"id": 1, "owner_id": 1, "name": "a", "kind": "toy", "price": 2.0, "quantity": 1, "bought": None}]
    return sqlite_shop({"owners": rows, "items": items, "parts": [], "makers": [], "reviews": []})


def _rows(columns=(NAME,), where: tuple[Expression, ...] = (), **more) -> Intent:
    output = tuple(name for name, _ in columns)
    return Intent("list", OWNERS, "rows", output, where, columns=tuple(columns), **more)


def _groups(*where: Expression) -> Intent:
    return Intent("groups", OWNERS, "groups", ("state", "n"), where, (STATE,), (("n", Aggregate("COUNT")),))


def _is(state: str) -> Call:
    return Call("EQ", (at("owners", "state"), Constant(state, "text")))


def _one_of(*states: str) -> Call:
    return Call("IN", (at("owners", "state"), *(Constant(state, "text") for state in states)))


def _rated(operator: str, *numbers: int) -> Call:
    return Call(operator, (at("owners", "rating"), *map(Constant, numbers)))


def _ranked(most: int) -> Intent:
    """The first of three in each of two states."""
    rank = Window("RANKING", None, ((Result("name"), False),), ("state",))
    kept = (Call("LE", (Result("place"), Constant(most))),)
    return replace(_rows((NAME, STATE)), windows=(("place", rank),), kept=kept, output=("name", "place"))


def _classed(*edges: int) -> Intent:
    label: Expression = Constant("low", "text")
    for edge, word in zip(sorted(edges), ("middle", "high"), strict=True):
        label = Call("IFF", (_rated("GE", edge), Constant(word, "text"), label))
    return Intent("bucket", OWNERS, "groups", ("level", "n"), (), (("level", label),), (("n", Aggregate("COUNT")),))


def _whole(function: str, column: str, *where: Expression) -> Intent:
    value = Aggregate(function, (), (), at("owners", column))
    return Intent("whole", OWNERS, "whole", ("v",), where, columns=(("v", value),))


def _problem(intent: Intent, owners: int = 6) -> str:
    connection = _shop(owners)
    return problem_of(intent, lambda one: connection.execute(render_sql(one, MODEL, "sqlite")).fetchall())


@pytest.mark.parametrize(
    ("intent", "problem"),
    [
        (_rows(), ""),
        (_rows(where=(_is("TX"),)), ""),
        (_rows(where=(_is("NY"),)), "no rows"),
        (_rows(order=(("name", False),), limit=7), "hardly more rows than the limit"),
        (_rows(order=(("name", False),), limit=5), "hardly more rows than the limit"),
        (_rows(order=(("name", False),), limit=4), ""),
        (_rows((NAME, ("joined", at("owners", "joined")))), "a column of nulls"),
        (_rows((NAME, STATE), (_is("TX"),)), "a column of one value"),
        (_groups(), ""),
        (_groups(_is("TX")), "one group only"),
        (_rows(where=(Call("PRESENT", (at("owners", "rating"),)),)), "an idle condition: Call"),
        (_rows(where=(_is("TX"), Call("LT", (at("owners", "rating"), Constant(9))))), "an idle condition: Call"),
        (_rows(where=(Exists(path("owners", "items")),)), ""),
        (_rows(where=(_one_of("TX", "CA"),)), "an idle condition: Call"),
        (_rows(where=(_one_of("TX", "NY"),)), "an idle condition: Constant"),
        (_rows(where=(Call("OR", (_is("TX"), _rated("LT", 3))),)), ""),
        (_rows(where=(Call("OR", (_is("TX"), _rated("EQ", 3))),)), "an idle condition: Call"),
        (_rows(where=(_rated("BETWEEN", 2, 5),)), ""),
        (_rows(where=(_rated("BETWEEN", 1, 5),)), "an idle condition: Constant"),
        (_rows(where=(_rated("BETWEEN", 2, 9),)), "an idle condition: Constant"),
        (_ranked(2), ""),
        (_ranked(3), "an idle condition: Call"),
        (_classed(4, 2), ""),
        (_classed(9, 2), "a class without rows"),
        (_whole("NDISTINCT", "state"), ""),
        (_whole("NDISTINCT", "state", _is("TX")), "nothing different to count"),
        (
            Intent("whole", OWNERS, "whole", ("n",), (_is("NY"),), columns=(("n", Aggregate("COUNT")),)),
            "nothing but zeros",
        ),
        (
            _rows(
                (
                    NAME,
                    (
                        "n",
                        Aggregate("COUNT", path("owners", "items"), (Call("GT", (at("items", "price"), Constant(1))),)),
                    ),
                )
            ),
            "an idle condition: Call",
        ),
    ],
)
def test_what_says_little_is_told(intent: Intent, problem: str) -> None:
    assert _problem(intent) == problem


def test_nobody_reads_hundreds_of_rows() -> None:
    assert _problem(_rows(), MOST_ROWS) == ""
    assert _problem(_rows(), MOST_ROWS + 1) == "too many rows"


def test_each_condition_is_taken_out_wherever_it_stands() -> None:
    dear, toy = (
        Call("GT", (at("items", "price"), Constant(1))),
        Call("EQ", (at("items", "kind"), Constant("toy", "text"))),
    )
    counted = Aggregate("COUNT", path("owners", "items"), (dear, toy))
    intent = _rows((NAME, ("n", counted)), (_is("TX"),))
    without = dict(without_each(intent))
    assert set(without) == {_is("TX"), dear, toy}
    assert without[_is("TX")].where == ()
    assert dict(without[dear].columns)["n"] == Aggregate("COUNT", path("owners", "items"), (toy,))
    assert without[dear].where == intent.where


@pytest.mark.parametrize(("operator", "other", "problem"), [
    ("LARGEST", 3, ""),
    ("SMALLEST", 3, ""),
    ("LARGEST", 0, "an idle choice: LARGEST"),
    ("SMALLEST", 9, "an idle choice: SMALLEST"),
])  # fmt: skip
def test_the_larger_of_two_is_asked_only_where_now_one_is_and_now_the_other(
    operator: str, other: int, problem: str
) -> None:
    assert _problem(_rows((NAME, ("v", _rated(operator, other))))) == problem


def test_sums_in_another_order_are_the_same_answer() -> None:
    """An engine with several threads adds up in any order, so that the last digits of an average are no difference."""
    noise = iter(range(100))

    def answer(_intent: Intent) -> list[tuple[object, ...]]:
        return [("a", 0.1 + 1e-15 * next(noise)), ("b", 0.7)]

    assert problem_of(_rows(where=(_is("TX"),)), answer) == "an idle condition: Call"

    def same(_intent: Intent) -> list[tuple[object, ...]]:
        return [(name, 0.1 + 1e-15 * next(noise)) for name in "abc"]

    assert problem_of(_rows(), same) == "a column of one value"
