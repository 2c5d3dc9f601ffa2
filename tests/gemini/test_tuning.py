"""Tuning jobs through the real SDK against a server on this machine."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

import pytest
from google.genai import types

from tests.gemini.support import WITH_VERTEX
from tests.loopback.faults import Fault
from tests.loopback.gemini_server import LoopbackGemini
from utils.core.console import Interrupted, UserError
from utils.core.paths import PROJECT_ROOT
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


def sent(server: LoopbackGemini, request: TuningRequest = FULL, mark: str = "") -> tuple[str, bool]:
    return on(server, lambda client: submit(client, request, request.display_name(mark), backoff_s=0.01))


def submitted(server: LoopbackGemini, request: TuningRequest = FULL) -> str:
    return sent(server, request)[0]


def reported(server: LoopbackGemini, name: str) -> TuningReport:
    return on(server, lambda client: job_report(client, name, backoff_s=0.01))


@pytest.mark.parametrize("request_", [PLAIN, FULL])
def test_what_is_printed_is_what_the_sdk_posts(server: LoopbackGemini, request_: TuningRequest) -> None:
    name = submitted(server, request_)
    assert server.tuning.bodies == [request_json(request_, request_.display_name())]
    assert name == server.tuning.jobs[0]["name"]
    assert name.startswith("projects/shop/locations/europe-west4/tuningJobs/")


def test_hyperparameters_are_named_as_the_service_names_them() -> None:
    assert request_json(FULL, "x")["supervisedTuningSpec"] == {
        "trainingDatasetUri": "gs://shop/v1/train.jsonl",
        "validationDatasetUri": "gs://shop/v1/validation.jsonl",
        "hyperParameters": {"epochCount": 3, "learningRateMultiplier": 0.5, "adapterSize": "ADAPTER_SIZE_FOUR"},
    }
    assert request_json(PLAIN, "x")["supervisedTuningSpec"] == {"trainingDatasetUri": "gs://shop/v1/train.jsonl"}
    assert {size.value for size in ADAPTER_SIZES.values()} == {
        size.value for size in types.AdapterSize if size != types.AdapterSize.ADAPTER_SIZE_UNSPECIFIED
    }
    assert PLAIN.key != FULL.key


@pytest.mark.parametrize(
    "fault", [Fault("rate_limit"), Fault("status", status=503), Fault("drop"), Fault("html"), Fault("empty")]
)
def test_what_may_pass_is_tried_again(server: LoopbackGemini, fault: Fault) -> None:
    server.tuning.faults.extend([Fault("none"), fault, Fault("none"), fault])  # each list answers, each creation fails
    submitted(server)
    assert len(server.tuning.jobs) == 1
    assert server.tuning.calls == ["list", "create"] * 3


def test_a_lost_answer_does_not_become_a_second_job(server: LoopbackGemini) -> None:
    server.tuning.faults.extend([Fault("none"), Fault("cut")])
    name, existed = sent(server)
    assert ([job["name"] for job in server.tuning.jobs], existed) == ([name], False)
    assert server.tuning.calls == ["list", "create", "list"]


def test_a_job_of_this_name_is_taken_and_one_of_another_is_not(server: LoopbackGemini) -> None:
    first, existed = sent(server)
    assert not existed
    assert sent(server) == (first, True)
    second, existed = sent(server, mark="again")
    assert (second != first, existed) == (True, False)
    assert sent(server, mark="again") == (second, True)
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
        await submit(client, FULL, FULL.display_name(), backoff_s=0.01)
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


def test_a_job_whose_name_was_never_heard_is_looked_for(server: LoopbackGemini) -> None:
    def looked_for() -> TuningReport:
        return on(server, lambda client: job_report(client, None, FULL.display_name(), backoff_s=0.01))

    assert (looked_for().state, looked_for().ended) == ("NOT_SUBMITTED", True)
    name = submitted(server)
    assert (looked_for().name, looked_for().state) == (name, "PENDING")


def test_no_warning_of_the_sdk_reaches_the_user(server: LoopbackGemini) -> None:
    code = (  # in a process of its own: the SDK warns once
        "import sys; from types import SimpleNamespace; from tests.gemini.test_tuning import sent;"
        "print(sent(SimpleNamespace(base_url=sys.argv[1]))[1])"
    )
    told = subprocess.run(
        [sys.executable, "-c", code, server.base_url], cwd=PROJECT_ROOT, capture_output=True, text=True
    )
    assert (told.stdout.strip(), told.stderr) == ("False", "")
