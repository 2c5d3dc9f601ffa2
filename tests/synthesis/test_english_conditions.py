"""What conditions say of rows, one by one and together."""

from __future__ import annotations

import random

import pytest

from tests.synthesis.english_support import at, clauses, column, constant, field, is_, path
from utils.synthesis.english.parts import how_many, which
from utils.synthesis.english.phrases import noun_phrase
from utils.synthesis.intent import Aggregate, Call, Constant, Exists, Expression, Field, Intent

ORDERS = path("customers", "orders")
WEB, PHONE = (is_("EQ", field("orders.channel"), channel) for channel in ("web", "phone"))
ACTIVE = is_("EQ", field("customers.status"), "active")
IN_JAPAN = is_("EQ", field("customers.country"), "Japan")
JOINED = is_("GE", field("customers.join_date"), "2022-01-01")
RICH = is_("GT", field("customers.credit_limit"), 500)


def rows(source: str, *conditions: Expression, one: bool = False) -> str:
    spoken = clauses(Intent("list", at(source), "rows", ()))
    said = noun_phrase(spoken.lexicon.rows(source), spoken.traits(conditions, at(source)))
    return said.one if one else said.many


CUSTOMERS: list[tuple[Expression, str]] = [
    (ACTIVE, "active customers"),
    (is_("IN", field("customers.status"), "active", "closed"), "customers with status 'active' or 'closed'"),
    (is_("NE", field("customers.status"), "closed"), "customers with a status other than 'closed'"),
    (IN_JAPAN, "customers in Japan"),
    (is_("IN", field("customers.country"), "Japan", "Spain"), "customers in Japan or Spain"),
    (is_("NE", field("customers.country"), "Japan"), "customers outside Japan"),
    (is_("EQ", field("customers.is_vip"), True), "customers who belong to the club"),
    (is_("EQ", field("customers.is_vip"), False), "customers who do not belong to the club"),
    (is_("EQ", field("customers.name"), "Ana Diaz"), "customers named Ana Diaz"),
    (is_("STARTSWITH", field("customers.name"), "A"), "customers with a name starting with 'A'"),
    (is_("ENDSWITH", field("customers.name"), "z"), "customers with a name ending in 'z'"),
    (Call("NOT", (is_("CONTAINS", field("customers.name"), "z"),)), "customers whose name does not contain 'z'"),
    (is_("LIKE", field("customers.name"), "A%z"), "customers whose name starts with 'A' and ends in 'z'"),
    (is_("LIKE", field("customers.name"), "%a%z%"), "customers whose name contains 'a' followed somewhere by 'z'"),
    (Call("PRESENT", (field("customers.phone"),)), "customers with a phone on file"),
    (Call("ABSENT", (field("customers.phone"),)), "customers without a phone on file"),
    (RICH, "customers with a credit limit above $500"),
    (is_("LE", field("customers.credit_limit"), 1500), "customers with a credit limit of at most $1,500"),
    (is_("BETWEEN", field("customers.credit_limit"), 100, 900), "customers with a credit limit between $100 and $900 inclusive"),
    (JOINED, "customers who joined since 2022"),
    (is_("GT", Call("LENGTH", (field("customers.name"),)), 7), "customers with more than 7 characters in the name"),
    (is_("GE", Aggregate("COUNT", ORDERS), 3), "customers with at least three orders"),
    (is_("EQ", Aggregate("COUNT", ORDERS), 1), "customers with exactly one order"),
    (is_("LT", Aggregate("COUNT", ORDERS, (WEB,)), 3), "customers with fewer than three orders with channel 'web'"),
    (
        is_("GT", Aggregate("COUNT", ORDERS, (WEB,)), Aggregate("COUNT", ORDERS, (PHONE,))),
        "customers with more orders with channel 'web' than orders with channel 'phone'",
    ),
    (
        is_("GT", Aggregate("SUM", ORDERS, (WEB,), field("orders.total")), 500),
        "customers whose orders with channel 'web' have a combined order total above $500",
    ),
    (is_("GE", Aggregate("NDISTINCT", ORDERS, (), field("orders.channel")), 2),
     "customers with at least two different channels across orders"),
    (Exists(ORDERS, (WEB,)), "customers with at least one order with channel 'web'"),
    (Exists(ORDERS, (), True), "customers without any orders"),
    (Call("NOT", (Exists(ORDERS, (WEB,)),)), "customers without any orders with channel 'web'"),
    (
        Exists(path("customers", "orders", "items"), (is_("GT", field("items.quantity"), 3),)),
        "customers with at least one order line with a quantity above 3 from the customer's orders",
    ),
    (Call("OR", (ACTIVE, RICH)), "customers who either are active or have a credit limit above $500"),
    (
        Call("NOT", (Call("OR", (ACTIVE, RICH)),)),
        "customers who have a status other than 'active' and have a credit limit of at most $500",
    ),
]  # fmt: skip
OTHERS: list[tuple[str, Expression, str]] = [
    ("orders", is_("GT", field("orders.due_date"), field("orders.order_date")), "orders with a due date after the order date"),
    ("orders", is_("EQ", field("orders.order_status"), "F"), "orders with status 'F'"),
    ("orders", is_("GT", field("orders.discount_rate"), 0.05), "orders with a discount rate above 5%"),
    ("orders", is_("EQ", field("orders.customer.country"), "Japan"), "orders of customers in Japan"),
    ("orders", is_("EQ", field("orders.customer.status"), "active"), "orders of active customers"),
    ("orders", is_("EQ", field("orders.customer.is_vip"), True), "orders of customers who belong to the club"),
    ("orders", is_("EQ", field("orders.customer.name"), "Ana Diaz"), "orders of customer Ana Diaz"),
    ("orders", is_("GT", field("orders.customer.credit_limit"), 500), "orders of customers with a credit limit above $500"),
    ("orders", is_("GE", field("orders.customer.join_date"), "2022-01-01"), "orders of customers who joined since 2022"),
    ("items", is_("EQ", Call("YEAR", (field("items.order.order_date"),)), 2022), "order lines for orders placed in 2022"),
    ("items", is_("EQ", field("items.product.name"), "Lamp"), "order lines for product Lamp"),
    ("products", is_("EQ", field("products.product_type"), "chair"), "chair products"),
]  # fmt: skip


