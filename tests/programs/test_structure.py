"""What is counted in a program."""

from __future__ import annotations

import pytest

from utils.programs.source import ProgramError
from utils.programs.structure import Structure, structure

PROGRAM = """\
big = orders.WHERE((total_price > 3) & ~ISIN(status, ("a", "b")))
ranked = customers.CALCULATE(n=COUNT(big), place=RANKING(by=SUM(big.total_price).DESC(), per="nations"))
groups = ranked.CALCULATE(region_name=nation.region.name).PARTITION(name="groups", by=region_name)
result = groups.CALCULATE(region_name, n=COUNT(customers), day=datetime.date(2020, 1, 1)).TOP_K(3, by=n.DESC())
"""


def test_everything_is_counted_once() -> None:
    assert structure(PROGRAM, {"nation", "region", "customers"}) == Structure(
        operators=13,
        distinct_operators=9,
        nesting=3,  # DESC in RANKING in CALCULATE
        links=3,
        windows=1,
        aggregations=3,
        partitions=1,
        top_ks=1,
        conditions=2,
        steps=6,
    )


@pytest.mark.parametrize(
    ("program", "field", "count"),
    [
        ("result = a", "nesting", 0),
        ("result = a.WHERE(b)", "nesting", 1),
        ("result = a.WHERE(b).WHERE(c)", "nesting", 1),
        ("result = a.WHERE(HAS(b.WHERE(c)))", "nesting", 3),
        ("result = a.b.c", "links", 2),
        ("result = a.CALCULATE(b.c)", "links", 1),
        ("result = a.WHERE(d < datetime.date(2020, 1, 1))", "links", 0),
        ("result = a.BEST(by=x).CROSS(b)", "bests", 1),
        ("result = CROSS(b)", "crosses", 1),
        ("result = a.WHERE((x == 1) | STARTSWITH(y, 'z'))", "conditions", 2),
        ("result = a.CALCULATE(x=RELSIZE() + PREV(y, by=z) + NEXT(y, by=z))", "windows", 3),
    ],
)
def test_counts_of_one_kind(program: str, field: str, count: int) -> None:
    assert getattr(structure(program), field) == count


def test_a_link_is_told_by_its_name_where_the_names_are_known() -> None:
    program = "result = customers.CALCULATE(name, n=COUNT(orders), country=nation.name)"
    assert structure(program).links == 1
    assert structure(program, {"orders", "nation", "customers"}).links == 2, "the chain's own start is no link"
    assert structure(program, {"region"}).links == 0


def test_what_is_no_program_is_an_error() -> None:
    with pytest.raises(ProgramError):
        structure("result = (")
    with pytest.raises(ProgramError):
        structure("result = a" + ".b" * 980)
