"""The plan of a program in plain English says what the program does, and nothing that it does not."""

from __future__ import annotations

import ast
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core.paths import QUESTIONS_DIR
from utils.core.questions import read_questions
from utils.core.records import Question
from utils.dataset.rationale import rationale
from utils.programs.normal_form import forms
from utils.programs.source import ProgramError
from utils.programs.structure import METHODS

CORPUS = [row.question for row in read_questions([QUESTIONS_DIR / "broker.csv", QUESTIONS_DIR / "tpch.csv"])]
WORDS = {
    "WHERE": "only|where", "PARTITION": "group", "TOP_K": "the first", "ORDER_BY": "order by", "BEST": "the first",
    "CROSS": "pair", "COUNT": "the number of|counts", "SUM": "the sum of|sums", "AVG": "the average of|averages",
    "MIN": "the minimum of|minima", "MAX": "the maximum of|maxima", "MEDIAN": "median", "QUANTILE": "quantile",
    "NDISTINCT": "different values", "ANYTHING": "any one value", "STD": "standard deviation", "VAR": "variance",
    "HAS": "there are any", "HASNOT": "there are no", "RANKING": "rank", "PERCENTILE": "bucket", "PREV": "previous",
    "NEXT": "next", "RELSUM": "total", "RELAVG": "average", "RELCOUNT": "count", "RELSIZE": "numbers? of rows",
}  # fmt: skip
CHAINED = {
    "WHERE": "Keep only those", "PARTITION": "Group them by", "ORDER_BY": r"Order by(?!.*and keep only the first)",
    "TOP_K": "and keep only the first", "BEST": "Keep only the first",
}  # fmt: skip


def _plan(program: str) -> list[str]:
    lines = rationale(program).split("\n")
    assert 1 <= len(lines) <= 8
    assert all(len(line) <= 200 for line in lines)
    assert [line.partition(". ")[0] for line in lines] == [str(number + 1) for number in range(len(lines))]
    return lines


def _sentences(plan: list[str]) -> list[str]:
    return re.split(r"\.(?: |$)", ". ".join(line.partition(". ")[2] for line in plan))


def _chain_steps(program: str) -> list[str]:
    """The methods of the chains that the statements are, without those within arguments."""
    found = []
    for statement in ast.parse(program).body:
        node: ast.expr | None = statement.value if isinstance(statement, ast.Assign) else None
        while isinstance(node, ast.Call | ast.Attribute):
            if isinstance(node, ast.Call):
                if not isinstance(node.func, ast.Attribute) or node.func.attr not in METHODS:
                    break
                found.append(node.func.attr)
                node = node.func.value
            else:
                node = node.value
    return found


@pytest.mark.parametrize("question", CORPUS, ids=lambda question: question.question_id)
def test_every_program_of_the_corpus_has_a_plan_with_all_its_steps(question: Question) -> None:
    program = question.pydough or ""
    plan = _plan(program)
    text = " ".join(plan)
    for name in forms(program).operators:
        assert name not in WORDS or re.search(WORDS[name], text, re.IGNORECASE), f"{name} is not told in {plan}"
    steps, sentences = _chain_steps(program), _sentences(plan)
    for name, begins in CHAINED.items():
        told = sum(bool(re.search(begins, sentence)) for sentence in sentences)
        others = steps.count("BEST") if name == "TOP_K" else 0
        assert told == steps.count(name) or told == steps.count(name) + others, f"{name} in {plan}"


@pytest.mark.parametrize("question", CORPUS, ids=lambda question: question.question_id)
def test_a_plan_says_nothing_that_the_program_does_not(question: Question) -> None:
    """Each figure or step that is named in words belongs to an operator of the program, and each name is its own."""
    program = question.pydough or ""
    text = " ".join(_plan(program))
    used = set(forms(program).operators)
    for word, names in {
        "the sum of|sums": {"SUM"}, "the number of|counts": {"COUNT", "NDISTINCT", "STRCOUNT", "RELSIZE", "RELCOUNT"},
        "the average of|averages": {"AVG", "RELAVG"}, "minim": {"MIN"}, "maxim": {"MAX"}, "median": {"MEDIAN"},
        "quantile": {"QUANTILE"}, "the rank|ranks": {"RANKING"}, "bucket": {"PERCENTILE"}, "the previous": {"PREV"},
        "the next": {"NEXT"}, "running": {"RELSUM", "RELAVG", "RELCOUNT"}, "Group them": {"PARTITION"},
        "Pair": {"CROSS"}, "descending": {"DESC"}, "Keep only those": {"WHERE"}, "eep only the first": {"BEST", "TOP_K"},
        "there are any": {"HAS"}, "there are no": {"HASNOT"}, "rounded": {"ROUND", "FLOOR", "CEIL"},
    }.items():  # fmt: skip
        assert not re.search(word, text) or used & names, f"'{word}' in {text}"
    named = set(re.findall(r"\b[a-z]\w*_\w+\b", re.sub(r"'[^']*'", "", text)))
    assert named <= set(re.findall(r"\w+", program))


