"""What the corpus promises: every program proven, every order total, the language covered, no question twice."""

from __future__ import annotations

import pytest
from pydough.pydough_operators import builtin_registered_operators

from tests.proof.conftest import Prove
from utils.core.paths import QUESTIONS_DIR, WorkDir
from utils.core.questions import LANGUAGE_COLUMNS, normal_question, read_questions
from utils.core.records import Question
from utils.databases.catalog import built_in_entries
from utils.programs.engine import Engine, open_engine
from utils.programs.normal_form import normal_form
from utils.programs.terms import operators
from utils.proof.gold import keyed_query, orders_rows, parse_query
from utils.proof.settings import DEFAULT_INSTANCES
from utils.proof.tasks import ProofTask
from utils.proof.values import canonical_rows

BUSINESS = [row.question for row in read_questions([QUESTIONS_DIR / "tpch.csv", QUESTIONS_DIR / "broker.csv"])]
LANGUAGE = [row.question for row in read_questions([QUESTIONS_DIR / "basic_questions.csv"], LANGUAGE_COLUMNS)]
METHODS_ON_SQLITE = {"CALCULATE", "WHERE", "ORDER_BY", "TOP_K", "PARTITION", "CROSS", "SINGULAR", "BEST", "ASC", "DESC"}


@pytest.fixture(scope="module")
def engines(databases: WorkDir) -> dict[str, Engine]:
    entries = built_in_entries(databases)
    return {name: open_engine(entries[name]) for name in ("tpch", "broker")}


def test_the_corpus_has_its_size() -> None:
    counts = {
        (db_name, benchmark): sum(q.db_name == db_name and q.is_benchmark is benchmark for q in BUSINESS)
        for db_name in ("tpch", "broker")
        for benchmark in (True, False)
    }
    assert counts["tpch", True] == 22 and counts["broker", True] == 26
    assert counts["tpch", False] >= 50 and counts["broker", False] >= 50
    assert len(LANGUAGE) >= 60


def test_every_row_is_read_without_a_problem() -> None:
    rows = list(read_questions([QUESTIONS_DIR / "tpch.csv", QUESTIONS_DIR / "broker.csv"]))
    assert [row.problem for row in rows if row.problem] == []


@pytest.mark.parametrize("question", BUSINESS, ids=lambda question: question.question_id)
def test_the_program_is_proven_and_its_result_says_something(
    question: Question, engines: dict[str, Engine], prove: Prove
) -> None:
    engine = engines[question.db_name]
    assert question.pydough and question.gold_sql
    verdict = prove(ProofTask(question.question_id, question.pydough, question.gold_sql, engine.entry))
    assert (verdict.status, verdict.detail, verdict.reasons) == ("match", "", [])
    assert verdict.instances_passed == verdict.instances_tried > DEFAULT_INSTANCES // 2
    rows = canonical_rows(engine.run_sql(engine.compile_program(question.pydough), 30).rows)
    values = {cell for row in rows for cell in row}
    assert values - {None, 0, ""}, "a result of nothings proves nothing"
    assert len(rows) == 1 or len(set(rows)) > 1, "a result of equal rows says nothing"


@pytest.mark.parametrize("question", BUSINESS, ids=lambda question: question.question_id)
def test_an_order_is_total(question: Question, engines: dict[str, Engine]) -> None:
    engine = engines[question.db_name]
    assert question.pydough and question.gold_sql
    sql = engine.compile_program(question.pydough)
    for text in (sql, engine.pin(question.gold_sql)):
        query = parse_query(text, engine.dialect)
        if not orders_rows(query):
            continue
        keyed = keyed_query(query, engine.dialect)
        assert keyed is not None, "the sort keys cannot be seen"
        table = canonical_rows(engine.run_sql(keyed.sql, 30).rows)
        keys = [row[-keyed.keys :] for row in table]
        assert len(set(keys)) == len(keys), "rows tie in the order"


def test_program_and_gold_order_alike(engines: dict[str, Engine]) -> None:
    for question in BUSINESS:
        engine = engines[question.db_name]
        compiled = parse_query(engine.compile_program(question.pydough or ""), engine.dialect)
        gold = parse_query(question.gold_sql or "", engine.dialect)
        rows = engine.run_sql(engine.pin(question.gold_sql or ""), 30).rows
        assert orders_rows(compiled) == orders_rows(gold) or len(rows) == 1, question.question_id


def test_the_corpus_covers_the_language() -> None:
    used = {name for question in BUSINESS for name in operators(question.pydough or "")}
    known = {name for name in builtin_registered_operators() if name.isupper()}
    assert used >= METHODS_ON_SQLITE
    assert len(used & known) >= 55, sorted(known - used)


def test_no_question_and_no_program_stands_twice() -> None:
    questions = [normal_question(question.question) for question in [*BUSINESS, *LANGUAGE]]
    assert len(set(questions)) == len(questions)
    programs = [normal_form(question.pydough or "") for question in BUSINESS]
    assert len(set(programs)) == len(programs)
