"""Names that PyDough has not and forms it has dropped, and what only looks like one."""

from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriver.language_names import (
    code_spans,
    inline_programs,
    installed_language,
    name_problems,
    program_lines,
    without_code,
)

GRAPH = frozenset({"TPCH", "customers", "nations", "name"})


def problems(
    paragraph: str, values: frozenset[str] = frozenset(), functions: frozenset[str] = frozenset()
) -> list[str]:
    known = installed_language()
    language = type(known)(known.operators, known.functions, known.settings, GRAPH)
    return [*name_problems(paragraph, language, values, functions), *program_lines(paragraph)]


@pytest.mark.parametrize(
    ("paragraph", "name"),
    [
        ("Use BACK(1) to go up.", "BACK"),
        ("Use `BACK(1).name` to go up.", "BACK"),
        ("`MODE(x)` gives the most frequent.", "MODE"),
        ("Then `GROUP_BY` follows.", "GROUP_BY"),
        ("Two collections meet by `JOIN`.", "JOIN"),
        ("Cut with `orders.LIMIT(5)`.", "LIMIT"),
        ("Cut with `.LIMIT(5)`.", "LIMIT"),
        ("Cut with `.LIMIT`.", "LIMIT"),
        ("Cut with orders.LIMIT, then sort.", "LIMIT"),
        ("`LIMIT()` cuts", "LIMIT"),
        ("- a line\nwith `a` and ``MODE(`x`)``", "MODE"),
        ("SQL is old. `MODE(x)` is new.", "MODE"),  # the exemption of SQL's names holds in its sentence only
        ("There is no need to wait: call `BACK(1)`.", "BACK"),
        ("BACK(1) does help; LIMIT does not exist.", "BACK"),
        ("It compiles to SQL with `BACK(1)`.", "BACK"),
        ("`BACK(1)` must be called on a collection, and goes one level up.", "BACK"),
        ("`LIMIT(5)` raises the number of rows to five.", "LIMIT"),
        ("`LIMIT(5)` cannot return more than five rows.", "LIMIT"),
        ("As in SQL, write `nations.LIMIT(5)` to take five rows.", "LIMIT"),
        ("As in SQL, write `LIMIT(5)` to take five rows.", "LIMIT"),
        ("As in SQL, cut with `.LIMIT`.", "LIMIT"),
        ("`BACK(1)` must be repeated.", "BACK"),
        ("`LIMIT(5)` must be written last.", "LIMIT"),
        ("`LIMIT(5)` is not the fastest way, and no slow one.", "LIMIT"),
        ("`LIMIT(5)` is not a slow method.", "LIMIT"),
        ("`LIMIT(5)` is no slower.", "LIMIT"),
        ("`LIMIT(5)` no longer needs a sort.", "LIMIT"),
        ("`LIMIT(5)` is not part of the sort.", "LIMIT"),
        ("`LIMIT(5)` cannot be used before a sort.", "LIMIT"),
        ("`LIMIT(5)` is not allowed twice.", "LIMIT"),
        ("`LIMIT(x)` fails if x is negative.", "LIMIT"),
        ("`LIMIT(x)` raises an error when x is negative.", "LIMIT"),
        ("Without `LIMIT(5)`, or with no `LIMIT`, all rows come.", "LIMIT"),
        ("You need not, `LIMIT(5)` does it.", "LIMIT"),
    ],
)
def test_a_name_that_does_not_exist_is_found(paragraph: str, name: str) -> None:
    assert {problem.split()[0] for problem in problems(paragraph)} == {name}


@pytest.mark.parametrize(
    ("paragraph", "form"),
    [
        ("Write `customers(name=name)`.", "a collection"),
        ("Write customers(name, total=COUNT(orders)) here.", "a collection"),
        ("Old: `TPCH.customers(name=name)`.", "a collection"),
        ("Old: `Customers(name=name)`.", "a collection"),
        ('`PARTITION(customers, name="g", by=x)`', "PARTITION"),
        ('`nations.PARTITION(customers.WHERE(x > 1), name="g", by=x)`', "PARTITION"),
        ('`JOIN_STRINGS("-", x)`', "JOIN_STRINGS"),
        ("`JOIN_STRINGS('-', LOWER(x))`", "JOIN_STRINGS"),
        ("result = customers.WHERE(x)", "a program"),
    ],
)
def test_a_form_that_is_gone_is_found(paragraph: str, form: str) -> None:
    assert [problem for problem in problems(paragraph) if problem.startswith(form)] == problems(paragraph) != []


