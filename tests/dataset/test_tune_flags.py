"""The flags that tune, against a server on this machine: one request, one job, whatever happens to the run."""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.gemini.support import WITH_KEY, WITH_VERTEX
from tests.loopback.faults import Fault
from tests.loopback.gemini_server import LoopbackGemini
from utils.core.arguments import CommandLine
from utils.core.console import UserError
from utils.core.jsonl import write_jsonl
from utils.core.paths import PROJECT_ROOT, WorkDir
from utils.core.settings import Settings
from utils.dataset.publish_arguments import add_publish_arguments, run_publish
from utils.dataset.publishing import UploadRecord
from utils.gemini.tuning import TuningRequest, request_json
from utils.gemini.tuning_jobs import TuningJobs, TuningRecord

FULL = TuningRequest("v1", "gemini-2.5-flash", "gs://shop/v1/train.jsonl", "gs://shop/v1/validation.jsonl", 3, 0.5, 4)
SCRIPT = """
import sys
from pathlib import Path
from tests.dataset.test_tune_flags import WITH_VERTEX, WorkDir, parsed, run_publish
work = Path(sys.argv[1])
run_publish(parsed(*sys.argv[2:]), work / "sft" / "v1", WITH_VERTEX, WorkDir(work))
"""
STATS = {
    "supervisedTuningDataStats": {
        "tuningDatasetExampleCount": "118",
        "totalTruncatedExampleCount": "2",
        "truncatedExampleIndices": ["7", "19"],
        "droppedExampleReasons": ["too many tokens"],
    }
}


@pytest.fixture
def server() -> Iterator[LoopbackGemini]:
    with LoopbackGemini() as server:
        yield server


def version(tmp_path: Path, train: int = 120, validation: int = 12, size: int = 50_000) -> Path:
    folder = tmp_path / "sft" / "v1"
    folder.mkdir(parents=True)
    files = {"train.jsonl": {"rows": train, "bytes": size}, "validation.jsonl": {"rows": validation}}
    (folder / "manifest.json").write_text(json.dumps({"version": "v1", "files": files}))
    return folder


def uploaded(tmp_path: Path) -> WorkDir:
    uris = {name: f"gs://shop/v1/{name}" for name in ("train.jsonl", "validation.jsonl", "manifest.json")}
    write_jsonl(
        tmp_path / "uploads.jsonl", [UploadRecord(version="v1", folder="gs://shop/v1", files=uris, uploaded_at="2026")]
    )
    return WorkDir(tmp_path)


def parsed(*flags: str) -> argparse.Namespace:
    parser = CommandLine()
    add_publish_arguments(parser)
    return parser.parse_args(flags)


def test_tune_prints_a_request_and_asks_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--tune", "--epochs", "3", "--learning-rate-multiplier", "0.5", "--adapter-size", "4")
    run_publish(parsed(*flags), version(tmp_path), Settings(), uploaded(tmp_path))
    head, _, body = capsys.readouterr().out.partition("\n")
    assert "POST projects/PROJECT/locations/LOCATION/tuningJobs" in head
    assert json.loads(body) == request_json(FULL, FULL.display_name())
    assert not (tmp_path / "tuning_jobs.jsonl").exists()


def jobs_of(work: WorkDir) -> list[TuningRecord]:
    return TuningJobs(work.root / "tuning_jobs.jsonl").all()


def printed(text: str) -> list[dict[str, Any]]:
    """The requests in what was printed."""
    return [json.loads("{" + part.split("\n}\n")[0] + "\n}") for part in text.split("tuningJobs:\n{")[1:]]


