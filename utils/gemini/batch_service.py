"""Batch jobs of the two services: submit, look for, poll, and read what came back, item by item."""

from __future__ import annotations

import json
import tempfile
from abc import ABC, abstractmethod
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from google import genai
from google.genai import types
from google.genai.errors import ClientError

from utils.gemini.calls import GeminiCall
from utils.gemini.outcomes import request_config, request_contents, request_json
from utils.storage.addresses import bucket_and_name
from utils.storage.gcs import read_lines_under, upload_file

MOST_INLINE_BYTES = 18_000_000  # the Developer API takes less than 20 MB in one request
MOST_FILE_BYTES = 100_000_000  # it takes 2 GB, Vertex AI 1 GB; results are read back whole, so less is kept
MOST_ITEMS = 200_000  # a job, on Vertex AI
_LOOKED_THROUGH = 1_000  # newest jobs, when one is looked for by its display name

# The SDK's `job.done` leaves out partial success.
_ENDED = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})
_GONE = "GONE"  # our word for a job that the service does not know (any more)


@dataclass(frozen=True)
class JobItem:
    """One call of a job, under the key that comes back with its answer."""

    key: str
    call: GeminiCall


@dataclass(frozen=True)
class ItemResult:
    """What came back for one item: a response or an error; `key` "" and `position` None where the service says neither.

    `request` is the request as echoed, where it is.
    """

    key: str = ""
    position: int | None = None
    response: types.GenerateContentResponse | None = None
    error: str = ""
    request: dict[str, Any] | None = None


@dataclass(frozen=True)
class JobStatus:
    """How a job stands: `state` is the service's word without its prefix, such as "RUNNING"."""

    state: str
    detail: str = ""

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.state in _ENDED or self.gone

    @property
    def gone(self) -> bool:
        """Whether the service does not know the job: it was deleted, or is another project's."""
        return self.state == _GONE


class BatchService(ABC):
    """What takes batch jobs."""

    def __init__(self, client: genai.Client) -> None:
        self._client = client

    @abstractmethod
    async def submit(self, display_name: str, items: Sequence[JobItem]) -> str:
        """Start a job; its name. All items ask the same model."""

    @abstractmethod
    def results(self, name: str) -> AsyncIterator[ItemResult]:
        """What came back from a job that has ended."""

    async def find(self, display_name: str) -> str | None:
        """The name of a job with this display name, if there is one."""
        return await _find(self._client, display_name)

    async def status(self, name: str) -> JobStatus:
        """How a job stands now."""
        return await _status(self._client, name)


class DeveloperBatches(BatchService):
    """The Developer API's: requests in the call itself while they fit, else in an uploaded file."""

    def __init__(self, client: genai.Client) -> None:
        super().__init__(client)
        _let_item_errors_have_details()

    async def submit(self, display_name: str, items: Sequence[JobItem]) -> str:
        """See `BatchService.submit`."""
        source: Any
        if sum(_size(item) for item in items) <= MOST_INLINE_BYTES:
            source = [
                types.InlinedRequest(
                    contents=list(request_contents(item.call)),
                    config=request_config(item.call),
                    metadata={"key": item.key},
                )
                for item in items
            ]
        else:
            with _jsonl_file(items) as path:
                uploaded = await self._client.aio.files.upload(
                    file=path, config=types.UploadFileConfig(display_name=display_name, mime_type="jsonl")
                )
            source = str(uploaded.name)
        job = await self._client.aio.batches.create(
            model=items[0].call.model, src=source, config=types.CreateBatchJobConfig(display_name=display_name)
        )
        return str(job.name)

    async def results(self, name: str) -> AsyncIterator[ItemResult]:
        """See `BatchService.results`."""
        job = await self._client.aio.batches.get(name=name)
        destination = job.dest
        for position, answer in enumerate((destination and destination.inlined_responses) or []):
            key = (answer.metadata or {}).get("key", "")
            error = _error_text(answer.error) if answer.error else ""
            yield ItemResult(key, position, answer.response, error)
        if destination and destination.file_name:
            content = await self._client.aio.files.download(file=destination.file_name)
            for position, line in enumerate(content.splitlines()):
                yield _result_of_line(line, position)