@pytest.mark.parametrize(
    "paragraph",
    [
        "RANKING(by=x), `TOP_K`, `.CALCULATE(...)`, `x.DESC()` and `ASC`.",
        "KPI(s) and SQL (the language), a NULL, USD and GDP.",
        "`NULL`, `TPCH`, `MONDAY`, `division_by_zero=NULL`, `YYYY-MM-DD`.",
        "SQL's `CASE WHEN x THEN 1 END`, `GROUP BY x`, `LEFT JOIN`.",
        "It becomes SQL's `COALESCE(x, 0)` and a `JOIN`.",
        "DuckDB has `UNNEST`.",
        'The region \'ASIA\', `"BUILDING"`, `segment == "BUILDING"`.',
        "`BACK(1).name` does not exist: use a CALCULATE.",
        "`BACK`, `LIMIT` and `MODE(x)` do not exist.",
        "There is no `GROUP_BY`; use PARTITION.",
        "`BACK(1)` raises an error, `UP(1)` raises `UnknownNameError`, and `OVER(x)` cannot be used.",
        "`MODE(x)` is not supported; `UP(1)` is not part of the language, and `BACK(1)` is no longer available.",
        "`MODE(x)` is not an aggregation function, `UP` is not a method.",
        "Do not use `BACK(1)`, nor call it. PyDough has no `UP`, `BACK` or `OVER`.",
        "`BACK(1)` must be replaced by a CALCULATE.",
        "TOP_K instead of `.LIMIT(5)`.",
        "`nations(name=name)` must be `nations.CALCULATE(name=name)`.",
        '`PARTITION` is a method, `PARTITION(nations, name="g", by=x)` is refused.',
        'PARTITION(name="g", by=x), `PARTITION("g", by=x)`, `PARTITION(name, by)`.',
        'JOIN_STRINGS("-", x, y), `JOIN_STRINGS("-", ...)`, JOIN_STRINGS(delimiter, x).',
        "`sorted(rows, key=len)`, `pd.DataFrame(data=x)`, `datetime.timedelta(days=3)`.",
        "`range_collection(name=x)`, `pydough.to_df(x, columns=y)`, `to_sql(x, session=s)`.",
        "if x(y == 1), f(x >= 2), (a=b), customers (a=b), name()",
        "The `result` variable: result == 1",
    ],
)
def test_no_false_alarm(paragraph: str) -> None:
    assert problems(paragraph) == []


def test_values_and_functions_of_the_text_itself() -> None:
    assert problems("Asia is `ASIA`, see `percent(part=x)`.") != []
    assert problems("Asia is `ASIA`, see `percent(part=x)`.", frozenset({"ASIA"}), frozenset({"percent"})) == []
    assert problems("`ASIA(x)` is called.", frozenset({"ASIA"})) != []


def test_programs_in_inline_code() -> None:
    code = "result = nations.WHERE(key > 1)"
    assert inline_programs(f"Write `{code}`, ``{code} ``.") == [code, code]
    assert inline_programs("<code>result = nations.WHERE(key &gt; 1)</code>") == [code]
    assert inline_programs(f"`{code}` is refused, not `{code}`. See `nations.WHERE(x)`, `result = ...`.") == []


def test_inline_code_pairs_up_as_in_commonmark() -> None:
    assert [content for *_, content in code_spans("a `b` ``c ` d`` ` e ``` f")] == ["b", "c ` d"]
    assert without_code("[1] `[2]` [3]") == "[1]   [3]"
    assert code_spans("`" * 7) == []


@given(st.text(alphabet="`BACK(1) .,ax=", max_size=200))
def test_a_name_before_any_text_is_found(text: str) -> None:
    assert any(problem.startswith("MODE ") for problem in problems(f"Use MODE(x). {text}"))


@pytest.mark.parametrize(
    "part",
    ["`", "` ", "[", "(", "A", "A(", "a(", "a.", "a(b,", "a(b, ", "B(x) ", "`B` ", "`B`, ", ". ", "PARTITION(a", '"A',
     'JOIN_STRINGS("', "<code>", "<code>a", "<pre ", "BACK(1) and ", "def a "],
)  # fmt: skip
def test_a_long_paragraph_is_read_quickly(part: str) -> None:
    started = time.perf_counter()
    problems(part * (100_000 // len(part)))
    inline_programs(part * (100_000 // len(part)))
    assert time.perf_counter() - started < 5
