"""Batches of the loopback server, through the real SDK: inline, from a file, and Vertex AI's on Cloud Storage."""

from __future__ import annotations

import asyncio
import io
import json
import time
from collections import Counter
from typing import Any

import httpx2
import pytest
from google.auth.credentials import AnonymousCredentials
from google.cloud import storage
from google.genai import types
from google.genai.errors import ClientError, ServerError
from pydantic import SecretStr

from tests.gemini.support import KEY, WITH_KEY, WITH_VERTEX
from tests.loopback.gemini_server import BatchFault, Fault, LoopbackGemini
from tests.loopback.scripted_model import Answer
from tests.loopback.storage_emulator import storage_emulator
from utils.core.settings import Settings
from utils.gemini.client import make_client

MODEL = "gemini-test"
ASKED = ["one", "two", "three", "four"]
CONFIG = types.GenerateContentConfig(system_instruction="Shout.", temperature=0.2)


def _shout(prompt) -> Answer:
    return Answer(prompt.turns[-1][1].upper(), thoughts_tokens=3, cached_tokens=1)


def _turn(text: str) -> list[types.Content]:
    return [types.Content(role="user", parts=[types.Part(text=text)])]


def _body(text: str) -> dict[str, Any]:
    return {"contents": [{"role": "user", "parts": [{"text": text}]}]}


def _lines(*asked: str) -> str:
    return "".join(json.dumps({"key": f"key-{text}", "request": _body(text)}) + "\n" for text in asked)


def _inline(*asked: str) -> list[types.InlinedRequest]:
    return [
        types.InlinedRequest(contents=_turn(text), config=CONFIG, metadata={"key": f"key-{text}"}) for text in asked
    ]


@pytest.fixture(scope="module")
def emulator():
    with storage_emulator() as url:  # the loopback server is told by its argument
        yield url


@pytest.fixture(scope="module")
def bucket(emulator):
    client = storage.Client("shop", AnonymousCredentials(), client_options={"api_endpoint": emulator})
    return client.create_bucket("lent")


class Run:
    """The same few requests submitted one way, polled to their end; `outcomes` maps keys to texts or errors."""

    def __init__(self, server: LoopbackGemini, way: str, bucket: Any = None) -> None:
        self.server, self.way, self.bucket = server, way, bucket
        self.client = make_client(WITH_VERTEX if way == "vertex" else WITH_KEY, server.base_url, 5.0)

    def submit(self, name: str = "nightly", asked: list[str] | None = None) -> types.BatchJob:
        config = {"display_name": name}
        return self.client.batches.create(model=MODEL, src=self._source(asked or ASKED, config), config=config)

    def _source(self, asked: list[str], config: dict[str, str]) -> Any:
        if self.way == "inline":
            return _inline(*asked)
        if self.way == "file":
            stream = io.BytesIO(_lines(*asked).encode())
            return self.client.files.upload(file=stream, config={"mime_type": "application/jsonl"}).name
        self.bucket.blob("asked.jsonl").upload_from_string(_lines(*asked))
        config["dest"] = "gs://lent/answered"
        return "gs://lent/asked.jsonl"

    def end(self, job: types.BatchJob, polls: int = 1) -> types.BatchJob:
        for _ in range(polls):
            job = self.client.batches.get(name=job.name)
        return job

    def outcomes(self, job: types.BatchJob) -> list[tuple[str | None, str]]:
        """(key, text or error message) in the order in which they came back."""
        if self.way == "inline":
            return [
                ((one.metadata or {}).get("key"), one.response.text if one.response else one.error.message)
                for one in job.dest.inlined_responses
            ]
        found = []
        for line in self._output(job).splitlines():
            one = json.loads(line)
            failed = one["status"] if self.way == "vertex" else (one.get("error") or {}).get("message")
            text = failed or one["response"]["candidates"][0]["content"]["parts"][0]["text"]
            found.append((one.get("key"), text))
        return found

    def _output(self, job: types.BatchJob) -> str:
        if self.way == "file":
            return self.client.files.download(file=job.dest.file_name).decode()
        folder = job.output_info.gcs_output_directory.removeprefix("gs://lent/")
        assert folder.startswith("answered/prediction-model-")
        return self.bucket.blob(f"{folder}/predictions.jsonl").download_as_text()


@pytest.fixture(params=["inline", "file", "vertex"])
def way(request) -> str:
    return request.param


@pytest.fixture
def start(way, request):
    servers = []

    def started(**options: Any) -> Run:
        extra = {"gcs_endpoint": request.getfixturevalue("emulator")} if way == "vertex" else {"api_key": KEY}
        servers.append(LoopbackGemini(_shout, **extra, **options).start())
        return Run(servers[-1], way, request.getfixturevalue("bucket") if way == "vertex" else None)

    yield started
    for server in servers:
        server.close()


