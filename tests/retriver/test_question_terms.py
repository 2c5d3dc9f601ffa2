"""Which words of a question are searched for."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from retriver.terms import MAX_TERMS, compound_names, question_terms


@pytest.mark.parametrize(
    ("question", "terms"),
    [
        ("How do I sort the customers by balance?", ["sort", "customers", "balance"]),
        ("What does HAS do, and when is FIND used?", ["HAS", "FIND"]),
        ("who has orders", ["orders"]),
        ("TOP_K versus ORDER_BY: which?", ["TOP_K", "versus", "ORDER_BY"]),
        ("Why doesn't a customer's name show?", ["doesn", "customer", "name"]),
        ("the share of 'US' sales, sales of `x == 3`", ["share", "US", "sales", "equal", "comparison"]),
        ("what does % do", ["modulo", "arithmetic"]),
        ("50% and/or non-empty", ["50", "non", "empty"]),
        ("Was ist der größte Umsatz?", ["ist", "der", "größte", "Umsatz"]),
        ("what is it?", ["what", "is", "it"]),
        ("?!", []),
    ],
)
def test_terms(question: str, terms: list[str]) -> None:
    assert question_terms(question) == terms


def test_neighbours_form_names() -> None:
    assert compound_names("Order by top-k") == ["order_by", "by_top", "top_k"]


@given(st.text())
def test_terms_are_distinct_words_without_quotes(text: str) -> None:
    terms = question_terms(text)
    assert len({term.lower() for term in terms}) == len(terms) <= MAX_TERMS
    assert not any(set(term) & set("\"'\0 ") for term in terms)


def test_a_whole_document_as_a_question_is_cut() -> None:
    assert len(question_terms(" ".join(f"word{number}" for number in range(100_000)))) == MAX_TERMS
