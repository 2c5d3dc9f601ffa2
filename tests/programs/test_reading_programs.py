"""What is read from a program's text alone: the block it stands in, its terms."""

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.programs.source import ProgramError, code_blocks, extract_program, parse_program
from utils.programs.terms import key_terms, operators

PROGRAM = "rich = customers.WHERE(balance > 3)\nresult = rich.CALCULATE(name)"


@pytest.mark.parametrize(
    "reply",
    [
        PROGRAM,
        f"\n{PROGRAM}\n\n",
        f"```python\n{PROGRAM}\n```",
        f"Here it is:\n\n```py\n{PROGRAM}\n```\nIt keeps the rich ones.",
        f"``` python\n{PROGRAM}\n```  ",
        f"```pydough\n{PROGRAM}\n```",
        f"```python\n{PROGRAM}\n```\n".replace("\n", "\r\n"),
        f"- as a list item:\n  ```\n{PROGRAM}\n  ```",
        f"Inline `code` and one block\n```\n{PROGRAM}\n```\nwith `result`.",
    ],
)
def test_the_one_program_of_a_reply_is_found(reply):
    assert extract_program(reply) == PROGRAM


@pytest.mark.parametrize(
    ("reply", "said"),
    [
        (f"```python\n{PROGRAM}\n```\nor\n```python\n{PROGRAM}\n```", "exactly one code block, found 2"),
        ("```sql\nSELECT 1\n```\n```python\nresult = a\n```\n```\nb\n```", "found 3"),
        ("I cannot write this program.", "found none"),
        ("", "found none"),
        ("result is what you want", "found none"),
        ("customers.CALCULATE(name)", "found none"),
    ],
)
def test_a_reply_without_exactly_one_program_is_refused(reply, said):
    with pytest.raises(ProgramError, match=said):
        extract_program(reply)


@pytest.mark.parametrize("program", ["result = customers.WHERE(", "answer = customers", "for"])
def test_a_single_block_at_fault_is_left_to_proof(program):
    assert extract_program(f"```python\n{program}\n```") == program


def test_all_blocks_are_found_in_order():
    assert code_blocks("```\na\n```\ntext\n```python\n\nb\nc\n\n```\n```") == ["a", "b\nc"]


@pytest.mark.parametrize(
    "program",
    [
        "result = a",
        "result: object = a",
        "other, result = a, b",
        "x = result = a",
        "if True:\n    result = a\nelse:\n    result = b",
        "for one in (a, b):\n    result = one",
        "def f():\n    return a\nresult = f()",
    ],
)
def test_an_assigned_result_is_seen(program):
    parse_program(program)


@pytest.mark.parametrize(
    "program",
    [
        "",
        "# result = a",
        "results = a",
        "result",
        "result == a",
        "f(result=a)",
        "def f():\n    result = a",
        "[result for result in a]",
        "a.result = b",
        "f = lambda result: result",
        "class C:\n    result = 1",
    ],
)
def test_a_result_never_assigned_is_refused(program):
    with pytest.raises(ProgramError, match="never assigns `result`"):
        parse_program(program)


@pytest.mark.parametrize(
    ("program", "said"),
    [
        ("result = (1", r"syntax error in line 1: '\(' was never closed"),
        ("result = 1\n  x = 2", "syntax error in line 2"),
        ("result = 1\x00", "syntax error"),
        ("result = '\ud800'", "syntax error"),
        ("result = " + "(" * 500, "syntax error"),
        ("result = " + "-" * 100_000 + "1", "syntax error"),
    ],
)
def test_what_does_not_parse_is_told_in_one_line(program, said):
    with pytest.raises(ProgramError, match=said) as caught:
        parse_program(program)
    assert "\n" not in str(caught.value)


@given(st.text())
def test_any_text_either_parses_or_is_refused(text):
    try:
        parse_program(text)
    except ProgramError:
        return
    assert "result" in text


def test_operators_stand_in_the_order_of_their_use():
    program = (
        "big = parts.WHERE(CONTAINS(LOWER(name), 'x') | (size > 3))\n"
        "result = big.CALCULATE(name, n=COUNT(lines), a=LOWER(brand)).TOP_K(3, by=n.DESC())"
    )
    assert operators(program) == ["WHERE", "CONTAINS", "LOWER", "CALCULATE", "COUNT", "TOP_K", "DESC"]


def test_key_terms_are_operators_telling_arguments_symbols_and_the_graphs_names():
    program = (
        "r = pydough.range_collection('t', 'i', 3)\n"
        "result = customers.CALCULATE(x=RANKING(by=name.ASC(na_pos='last'), per='nations') ** 2, y=name[:1])"
        ".WHERE(~(x > 1) & HAS(orders))"
    )
    terms = key_terms(program, {"customers", "orders", "lines", "name"})
    assert set(terms) == {
        *("range_collection", "CALCULATE", "ASC", "RANKING", "WHERE", "HAS"),
        *("by=", "per=", "na_pos=", "**", "slicing", "&", "~", ">"),
        *("customers", "orders", "name"),
    }
    assert len(terms) == len(set(terms))
    assert terms.index("range_collection") < terms.index("RANKING") < terms.index("WHERE") < terms.index("by=")


def test_names_and_arguments_that_need_no_word_are_no_key_terms():
    assert key_terms("result = parts.CALCULATE(by=size, COUNTRY=name)") == ["CALCULATE", "by="]
    assert key_terms("def f(by):\n    return by\nresult = f(by=3)") == []


def test_terms_of_what_is_no_program_are_refused():
    with pytest.raises(ProgramError):
        key_terms("result = (")


def test_an_answer_of_nothing_but_fences_is_read_in_no_time():
    started = time.process_time()
    assert code_blocks("```python\n" * 200_000) == []
    assert len(code_blocks("```python\nx\n```\n" * 100_000)) == 100_000
    assert time.process_time() - started < 5
