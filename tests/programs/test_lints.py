"""Places where PyDough answers otherwise than one may expect."""

import pytest

from utils.programs.lints import lint_program

MOMENTS = frozenset({"date_time"})


@pytest.mark.parametrize(
    ("program", "codes"),
    [
        ("result = customers.CALCULATE(n=COUNT(orders))", []),
        ("result = customers.CALCULATE(first=orders.SINGULAR().key)", ["singular_on_plural"]),
        ("result = customers.WHERE(phone == None)", ["compared_with_none"]),
        ("result = customers.WHERE(None != phone)", ["compared_with_none"]),
        ("result = customers.CALCULATE(x=name + ' ' + phone)", ["text_added"]),
        ("result = customers.CALCULATE(x=1 + size)", []),
        ("result = customers.CALCULATE(x='a' + 'b')", []),
        ("result = customers.CALCULATE(x=f'{name}!')", ["property_in_f_string"]),
        ("result = customers.CALCULATE(x=str(name))", ["property_in_f_string"]),
        ("k = 3\nresult = customers.WHERE(name == f'{3}')", []),
        ("result = trades.WHERE(date_time <= '2023-01-31')", ["timestamp_against_date"]),
        ("result = trades.WHERE(date_time <= datetime.date(2023, 1, 31))", ["timestamp_against_date"]),
        ("result = trades.WHERE(trade.date_time == '2023-01-31')", ["timestamp_against_date"]),
        ("result = trades.WHERE(date_time < '2023-01-31')", []),
        ("result = trades.WHERE(date_time <= '2023-01-31 23:59:59')", []),
        ("result = trades.WHERE(day <= '2023-01-31')", []),
    ],
)
def test_what_is_found(program: str, codes: list[str]) -> None:
    found = lint_program(program, lambda: MOMENTS)
    assert [lint.code for lint in found] == codes
    assert all(lint.explanation and lint.line == 1 for lint in found)


def test_what_holds_a_time_of_day_is_asked_only_where_it_matters() -> None:
    def never() -> frozenset[str]:
        raise AssertionError

    assert lint_program("result = customers.WHERE(name <= 'x')", never) == []


def test_lines_are_told_in_order() -> None:
    program = "a = customers.WHERE(phone == None)\nb = a.CALCULATE(x=f'{name}')\nresult = b.WHERE(name != None)"
    assert [(lint.line, lint.code) for lint in lint_program(program)] == [
        (1, "compared_with_none"),
        (2, "property_in_f_string"),
        (3, "compared_with_none"),
    ]