@pytest.mark.parametrize("question", CORPUS, ids=lambda question: question.question_id)
def test_a_plan_is_prose(question: Question) -> None:
    text = "\n".join(_plan(question.pydough or ""))
    assert "`" not in text and "==" not in text and ".0.0" not in text
    assert not re.search(r"\b[A-Z_]{3,}\(", text), "no calls"
    assert not re.search(r"\b[a-z_]+\.[a-z_]+\b", re.sub(r"'[^']*'", "", text)), "no dotted paths"


@pytest.mark.parametrize(
    ("program", "plan"),
    [
        (
            "ca = customers.WHERE(state == 'CA')\nresult = ca.CALCULATE(name, n=COUNT(transactions_made)).TOP_K(5, by=(n.DESC(), name.ASC()))",
            "1. Start from customers.\n2. Keep only those where state is 'CA'.\n3. Show name; n: the number of transactions_made.\n4. Order by n descending, then name ascending and keep only the first 5.",
        ),
        ("result = TPCH.CALCULATE(n=COUNT(orders))", "1. For the whole of TPCH, show n: the number of orders."),
        ("result = parts", "1. Start from parts."),
        ("result = orders.customer", "1. Take customer of orders."),
        (
            "late = receipt_date > commit_date\nresult = lines.WHERE(late & ~(tax < 1)).ORDER_BY(key)",
            "1. Let late mean that receipt_date is after commit_date.\n2. Start from lines.\n3. Keep only those where late is true and not (tax is less than 1).\n4. Order by key.",
        ),
        (
            "result = nations.customers.BEST(by=x.DESC(), per='nations', n_best=2, allow_ties=True).CALCULATE(name)",
            "1. Start from nations.\n2. Go on to their customers.\n3. Keep only the first 2 by x descending within each of nations, with all that tie.\n4. Show name.",
        ),
    ],
)  # fmt: skip
def test_plans_word_by_word(program: str, plan: str) -> None:
    assert rationale(program, {"parts", "orders", "lines", "nations", "customers"}) == plan


@pytest.mark.parametrize(
    ("expression", "said"),
    [
        ("100.0 * (POWER(a / b, 2) - 1)", "100.0 * (((a / b) to the power of 2) - 1)"),
        ("(a - b) / c", "(a - b) / c"),
        ("a - (b - c)", "a - (b - c)"),
        ("ABS(a - b)", "the absolute value of (a - b)"),
        ("SUM(o.x) / COUNT(o)", "(the sum of x over o) / (the number of o)"),
        ("SUM(o.WHERE(z > 1).x)", "the sum of x over o where z is greater than 1"),
        ("SUM(o.x == 1)", "the sum of the times when x of o is 1"),
        ("STD(o.x, type='sample')", "the sample standard deviation of x over o"),
        ("phone[:2]", "the first 2 characters of phone"),
        ("phone[-4:]", "the last 4 characters of phone"),
        ("text[2:4]", "characters 3 to 4 of text"),
        ("GETPART(email, '@', -1)", "part 1 from the end of email split at '@'"),
        ("DATETIME(d, 'start of month')", "d (start of month)"),
        ("DATETIME('now', 'start of day', '-30 days')", "now (start of day, minus 30 days)"),
        ("IFF(p, 1, 0)", "(1 if p is true, else 0)"),
        ("KEEP_IF(a, b > 1)", "(a if b is greater than 1, else nothing)"),
        ("MONOTONIC(1, a, 5)", "whether a is from 1 to 5"),
        ("ISIN(a, ('p', 'q'))", "whether a is one of 'p' or 'q'"),
        ("NOT(ISIN(a, ('p', 'q')))", "whether a is not one of 'p' or 'q'"),
        ("(a | b) & c", "whether (a is true or b is true) and c is true"),
        ("(a & b) | c", "whether (a is true and b is true) or c is true"),
        ("RANKING(by=a.DESC(), allow_ties=True)", "the rank (ties share one) by a descending"),
        ("RELSUM(a)", "the total of a over all rows"),
        ("RELSUM(a, by=b.ASC(), cumulative=True, per='g')", "the running total of a by b ascending within each of g"),
        ("RELAVG(a, by=b.ASC(), frame=(-2, 0))", "the average of a over the rows from 2 before to this one by b ascending"),
        ("RELSUM(a, by=b.ASC(), frame=(None, -1))", "the total of a over the rows from the first to 1 before by b ascending"),
        ("PREV(a, by=b.ASC(), n=2, default=0)", "the previous a (2 rows away) (else 0) by b ascending"),
        ("datetime.date(2023, 4, 1)", "2023-04-01"),
        ("d < datetime.date(2023, 4, 1)", "whether d is before 2023-04-01"),
        ("ROUND(RELSUM(a), 1)", "(the total of a over all rows) rounded to 1 decimal"),
        ("UNKNOWN(a)", "UNKNOWN of a"),
        ("[COUNT(c) for c in (d, e)]", "a formula of c, d, e"),
    ],
)  # fmt: skip
def test_expressions_in_words(expression: str, said: str) -> None:
    assert rationale(f"result = rows.CALCULATE(x={expression})").split("\n")[1] == f"2. Show x: {said}."


