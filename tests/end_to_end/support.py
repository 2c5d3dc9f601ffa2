"""What the end-to-end tests share: scripts run as a user runs them, small question files, and a second opinion
on the lines that come out, written without the project's own code."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from utils.core.paths import WorkDir

ROOT = Path(__file__).resolve().parents[2]
STAGES = {
    1: "basicQ_retrieve_pydough.py",
    2: "retrieve_pydough.py",
    3: "generate_finetuning_data_gemini.py",
    4: "merge_schema_data.py",
}
KEY = "loopback-secret-5f21c9"
WITH_KEY = {"GOOGLE_API_KEY": KEY}
WITH_VERTEX = {"GCP_PROJECT": "shop-4711", "GCP_PROJECT_LOCATION": "europe-west4"}
COLUMNS = ("question_id", "db_name", "question", "definitions", "gold_sql", "pydough", "tags", "is_benchmark")

without_env_file = pytest.mark.skipif((ROOT / ".env").exists(), reason="a .env of the user's own would set the key")

COUNT_NATIONS = {
    "question_id": "nations",
    "db_name": "tpch",
    "question": "How many nations do we deal with?",
    "gold_sql": "SELECT COUNT(*) FROM nation",
    "pydough": "result = TPCH.CALCULATE(n_nations=COUNT(nations))",
}
NATIONS_A_REGION = {
    "question_id": "regions",
    "db_name": "tpch",
    "question": "Name every region and say how many nations it has, regions in alphabetical order.",
    "gold_sql": (
        "SELECT r_name, COUNT(n_nationkey) FROM region LEFT JOIN nation ON n_regionkey = r_regionkey "
        "GROUP BY r_regionkey, r_name ORDER BY r_name"
    ),
    "pydough": "result = regions.CALCULATE(region_name=name, n_nations=COUNT(nations)).ORDER_BY(name.ASC())",
}
LARGE_PARTS = {
    "question_id": "parts",
    "db_name": "tpch",
    "question": "How many parts are larger than size 45?",
    "gold_sql": "SELECT COUNT(*) FROM part WHERE p_size > 45",
    "pydough": "result = TPCH.CALCULATE(n_parts=COUNT(parts.WHERE(size > 45)))",
}
CUSTOMERS = {
    "question_id": "customers",
    "db_name": "broker",
    "question": "How many customers does the broker have?",
    "gold_sql": "SELECT COUNT(*) FROM sbCustomer",
    "pydough": "result = Broker.CALCULATE(n_customers=COUNT(customers))",
}
BUSINESS = [COUNT_NATIONS, NATIONS_A_REGION, LARGE_PARTS, CUSTOMERS]
LANGUAGE = [
    {"question_id": "sorting", "question": "How do I sort rows?", "tags": "ORDER_BY"},
    {"question_id": "counting", "question": "How do I count the members of a sub-collection?", "tags": "COUNT"},
]
LANGUAGE_COLUMNS = ("question_id", "question", "tags")


def environment(extra: dict[str, str] | None = None) -> dict[str, str]:
    """This process' environment without anybody's credentials, and `extra`."""
    secrets = ("GOOGLE_", "GEMINI_", "GCP_", "GCS_", "R2R_")
    clean = {name: value for name, value in os.environ.items() if not name.startswith(secrets)}
    return clean | (extra or {})


def command(stage: int, work: Path, *flags: object) -> list[str]:
    """A stage's command line; stage 4 runs no target again, which takes seconds, unless `flags` say so."""
    quick = ["--execute", "0"] if stage == 4 and "--execute" not in flags else []
    return [sys.executable, STAGES[stage], "--work-dir", str(work), *quick, *map(str, flags)]


def run(stage: int, work: Path, *flags: object, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
    """Run one of the four scripts to its end, as a user would from the project's folder."""
    return subprocess.run(
        command(stage, work, *flags), cwd=ROOT, env=environment(env), capture_output=True, text=True, timeout=600
    )


def make(stage: int, work: Path, *flags: object, env: dict[str, str] | None = None) -> str:
    """Run a script that must end well; what it printed."""
    done = run(stage, work, *flags, env=env)
    assert done.returncode == 0, f"{done.stdout}\n{done.stderr}"
    return done.stdout


def write_questions(path: Path, rows: Iterable[dict[str, str]], columns: tuple[str, ...] = COLUMNS) -> Path:
    with open(path, "w", encoding="utf-8", newline="") as stream:
        writer = csv.DictWriter(stream, columns, restval="", lineterminator="\n")
        writer.writeheader()
        writer.writerows(rows)
    return path


def copy_stages(staged: WorkDir, root: Path) -> WorkDir:
    """A new work folder with the same databases and stage files."""
    root.mkdir()
    (root / "databases").symlink_to(staged.databases.resolve(), target_is_directory=True)
    shutil.copytree(staged.root / "stages", root / "stages")
    return WorkDir(root)


def lines(path: Path) -> list[dict[str, Any]]:
    with open(path, encoding="utf-8", newline="\n") as stream:
        text = stream.read()
    assert not text or text.endswith("\n")
    return [json.loads(line) for line in text.split("\n")[:-1]]


def by_id(path: Path) -> dict[str, dict[str, Any]]:
    rows = lines(path)
    found = {row["question_id"]: row for row in rows}
    assert len(found) == len(rows)
    return found


def program_of(line: dict[str, Any]) -> str:
    return str(line["contents"][-1]["parts"][0]["text"])


def question_of(line: dict[str, Any]) -> str:
    return str(line["contents"][0]["parts"][0]["text"])


def broken_lines(path: Path) -> list[str]:
    """What Gemini's tuning service would refuse in a file, told line by line."""
    found = []
    for number, line in enumerate(lines(path), start=1):
        roles = [turn.get("role") for turn in line["contents"]]
        turns = [*line["contents"], *([line["systemInstruction"]] if "systemInstruction" in line else [])]
        parts = [part for turn in turns for part in turn.get("parts") or [None]]
        checks = {
            "other fields": set(line) <= {"systemInstruction", "contents"},
            "other fields in a turn": all(set(turn) == {"role", "parts"} for turn in turns),
            "turns do not alternate": len(roles) >= 2 and roles == ["user", "model"] * (len(roles) // 2),
            "a part is not just text": all(isinstance(part, dict) and list(part) == ["text"] for part in parts),
            "a text is empty": all(isinstance(part["text"], str) and part["text"].strip() for part in parts if part),
            "too long": sum(len(part["text"]) for part in parts if part) < 2.5 * 131_072,
        }
        found += [f"{path.name}:{number}: {problem}" for problem, fine in checks.items() if not fine]
    return found


def digests(folder: Path) -> dict[str, str]:
    """A hash of every file under `folder`, and where its links lead."""
    return {
        str(path.relative_to(folder)): str(path.readlink())
        if path.is_symlink()
        else hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(folder.rglob("*"))
        if path.is_symlink() or path.is_file()
    }


def files_with(text: str, folder: Path) -> list[str]:
    """The files under `folder` that hold `text` in their bytes or their name."""
    return [
        str(path)
        for path in folder.rglob("*")
        if text in path.name or (path.is_file() and text.encode() in path.read_bytes())
    ]
