"""All four scripts over the project's own questions, without a key and without a network."""

from __future__ import annotations

import ast
import csv
import io
import json
import re
import tokenize
from collections import Counter
from pathlib import Path

import pytest

from tests.end_to_end.support import ROOT, broken_lines, digests, lines, make, program_of, question_of
from utils.core.paths import WorkDir

QUESTIONS = ROOT / "training_data" / "questions"
BASIC = QUESTIONS / "basic_questions.csv"
TELLING_ARGUMENTS = {"by", "per", "name", "allow_ties", "default"}


WRITTEN = ("train", "validation", "basicq_train", "basicq_validation")


@pytest.fixture(scope="module")
def outcome(databases: WorkDir, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[str]]:
    """The work folder after one run of every script over the default files, and what they printed."""
    work = tmp_path_factory.mktemp("offline")
    (work / "databases").symlink_to(databases.databases, target_is_directory=True)
    printed = [make(stage, work, *([] if stage == 4 else ["--provider", "corpus"])) for stage in (1, 2, 3, 4)]
    return work, printed


@pytest.fixture(scope="module")
def latest(outcome: tuple[Path, list[str]]) -> Path:
    return outcome[0] / "sft" / "latest"


def _rows(path: Path) -> list[dict[str, str]]:
    with open(path, encoding="utf-8", newline="") as stream:
        return list(csv.DictReader(stream))


def test_every_stage_has_one_line_for_every_row_in_their_order(outcome: tuple[Path, list[str]], latest: Path) -> None:
    work, _printed = outcome
    basic = [row["question_id"] for row in _rows(BASIC)]
    business = [row["question_id"] for path in sorted(QUESTIONS.glob("*.csv")) if path != BASIC for row in _rows(path)]
    assert [line["question_id"] for line in lines(work / "stages" / "basicq.jsonl")] == basic
    for stage in ("documented", "generated"):
        assert [line["question_id"] for line in lines(work / "stages" / f"{stage}.jsonl")] == business
    assert [line["question_id"] for line in lines(latest / "rows.jsonl")] == business + basic


def test_the_manifest_counts_what_is_there(outcome: tuple[Path, list[str]], latest: Path) -> None:
    work, printed = outcome
    manifest = json.loads((latest / "manifest.json").read_text(encoding="utf-8"))
    for title, counts in manifest["counts"].items():
        assert counts["rows"] == sum(counts.values()) - counts["rows"], title
    for title, stage in (
        ("1 basicQ_retrieve_pydough", "basicq"),
        ("2 retrieve_pydough", "documented"),
        ("3 generate_finetuning_data_gemini", "generated"),
    ):
        statuses = Counter(line["status"] for line in lines(work / "stages" / f"{stage}.jsonl"))
        assert manifest["counts"][title] == {"rows": statuses.total(), **statuses}
    files = {name: len(lines(latest / f"{name}.jsonl")) for name in (*WRITTEN, "rows")}
    assert {name: entry["rows"] for name, entry in manifest["files"].items()} == {
        f"{name}.jsonl": count for name, count in files.items()
    }
    decided = manifest["counts"]["4 merge_schema_data"]
    assert (decided["train"], decided["validation"]) == (files["train"], files["validation"])
    answers = manifest["counts"]["4 basicq"]
    assert all(answers[name] == files[name] for name in ("basicq_train", "basicq_validation"))
    assert decided["rows"] + answers["rows"] == files["rows"]
    on_databases = Counter[str]()
    for sides in manifest["databases"].values():
        on_databases.update(sides)
    assert on_databases == {"train": files["train"], "validation": files["validation"]}
    assert f"{manifest['version']} written: {files['rows']:,} rows" in printed[3].splitlines()[-1]
    assert latest.readlink() == Path(manifest["version"])


