"""Tuning jobs through the real SDK against a server on this machine, and the flags that ask for them."""

from __future__ import annotations

import argparse
import asyncio
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from google.genai import types

from tests.gemini.support import WITH_KEY, WITH_VERTEX
from tests.loopback.faults import Fault
from tests.loopback.gemini_server import LoopbackGemini
from utils.core.arguments import CommandLine
from utils.core.console import Interrupted, UserError
from utils.core.jsonl import read_json_lines, write_jsonl
from utils.core.paths import WorkDir
from utils.core.settings import Settings
from utils.dataset.publish_arguments import UploadRecord, add_publish_arguments, run_publish
from utils.gemini.client import make_client
from utils.gemini.tuning import ADAPTER_SIZES, TuningReport, TuningRequest, job_report, report_of, request_json, submit

PLAIN = TuningRequest("v1", "gemini-2.5-flash", "gs://shop/v1/train.jsonl")
FULL = TuningRequest("v1", "gemini-2.5-flash", "gs://shop/v1/train.jsonl", "gs://shop/v1/validation.jsonl", 3, 0.5, 4)


@pytest.fixture
def server() -> Iterator[LoopbackGemini]:
    with LoopbackGemini() as server:
        yield server


def on(server: LoopbackGemini, work: Any) -> Any:
    async def run() -> Any:
        client = make_client(WITH_VERTEX, server.base_url, timeout_s=5.0, vertex=True)
        try:
            return await work(client)
        finally:
            await client.aio.aclose()

    return asyncio.run(run())


def submitted(server: LoopbackGemini, request: TuningRequest = FULL, known: tuple[str, ...] = ()) -> str:
    return on(server, lambda client: submit(client, request, known, backoff_s=0.01))


def reported(server: LoopbackGemini, name: str) -> TuningReport:
    return on(server, lambda client: job_report(client, name, backoff_s=0.01))


@pytest.mark.parametrize("request_", [PLAIN, FULL])
def test_what_is_printed_is_what_the_sdk_posts(server: LoopbackGemini, request_: TuningRequest) -> None:
    name = submitted(server, request_)
    assert server.tuning.bodies == [request_json(request_)]
    assert name == server.tuning.jobs[0]["name"]
    assert name.startswith("projects/shop/locations/europe-west4/tuningJobs/")


def test_hyperparameters_are_named_as_the_service_names_them() -> None:
    assert request_json(FULL)["supervisedTuningSpec"] == {
        "trainingDatasetUri": "gs://shop/v1/train.jsonl",
        "validationDatasetUri": "gs://shop/v1/validation.jsonl",
        "hyperParameters": {"epochCount": 3, "learningRateMultiplier": 0.5, "adapterSize": "ADAPTER_SIZE_FOUR"},
    }
    assert request_json(PLAIN)["supervisedTuningSpec"] == {"trainingDatasetUri": "gs://shop/v1/train.jsonl"}
    assert {size.value for size in ADAPTER_SIZES.values()} == {
        size.value for size in types.AdapterSize if size != types.AdapterSize.ADAPTER_SIZE_UNSPECIFIED
    }
    assert PLAIN.key != FULL.key


@pytest.mark.parametrize("fault", [Fault("rate_limit"), Fault("status", status=503), Fault("drop"), Fault("html")])
def test_what_may_pass_is_tried_again(server: LoopbackGemini, fault: Fault) -> None:
    server.tuning.faults.extend([Fault("none"), fault, Fault("none"), fault])  # each list answers, each creation fails
    submitted(server)
    assert len(server.tuning.jobs) == 1
    assert server.tuning.calls == ["list", "create"] * 3


def test_a_lost_answer_does_not_become_a_second_job(server: LoopbackGemini) -> None:
    server.tuning.faults.extend([Fault("none"), Fault("cut")])
    name = submitted(server)
    assert [job["name"] for job in server.tuning.jobs] == [name]
    assert server.tuning.calls == ["list", "create", "list"]


def test_a_job_known_already_is_not_taken_for_ours(server: LoopbackGemini) -> None:
    first = submitted(server)
    assert submitted(server) == first  # as after a run killed before it wrote the name down
    assert submitted(server, known=(first,)) != first
    assert len(server.tuning.jobs) == 2


def test_a_service_that_stays_down_interrupts(server: LoopbackGemini) -> None:
    server.tuning.faults.extend([Fault("status", status=503)] * 99)
    with pytest.raises(Interrupted, match=r"503.*run again later"):
        submitted(server)
    assert server.tuning.calls == ["list"] * 5


def test_a_wait_that_the_service_asks_for_is_kept(server: LoopbackGemini) -> None:
    server.tuning.faults.append(Fault("rate_limit", seconds=0.6))
    loop_time: list[float] = []

    async def timed(client: Any) -> None:
        began = asyncio.get_running_loop().time()
        await submit(client, FULL, backoff_s=0.01)
        loop_time.append(asyncio.get_running_loop().time() - began)

    on(server, timed)
    assert loop_time[0] >= 0.6


@pytest.mark.parametrize(
    ("status", "told"), [(400, "HTTP 400: no such size"), (403, "HTTP 403.*may use"), (404, "check --base-model")]
)
def test_a_refusal_is_one_line(server: LoopbackGemini, status: int, told: str) -> None:
    server.tuning.faults.extend([Fault("none"), Fault("status", status=status, message="no such size")])
    with pytest.raises(UserError, match=told) as error:
        submitted(server)
    assert "\n" not in str(error.value)
    assert server.tuning.calls == ["list", "create"]


