"""Which intents may be written in another way, and that a program keeps to the way it has begun."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from tests.synthesis.english_support import SHOP, at, field, is_, path
from utils.synthesis.intent import Aggregate, Call, Constant, Exists, Intent, Named, Result, Window
from utils.synthesis.pydough import render_pydough
from utils.synthesis.pydough.styles import adds_up_choices, in_two_steps, overall_average, parents_link

WEB = is_("EQ", field("orders.channel"), "web")
COUNT, WEB_COUNT = Aggregate("COUNT"), Aggregate("COUNT", (), (WEB,))
SHARE = Call("DIV", (WEB_COUNT, COUNT))
BY_CUSTOMER = Intent(
    "", at("orders"), "groups", ("customer_id", "n"), (), (("customer_id", field("orders.customer_id")),), (("n", COUNT),)
)  # fmt: skip
LIMIT = ("limit", field("customers.credit_limit"))
ABOVE = Intent(
    "", at("customers"), "rows", ("limit",), columns=(LIMIT,), windows=(("average", Window("RELAVG", Result("limit"))),),
    kept=(Call("GT", (Result("limit"), Result("average"))),),
)  # fmt: skip


def _programs(intent: Intent) -> set[str]:
    return {render_pydough(intent, SHOP, random.Random(dice)) for dice in range(60)}


@pytest.mark.parametrize(
    ("intent", "name"),
    [
        (BY_CUSTOMER, "orders"),
        (replace(BY_CUSTOMER, where=(WEB,)), "orders"),
        (replace(BY_CUSTOMER, where=(WEB,), columns=(("n", WEB_COUNT),)), None),  # which PyDough does not compile
        (replace(BY_CUSTOMER, keys=(("id", field("orders.customer.customer_id")),)), "orders"),
        (replace(BY_CUSTOMER, keys=(("country", field("orders.customer.country")),)), None),  # several share it
        (replace(BY_CUSTOMER, keys=(("channel", field("orders.channel")),)), None),
        (replace(BY_CUSTOMER, keys=(*BY_CUSTOMER.keys, ("channel", field("orders.channel")))), None),
        (replace(BY_CUSTOMER, via=at("customers").links["orders"]), None),
    ],
)
def test_groups_that_are_rows_of_a_parent(intent: Intent, name: str | None) -> None:
    link = parents_link(intent, SHOP)
    assert (link.name if link else None) == name
    programs = _programs(intent)
    assert any("HAS(" in program for program in programs) == (name is not None)


def test_what_is_denied_is_denied_in_either_way() -> None:
    listed = is_("IN", field("orders.channel"), "web", "phone")
    intent = Intent(
        "", at("orders"), "rows", ("id",), (Call("NOT", (listed,)),), columns=(("id", field("orders.order_id")),)
    )
    channels = 'ISIN(channel, ("web", "phone"))'
    programs = _programs(intent)
    assert (
        {f"~{channels}" in one for one in programs} == {f"NOT({channels})" in one for one in programs} == {True, False}
    )
    assert all(f"~{channels}" in one or f"NOT({channels})" in one for one in programs)


def test_from_the_parent_its_own_columns_need_no_aggregate() -> None:
    name = Aggregate("ANYTHING", (), (), field("orders.customer.name"))
    programs = _programs(replace(BY_CUSTOMER, output=("customer_id", "called"), columns=(("called", name),)))
    assert "result = customers.WHERE(HAS(orders)).CALCULATE(customer_id, called=name)" in programs
    assert any("ANYTHING(orders.customer.name)" in program for program in programs)


@pytest.mark.parametrize(
    ("intent", "crosses"),
    [
        (ABOVE, True),
        (replace(ABOVE, windows=(("average", Window("RELAVG", Result("limit"), per=("parent",))),)), False),
        (replace(ABOVE, windows=(("average", Window("RELSUM", Result("limit"))),)), False),
        (replace(ABOVE, columns=(("limit", Aggregate("COUNT", path("customers", "orders"))),)), False),
        (replace(ABOVE, having=(is_("GT", field("customers.credit_limit"), 3),)), False),
    ],
)
def test_an_average_of_all_that_may_be_crossed(intent: Intent, crosses: bool) -> None:
    assert (overall_average(intent) is not None) == crosses


def test_a_crossed_average_is_worked_out_over_the_chosen_rows() -> None:
    chosen = replace(ABOVE, where=(is_("EQ", field("customers.country"), "Japan"),))
    crossed = [program for program in _programs(chosen) if "CROSS" in program]
    assert crossed
    for program in crossed:
        assert "Shop.CALCULATE(average=AVG(selected_customers.credit_limit))" in program
        assert ".CROSS(selected_customers)" in program and "RELAVG" not in program


@pytest.mark.parametrize(
    ("aggregate", "adds"),
    [
        (WEB_COUNT, True),
        (Aggregate("SUM", (), (WEB,), field("orders.total")), True),
        (COUNT, False),
        (Aggregate("AVG", (), (WEB,), field("orders.total")), False),  # 0 would count
        (Aggregate("COUNT", (), (is_("EQ", field("orders.customer.country"), "Japan"),)), False),
        (Aggregate("COUNT", (), (Exists(path("orders", "items")),)), False),
    ],
)
def test_what_may_be_added_up_as_choices(aggregate: Aggregate, adds: bool) -> None:
    assert adds_up_choices(aggregate) == adds


def test_what_is_worked_out_of_other_columns_names_them() -> None:
    columns: list[Named] = [("n", COUNT), ("web", WEB_COUNT), ("share", SHARE)]
    first, later = in_two_steps(columns)
    assert first == columns[:2]
    assert later == [("share", Call("DIV", (Result("web"), Result("n"))))]
    assert in_two_steps([columns[0], columns[2]]) == ([columns[0], columns[2]], [])  # the web's is no column
    rounded = ("rounded", Call("ROUND", (COUNT, Constant(1))))
    assert in_two_steps([rounded]) == ([rounded], [])


def test_a_program_writes_no_aggregate_twice_and_keeps_to_one_way() -> None:
    columns: tuple[Named, ...] = (("n", COUNT), ("web", WEB_COUNT), ("share", SHARE))
    intent = replace(BY_CUSTOMER, output=("customer_id", "n", "web", "share"), columns=columns)
    for program in _programs(intent):
        assert program.count("COUNT(") + program.count("SUM(IFF(") == 2, program
        assert "CALCULATE(customer_id, n, web, share=web / n)" in program or "share=FLOAT(web) / n" in program
