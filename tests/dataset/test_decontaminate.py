"""What of an evaluation set is found again in a row to train on."""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from utils.core.console import UserError
from utils.core.jsonl import write_jsonl
from utils.core.paths import QUESTIONS_DIR
from utils.core.questions import normal_question, read_questions
from utils.dataset.decontaminate import Contamination
from utils.dataset.near_finder import NearFinder, signature
from utils.dataset.similarity import jaccard, shingles
from utils.dataset.sql_form import sql_form, sql_outline

FILES = [QUESTIONS_DIR / "broker.csv", QUESTIONS_DIR / "tpch.csv"]
CORPUS = [row.question for row in read_questions(FILES)]
QUESTION = "Show the ten customers with the highest account balance in Germany"
SQL = "SELECT c.name AS who, COUNT(*) AS n FROM customer AS c JOIN orders AS o ON o.custkey = c.key WHERE c.nation = 7 AND o.total > 100 GROUP BY c.name ORDER BY n DESC, who LIMIT 10"
PROGRAM = "big = orders.WHERE((total > 100) & HAS(lines))\nresult = big.CALCULATE(key)"


def _known(**row: str) -> Contamination:
    known = Contamination()
    known.add("dev.csv:2", **({"question": QUESTION} | row))
    return known


@pytest.mark.parametrize(
    ("question", "found"),
    [
        (QUESTION, "8-gram 'show the ten customers with the highest account' of dev.csv:2"),
        ("Please, SHOW the ten customers: with the highest account!", "8-gram 'show the ten customers with the highest account' of dev.csv:2"),
        ("Show the ten customers with the highest", None),
        ("Which suppliers live in Germany?", None),
        ("", None),
        ("?!", None),
    ],
)  # fmt: skip
def test_eight_words_in_a_row_are_too_many(question: str, found: str | None) -> None:
    assert _known().finding(question, None, None) == found


@pytest.mark.parametrize(
    ("evaluated", "question", "found"),
    [
        ("How many orders?", "how many orders", "question near dev.csv:2 (similarity 1.00)"),
        ("How many orders?", "How many parts?", None),
        ("Orders?", "orders", "question near dev.csv:2 (similarity 1.00)"),
        ("Orders?", "customers", None),
        ("How many?", "how many", "question near dev.csv:2 (similarity 1.00)"),
        ("a b c d e f g", "a b c d e f g h", "question near dev.csv:2 (similarity 0.83)"),
        ("a b c d e f g", "a b c d e f x", None),  # 0.67
        ("a b c d e f g", "a b c x e f g", None),
    ],
)
def test_near_questions_are_found_by_exact_similarity(evaluated: str, question: str, found: str | None) -> None:
    assert _known(question=evaluated).finding(question, None, None) == found


@pytest.mark.parametrize(
    ("program", "same"),
    [
        ("result = orders.WHERE(HAS(lines) & (100 < total)).CALCULATE(key)  # the same", True),
        ("result = orders.WHERE(HAS(lines) & (100 <= total)).CALCULATE(key)", False),
        ("result = (", False),
        ("", False),
    ],
)
def test_the_same_program_is_found_however_it_is_written(program: str, same: bool) -> None:
    known = _known(program=PROGRAM)
    assert known.finding("Another one", None, program) == ("same program as dev.csv:2" if same else None)


@pytest.mark.parametrize(
    ("sql", "same"),
    [
        (SQL.lower().replace(" as ", " "), True),
        (SQL.replace("c.", "x.").replace("AS c", "AS x").replace("who", "w").replace(" n ", " k "), True),
        (SQL.replace("c.nation = 7 AND o.total > 100", "100 < o.total AND c.nation = 7 -- turned round\n"), True),
        (SQL.replace("JOIN", "INNER JOIN").replace("c.name", '"c"."NAME"'), True),
        (SQL.replace("GROUP BY c.name", "GROUP BY who"), True),
        (SQL.replace("ORDER BY n", "ORDER BY COUNT(*)"), True),
        (SQL.replace(" n ", " max "), True),
        (SQL.replace(" n ", " _n "), True),
        (SQL.replace("o.total > 100", "o.total >= 100"), False),
        (SQL.replace("o.total > 100", "o.total > 101"), False),
        (SQL.replace("DESC", "ASC"), False),
        (SQL.replace("c.name AS who, COUNT(*) AS n", "COUNT(*) AS n, c.name AS who"), False),
        (SQL.replace("JOIN", "LEFT JOIN"), False),
        ("SELECT (", False),
        ("DROP TABLE customer", False),
    ],
)
def test_the_same_sql_is_found_however_it_is_written(sql: str, same: bool) -> None:
    assert _known(gold_sql=SQL).finding("Another one", sql, None) == ("same SQL as dev.csv:2" if same else None)
    assert (sql_form(sql) == sql_form(SQL)) is same
    assert not same or sql_outline(sql) == sql_outline(SQL)