def test_the_set_is_as_large_as_it_must_be_and_every_program_in_it_is_proven(
    outcome: tuple[Path, list[str]], latest: Path
) -> None:
    generated = lines(outcome[0] / "stages" / "generated.jsonl")
    proven = {line["program"].strip() for line in generated if line["verdict"]["status"] == "match"}
    targets = [program_of(line) for side in ("train", "validation") for line in lines(latest / f"{side}.jsonl")]
    assert set(targets) <= proven
    assert len(targets) == len(set(targets)) >= 110
    assert sum(len(lines(latest / f"basicq_{side}.jsonl")) for side in ("train", "validation")) >= 400
    for program in targets:
        assert any(
            isinstance(node, ast.Name) and node.id == "result"
            for statement in ast.parse(program).body
            if isinstance(statement, ast.Assign)
            for node in statement.targets
        )
        assert "```" not in program


def test_every_line_keeps_geminis_contract(latest: Path) -> None:
    for name in WRITTEN:
        assert lines(latest / f"{name}.jsonl")
        assert broken_lines(latest / f"{name}.jsonl") == []
    instruction = (
        "You are an analytics expert and a proficient Pydough generator that creates Python code based on natural "
        "language descriptions."
    )
    for line in lines(latest / "train.jsonl"):
        assert line["systemInstruction"] == {"role": "system", "parts": [{"text": instruction}]}
        asked, heading, schema = question_of(line).partition("\n\nDatabase Schema:\n")
        assert asked and heading and schema.startswith(("# TPCH", "# Broker"))


def test_no_question_program_or_template_stands_on_both_sides(latest: Path) -> None:
    train, validation = (lines(latest / f"{side}.jsonl") for side in ("train", "validation"))
    for trait in (_bare_question, _bare_program, _skeleton):
        assert not {trait(line) for line in train} & {trait(line) for line in validation}, trait.__name__


def _bare_question(line: dict) -> str:
    asked = question_of(line).split("\n\nDatabase Schema:")[0]
    return re.sub(r"\W+", " ", asked).strip().lower()


def _bare_program(line: dict) -> str:
    return ast.unparse(ast.parse(program_of(line)))


def _skeleton(line: dict) -> str:
    """The program's tokens with names and constants blanked: equal skeletons are one template."""
    tokens = []
    for token in tokenize.generate_tokens(io.StringIO(program_of(line)).readline):
        if token.type in (tokenize.COMMENT, tokenize.NL):
            continue
        if token.type == tokenize.NAME and not token.string.isupper():
            known = {"True": "bool", "False": "bool", "None": "none"}
            tokens.append(token.string if token.string in TELLING_ARGUMENTS else known.get(token.string, "_"))
        elif token.type == tokenize.NUMBER:
            tokens.append(type(ast.literal_eval(token.string)).__name__)
        else:
            tokens.append("text" if token.type == tokenize.STRING else token.string)
    return " ".join(tokens)


def test_a_second_run_changes_no_byte_and_says_so(outcome: tuple[Path, list[str]]) -> None:
    work, _printed = outcome
    before = {folder: digests(work / folder) for folder in ("stages", "sft")}
    for stage in (1, 2, 3, 4):
        printed = make(stage, work, *([] if stage == 4 else ["--provider", "corpus"]))
        assert "up to date" in printed.splitlines()[-1]
        assert "written" not in printed
    assert {folder: digests(work / folder) for folder in ("stages", "sft")} == before
    stages = ("basicq", "documented", "generated")
    assert set(before["stages"]) == {
        name for stage in stages for name in (f"{stage}.jsonl", f".{stage}.jsonl.inputs.json")
    }


def test_the_report_is_one_page_that_names_every_database(latest: Path) -> None:
    page = (latest / "report.html").read_text(encoding="utf-8")
    assert re.search(r">\s*tpch\s*<", page) and re.search(r">\s*broker\s*<", page)
    assert not re.search(
        r"""(?:src|href)\s*=\s*["']?(?:https?:)?//|@import""", page
    )  # nothing is loaded from elsewhere
