"""Stages 1 and 2 with a model that writes: what its passages do not carry is asked for once more, then dropped."""

from __future__ import annotations

from typing import Any

import pytest

from tests.end_to_end.support import (
    BUSINESS,
    KEY,
    LANGUAGE_COLUMNS,
    WITH_KEY,
    by_id,
    files_with,
    make,
    run,
    write_questions,
)
from tests.loopback.gemini_server import LoopbackGemini
from utils.core.paths import WorkDir

GROUNDED = "It does what the passage says [1]."
UNGROUNDED = "Call FROBNICATE(rows) and see [77]."
LANGUAGE = [
    {"question_id": "at_once", "question": "How do I sort the rows of a result?", "tags": "ORDER_BY"},
    {"question_id": "second_try", "question": "How do I count a sub-collection?", "tags": "COUNT"},
    {"question_id": "never", "question": "How do I keep the largest rows?", "tags": "TOP_K"},
    {"question_id": "withheld", "question": "How do I filter rows?", "tags": "WHERE"},
    {"question_id": "nonsense", "question": "Xyzzyplugh?"},
]
ANSWERS: dict[str, list[Any]] = {
    LANGUAGE[0]["question"]: [GROUNDED],
    LANGUAGE[1]["question"]: [UNGROUNDED, GROUNDED],
    LANGUAGE[2]["question"]: ["No passage is cited.", UNGROUNDED],
    LANGUAGE[3]["question"]: [{"finish": "SAFETY"}],
}
FAST = ("--provider", "gemini", "--rpm", 6000)


def _asked(server: LoopbackGemini, text: str) -> list[list[str]]:
    prompts = [[turn["parts"][0]["text"] for turn in request.body["contents"]] for request in server.requests]
    return [turns for turns in prompts if text in turns[0]]


def test_ungrounded_answers_are_asked_for_once_more_and_then_rejected(tmp_path) -> None:
    work = WorkDir(tmp_path / "work")
    questions = write_questions(tmp_path / "q.csv", LANGUAGE, LANGUAGE_COLUMNS)
    with LoopbackGemini(ANSWERS, api_key=KEY) as server:
        flags = [*FAST, "--base-url", server.base_url, "--questions", questions, "--output-md", tmp_path / "answers.md"]
        done = run(1, work.root, *flags, env=WITH_KEY)
        rows = by_id(work.stage("basicq"))
        assert {name: row["status"] for name, row in rows.items()} == {
            "at_once": "answered",
            "second_try": "answered",
            "never": "rejected",
            "withheld": "rejected",
            "nonsense": "no_passages",
        }
        assert done.returncode == 0, done.stderr
        assert [len(_asked(server, row["question"])) for row in LANGUAGE] == [1, 2, 2, 1, 0]
        again = _asked(server, LANGUAGE[1]["question"])[1]
        assert again[1] == UNGROUNDED
        assert "named but in no passage: FROBNICATE" in again[2] and "[77]" in again[2]
        first = _asked(server, LANGUAGE[0]["question"])[0][0]
        for passage in rows["at_once"]["passages"]:
            assert passage["text"] in first
        assert rows["at_once"]["origin"] == "gemini-2.5-flash#1"
        assert (rows["second_try"]["answer"], rows["second_try"]["origin"]) == (GROUNDED, "gemini-2.5-flash#2")
        assert (rows["never"]["answer"], rows["never"]["origin"]) == ("", "")
        assert rows["never"]["detail"].startswith(
            "not grounded after two attempts: cited but not among the passages: [77]"
        )
        assert "safety SAFETY" in rows["withheld"]["detail"]
        assert [line.split(":")[0] for line in done.stderr.splitlines()] == ["never", "withheld", "nonsense"]
        assert (tmp_path / "answers.md").read_text(encoding="utf-8").count(GROUNDED) == 2

        requests = len(server.requests)
        printed = make(1, work.root, *flags, env=WITH_KEY)
        assert "up to date" in printed
        assert len(server.requests) == requests
    assert files_with(KEY, tmp_path) == []
    assert files_with("FROBNICATE", work.root / "stages") == [str(work.stage("basicq"))]  # as the reason, no more
    assert KEY not in done.stdout + done.stderr


def test_documentation_that_is_not_grounded_leaves_the_program_accepted(work: WorkDir) -> None:
    questions = write_questions(work.root / "q.csv", BUSINESS[:3])
    texts = [row["question"] for row in BUSINESS[:3]]
    answers = {texts[0]: [GROUNDED], texts[1]: [UNGROUNDED, GROUNDED], texts[2]: [UNGROUNDED]}
    with LoopbackGemini(answers) as server:
        done = run(2, work.root, *FAST, "--base-url", server.base_url, "--questions", questions, env=WITH_KEY)
        assert [len(_asked(server, text)) for text in texts] == [1, 2, 2]
        for row in BUSINESS[:3]:
            assert f"```python\n{row['pydough']}\n```" in _asked(server, row["question"])[0][0]
    assert done.returncode == 0
    rows = by_id(work.stage("documented"))
    assert {row["status"] for row in rows.values()} == {"accepted"}
    assert [row["documentation"] for row in rows.values()] == [GROUNDED, GROUNDED, ""]
    assert done.stderr.startswith("parts: accepted: no documentation: not grounded after two attempts: ")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.parametrize("stage", [1, 2])
def test_what_a_broken_service_left_open_is_asked_again(stage: int, work: WorkDir) -> None:
    if stage == 1:
        questions = write_questions(work.root / "q.csv", LANGUAGE[:2], LANGUAGE_COLUMNS)
    else:
        questions = write_questions(work.root / "q.csv", BUSINESS[:2])
    attempts = 6
    with LoopbackGemini(
        default=GROUNDED, faults=[{"kind": "none"}] + [{"kind": "status", "status": 500}] * attempts
    ) as server:
        flags = [*FAST, "--base-url", server.base_url, "--questions", questions, "--concurrency", 1]
        failed = run(stage, work.root, *flags, env=WITH_KEY)
        assert failed.returncode == 1
        assert "the model did not answer" in failed.stderr
        assert len(server.requests) == 1 + attempts
        make(stage, work.root, *flags, env=WITH_KEY)
        assert len(server.requests) == 1 + attempts + 1
        assert "up to date" in make(stage, work.root, *flags, env=WITH_KEY)
    field = "answer" if stage == 1 else "documentation"
    rows = by_id(work.stage("basicq" if stage == 1 else "documented"))
    assert [row[field] for row in rows.values()] == [GROUNDED, GROUNDED]
