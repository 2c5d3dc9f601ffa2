"""Stage 3 with the real SDK against a model of ours that is right, wrong, unsafe, broken, silent and overloaded."""

from __future__ import annotations

import subprocess
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.support import (
    BUSINESS,
    KEY,
    WITH_KEY,
    WITH_VERTEX,
    broken_lines,
    by_id,
    copy_stages,
    files_with,
    lines,
    make,
    program_of,
    question_of,
    run,
    without_env_file,
    write_questions,
)
from tests.loopback.gemini_server import Fault, LoopbackGemini, Received
from utils.core.paths import WorkDir

FAST = ("--rpm", 6000, "--concurrency", 4)


def _fenced(program: str) -> str:
    return f"```python\n{program}\n```"


def _question(name: str, gold: str, text: str, **more: str) -> dict[str, str]:
    return {"question_id": name, "db_name": "tpch", "question": text, "gold_sql": gold, **more}


RIGHT = {
    "at_once": "result = TPCH.CALCULATE(n_suppliers=COUNT(suppliers))",
    "repaired": "result = TPCH.CALCULATE(n_small_parts=COUNT(parts.WHERE(size < 5)))",
    "several_blocks": "result = TPCH.CALCULATE(n_orders=COUNT(orders))",
    "broken_syntax": "result = TPCH.CALCULATE(n_customers=COUNT(customers))",
    "wrong_corpus": "result = TPCH.CALCULATE(n_lines=COUNT(lines))",
}
WRONG = "result = TPCH.CALCULATE(wrong_answer_{}=COUNT(regions))"
QUESTIONS = [
    _question("at_once", "SELECT COUNT(*) FROM supplier", "How many suppliers are there?"),
    _question("repaired", "SELECT COUNT(*) FROM part WHERE p_size < 5", "How many parts are below size five?"),
    _question("always_wrong", "SELECT COUNT(*) FROM part WHERE p_size = 7", "How many parts have size seven?"),
    _question("unsafe", "SELECT COUNT(*) FROM part WHERE p_size = 8", "How many parts have size eight?"),
    _question("broken_syntax", "SELECT COUNT(*) FROM customer", "What is the number of customers?"),
    _question("several_blocks", "SELECT COUNT(*) FROM orders", "What is the number of orders?"),
    _question("only_prose", "SELECT COUNT(*) FROM part WHERE p_size = 9", "How many parts have size nine?"),
    _question("silent", "SELECT COUNT(*) FROM part WHERE p_size = 10", "How many parts have size ten?"),
    _question("withheld", "SELECT COUNT(*) FROM part WHERE p_size = 11", "How many parts have size eleven?"),
    _question("refused", "SELECT COUNT(*) FROM part WHERE p_size = 12", "How many parts have size twelve?"),
    _question("no_gold", "", "Which supplier is the friendliest?"),
    _question("bad_gold", "SELECT nothing FROM nowhere", "Where is nowhere?", pydough=WRONG.format("bad_gold")),
    _question("no_rows", "SELECT p_name FROM part WHERE 1 = 0", "Which parts have size 999?", pydough="result = parts"),
    _question("wrong_corpus", "SELECT COUNT(*) FROM lineitem", "How many order lines?", pydough=WRONG.format("corpus")),
    {**_question("elsewhere", "SELECT 1", "How many moons are there?"), "db_name": "planets"},
]
UNSAFE = "import os\nresult = TPCH.CALCULATE(wrong_answer_unsafe=COUNT(parts.WHERE(size == 8)))"
ANSWERS: dict[str, list[Any]] = {
    "How many suppliers are there?": [_fenced(RIGHT["at_once"])],
    "How many parts are below size five?": [_fenced(WRONG.format("repaired")), _fenced(RIGHT["repaired"])],
    "How many parts have size seven?": [_fenced(WRONG.format(n)) for n in ("seven_1", "seven_2", "seven_3")],
    "How many parts have size eight?": [_fenced(UNSAFE)],
    "What is the number of customers?": [
        _fenced("result = TPCH.CALCULATE(wrong_answer_syntax=COUNT("),
        _fenced(RIGHT["broken_syntax"]),
    ],
    "What is the number of orders?": [
        f"{_fenced(WRONG.format('first'))}\nor rather\n{_fenced(WRONG.format('second'))}",
        RIGHT["several_blocks"],
    ],
    "How many parts have size nine?": ["I would count the parts, wrong_answer_prose."],
    "How many parts have size ten?": [""],
    "How many parts have size eleven?": [{"finish": "SAFETY"}],
    "How many parts have size twelve?": [{"blocked": "PROHIBITED_CONTENT"}],
    "How many order lines?": [_fenced(RIGHT["wrong_corpus"])],
}
FAULTS = [Fault("rate_limit", seconds=1), Fault("status", status=500), Fault("none"), Fault("status", status=503)]