def test_what_is_told_shorter_still_names_its_figures() -> None:
    columns = ", ".join(f"a_long_name_of_a_column_{number}=SUM(orders.price) / AVG(orders.tax)" for number in range(40))
    plan = _plan(f"result = customers.CALCULATE({columns})")
    assert plan[1] == "2. Show 40 values (sums, averages)."


@pytest.mark.parametrize("steps", [9, 40, 400])
def test_a_long_program_has_a_short_plan(steps: int) -> None:
    program = "\n".join(
        f"s{n + 1} = s{n}.WHERE(a_rather_long_name_{n} == 'some rather long text {n}')" for n in range(steps)
    )
    plan = _plan(f"s0 = orders\n{program}\nresult = s{steps}.ORDER_BY(key.ASC())")
    assert steps > 9 or "more steps" not in plan[-1]
    assert steps < 400 or re.search(r"\d+ more steps", plan[-1]), "what is left out is said"


@pytest.mark.parametrize(
    "program",
    [
        "terms = {}\nfor year in (1, 2):\n    terms['n' + str(year)] = COUNT(orders)\nresult = TPCH.CALCULATE(**terms)",
        "def share(a, b):\n    return SUM(a) / b\nresult = parts.CALCULATE(x=share(size, 2))",
        "f = lambda a: a + 1\nresult = parts.CALCULATE(x=f(size))",
        "if True:\n    result = parts",
        "a, b = parts, lines\nresult = a",
        "result = parts.WHERE()",
        "result = parts.CALCULATE(x=IFF(a), y=COUNT(), z=a[0], w=-a)",
    ],
)
def test_unusual_programs_have_a_plan(program: str) -> None:
    assert _plan(program)


names = st.sampled_from(["name", "size", "orders.tax", "COUNT(lines)", "'a ` b'", "3.5", "RELSUM(size)", "None"])
expressions = st.recursive(
    names,
    lambda inner: st.tuples(
        st.sampled_from(["({} + {})", "({} > {})", "({} & {})", "IFF({}, {})", "HAS({}.WHERE({}))", "GETPART({}, {})"]),
        inner,
        inner,
    ).map(lambda parts: parts[0].format(*parts[1:])),
    max_leaves=12,
)


@given(
    st.lists(
        st.tuples(st.sampled_from(["WHERE({})", "CALCULATE(x={})", "ORDER_BY({})", "TOP_K(3, by={})"]), expressions),
        max_size=15,
    )
)
def test_any_program_has_a_plan_within_its_limits(steps: list[tuple[str, str]]) -> None:
    chain = "".join(f".{method.format(expression)}" for method, expression in steps)
    assert "`" not in "".join(_plan(f"result = parts{chain}"))


def test_what_is_no_program_is_an_error() -> None:
    with pytest.raises(ProgramError):
        rationale("result = (")
    with pytest.raises(ProgramError):
        rationale(f"result = a.CALCULATE(x={'-' * 900}b)")