@pytest.mark.parametrize(
    ("left", "right", "same"),
    [
        ("WITH q AS (SELECT a FROM t) SELECT a FROM q", "with r as (select a from t) select r.a from r", True),
        ("WITH q AS (SELECT a FROM t) SELECT a FROM q", "WITH q AS (SELECT b FROM t) SELECT a FROM q", False),
        ("SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u WHERE u.k = t.k)", "SELECT a FROM t WHERE EXISTS (SELECT 1 FROM u AS v WHERE v.k = t.k)", True),
        ("SELECT SUBSTR(a, 1, 4) AS y FROM t GROUP BY y", "SELECT SUBSTR(a, 1, 4) FROM t GROUP BY SUBSTR(a, 1, 4)", True),
        ("SELECT _a AS y FROM t GROUP BY y", "SELECT _a FROM t GROUP BY _a", True),
        ("SELECT a FROM t WHERE b = 'X'", "SELECT a FROM t WHERE b = 'x'", False),
        ("SELECT t.a, u.a FROM t JOIN u ON t.k = u.k", "SELECT u.a, t.a FROM t JOIN u ON t.k = u.k", False),
        ("SELECT a FROM t UNION SELECT a FROM u", "SELECT a FROM t UNION ALL SELECT a FROM u", False),
    ],
)  # fmt: skip
def test_forms_of_sql(left: str, right: str, same: bool) -> None:
    assert sql_form(left) and (sql_form(left) == sql_form(right)) is same
    assert not same or sql_outline(left) == sql_outline(right)


def test_the_corpus_sql_has_forms_that_differ_and_repeat() -> None:
    forms = [sql_form(question.gold_sql or "") for question in CORPUS]
    assert None not in forms and len(set(forms)) == len(forms)
    again = [
        sql_form(f"/* again */\n{' '.join((q.gold_sql or '').split())};")
        for q in CORPUS
        if "--" not in (q.gold_sql or "")
    ]
    assert again == [form for form, q in zip(forms, CORPUS, strict=True) if "--" not in (q.gold_sql or "")]


def test_files_are_read_with_the_columns_they_have(tmp_path: Path) -> None:
    csv = tmp_path / "dev.csv"
    csv.write_text(f'id,question,sql,code\n1,"Orders, please","{SQL}",\n2,,,"{PROGRAM}"\n3,Third,SELECT (,result = (\n')
    lines = tmp_path / "test.jsonl"
    write_jsonl(lines, [{"question": "Parts?", "query": "SELECT 1", "pydough": None, "program": "result = parts"}])
    known = Contamination.from_files([csv, lines])
    assert known.rows == 4
    assert known.skipped == {"question": 1, "sql": 1, "program": 1}
    assert known.finding("orders please", None, None) == "question near dev.csv:2 (similarity 1.00)"
    assert known.finding("x", SQL, None) == "same SQL as dev.csv:2"
    assert known.finding("x", None, PROGRAM) == "same program as dev.csv:3"
    assert known.finding("third", "SELECT (", "result = (") == "question near dev.csv:5 (similarity 1.00)"
    assert known.finding("x", "select 1", None) == "same SQL as test.jsonl:1"
    assert known.finding("x", None, "p = parts\nresult = p") == "same program as test.jsonl:1"


def test_the_corpus_finds_itself() -> None:
    known = Contamination.from_files(FILES)
    assert known.rows == len(CORPUS) and not known.skipped
    for question in CORPUS:
        found = known.finding(question.question, None, None) or ""
        assert question.source in found or found.startswith("8-gram"), "an earlier question may share words"
        assert known.finding("Something else", None, question.pydough) == f"same program as {question.source}"
        assert known.finding("Something else", question.gold_sql, None) == f"same SQL as {question.source}"


