"""The whole pipeline as cron runs it: its log, its status file, two at once, and a set that must not be published."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from tests.end_to_end.support import (
    BUSINESS,
    LANGUAGE,
    LANGUAGE_COLUMNS,
    ROOT,
    environment,
    lines,
    write_questions,
)
from utils.core.paths import WorkDir

CORPUS = ("--provider", "corpus")
FEWER = BUSINESS[:1]


def _command(work: WorkDir, *flags: object) -> list[str]:
    questions = ("--basic-questions", work.root / "language.csv", "--questions", work.root / "questions.csv")
    words = ["--work-dir", work.root, *CORPUS, *questions, "--execute", 2, *flags]
    return [sys.executable, "-m", "utils.nightly", *map(str, words)]


def _nightly(work: WorkDir, *flags: object) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        _command(work, *flags), cwd=ROOT, env=environment(), capture_output=True, text=True, timeout=600
    )


def _status(work: WorkDir) -> dict[str, Any]:
    return dict(json.loads((work.root / "status.json").read_text(encoding="utf-8")))


@pytest.fixture
def night(work: WorkDir) -> WorkDir:
    """A work folder with question files."""
    write_questions(work.root / "questions.csv", BUSINESS)
    write_questions(work.root / "language.csv", LANGUAGE, LANGUAGE_COLUMNS)
    return work


def test_a_night_leaves_a_version_a_log_and_a_status(night: WorkDir) -> None:
    done = _nightly(night)
    assert done.returncode == 0, done.stderr
    assert done.stderr == ""
    assert done.stdout.startswith("nightly: ok after ")
    status = _status(night)
    assert (status["state"], status["exit_code"], status["message"]) == ("ok", 0, "")
    assert status["run"] == status["last_success"]
    rows = status["run"]["rows"]
    assert rows["train.jsonl"] + rows["validation.jsonl"] == len(BUSINESS)
    assert status["run"]["counts"]["3 generate_finetuning_data_gemini"] == {"rows": 4, "accepted": 4}
    assert status["run"]["cost_usd"] == 0 < status["run"]["duration_s"]
    assert (night.sft / "latest").readlink() == Path(status["run"]["version"])
    log = (night.root / "logs" / "nightly.log").read_text(encoding="utf-8")
    assert "merge_schema_data: stage 4: " in log and "retrieve_pydough: stage 2: " in log

    # nothing has changed: the second night is quick, and publishes the same
    again = _nightly(night)
    assert again.returncode == 0
    assert _status(night)["run"]["version"] == status["run"]["version"]
    assert "stage 3: generated.jsonl up to date" in (night.root / "logs" / "nightly.log").read_text(encoding="utf-8")

    # a set that lost too much is not published, and the status says so
    write_questions(night.root / "questions.csv", FEWER)
    shrunk = _nightly(night, "--max-shrink", 0.5)
    assert shrunk.returncode == 1
    assert "nothing published" in shrunk.stdout
    assert (night.sft / "latest").readlink() == Path(status["run"]["version"])
    after = _status(night)
    assert (after["state"], after["exit_code"], after["stage"]) == ("below_target", 1, "merge_schema_data")
    assert after["last_success"]["version"] == status["run"]["version"]
    assert after["run"]["version"] is None

    # a fault of the questions stops at the script that finds it
    write_questions(night.root / "questions.csv", [], columns=("question_id",))
    failed = _nightly(night)
    assert failed.returncode == 2
    assert "questions.csv" in failed.stderr
    after = _status(night)
    assert (after["state"], after["stage"]) == ("failed", "retrieve_pydough")
    assert "questions.csv" in after["message"]
    assert after["last_success"]["version"] == status["run"]["version"]


@pytest.mark.slow
def test_two_at_once_and_a_stop(night: WorkDir) -> None:
    first = subprocess.Popen(_command(night), cwd=ROOT, env=environment(), stderr=subprocess.PIPE, text=True)
    try:
        for _ in range(600):
            if (night.root / "status.json").is_file():
                break
            time.sleep(0.05)
        assert _status(night)["state"] == "running"
        second = _nightly(night)
        assert second.returncode == 3
        assert second.stderr.startswith("stopped: another run is at work in ")
        assert f"process {first.pid}" in second.stderr
        alone = subprocess.run(
            [sys.executable, "merge_schema_data.py", "--lock", "--work-dir", str(night.root)],
            cwd=ROOT,
            env=environment(),
            capture_output=True,
            text=True,
            timeout=60,
        )
        assert alone.returncode == 3
        first.send_signal(signal.SIGTERM)
        _out, told = first.communicate(timeout=90)
    finally:
        first.kill()
    assert first.returncode == 3
    assert "resume with: python -m utils.nightly" in told
    assert _status(night)["state"] == "interrupted"
    assert not _children(night)
    assert _nightly(night).returncode == 0
    assert len(lines(night.sft / "latest" / "rows.jsonl")) == len(BUSINESS) + len(LANGUAGE)


def _children(work: WorkDir) -> list[str]:
    """Command lines of processes that still work in a folder."""
    found = []
    for entry in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = entry.read_bytes().split(b"\0")
        except OSError:
            continue
        if os.fsencode(work.root) in words and entry.parent.name != str(os.getpid()):
            found.append(b" ".join(words).decode(errors="replace"))
    return found
