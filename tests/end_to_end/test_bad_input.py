"""What a user can get wrong: told in one line that says where and what to do, with the exit code of the design."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.end_to_end.support import (
    BUSINESS,
    COUNT_NATIONS,
    LANGUAGE,
    LANGUAGE_COLUMNS,
    LARGE_PARTS,
    ROOT,
    STAGES,
    WITH_KEY,
    by_id,
    digests,
    lines,
    make,
    run,
    without_env_file,
    write_questions,
)
from tests.loopback.gemini_server import Fault, LoopbackGemini
from utils.core.paths import WorkDir

CORPUS = ("--provider", "corpus")


def _one_line(stage: int, work: Path, *flags: object, code: int = 2, env: dict[str, str] | None = None) -> str:
    """The one line on stderr of a script that must fail."""
    done = run(stage, work, *flags, env=env)
    told = done.stderr.splitlines()
    assert done.returncode == code, done.stderr
    assert len(told) == 1, done.stderr
    if code == 2:
        assert told[0].startswith("error: ")
        estimate = [line for line in done.stdout.splitlines() if line.startswith("Gemini: questions to ask: ")]
        assert done.stdout.splitlines() == estimate  # of what asking would cost, told before the first call
    return told[0]


@pytest.mark.parametrize("stage", STAGES)
def test_help_ends_well_and_explains_every_flag(stage: int, tmp_path: Path) -> None:
    done = run(stage, tmp_path, "--help", env={"COLUMNS": "200"})
    assert (done.returncode, done.stderr) == (0, "")
    flags = re.findall(r"^  (--[\w-]+|-\w, --[\w-]+)([^\n]*(?:\n {10,}\S[^\n]*)*)", done.stdout, re.MULTILINE)
    assert len(flags) >= 10
    for flag, rest in flags:
        explanation = re.split(r" {2,}|\n +", rest.strip(), maxsplit=1)[-1]
        assert len(explanation.split()) >= 2, f"{flag} is not explained"
    assert {"--questions", "--work-dir", "--min-accepted", "--max-failures", "--force"} <= {flag for flag, _ in flags}
    assert list(tmp_path.iterdir()) == []


def test_an_unknown_flag_is_wrong_usage(tmp_path: Path) -> None:
    done = run(1, tmp_path, "--no-such-flag")
    assert done.returncode == 2
    assert "unrecognized arguments: --no-such-flag" in done.stderr.splitlines()[-1]


@without_env_file
@pytest.mark.parametrize("stage", [1, 3])
def test_a_missing_key(stage: int, staged: WorkDir) -> None:
    questions = write_questions(
        staged.root / f"key_{stage}.csv", [{"question_id": "new", "db_name": "tpch", "question": "Why?"}]
    )
    told = _one_line(stage, staged.root, "--provider", "gemini", "--questions", questions, "--force")
    assert "GOOGLE_API_KEY" in told and "GCP_PROJECT" in told and "--provider corpus" in told


@pytest.mark.parametrize(
    ("stage", "name", "content", "told"),
    [
        (1, "q.csv", b"question_id,text\n1,What?\n", "q.csv:1: missing column 'question'"),
        (2, "q.csv", b"question_id,question\n1,What?\n", "q.csv:1: missing column 'db_name'"),
        (3, "q.csv", b"id,db_name,question\n1,tpch,What?\n", "q.csv:1: missing column 'question_id'"),
        (4, "q.csv", b"id,db_name,question\n1,tpch,What?\n", "q.csv:1: missing column 'question_id'"),
        (1, "q.csv", b'question_id,question\n1,"never closed\n', "q.csv:2: broken CSV"),
        (1, "q.csv", b"question_id,question\n1\n", "q.csv:2: expected 2 fields, found 1"),
        (1, "q.csv", b"question_id,question\n1,caf\xe9\n", "q.csv: not UTF-8"),
        (1, "q.jsonl", b'{"question_id": "1", "question": "What?"}\n{"question_id"\n', "q.jsonl:2: not JSON"),
        (1, "q.jsonl", b'{"question_id": "1", "question": "\\ud800?"}\n', "q.jsonl:1: holds half a character"),
        (1, "q.xlsx", b"PK", "q.xlsx: expected a .csv, .jsonl or .parquet file"),
        (1, "missing.csv", None, "missing.csv: no such file"),
        (2, "missing.csv", None, "missing.csv: no such file"),
    ],
)
def test_a_question_file_that_cannot_be_read(
    staged: WorkDir, tmp_path: Path, stage: int, name: str, content: bytes | None, told: str
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    flags = () if stage == 4 else CORPUS
    assert f"{tmp_path}/{told}" in _one_line(stage, staged.root, *flags, "--questions", file)


def test_a_row_at_fault_costs_only_itself(work: WorkDir) -> None:
    questions = write_questions(
        work.root / "q.csv",
        [
            COUNT_NATIONS,
            {**LARGE_PARTS, "db_name": "planets"},
            {**COUNT_NATIONS, "question": "How many countries?"},
            {**COUNT_NATIONS, "question_id": "unasked", "question": " "},
            {**LARGE_PARTS, "question_id": "parts_again"},
        ],
    )
    for stage in (2, 3):
        done = run(stage, work.root, *CORPUS, "--questions", questions)
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1] == "below target: 3 failed rows, --max-failures allows 0"
        told = done.stderr.splitlines()
        assert len(told) == 3
        assert (
            told[0].startswith("parts: invalid: q.csv:3: unknown database 'planets'; known: ") and "--graph" in told[0]
        )
        assert f"{questions}:4: duplicate question_id 'nations' (first in q.csv:2)" in told[1]
        assert f"{questions}:5: column 'question' is empty" in told[2]
    make(3, work.root, *CORPUS, "--questions", questions, "--max-failures", 3)
    statuses = [row["status"] for row in lines(work.stage("generated"))]
    assert statuses == ["accepted", "invalid", "invalid", "invalid", "accepted"]


def test_too_few_accepted_rows_end_in_exit_code_1_and_are_not_published(staged_copy: WorkDir, staged: WorkDir) -> None:
    questions = staged.root / "questions.csv"
    for stage, flags in ((2, CORPUS), (3, CORPUS), (4, ())):
        done = run(stage, staged_copy.root, *flags, "--questions", questions, "--min-accepted", len(BUSINESS) + 1)
        assert done.returncode == 1
        assert "below target: 4 accepted rows, --min-accepted asks for 5" in done.stdout.splitlines()
    assert not (staged_copy.sft / "latest").exists()


def test_a_wrong_program_is_told_but_is_no_failure(work: WorkDir) -> None:
    wrong = {**LARGE_PARTS, "pydough": "result = TPCH.CALCULATE(n=COUNT(regions))"}
    questions = write_questions(work.root / "q.csv", [COUNT_NATIONS, wrong])
    done = run(2, work.root, *CORPUS, "--questions", questions)
    assert done.returncode == 0
    assert done.stderr.startswith("parts: mismatch: ")
    assert by_id(work.stage("documented"))["parts"]["tier"] is None


@pytest.mark.parametrize("stage", STAGES)
def test_a_work_folder_that_cannot_be_one(stage: int, tmp_path: Path) -> None:
    folder = Path("/proc/nowhere") if stage == 1 else tmp_path / "file"
    if stage != 1:
        folder.write_text("not a folder")
    questions = write_questions(tmp_path / "q.csv", BUSINESS)
    assert str(folder) in _one_line(stage, folder, *([] if stage == 4 else CORPUS), "--questions", questions)


def test_an_output_folder_that_cannot_be_written(work: WorkDir) -> None:
    work.stage("basicq").parent.write_text("a file where the folder of the stages should be")
    questions = write_questions(work.root / "q.csv", LANGUAGE, LANGUAGE_COLUMNS)
    assert f"{work.root}/stages" in _one_line(1, work.root, *CORPUS, "--questions", questions)


def test_stages_that_are_missing_name_the_command_that_makes_them(work: WorkDir, staged: WorkDir) -> None:
    questions = staged.root / "questions.csv"
    told = _one_line(3, work.root, *CORPUS, "--questions", questions)
    assert f"{work.stage('documented')} is missing; make it with `python retrieve_pydough.py`" in told
    told = _one_line(4, work.root, "--questions", questions)
    assert "generated.jsonl is missing; make it with `python generate_finetuning_data_gemini.py`" in told
    work.stage("generated").parent.mkdir()
    work.stage("generated").write_bytes(staged.stage("generated").read_bytes())
    told = _one_line(4, work.root, "--questions", questions)
    assert "basicq.jsonl is missing; make it with `python basicQ_retrieve_pydough.py`" in told


def test_stages_that_are_stale_name_the_command_that_makes_them(staged_copy: WorkDir, staged: WorkDir) -> None:
    work, questions, language = staged_copy.root, staged.root / "questions.csv", staged.root / "language.csv"
    before = questions.read_bytes(), language.read_bytes()
    try:
        write_questions(questions, BUSINESS[:1])
        told = _one_line(3, work, *CORPUS, "--questions", questions)
        assert "documented.jsonl is older than questions.csv; make it with `python retrieve_pydough.py`" in told
        told = _one_line(4, work, "--questions", questions)
        assert "generated.jsonl is older than questions.csv; make it with `python generate_finetuning_" in told
        questions.write_bytes(before[0])  # as it was: contents count, not times
        make(4, work, "--questions", questions)
        write_questions(language, LANGUAGE[:1], LANGUAGE_COLUMNS)
        told = _one_line(4, work, "--questions", questions)
        assert "basicq.jsonl is older than language.csv; make it with `python basicQ_retrieve_pydough.py`" in told
    finally:
        questions.write_bytes(before[0])
        language.write_bytes(before[1])


@pytest.mark.parametrize(
    ("stage", "flags", "told"),
    [
        (2, ["--config", "week=MONDAY"], "--config week=MONDAY: PyDough has no such setting"),
        (3, ["--config", "start_of_week=NODAY"], "--config start_of_week=NODAY: expected one of SUNDAY, MONDAY"),
        (4, ["--config", "start_of_week=NODAY"], "--config start_of_week=NODAY: expected one of SUNDAY, MONDAY"),
        (2, ["--config", "start_of_week"], "--config 'start_of_week': expected "),
        (3, ["--now", "yesterday"], "--now 'yesterday'"),
        (4, ["--graph", "shop"], "expected NAME=PATH"),
        (2, ["--graph", "shop=nowhere.json"], "no database of that name"),
        (2, ["--database", "shop=sqlite:////nowhere.sqlite"], "no graph of that name"),
        (2, ["--graph", "tpch=nowhere.json"], "nowhere.json: no such graph file"),
        (2, ["--database", "tpch=mysql://host/db"], "expected sqlite:////path, duckdb:////path or postgresql://"),
        (2, ["--database", "tpch=sqlite:////nowhere/at/all.sqlite"], "/nowhere/at/all.sqlite: no such database"),
        (2, ["--docs", "/nowhere"], "/nowhere: no such folder; name one that holds Markdown files with --docs"),
    ],
)
def test_a_bad_flag(staged: WorkDir, stage: int, flags: list[str], told: str) -> None:
    before = digests(staged.root / "stages")
    provider = () if stage == 4 else CORPUS
    questions = staged.root / "questions.csv"
    assert told in _one_line(stage, staged.root, *provider, "--questions", questions, "--force", *flags)
    assert digests(staged.root / "stages") == before  # and nothing is spoilt


def test_databases_that_are_not_built(tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "q.csv", BUSINESS)
    told = _one_line(2, tmp_path, *CORPUS, "--questions", questions)
    assert "tpch.sqlite: no such database; build ours with `python -m utils.databases.build`" in told


def test_a_number_of_repairs_below_zero(staged: WorkDir) -> None:
    done = run(3, staged.root, *CORPUS, "--repairs", -1)
    assert done.returncode == 2
    assert "--repairs: -1: expected a whole number from 0" in done.stderr.splitlines()[-1]


UNSOLVED = [
    {
        "question_id": f"size_{size}",
        "db_name": "tpch",
        "question": f"How many parts have size {size}?",
        "gold_sql": f"SELECT COUNT(*) FROM part WHERE p_size = {size}",
    }
    for size in range(1, 31)
]


@pytest.mark.parametrize(("stage", "status"), [(3, "key"), (1, 401), (3, 403)])
def test_a_key_that_the_server_refuses_ends_the_run_at_once(
    staged: WorkDir, tmp_path: Path, stage: int, status: object
) -> None:
    questions = write_questions(tmp_path / "q.csv", UNSOLVED)
    flags = ["--provider", "gemini", "--questions", questions, "--concurrency", 2, "--rpm", 6000]
    faults = [] if status == "key" else [Fault("status", status=int(str(status)))] * 99
    with LoopbackGemini(faults=faults, api_key="another-key" if status == "key" else None) as server:
        told = _one_line(stage, staged.root, *flags, "--base-url", server.base_url, env=WITH_KEY)
        assert 1 <= len(server.requests) <= 4
    assert "Gemini refused the request: HTTP" in told
    assert ("check that the key or account may use this model" if status == 403 else "GOOGLE_API_KEY") in told
    assert WITH_KEY["GOOGLE_API_KEY"] not in told


def test_a_model_that_does_not_exist(staged: WorkDir, tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "q.csv", LANGUAGE, LANGUAGE_COLUMNS)
    with LoopbackGemini(models=["gemini-2.5-flash"]) as server:
        flags = ["--provider", "gemini", "--questions", questions, "--base-url", server.base_url, "--model", "gemini-0"]
        assert "check the model's name (--model)" in _one_line(1, staged.root, *flags, env=WITH_KEY)


def test_a_base_url_that_is_none(staged: WorkDir, tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "q.csv", LANGUAGE, LANGUAGE_COLUMNS)
    flags = ["--provider", "gemini", "--questions", questions, "--base-url", "localhost:80"]
    assert "expected http://host:port or https://host" in _one_line(1, staged.root, *flags, env=WITH_KEY)


@pytest.mark.parametrize("content", [b" \n", None, b"\xff\xfe"])
def test_a_system_instruction_that_cannot_be_read(staged: WorkDir, tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / "instruction.txt"
    if content is not None:
        file.write_bytes(content)
    questions = staged.root / "questions.csv"
    assert str(file) in _one_line(4, staged.root, "--questions", questions, "--system-instruction", file)


def test_the_project_folder_is_not_written_to(staged: WorkDir) -> None:
    built = {path.name for path in (ROOT / "training_data").iterdir()}
    make(4, staged.root, "--questions", staged.root / "questions.csv", "--seed", 5)
    assert {path.name for path in (ROOT / "training_data").iterdir()} == built