def test_submitted_once_remembered_and_reported(
    tmp_path: Path, server: LoopbackGemini, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, work = version(tmp_path), uploaded(tmp_path)
    flags = ("--tune", "--submit", "--vertex-url", server.base_url)
    run_publish(parsed(*flags), folder, WITH_VERTEX, work)
    run_publish(parsed(*flags), folder, WITH_VERTEX, work)
    told = capsys.readouterr().out
    assert "submitted already" in told and "--submit-again submits it again" in told
    assert len(server.tuning.jobs) == 1
    run_publish(parsed(*flags, "--epochs", "2"), folder, WITH_VERTEX, work)  # another request
    run_publish(parsed("--tune", "--submit-again", *flags[2:]), folder, WITH_VERTEX, work)
    assert len(server.tuning.jobs) == 3
    assert printed(told)[:1] + printed(capsys.readouterr().out) == server.tuning.bodies  # what is sent, word for word
    records = jobs_of(work)
    assert [record.job for record in records] == [job["name"] for job in server.tuning.jobs]
    assert records[1].hyperparameters == {"epochCount": 2}
    assert (records[0].version, records[0].rows) == ("v1", 120)
    server.tuning.end(0, "SUCCEEDED", tuningDataStats=STATS)
    server.tuning.end(1, "FAILED", error={"code": 3, "message": "bad data"})
    run_publish(parsed("--tune-status", "--vertex-url", server.base_url), folder, WITH_VERTEX, work)
    told = capsys.readouterr()
    assert "SUCCEEDED, version v1" in told.out
    assert "total_truncated_example_count: 2" in told.out
    assert "error: bad data" in told.out
    assert "PENDING (not ended)" in told.out
    assert told.err.count("warning: ") == 2


def test_a_run_killed_before_it_heard_finds_its_job(
    tmp_path: Path, server: LoopbackGemini, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, work = version(tmp_path), uploaded(tmp_path)
    flags = ("--tune", "--submit", "--vertex-url", server.base_url)
    server.tuning.faults.extend([Fault("none"), Fault("slow", seconds=60)])
    run = subprocess.Popen([sys.executable, "-c", SCRIPT, str(tmp_path), *flags], cwd=PROJECT_ROOT)
    try:
        deadline = time.monotonic() + 30
        while not server.tuning.jobs and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        run.kill()
        run.wait()
    assert [record.job for record in jobs_of(work)] == [None]
    run_publish(parsed("--tune-status", *flags[2:]), folder, WITH_VERTEX, work)
    assert "PENDING (not ended)" in capsys.readouterr().out
    run_publish(parsed("--tune", "--submit-again", *flags[2:]), folder, WITH_VERTEX, work)  # it is that one it asks for
    assert "submitted already as projects/shop/" in capsys.readouterr().out
    assert [record.job for record in jobs_of(work)] == [job["name"] for job in server.tuning.jobs]
    assert len(server.tuning.bodies) == 1


def test_a_run_that_never_got_through_is_told_and_gone_on_with(
    tmp_path: Path, server: LoopbackGemini, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, work = version(tmp_path), uploaded(tmp_path)
    flags = ("--tune", "--submit", "--vertex-url", server.base_url)
    server.tuning.faults.extend([Fault("none"), Fault("status", status=403)])
    with pytest.raises(UserError, match="HTTP 403"):
        run_publish(parsed(*flags), folder, WITH_VERTEX, work)
    run_publish(parsed("--tune-status", *flags[2:]), folder, WITH_VERTEX, work)
    assert "NOT_SUBMITTED" in capsys.readouterr().out
    run_publish(parsed(*flags), folder, WITH_VERTEX, work)
    assert "tuning: submitted as" in capsys.readouterr().out
    assert [record.job for record in jobs_of(work)] == [job["name"] for job in server.tuning.jobs]


def test_two_runs_at_once_submit_once(tmp_path: Path, server: LoopbackGemini) -> None:
    folder, work = version(tmp_path), uploaded(tmp_path)
    args = parsed("--tune", "--submit", "--vertex-url", server.base_url)
    server.tuning.faults.append(Fault("slow", seconds=0.5))  # the first has looked, and not yet asked
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda _run: run_publish(args, folder, WITH_VERTEX, work), range(2)))
    assert len(server.tuning.bodies) == len(server.tuning.jobs) == 1
    assert [record.job for record in jobs_of(work)] == [server.tuning.jobs[0]["name"]]


def test_an_empty_validation_file_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_publish(parsed("--tune"), version(tmp_path, validation=0), WITH_VERTEX, uploaded(tmp_path))
    told = capsys.readouterr().out
    assert "POST projects/shop/locations/europe-west4/tuningJobs" in told
    assert "validationDatasetUri" not in told


@pytest.mark.parametrize(
    ("flags", "settings", "told"),
    [
        (["--submit"], WITH_VERTEX, "--submit: needs --tune"),
        (["--submit-again"], WITH_VERTEX, "--submit-again: needs --tune"),
        (["--tune", "--submit-again"], WITH_KEY, "--submit-again: tuning is done by Vertex AI only"),
        (["--epochs", "2"], WITH_VERTEX, "--epochs: needs --tune"),
        (["--learning-rate-multiplier", "2"], WITH_VERTEX, "--learning-rate-multiplier: needs --tune"),
        (["--adapter-size", "4"], WITH_VERTEX, "--adapter-size: needs --tune"),
        (["--upload", "shop"], WITH_VERTEX, "expected gs://bucket/folder"),
        (["--tune", "--submit"], WITH_KEY, "--submit: tuning is done by Vertex AI only"),
        (["--tune-status"], WITH_KEY, "--tune-status: tuning is done by Vertex AI only"),
        (["--tune"], WITH_VERTEX, "version v1 is not uploaded yet"),
        (["--tune-status"], WITH_VERTEX, "holds no tuning job"),
    ],
)
def test_flags_that_do_not_go_together(tmp_path: Path, flags: list[str], settings: Settings, told: str) -> None:
    with pytest.raises(UserError, match=told):
        run_publish(parsed(*flags), version(tmp_path), settings, WorkDir(tmp_path))


def test_a_version_without_training_lines_is_not_tuned_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="has no training line"):
        run_publish(parsed("--tune"), version(tmp_path, train=0), WITH_VERTEX, uploaded(tmp_path))


def test_a_file_larger_than_gemini_takes_is_not_tuned_on(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"train\.jsonl: 1,000,000,001 bytes, and Gemini takes 1,000,000,000 at most"):
        run_publish(parsed("--tune"), version(tmp_path, size=1_000_000_001), WITH_VERTEX, uploaded(tmp_path))


@pytest.mark.parametrize(("rows", "warned"), [(99, True), (100, False)])
def test_fewer_lines_than_recommended_are_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], rows: int, warned: bool
) -> None:
    run_publish(parsed("--tune"), version(tmp_path, train=rows), WITH_VERTEX, uploaded(tmp_path))
    assert ("99 training lines; the service recommends at least 100" in capsys.readouterr().err) == warned