def test_a_job_runs_poll_by_poll_and_every_item_is_answered(start, way):
    run = start(batch_polls=3)
    job = run.submit("nightly")
    assert (job.state.name, job.display_name) == ("JOB_STATE_PENDING", "nightly")
    assert run.end(job, 2).state.name == "JOB_STATE_RUNNING"
    job = run.end(job)
    assert job.state.name == "JOB_STATE_SUCCEEDED"
    expected = [(f"key-{text}", text.upper()) for text in ASKED]
    outcomes = run.outcomes(job)
    assert sorted(outcomes) == sorted(expected)
    assert (outcomes == expected) == (way != "vertex")  # Vertex AI does not keep the order
    [record] = run.server.batch_jobs
    assert (record.name, record.display_name, record.way) == (job.name, "nightly", way)
    assert (record.size, record.polls, run.server.batch_items) == (4, 3, 4)
    assert abs(record.time - time.time()) < 60
    assert run.outcomes(run.end(job)) == outcomes


def test_an_item_is_answered_and_counted_like_generate_content(start, way):
    run = start()
    run.end(run.submit())
    assert (run.server.usage.answers, run.server.requests) == (0, [])
    config = CONFIG if way == "inline" else None
    for text in ASKED:
        run.client.models.generate_content(model=MODEL, contents=_turn(text), config=config)
    assert run.server.usage == run.server.batch_usage
    assert (run.server.usage.answers, run.server.usage.thoughts, run.server.usage.cached) == (4, 12, 4)
    [record] = run.server.batch_jobs
    assert record.prompt_hashes == [request.prompt_hash for request in run.server.requests]


def test_a_job_may_take_time_instead_of_polls(start):
    now = [1_000.0]
    run = start(batch_delay_s=30, clock=lambda: now[0])
    job = run.end(run.submit(), 3)
    assert job.state.name == "JOB_STATE_RUNNING"
    now[0] += 30
    assert run.end(job).state.name == "JOB_STATE_SUCCEEDED"


@pytest.mark.parametrize("keyless", [False, True])
def test_an_item_that_fails_costs_only_itself(start, way, keyless):
    run = start(batch_faults=[BatchFault("item_failed", index=[1, -1], message="too long", keyless=keyless)])
    job = run.end(run.submit())
    assert job.state.name == ("JOB_STATE_PARTIALLY_SUCCEEDED" if way == "vertex" else "JOB_STATE_SUCCEEDED")
    outcomes = run.outcomes(job)
    failed = [(key, text) for key, text in outcomes if "too long" in text]
    assert {key for key, _text in failed} == ({None} if keyless else {"key-two", "key-four"})
    assert len(failed) == 2
    assert {one for one in outcomes if one not in failed} == {("key-one", "ONE"), ("key-three", "THREE")}
    if way != "vertex":
        assert [place for place, (_key, text) in enumerate(outcomes) if "too long" in text] == [1, 3]
    else:
        assert (job.completion_stats.successful_count, job.completion_stats.failed_count) == (2, 2)
    assert run.server.batch_usage.answers == 2


def test_an_item_that_does_not_come_back(start):
    run = start(batch_faults=[BatchFault("item_missing", index=2)])
    keys = {key for key, _text in run.outcomes(run.end(run.submit()))}
    assert keys == {"key-one", "key-two", "key-four"}


@pytest.mark.parametrize("kind", ["expired", "failed", "cancelled"])
def test_a_job_that_ends_without_results(start, way, kind):
    run = start(batch_faults=[BatchFault(kind, message="no luck")])
    job = run.end(run.submit())
    assert job.state.name == f"JOB_STATE_{kind.upper()}"
    assert job.dest is None or job.dest.inlined_responses is None
    assert job.output_info is None
    if kind == "failed":  # of the Developer API's error the SDK keeps nothing
        assert (job.error.message if job.error else None) == ("no luck" if way == "vertex" else None)
    assert run.server.batch_usage.answers == 0
    again = run.end(run.submit())
    assert again.state.name == "JOB_STATE_SUCCEEDED"


def test_the_state_of_a_job_with_results_can_be_forced(start):
    run = start(batch_faults=[BatchFault("item_failed", index=0, state="EXPIRED")])
    job = run.end(run.submit())
    assert job.state.name == "JOB_STATE_EXPIRED"
    assert ("key-two", "TWO") in run.outcomes(job)


def test_a_lost_submission_has_made_its_job(start):
    run = start(batch_faults=[BatchFault("submit_lost")])
    with pytest.raises((httpx2.RemoteProtocolError, httpx2.ReadError, ConnectionError, OSError)):
        run.submit("lost")
    [found] = [job for job in run.client.batches.list() if job.display_name == "lost"]
    assert len(run.outcomes(run.end(found))) == 4
    run.submit("again")
    assert set(run.server.batch_duplicates().values()) == {2}
    assert len(run.server.batch_duplicates()) == 4


def test_a_refused_submission_makes_no_job(start):
    run = start(batch_faults=[BatchFault("status", status=429, message="busy")])
    with pytest.raises(ClientError, match="busy"):
        run.submit()
    assert list(run.client.batches.list()) == run.server.batch_jobs == []
    assert run.end(run.submit()).state.name == "JOB_STATE_SUCCEEDED"