@pytest.mark.parametrize(("condition", "said"), CUSTOMERS)
def test_conditions_on_customers(condition: Expression, said: str) -> None:
    assert rows("customers", condition) == said


@pytest.mark.parametrize(("source", "condition", "said"), OTHERS)
def test_conditions_on_things_and_what_they_belong_to(source: str, condition: Expression, said: str) -> None:
    assert rows(source, condition) == said


def test_one_row_has_its_verbs_and_articles() -> None:
    assert (
        rows("customers", JOINED, Exists(ORDERS, (), True), one=True)
        == "customer who joined since 2022 but has no orders"
    )
    assert (
        rows("orders", is_("EQ", field("orders.customer.country"), "Japan"), one=True) == "order of a customer in Japan"
    )


def test_several_conditions_read_as_one_phrase() -> None:
    assert rows("customers", JOINED, ACTIVE, Exists(ORDERS, (), True), IN_JAPAN) == (
        "active customers in Japan who joined since 2022 but have no orders"
    )
    finished = is_("EQ", field("orders.order_status"), "F")
    dear, full_price = is_("GT", field("orders.total"), 50), is_("LT", field("orders.discount_rate"), 0.1)
    assert rows("orders", finished, dear, full_price) == (
        "orders with status 'F', an order total above $50 and a discount rate below 10%"
    )
    placed = is_("EQ", Call("YEAR", (field("orders.order_date"),)), 2022)
    assert rows("orders", dear, placed) == "orders placed in 2022 with an order total above $50"


def test_one_place_is_enough() -> None:
    """ "in Girona in Spain" would be two places; a second one is said by its name."""
    city = column("customers", "city", "category", "City of residence")
    assert rows("customers", is_("EQ", Field((), city), "Girona"), IN_JAPAN) == "customers in Girona with country Japan"


def test_what_is_alike_is_said_alike() -> None:
    for seed in range(20):
        spoken = clauses(Intent("list", at("orders"), "rows", ()), random.Random(seed))
        said = [
            noun_phrase(spoken.lexicon.rows("orders"), [spoken.trait(one, at("orders"))]).many for one in (WEB, PHONE)
        ]
        assert said[0].replace("web", "phone") == said[1]


def test_either_or_stands_apart_from_and() -> None:
    assert rows("customers", Call("OR", (ACTIVE, RICH)), IN_JAPAN, JOINED) == (
        "customers in Japan who joined since 2022 and either are active or have a credit limit above $500"
    )


def test_a_second_test_of_the_same_rows_is_short() -> None:
    assert rows("customers", Exists(ORDERS, (WEB,)), Exists(ORDERS, (PHONE,), True)) == (
        "customers who have at least one order with channel 'web' but none with channel 'phone'"
    )
    assert rows("customers", Exists(ORDERS, (WEB,)), Exists(ORDERS, (PHONE,))) == (
        "customers who have at least one order with channel 'web' and at least one with channel 'phone'"
    )


def test_which_and_how_many() -> None:
    spoken = clauses(Intent("list", at("customers"), "rows", ()))
    noun = spoken.lexicon.rows("customers")
    traits = spoken.traits((ACTIVE, Exists(ORDERS, (), True)), at("customers"))
    assert which(noun, traits) == "which active customers have no orders"
    assert how_many(noun, traits) == "how many active customers have no orders"
    assert (which(noun, []), how_many(noun, [])) == ("", "how many customers are there")


def test_the_constant_may_stand_first() -> None:
    turned = Call("LT", (Constant(500), field("customers.credit_limit")))
    assert rows("customers", turned) == rows("customers", RICH)


def test_values_keep_their_letters_and_get_quotes_that_they_lack() -> None:
    assert rows("orders", is_("EQ", field("orders.channel"), "Partner Shop")) == "orders with channel Partner Shop"
    assert rows("orders", Call("EQ", (field("orders.channel"), constant("Joe's")))) == 'orders with channel "Joe\'s"'