class Session:
    """A work folder after stages 2 and 3, asked of a server that is still there."""

    def __init__(self, work: Path, server: LoopbackGemini) -> None:
        self.work = work
        self.server = server
        self.questions = write_questions(work / "questions.csv", [*BUSINESS, *QUESTIONS])
        self.first = self._generate()
        self.asked_first = list(server.requests)
        self.second = self._generate()

    def _generate(self) -> subprocess.CompletedProcess[str]:
        flags = ["--provider", "gemini", "--base-url", self.server.base_url, "--questions", self.questions, *FAST]
        return run(3, self.work, *flags, env=WITH_KEY)

    def requests_about(self, text: str, requests: list[Received] | None = None) -> list[list[tuple[str, str]]]:
        """The turns of every request whose question is `text`."""
        found = []
        for request in self.server.requests if requests is None else requests:
            turns = [(turn["role"], turn["parts"][0]["text"]) for turn in request.body["contents"]]
            if turns[0][1].rstrip().endswith(text):
                found.append(turns)
        return found


@pytest.fixture(scope="module")
def session(staged: WorkDir, tmp_path_factory: pytest.TempPathFactory):
    work = copy_stages(staged, tmp_path_factory.mktemp("gemini") / "work").root
    with LoopbackGemini(ANSWERS, faults=FAULTS, api_key=KEY) as server:
        yield Session(work, server)


@pytest.fixture(scope="module")
def rows(session: Session) -> dict[str, dict[str, Any]]:
    return by_id(session.work / "stages" / "generated.jsonl")


@pytest.mark.parametrize(
    ("name", "status", "attempts"),
    [
        ("at_once", "accepted", 1),
        ("repaired", "accepted", 2),
        ("broken_syntax", "accepted", 2),
        ("several_blocks", "accepted", 2),
        ("wrong_corpus", "accepted", 1),
        ("always_wrong", "mismatch", 3),
        ("unsafe", "unsafe", 3),
        ("only_prose", "no_code", 3),
        ("silent", "empty", 1),
        ("withheld", "safety", 1),
        ("refused", "blocked", 1),
        ("no_gold", "no_gold", 0),
        ("bad_gold", "gold_error", 1),
        ("no_rows", "degenerate", 1),
        ("elsewhere", "invalid", 0),
    ],
)
def test_each_row_has_the_status_and_the_attempts_it_took(rows, name: str, status: str, attempts: int) -> None:
    row = rows[name]
    assert (row["status"], row["attempts"]) == (status, attempts), row["detail"] or row["verdict"]
    assert row["tier"] == ("gold" if status == "accepted" else None)
    if status == "accepted":
        assert row["program"].strip() == RIGHT[name]
        assert row["verdict"]["status"] == "match"
        assert row["origin"] == f"gemini-2.5-flash#{attempts}"
        assert row["documentation"]
    else:
        assert row["detail"] or row["verdict"]["detail"]


def test_rows_with_a_proven_program_are_not_asked(session: Session, rows) -> None:
    for question in BUSINESS:
        assert rows[question["question_id"]]["origin"] == "corpus"
        assert session.requests_about(question["question"]) == []


def test_what_no_program_can_help_is_not_asked(session: Session) -> None:
    for text in (
        "Which supplier is the friendliest?",
        "Where is nowhere?",
        "Which parts have size 999?",
        "How many moons are there?",
    ):
        assert session.requests_about(text) == []