def test_polls_have_faults_of_their_own(start):
    run = start(poll_faults=[Fault("status", status=503), Fault("drop"), Fault("html")])
    job = run.submit()
    with pytest.raises(ServerError):
        run.end(job)
    with pytest.raises((httpx2.TransportError, OSError)):
        run.end(job)
    with pytest.raises(Exception, match=r"JSON|json|Expecting"):
        run.end(job)
    assert run.server.batch_jobs[0].polls == 0
    assert run.end(job).state.name == "JOB_STATE_SUCCEEDED"


def test_jobs_are_listed_newest_first_in_pages_cancelled_and_deleted(start, way):
    run = start()
    jobs = [run.submit(f"job {number}") for number in range(3)]
    listed = list(run.client.batches.list(config={"page_size": 2}))
    assert [job.display_name for job in listed] == ["job 2", "job 1", "job 0"]
    assert run.server.batch_calls["list"] == 2
    if way == "vertex":
        assert [job.name for job in run.client.batches.list(config={"filter": 'display_name="job 1"'})] == [
            jobs[1].name
        ]
    run.client.batches.cancel(name=jobs[0].name)
    assert run.end(jobs[0]).state.name == "JOB_STATE_CANCELLED"
    run.client.batches.delete(name=jobs[1].name)
    with pytest.raises(ClientError, match="NOT_FOUND"):
        run.end(jobs[1])
    assert [job.display_name for job in run.client.batches.list()] == ["job 2", "job 0"]
    assert run.outcomes(run.end(jobs[2]))


def test_the_async_client_does_the_same(start, way):
    run = start()

    async def whole():
        batches = run.client.aio.batches
        job = run.submit() if way != "inline" else await batches.create(model=MODEL, src=_inline(*ASKED))
        return await batches.get(name=job.name)

    assert len(run.outcomes(asyncio.run(whole()))) == 4


def test_a_file_is_uploaded_in_chunks_and_only_results_are_downloaded(tmp_path):
    path = tmp_path / "many.jsonl"
    path.write_text(
        _lines("x" * 5_000_000, "short"), encoding="utf-8"
    )  # 10 MB, as the key is as long; chunks have 8 MiB
    with LoopbackGemini(_shout, api_key=KEY) as server:
        client = make_client(WITH_KEY, server.base_url, 5.0)
        file = client.files.upload(file=path, config={"mime_type": "application/jsonl", "display_name": "many"})
        assert server.batch_calls["upload_chunk"] == 2
        assert (file.size_bytes, file.display_name, file.source.name) == (path.stat().st_size, "many", "UPLOADED")
        assert client.files.get(name=file.name) == file
        with pytest.raises(ClientError):
            client.files.download(file=file.name)
        job = client.batches.create(model=MODEL, src=file.name)
        job = client.batches.get(name=job.name)
        results = [json.loads(line) for line in client.files.download(file=job.dest.file_name).splitlines()]
        assert Counter(one["key"][:5] for one in results) == {"key-x": 1, "key-s": 1}
        client.files.delete(name=file.name)
        with pytest.raises(ClientError, match="NOT_FOUND"):
            client.batches.create(model=MODEL, src=file.name)


@pytest.mark.parametrize("content", ["no json\n", '{"key": "k"}\n'])
def test_input_that_cannot_be_read_fails_the_job(content):
    with LoopbackGemini(_shout) as server:
        client = make_client(WITH_KEY, server.base_url, 5.0)
        file = client.files.upload(file=io.BytesIO(content.encode()), config={"mime_type": "application/jsonl"})
        assert client.batches.create(model=MODEL, src=file.name).state.name == "JOB_STATE_FAILED"


def test_vertex_input_that_is_not_there_fails_the_job(emulator, bucket):
    with LoopbackGemini(_shout, gcs_endpoint=emulator) as server:
        client = make_client(WITH_VERTEX, server.base_url, 5.0)
        job = client.batches.create(model=MODEL, src="gs://lent/none.jsonl", config={"dest": "gs://lent/answered"})
        assert job.state.name == "JOB_STATE_FAILED"
        assert "none.jsonl" in job.error.message


def test_batches_ask_for_the_key_and_the_model():
    with LoopbackGemini(_shout, api_key=KEY, models=["gemini-other"]) as server:
        client = make_client(WITH_KEY, server.base_url)
        with pytest.raises(ClientError, match=f"{MODEL} is not found, or is not supported for batchGenerateContent"):
            client.batches.create(model=MODEL, src=_inline("one"))
        stranger = make_client(Settings(google_api_key=SecretStr("wrong")), server.base_url)
        with pytest.raises(ClientError, match="API key not valid"):
            list(stranger.batches.list())
        assert server.batch_jobs == []


def test_a_batch_fault_that_does_not_exist_is_told():
    with pytest.raises(ValueError, match="unknown batch fault 'lost'"):
        LoopbackGemini(batch_faults=[{"kind": "lost"}])