@pytest.mark.parametrize(
    ("name", "content", "said"),
    [
        ("none.csv", None, "no such file"),
        ("bad.csv", b"prompt,sql\na,b\n", "missing column 'question'"),
        ("bad.jsonl", b'{"question": "a"}\n{"question"\n', "bad.jsonl:2: not JSON"),
        ("bad.csv", b"question\n\xff\n", "not UTF-8"),
        ("bad.txt", b"question\n", "expected a .csv, .jsonl or .parquet file"),
    ],
)
def test_a_file_that_cannot_be_read_is_told_in_one_line(
    tmp_path: Path, name: str, content: bytes | None, said: str
) -> None:
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError) as told:
        Contamination.from_files([tmp_path / name])
    assert said in str(told.value) and "\n" not in str(told.value)


words = st.lists(st.sampled_from("abcdefg"), max_size=12).map(" ".join)


@given(words, words)
def test_similarity_is_a_share_of_common_shingles(one: str, other: str) -> None:
    left, right = shingles(one), shingles(other)
    similarity = jaccard(left, right)
    assert 0 <= similarity == jaccard(right, left) <= 1
    assert (similarity == 1) == (left == right != frozenset())
    assert bool(left) == bool(normal_question(one))


@given(words)
def test_case_and_punctuation_make_no_other_shingles(text: str) -> None:
    assert shingles(f"  {text.upper().replace(' ', ', ')}?! ") == shingles(text)


@pytest.mark.parametrize(
    ("text", "count"), [("", 0), ("?!", 0), ("one", 1), ("one two", 1), ("one two three", 1), ("one two three four", 2)]
)
def test_short_texts_have_shingles_too(text: str, count: int) -> None:
    assert len(shingles(text)) == count


def test_shingles_and_signatures_are_the_same_on_every_run() -> None:
    assert sorted(shingles("how many orders are there")) == [1175458133, 1959391254, 4054022137]
    first, second = signature(shingles("how many orders are there")), signature(shingles("How many orders are there?"))
    assert (first.hashvalues == second.hashvalues).all()


def _changed(text: str, seed: int) -> str:
    chosen = random.Random(seed)
    found = text.split()
    for _ in range(chosen.randrange(4)):
        found[chosen.randrange(len(found))] = chosen.choice(["one", "two", "three"])
    return " ".join(found)


def test_what_is_near_is_found_as_by_comparing_each_with_each() -> None:
    """Banding may miss a pair; of a thousand near ones it misses none or one."""
    finder = NearFinder(0.7)
    sets = [shingles(question.question) for question in CORPUS]
    for number, one in enumerate(sets):
        finder.add(str(number), one)
    asked = [shingles(_changed(question.question, seed)) for seed in range(10) for question in CORPUS]
    expected = [max((jaccard(one, other), -number) for number, other in enumerate(sets)) for one in asked]
    found = [finder.nearest(one) for one in asked]
    near = [(one, best) for one, best in zip(found, expected, strict=True) if best[0] >= 0.7]
    assert len(near) > 800
    assert sum(one != (str(-best[1]), best[0]) for one, best in near) <= 1
    assert all(one is None for one, best in zip(found, expected, strict=True) if best[0] < 0.7)


def test_an_empty_text_is_near_nothing() -> None:
    finder = NearFinder()
    finder.add("empty", shingles(""))
    assert finder.nearest(shingles("")) is None
    assert finder.nearest(shingles("a")) is None


def test_a_thousand_rows_are_checked_in_seconds() -> None:
    known = Contamination.from_files(FILES)
    fresh = [
        f"Zone {number}: {' '.join(f'w{number * step % 997}' for step in range(1, 20))}" for number in range(1_000)
    ]
    program = (
        "rows = orders.WHERE(total_price > {n})\nresult = rows.CALCULATE(key, n=COUNT(lines)).TOP_K({n}, by=key.ASC())"
    )
    started = time.process_time()
    for number, question in enumerate(fresh):
        assert known.finding(question, f"SELECT a FROM t WHERE x > {number}", program.format(n=number)) is None
    assert time.process_time() - started < 5