@pytest.mark.parametrize(
    ("text", "reply", "told"),
    [
        ("How many parts are below size five?", _fenced(WRONG.format("repaired")), "What differs: "),
        (
            "What is the number of customers?",
            ANSWERS["What is the number of customers?"][0],
            "Error: syntax error in line 1",
        ),
        (
            "What is the number of orders?",
            ANSWERS["What is the number of orders?"][0],
            "expected exactly one code block, found 2",
        ),
        ("How many parts have size eight?", _fenced(UNSAFE), "os"),
    ],
)
def test_a_repair_turn_carries_the_answer_and_what_was_wrong_with_it(
    session: Session, text: str, reply: str, told: str
) -> None:
    second = next(turns for turns in session.requests_about(text, session.asked_first) if len(turns) == 3)
    assert [role for role, _text in second] == ["user", "model", "user"]
    assert second[1][1] == reply
    assert told in second[2][1]


def test_a_repair_turn_shows_the_verdict_of_the_answer_before(session: Session, rows) -> None:
    turns = max(session.requests_about("How many parts have size seven?"), key=len)
    assert len(turns) == 5  # two repairs, so three answers
    assert rows["always_wrong"]["verdict"]["detail"] in turns[4][1]
    assert "wrong_answer_seven_3" in rows["always_wrong"]["program"]


def test_the_prompt_holds_schema_manual_examples_and_the_settings(session: Session) -> None:
    request = next(item for item in session.asked_first if "How many suppliers are there?" in str(item.body))
    [[(role, prompt)]] = session.requests_about("How many suppliers are there?", [request])
    assert role == "user"
    for needed in (
        "# TPCH",
        "- nations -> many nations",
        "# Sections of the manual",
        "# Solved examples",
        BUSINESS[0]["pydough"],
    ):
        assert needed in prompt
    assert prompt.count(BUSINESS[3]["question"]) == 1  # one from another database, and told so
    assert "(on another database, broker): " + BUSINESS[3]["question"] in prompt
    system = request.body["systemInstruction"]["parts"][0]["text"]
    for needed in ("start_of_week=MONDAY", "2023-12-15 14:30:00", "exactly one"):
        assert needed in system


def test_failed_requests_are_counted_and_made_good(session: Session) -> None:
    assert "(failed: rate_limited 1, server_error 2)" in session.first.stdout
    assert "Traceback" not in session.first.stderr
    waits = [item.time for item in session.asked_first]
    assert max(later - earlier for earlier, later in pairwise(waits)) > 0.8  # all waited as asked


def test_failures_end_in_exit_code_1_and_are_told(session: Session) -> None:
    assert session.first.returncode == 1
    assert session.first.stdout.splitlines()[-1] == "below target: 5 failed rows, --max-failures allows 0"
    for name, reason in (
        ("silent", "the answer was empty"),
        ("withheld", "the answer was withheld (SAFETY)"),
        ("refused", "the prompt was refused (PROHIBITED_CONTENT)"),
        ("elsewhere", "unknown database 'planets'"),
    ):
        [told] = [line for line in session.first.stderr.splitlines() if line.startswith(f"{name}: ")]
        assert reason in told


def test_a_second_run_asks_only_what_got_no_answer(session: Session) -> None:
    again = session.server.requests[len(session.asked_first) :]
    asked = {text for text in ANSWERS if session.requests_about(text, again)}
    assert asked == {f"How many parts have size {size}?" for size in ("ten", "eleven", "twelve")}
    assert len(again) == 4  # an empty answer gets a second chance
    assert "0 programs run" in session.second.stdout


@pytest.fixture(scope="module")
def released(session: Session) -> Path:
    done = run(4, session.work, "--questions", session.questions, "--validation-share", 0.4, "--max-failures", 5)
    assert done.returncode == 0, done.stderr
    return session.work / "sft" / "latest"


