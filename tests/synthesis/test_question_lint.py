"""Each rule of the linter: what it refuses, and what it lets pass."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.synthesis.english_support import at, constant, field, is_, path
from utils.synthesis import question_lint as lint
from utils.synthesis.intent import Aggregate, Call, Exists, Expression, Intent

ANY = Intent("list", at("customers"), "rows", ("name",), columns=(("name", field("customers.name")),))
ORDERS = path("customers", "orders")
WEB = is_("EQ", field("orders.channel"), "web")


def asking(*conditions: Expression) -> Intent:
    return replace(ANY, where=conditions)


@pytest.mark.parametrize(
    ("question", "problem"),
    [
        (f"Show {' '.join(f'{n},' for n in range(60))} all.", "too long: 62 words"),
        ("Which customers are active or joined in 2022 and have orders?", "ambiguous: or beside and"),
        ("Which customers either are active and rich or have orders?", "ambiguous: and within either ... or"),
        ("Show the city of its name.", ""),
        ("Show its name.", "unresolved pronoun: its"),
        ("Show the city and their name.", "unresolved pronoun: their"),
        ("Find the orders with the lowest price and the orders with the lowest tax.", ""),
        (
            "Show the total price of open orders placed online and the total price of open orders placed online.",
            "repeated: the total price of open orders placed",
        ),
        ("Show the order_date of all orders.", "code-like: order_date"),
        ("Show the orderDate of all orders.", "code-like: orderDate"),
        ("Show the KPX of all orders.", "capitals: KPX"),
        ("Show the the name of customers.", "doubled: the"),
        ("Show a the name of customers.", "two articles: a the"),
        ("Show a order of customers.", "wrong article: a order"),
        ("Show an customer of ours.", "wrong article: an customer"),
        ("Show the name of each customers.", "wrong number: each customers"),
        ("Find the five customer, please.", "wrong number: five customer"),
        ("Show the name () of customers.", "empty brackets"),
        ("Show the name (in capitals of customers.", "unbalanced brackets"),
        ("Show customers named 'Ana.", "unbalanced quotes"),
        ('Show customers named "Ana.', "unbalanced quotes"),
        ("Show the name , please.", "broken punctuation"),
        ("Show the name.. Please.", "broken punctuation"),
        ("show the name of customers.", "no capital at the start"),
        ("Show the name of customers", "no end"),
    ],
)
def test_what_is_wrong_is_found(question: str, problem: str) -> None:
    assert lint.question_problems(question, ANY) == ([problem] if problem else [])


@pytest.mark.parametrize(
    "question",
    [
        "Which customers in Canada, Mexico or 'New Spain' joined in 2022 or later and have orders?",
        "Show the name and city of all active or closed customers and the year.",
        "Which customers either are active or have a balance of $500 or more? Show the name and city.",
        "Show the number of orders and their average total for each customer.",
        "List the customer IDs of US customers whose 'order_date' is 'KPX' and whose name is \"O'Neill\".",
        "For each customer, show that order's total (rounded to cents) and the customer's name.",
        "Show the name of an honest user of a university and a unit, by ID, from A to Z.",
        "Which customers have exactly one order? Of all that one has, show the total.",
    ],
)
def test_what_is_right_passes(question: str) -> None:
    assert lint.question_problems(question, ANY) == []


def test_values_may_look_like_code_and_must_be_named() -> None:
    intent = asking(is_("EQ", field("customers.country"), "UAE_x"))
    assert lint.question_problems("Which customers are in UAE_x? Show the name.", intent) == []
    assert lint.question_problems("Which customers are there? Show the name.", intent) == ["unsaid: UAE_x"]
    weekend = asking(
        Call("IN", (Call("DAYNAME", (field("customers.join_date"),)), constant("Saturday"), constant("Sunday")))
    )
    assert lint.question_problems("Which customers joined on a weekend? Show the name.", weekend) == []
    pattern = asking(is_("LIKE", field("customers.name"), "A%z"))
    assert lint.question_problems("Which names start with 'A' and end in 'z'?", pattern) == []


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (1500, "$1,500"),
        (3, "three"),
        (0.05, "5%"),
        (2022, "2022"),
        (-20, "-$20"),
        (2.5, "2.5"),
        ("2022-05-01", "May 2022"),
        (12, "December"),
    ],
)
def test_numbers_and_days_must_be_named_in_some_way(value: int | float | str, said: str) -> None:
    intent = asking(is_("GT", field("customers.credit_limit"), value))
    assert lint.question_problems(f"Which customers have {said}? Show the name.", intent) == []
    assert lint.question_problems("Which customers have some? Show the name.", intent) == [f"unsaid: {value}"]


def test_more_than_three_conditions_are_too_many() -> None:
    country, status = field("customers.country"), field("customers.status")
    three = (is_("EQ", country, "Canada"), is_("EQ", status, "active"), Exists(ORDERS, (WEB,)))
    named = "Which three customers in Canada are 'active' by 'web'?"
    assert lint.question_problems(named, asking(*three)) == []
    four = (*three, is_("GE", Aggregate("COUNT", ORDERS), 3))
    assert lint.question_problems(named, asking(*four)) == ["too many conditions: 4"]
    either = (*three[:2], Call("OR", (Exists(ORDERS, (WEB,)), is_("GT", field("customers.credit_limit"), 1))))
    assert lint.question_problems(named, asking(*either)) == ["too many conditions: 4"]


def test_a_month_of_a_year_is_one_condition_and_the_same_one_twice_is_one() -> None:
    year, month = (Call(part, (field("customers.join_date"),)) for part in ("YEAR", "MONTH"))
    in_may = Call("AND", (is_("EQ", year, 2022), is_("EQ", month, 5)))
    twice = (Exists(ORDERS, (WEB,)), is_("GE", Aggregate("COUNT", ORDERS, (WEB,)), 3))
    assert lint.question_problems("Which three customers joined in May 2022 by 'web'?", asking(in_may, *twice)) == []


def test_more_than_five_columns_are_too_many() -> None:
    shown = tuple((f"c{n}", field("customers.name")) for n in range(6))
    wide = replace(ANY, output=tuple(name for name, _ in shown), columns=shown)
    assert lint.question_problems("Show the name.", wide) == ["too many columns: 6"]


def test_every_rule_is_asked() -> None:
    rules = {one for name, one in vars(lint).items() if callable(one) and getattr(one, "__module__", "") == lint.__name__
             and not name.startswith("_") and name != "question_problems"}  # fmt: skip
    assert rules == set(lint.RULES)
    assert all(rule.__doc__ for rule in rules)
