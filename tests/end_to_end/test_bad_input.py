"""What a user can get wrong: told in one line that says where and what to do, with the exit code of the design."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.end_to_end.support import (
    BUSINESS,
    COUNT_NATIONS,
    LANGUAGE,
    LARGE_PARTS,
    ROOT,
    STAGES,
    WITH_KEY,
    by_id,
    make,
    run,
    stages_1_to_3,
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
        assert done.stdout == ""
    return told[0]


@pytest.fixture(scope="module")
def staged(databases: WorkDir, tmp_path_factory: pytest.TempPathFactory) -> WorkDir:
    """A work folder with the first three stages done; tests must leave it as it is."""
    root = tmp_path_factory.mktemp("staged")
    (root / "databases").symlink_to(databases.databases, target_is_directory=True)
    stages_1_to_3(root, write_questions(root / "questions.csv", BUSINESS))
    return WorkDir(root)


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


@pytest.mark.parametrize("stage", STAGES)
def test_an_unknown_flag_is_wrong_usage(stage: int, tmp_path: Path) -> None:
    done = run(stage, tmp_path, "--no-such-flag")
    assert done.returncode == 2
    assert "unrecognized arguments: --no-such-flag" in done.stderr.splitlines()[-1]


@without_env_file
@pytest.mark.parametrize("stage", [1, 2, 3])
def test_a_missing_key(stage: int, staged: WorkDir) -> None:
    questions = write_questions(staged.root / f"key_{stage}.csv", [{"question_id": "new", "db_name": "tpch", "question": "Why?"}])
    told = _one_line(stage, staged.root, "--provider", "gemini", "--questions", questions, "--force")
    assert "GOOGLE_API_KEY" in told and "GCP_PROJECT" in told and "--provider corpus" in told


@pytest.mark.parametrize(
    ("stage", "name", "content", "told"),
    [
        (1, "q.csv", b"question_id,text\n1,What?\n", "q.csv:1: missing column 'question'"),
        (2, "q.csv", b"question_id,question\n1,What?\n", "q.csv:1: missing column 'db_name'"),
        (3, "q.csv", b"id,db_name,question\n1,tpch,What?\n", "q.csv:1: missing column 'question_id'"),
        (4, "q.csv", b"id,db_name,question\n1,tpch,What?\n", "q.csv:1: missing column 'question_id'"),
        (2, "q.csv", b'question_id,db_name,question\n1,tpch,"never closed\n', "q.csv:2: broken CSV"),
        (2, "q.csv", b"question_id,db_name,question\n1,tpch\n", "q.csv:2: expected 3 fields, found 2"),
        (2, "q.csv", b"question_id,db_name,question\n1,tpch,caf\xe9\n", "q.csv: not UTF-8"),
        (2, "q.csv", b"", "q.csv:1: missing column"),
        (2, "q.jsonl", b'{"question_id": "1", "db_name": "tpch", "question": "What?"}\n{"question_id"\n', "q.jsonl:2: not JSON"),
        (2, "q.jsonl", b'["1", "tpch", "What?"]\n', "q.jsonl:1: expected a JSON object"),
        (2, "q.jsonl", b'{"question_id": "1", "db_name": "tpch", "question": "\\ud800?"}\n', "q.jsonl:1: holds half a character"),
        (2, "q.xlsx", b"PK", "q.xlsx: expected a .csv or .jsonl file"),
        (2, "missing.csv", None, "missing.csv: no such file"),
        (1, "missing.csv", None, "missing.csv: no such file"),
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
        assert told[0].startswith("parts: invalid: q.csv:3: unknown database 'planets'; known: ") and "--graph" in told[0]
        assert f"{questions}:4: duplicate question_id 'nations' (first in q.csv:2)" in told[1]
        assert f"{questions}:5: column 'question' is empty" in told[2]
        make(stage, work.root, *CORPUS, "--questions", questions, "--max-failures", 3)
    statuses = [row["status"] for row in map(_row, work.stage("generated").read_text().splitlines())]
    assert statuses == ["accepted", "invalid", "invalid", "invalid", "accepted"]


def _row(line: str) -> dict:
    import json

    return json.loads(line)


def test_too_few_accepted_rows_end_in_exit_code_1(staged: WorkDir) -> None:
    questions = staged.root / "questions.csv"
    for stage, flags in ((2, CORPUS), (3, CORPUS), (4, ())):
        done = run(stage, staged.root, *flags, "--questions", questions, "--min-accepted", len(BUSINESS) + 1)
        assert done.returncode == 1
        assert done.stdout.splitlines()[-1] == "below target: 4 accepted rows, --min-accepted asks for 5"
        make(stage, staged.root, *flags, "--questions", questions, "--min-accepted", len(BUSINESS))


def test_a_wrong_program_is_told_but_is_no_failure(work: WorkDir) -> None:
    wrong = {**LARGE_PARTS, "pydough": "result = TPCH.CALCULATE(n=COUNT(regions))"}
    questions = write_questions(work.root / "q.csv", [COUNT_NATIONS, wrong])
    done = run(2, work.root, *CORPUS, "--questions", questions)
    assert done.returncode == 0
    assert done.stderr.startswith("parts: mismatch: ")
    assert by_id(work.stage("documented"))["parts"]["tier"] is None


@pytest.mark.parametrize("stage", STAGES)
@pytest.mark.parametrize("where", ["file", "/proc"])
def test_a_work_folder_that_cannot_be_one(stage: int, where: str, tmp_path: Path) -> None:
    folder = Path("/proc/nowhere")
    if where == "file":
        folder = tmp_path / "file"
        folder.write_text("not a folder")
    flags = {1: [*CORPUS, "--questions", write_questions(tmp_path / "q.csv", LANGUAGE, ("question_id", "question", "tags"))]}
    assert str(folder) in _one_line(stage, folder, *flags.get(stage, []))


def test_an_output_folder_that_cannot_be_written(work: WorkDir) -> None:
    work.stage("basicq").parent.write_text("a file where the folder of the stages should be")
    questions = write_questions(work.root / "q.csv", LANGUAGE, ("question_id", "question", "tags"))
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


def test_stages_that_are_stale_name_the_command_that_makes_them(work: WorkDir) -> None:
    questions = write_questions(work.root / "questions.csv", BUSINESS[:1])
    stages_1_to_3(work.root, questions)
    write_questions(questions, BUSINESS[:2])
    told = _one_line(3, work.root, *CORPUS, "--questions", questions)
    assert "documented.jsonl is older than questions.csv; make it with `python retrieve_pydough.py`" in told
    told = _one_line(4, work.root, "--questions", questions)
    assert "generated.jsonl is older than questions.csv; make it with `python generate_finetuning_data_gemini.py`" in told
    make(2, work.root, *CORPUS, "--questions", questions)
    make(3, work.root, *CORPUS, "--questions", questions)
    make(4, work.root, "--questions", questions)
    write_questions(work.root / "language.csv", LANGUAGE[:1], ("question_id", "question", "tags"))
    told = _one_line(4, work.root, "--questions", questions)
    assert "basicq.jsonl is older than language.csv; make it with `python basicQ_retrieve_pydough.py`" in told


@pytest.mark.parametrize(
    ("flags", "told"),
    [
        (["--config", "week=MONDAY"], "--config week=MONDAY"),
        (["--config", "start_of_week=NODAY"], "--config start_of_week=NODAY"),
        (["--config", "start_of_week"], "expected KEY=VALUE"),
        (["--now", "yesterday"], "--now 'yesterday'"),
        (["--graph", "shop"], "expected NAME=PATH"),
        (["--graph", "shop=nowhere.json"], "no database of that name"),
        (["--database", "shop=sqlite:////nowhere.sqlite"], "no graph of that name"),
        (["--graph", "tpch=nowhere.json"], "nowhere.json: no such graph file"),
        (["--database", "tpch=postgresql://host/db"], "only sqlite:////path and duckdb:////path"),
        (["--database", "tpch=sqlite:////nowhere/at/all.sqlite"], "/nowhere/at/all.sqlite: no such database"),
        (["--docs", "/nowhere"], "/nowhere: no Markdown files"),
    ],
)
@pytest.mark.parametrize("stage", [2, 3])
def test_a_bad_flag_for_databases(staged: WorkDir, stage: int, flags: list[str], told: str) -> None:
    assert told in _one_line(stage, staged.root, *CORPUS, "--questions", staged.root / "questions.csv", "--force", *flags)


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


@pytest.mark.parametrize("status", ["key", 401, 403])
def test_a_key_that_the_server_refuses_ends_the_run_at_once(staged: WorkDir, tmp_path: Path, status: object) -> None:
    questions = write_questions(tmp_path / "q.csv", UNSOLVED)
    flags = ["--provider", "gemini", "--questions", questions, "--concurrency", 2, "--rpm", 6000]
    refused = {} if status == "key" else {"faults": [Fault("status", status=int(str(status)))] * 99}
    key = {"api_key": "another-key"} if status == "key" else {}
    with LoopbackGemini(**refused, **key) as server:
        told = _one_line(3, staged.root, *flags, "--base-url", server.base_url, env=WITH_KEY)
        assert len(server.requests) <= 4
    assert "Gemini refused the request: HTTP" in told
    assert ("GOOGLE_API_KEY" if status != 403 else "check that the key or account may use this model") in told
    assert WITH_KEY["GOOGLE_API_KEY"] not in told


def test_a_model_that_does_not_exist(staged: WorkDir, tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "q.csv", UNSOLVED[:3])
    with LoopbackGemini(models=["gemini-2.5-flash"]) as server:
        flags = ["--provider", "gemini", "--questions", questions, "--base-url", server.base_url, "--model", "gemini-0"]
        assert "check the model's name (--model)" in _one_line(3, staged.root, *flags, env=WITH_KEY)


def test_a_base_url_that_is_none(staged: WorkDir, tmp_path: Path) -> None:
    questions = write_questions(tmp_path / "q.csv", UNSOLVED[:1])
    told = _one_line(3, staged.root, "--provider", "gemini", "--questions", questions, "--base-url", "localhost:80", env=WITH_KEY)
    assert "expected http://host:port or https://host" in told


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