STATS = {
    "supervisedTuningDataStats": {
        "tuningDatasetExampleCount": "118",
        "totalTuningCharacterCount": "90210",
        "totalBillableTokenCount": "31000",
        "totalTruncatedExampleCount": "2",
        "truncatedExampleIndices": ["7", "19"],
        "droppedExampleReasons": ["too many tokens"],
        "userDatasetExamples": [{"role": "user", "parts": [{"text": "How many?"}]}],
    }
}


def test_the_services_own_counts_are_told(server: LoopbackGemini) -> None:
    name = submitted(server)
    assert reported(server, name) == TuningReport(name, "PENDING", counts={})
    server.tuning.end(0, "SUCCEEDED", tuningDataStats=STATS, tunedModel={"endpoint": "projects/1/endpoints/2"})
    report = reported(server, name)
    assert (report.state, report.ended, report.tuned_model) == ("SUCCEEDED", True, "projects/1/endpoints/2")
    assert report.counts == {
        "tuning_dataset_example_count": 118,
        "total_tuning_character_count": 90210,
        "total_billable_token_count": 31000,
        "total_truncated_example_count": 2,
    }
    assert report.warnings(120) == [
        "2 of 120 examples were dropped or truncated: line 7 (too many tokens), line 19 (no reason given)",
        "the service counts 118 examples, but 120 were uploaded",
    ]


def test_nothing_dropped_nothing_warned() -> None:
    report = TuningReport("j", "SUCCEEDED", counts={"tuning_dataset_example_count": 9})
    assert report.warnings(9) == []
    assert TuningReport("j", "RUNNING").warnings(9) == []


@pytest.mark.parametrize("state", list(types.JobState))
def test_a_job_has_ended_in_these_states_only(state: types.JobState) -> None:
    ended = {"SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"}
    report = report_of(types.TuningJob(name="j", state=state))
    assert report.ended == (report.state in ended)
    assert any("in part" in line for line in report.warnings(1)) == (report.state == "PARTIALLY_SUCCEEDED")


def test_a_job_that_failed_and_one_that_is_gone(server: LoopbackGemini) -> None:
    name = submitted(server)
    server.tuning.end(0, "FAILED", error={"code": 3, "message": "bad\nline 4"})
    assert reported(server, name).error == "bad line 4"
    gone = reported(server, f"{name}9")
    assert (gone.state, gone.ended) == ("NOT_FOUND", True)


# the flags


def version(tmp_path: Path, train: int = 120, validation: int = 12) -> Path:
    folder = tmp_path / "sft" / "v1"
    folder.mkdir(parents=True)
    files = {"train.jsonl": {"rows": train}, "validation.jsonl": {"rows": validation}}
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
    parser.add_argument("--force", action="store_true")
    add_publish_arguments(parser)
    return parser.parse_args(flags)


def test_tune_prints_a_request_and_asks_nobody(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    flags = ("--tune", "--epochs", "3", "--learning-rate-multiplier", "0.5", "--adapter-size", "4")
    run_publish(parsed(*flags), version(tmp_path), Settings(), uploaded(tmp_path))
    head, _, body = capsys.readouterr().out.partition("\n")
    assert "POST projects/PROJECT/locations/LOCATION/tuningJobs" in head
    assert json.loads(body) == request_json(FULL)
    assert not (tmp_path / "tuning_jobs.jsonl").exists()


def test_submitted_once_remembered_and_reported(
    tmp_path: Path, server: LoopbackGemini, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, work = version(tmp_path), uploaded(tmp_path)
    flags = ("--tune", "--submit", "--vertex-url", server.base_url)
    run_publish(parsed(*flags), folder, WITH_VERTEX, work)
    run_publish(parsed(*flags), folder, WITH_VERTEX, work)
    assert "submitted already" in capsys.readouterr().out
    assert len(server.tuning.jobs) == 1
    run_publish(parsed(*flags, "--epochs", "2"), folder, WITH_VERTEX, work)  # another request
    run_publish(parsed(*flags, "--force"), folder, WITH_VERTEX, work)
    assert len(server.tuning.jobs) == 3
    records = [record for _number, record in read_json_lines(tmp_path / "tuning_jobs.jsonl")]
    assert [record["job"] for record in records] == [job["name"] for job in server.tuning.jobs]
    assert records[1]["hyperparameters"] == {"epochCount": 2}
    assert (records[0]["version"], records[0]["rows"]) == ("v1", 120)
    server.tuning.end(0, "SUCCEEDED", tuningDataStats=STATS)
    server.tuning.end(1, "FAILED", error={"code": 3, "message": "bad data"})
    capsys.readouterr()
    run_publish(parsed("--tune-status", "--vertex-url", server.base_url), folder, WITH_VERTEX, work)
    told = capsys.readouterr()
    assert "SUCCEEDED, version v1" in told.out
    assert "total_truncated_example_count: 2" in told.out
    assert "error: bad data" in told.out
    assert "PENDING (not ended)" in told.out
    assert told.err.count("warning: ") == 2


def test_an_empty_validation_file_is_left_out(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run_publish(parsed("--tune"), version(tmp_path, validation=0), WITH_VERTEX, uploaded(tmp_path))
    told = capsys.readouterr().out
    assert "POST projects/shop/locations/europe-west4/tuningJobs" in told
    assert "validationDatasetUri" not in told


@pytest.mark.parametrize(
    ("flags", "settings", "told"),
    [
        (["--submit"], WITH_VERTEX, "--submit: needs --tune"),
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