class VertexBatches(BatchService):
    """Vertex AI's: requests in an object of a bucket, answers in another. `folder` is a gs:// URI."""

    def __init__(self, client: genai.Client, folder: str, project: str | None) -> None:
        super().__init__(client)
        bucket_and_name(folder)  # raises UserError before anything is asked
        self._folder = folder.rstrip("/")
        self._project = project

    async def submit(self, display_name: str, items: Sequence[JobItem]) -> str:
        """See `BatchService.submit`."""
        source = f"{self._folder}/{display_name}/requests.jsonl"
        with _jsonl_file(items) as path:
            await upload_file(path, source, self._project)
        job = await self._client.aio.batches.create(
            model=items[0].call.model,
            src=source,
            config=types.CreateBatchJobConfig(display_name=display_name, dest=f"{self._folder}/{display_name}/answers"),
        )
        return str(job.name)

    async def results(self, name: str) -> AsyncIterator[ItemResult]:
        """See `BatchService.results`; Vertex AI does not keep the order of the requests."""
        job = await self._client.aio.batches.get(name=name)
        folder = job.output_info.gcs_output_directory if job.output_info else None
        folder = folder or (job.dest.gcs_uri if job.dest else None) or ""
        async for line in read_lines_under(f"{folder.rstrip('/')}/", "predictions", self._project):
            yield _result_of_line(line, None)


@cache
def _let_item_errors_have_details() -> None:
    """Widen the SDK's model of an item's error: it takes texts only, and one with objects loses the whole job."""
    types.JobError.model_fields["details"].annotation = list[Any] | None
    for model in (types.JobError, types.InlinedResponse, types.BatchJobDestination, types.BatchJob):
        model.model_rebuild(force=True)


def same_request(call: GeminiCall) -> str:
    """What a request is known by where only its echo comes back."""
    return _canonical(request_json(call).get("contents"))


def echoed_request(result: ItemResult) -> str:
    """The same of an echo; "" where there is none."""
    return _canonical(result.request.get("contents")) if result.request else ""


def _canonical(contents: Any) -> str:
    turns = [(turn.get("role"), [part.get("text") for part in turn.get("parts", [])]) for turn in contents or []]
    return json.dumps(turns, ensure_ascii=False)


def _result_of_line(line: str | bytes, position: int | None) -> ItemResult:
    try:
        item = json.loads(line)
        key = str(item.get("key") or "")
        response = item.get("response")
        error = item.get("error") or item.get("status") or ""
        told = str(error.get("message") or error) if isinstance(error, dict) else str(error)
        read = types.GenerateContentResponse.model_validate(response) if response and not told else None
        return ItemResult(key, position, read, told, item.get("request"))
    except (ValueError, AttributeError, TypeError) as error:
        return ItemResult("", position, None, f"the answer is not what was expected: {error}")


def _error_text(error: types.JobError) -> str:
    return f"{error.code}: {error.message}" if error.code else str(error.message)


async def _status(client: genai.Client, name: str) -> JobStatus:
    try:
        job = await client.aio.batches.get(name=name)
    except ClientError as error:
        if error.code in (403, 404):  # deleted, or another project's
            return JobStatus(_GONE, str(error.message or ""))
        raise
    state = job.state.value if job.state else ""
    word = state.removeprefix("JOB_STATE_").removeprefix("BATCH_STATE_")
    return JobStatus(word, _error_text(job.error) if job.error else "")


async def _find(client: genai.Client, display_name: str) -> str | None:
    seen = 0
    async for job in await client.aio.batches.list(config=types.ListBatchJobsConfig(page_size=100)):
        if job.display_name == display_name:
            return str(job.name)
        seen += 1
        if seen >= _LOOKED_THROUGH:
            break
    return None


def _line(item: JobItem) -> str:
    return json.dumps({"key": item.key, "request": request_json(item.call)}, ensure_ascii=False) + "\n"


def _size(item: JobItem) -> int:
    return len(_line(item).encode())


def cut_into_jobs(items: Sequence[JobItem]) -> Iterator[Sequence[JobItem]]:
    """Items in their order, in jobs that keep to the services' limits and ask one model each."""
    part: list[JobItem] = []
    size = 0
    for item in items:
        added = _size(item)
        if part and (
            size + added > MOST_FILE_BYTES or len(part) >= MOST_ITEMS or item.call.model != part[0].call.model
        ):
            yield part
            part, size = [], 0
        part.append(item)
        size += added
    if part:
        yield part


@contextmanager
def _jsonl_file(items: Sequence[JobItem]) -> Iterator[Path]:
    """The items' lines in a temporary file, for as long as the block lasts."""
    with tempfile.NamedTemporaryFile("w", suffix=".jsonl", encoding="utf-8", delete=False) as stream:
        stream.writelines(_line(item) for item in items)
    path = Path(stream.name)
    try:
        yield path
    finally:
        path.unlink()