def test_a_wrong_program_never_reaches_the_set(session: Session, released: Path) -> None:
    wrong = files_with("wrong_answer", session.work)
    assert {Path(path).name for path in wrong} & {"generated.jsonl", "ledger.sqlite"}  # they were there to be taken
    written = {
        name: (released / f"{name}.jsonl").read_text(encoding="utf-8")
        for name in ("train", "validation", "basicq_train")
    }
    for name, text in written.items():
        assert "wrong_answer" not in text and "import os" not in text, name
        assert broken_lines(released / f"{name}.jsonl") == []
    targets = [program_of(line) for side in ("train", "validation") for line in lines(released / f"{side}.jsonl")]
    wanted = [*RIGHT.values(), *(question["pydough"] for question in BUSINESS)]
    assert sorted(targets) == sorted(wanted)
    for question in QUESTIONS:
        if question["question_id"] not in RIGHT:
            assert question["question"] not in "".join(written.values())


def test_every_row_is_accounted_for_in_the_set(session: Session, released: Path, rows) -> None:
    accounted = by_id(released / "rows.jsonl")
    assert list(accounted) == [*rows, "sorting", "counting"]
    for name, row in rows.items():
        expected = {"train", "validation"} if row["status"] == "accepted" else {row["status"]}
        assert accounted[name]["outcome"] in expected
        assert accounted[name]["origin"] == row["origin"]


def test_the_key_is_in_no_file_and_in_no_output(session: Session, released: Path) -> None:
    assert files_with(KEY, session.work) == []
    assert KEY not in "".join(
        [session.first.stdout, session.first.stderr, session.second.stdout, session.second.stderr]
    )


@without_env_file
def test_vertex_is_asked_with_project_and_location(staged_copy: WorkDir) -> None:
    work, question = staged_copy, QUESTIONS[0]
    questions = write_questions(work.root / "questions.csv", [question])
    with LoopbackGemini({question["question"]: [_fenced(RIGHT["at_once"])]}) as server:
        make(3, work.root, "--base-url", server.base_url, "--questions", questions, *FAST, env=WITH_VERTEX)
        [request] = server.requests
    location = f"projects/{WITH_VERTEX['GCP_PROJECT']}/locations/{WITH_VERTEX['GCP_PROJECT_LOCATION']}"
    assert request.path == f"/v1beta1/{location}/publishers/google/models/gemini-2.5-flash:generateContent"
    assert question_of({"contents": request.body["contents"]}).endswith(question["question"])
    assert by_id(work.stage("generated"))["at_once"]["status"] == "accepted"


def test_all_questions_are_asked_when_told_so(staged_copy: WorkDir) -> None:
    work = staged_copy
    questions = write_questions(work.root / "questions.csv", BUSINESS[:2])
    answers = {question["question"]: [_fenced(question["pydough"] + "  # asked")] for question in BUSINESS[:2]}
    with LoopbackGemini(answers) as server:
        flags = ("--provider", "gemini", "--ask", "all", "--base-url", server.base_url, "--questions", questions, *FAST)
        make(3, work.root, *flags, "--model", "gemini-other", env=WITH_KEY)
        assert len(server.requests) == 2
        for request in server.requests:
            assert "gemini-other" in request.path
            prompt = question_of({"contents": request.body["contents"]})
            solution = next(q["pydough"] for q in BUSINESS[:2] if prompt.endswith(q["question"]))
            assert solution not in prompt  # a question is no example of itself
    for row in lines(work.stage("generated")):
        assert row["program"].endswith("# asked") and row["origin"] == "gemini-other#1"


def test_a_run_that_failed_half_way_is_not_taken_for_the_complete_one_before(staged_copy: WorkDir) -> None:
    questions = write_questions(staged_copy.root / "questions.csv", [BUSINESS[0], QUESTIONS[0]])
    corpus = ("--provider", "corpus", "--questions", questions)
    make(3, staged_copy.root, *corpus)
    with LoopbackGemini(default={"finish": "SAFETY"}) as server:
        flags = ("--provider", "gemini", "--base-url", server.base_url, "--questions", questions, *FAST)
        assert run(3, staged_copy.root, *flags, env=WITH_KEY).returncode == 1
    assert by_id(staged_copy.stage("generated"))["at_once"]["status"] == "safety"
    assert "written" in make(3, staged_copy.root, *corpus)
    assert by_id(staged_copy.stage("generated"))["at_once"]["status"] == "no_program"
