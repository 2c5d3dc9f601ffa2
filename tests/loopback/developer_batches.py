"""Batches of the Developer API: inline or from an uploaded file, polled as long-running operations."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from tests.loopback.batches import ENDED, BatchItem, BatchJob, BatchQueue, BatchResult
from tests.loopback.faults import error_response, fault_response, not_found
from tests.loopback.files import Files
from tests.loopback.hashes import prompt_hash
from tests.loopback.http_server import HttpRequest, HttpResponse, json_response
from tests.loopback.paging import page

_SUBMIT = re.compile(r"^/(?P<version>v1\w*)/models/(?P<model>[^/:]+):batchGenerateContent$")
_JOBS = re.compile(r"^/v1\w*/batches(?:/(?P<id>[^/:]+)(?P<cancel>:cancel)?)?$")
_TYPE = "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch"


class DeveloperBatches:
    """Routes and JSON; the jobs are the queue's, result files go to `files`."""

    def __init__(self, queue: BatchQueue, files: Files) -> None:
        self._queue = queue
        self._files = files

    @staticmethod
    def serves(path: str) -> bool:
        return bool(_SUBMIT.match(path) or _JOBS.match(path))

    async def handle(self, request: HttpRequest) -> tuple[str, HttpResponse]:
        """What the call was and its answer."""
        if found := _SUBMIT.match(request.path):
            return "submit", self._submit(request, found["version"], found["model"])
        found = _JOBS.match(request.path)
        assert found is not None
        if found["id"] is None:
            jobs = [job for job in self._queue.listed() if job.way != "vertex"]
            for one in jobs:
                await self._queue.settle(one, self._finish)
            return "list", json_response(page(jobs, request.query, "operations", _without_results))
        job = self._queue.find(f"batches/{found['id']}")
        if job is None:
            return "poll", not_found(f"batches/{found['id']}")
        if request.method == "DELETE":
            self._queue.deleted.add(job.name)
            return "delete", json_response({})
        if found["cancel"]:
            self._queue.cancel(job)
            return "cancel", json_response({})
        return "poll", await self._poll(job)

    def _submit(self, request: HttpRequest, version: str, model: str) -> HttpResponse:
        batch = request.json().get("batch") or {}
        source = batch.get("inputConfig") or {}
        fault = self._queue.next_fault()
        if fault.kind == "status":
            return error_response(fault.status, "SCRIPTED", fault.message)
        number = len(self._queue.jobs) + 1
        path = f"/{version}/models/{model}:generateContent"
        job = BatchJob(
            f"batches/batch{number}",
            batch.get("displayName", ""),
            "file" if "fileName" in source else "inline",
            f"models/{model}",
            path,
            0,
            self._queue.clock(),
            fault,
        )
        if job.way == "file":
            file = self._files.stored.get(source["fileName"])
            if file is None:
                return not_found(source["fileName"])
            try:
                job.items = _file_items(file.content)
            except (ValueError, KeyError, TypeError) as error:
                self._queue.fail(job, f"{source['fileName']}: not lines of requests ({error})")
        else:
            job.items = [_inline_item(one) for one in (source.get("requests") or {}).get("requests") or []]
            if not job.items:
                return error_response(400, "INVALID_ARGUMENT", "The batch has no requests.")
        job.size = len(job.items)
        job.prompt_hashes = [prompt_hash(path, item.body) for item in job.items]
        self._queue.jobs.append(job)
        return HttpResponse(dropped=True) if fault.kind == "submit_lost" else json_response(_operation(job))

    async def _poll(self, job: BatchJob) -> HttpResponse:
        fault = self._queue.next_poll_fault()
        await asyncio.sleep(fault.seconds if fault.kind == "slow" else 0)
        if (faulted := fault_response(fault)) is not None:
            return faulted
        job.polls += 1
        await self._queue.settle(job, self._finish)
        return json_response(_operation(job))

    async def _finish(self, job: BatchJob, results: Sequence[BatchResult]) -> None:
        if job.way == "inline":
            told = [{**_outcome(result), **result.extra} for result in results]
            job.output = {"inlinedResponses": {"inlinedResponses": told}}
            return
        name = f"files/{job.name.replace('/', '-')}"
        lines = [json.dumps(result.extra | _outcome(result), ensure_ascii=False) + "\n" for result in results]
        self._files.add_generated(name, "".join(lines).encode(), self._queue.clock())
        job.output = {"responsesFile": name}


def _file_items(content: bytes) -> list[BatchItem]:
    lines = [json.loads(line) for line in content.decode().splitlines() if line.strip()]
    return [BatchItem(_body(line["request"]), {"key": line["key"]} if "key" in line else {}) for line in lines]


def _inline_item(one: dict[str, Any]) -> BatchItem:
    return BatchItem(_body(one.get("request") or {}), {"metadata": one["metadata"]} if "metadata" in one else {})


def _body(request: dict[str, Any]) -> dict[str, Any]:
    """What generateContent would have been sent; there the model stands in the path."""
    return {name: value for name, value in request.items() if name != "model"}


def _outcome(result: BatchResult) -> dict[str, Any]:
    return {"error": result.error} if result.error is not None else {"response": result.response}


def _operation(job: BatchJob) -> dict[str, Any]:
    def moment(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).isoformat()

    pending = 0 if job.state in ENDED else job.size
    counts = {
        "requestCount": job.size,
        "successfulRequestCount": job.succeeded,
        "failedRequestCount": job.failed,
        "pendingRequestCount": pending,
    }
    metadata: dict[str, Any] = {
        "@type": _TYPE,
        "model": job.model,
        "displayName": job.display_name,
        "createTime": moment(job.time),
        "updateTime": moment(job.ended or job.time),
        "batchStats": {name: str(count) for name, count in counts.items() if count},
        "state": f"BATCH_STATE_{job.state}",
        "name": job.name,
    }
    operation: dict[str, Any] = {"name": job.name, "metadata": metadata}
    if job.ended is not None:
        metadata["endTime"] = moment(job.ended)
        operation["done"] = True
    if job.output:
        metadata["output"] = job.output
        operation["response"] = {"@type": f"{_TYPE}Output", **job.output}
    if job.error is not None:
        operation["error"] = job.error
    return operation


def _without_results(job: BatchJob) -> dict[str, Any]:
    """As `_operation`; results are there to be polled for."""
    operation = _operation(job)
    operation.pop("response", None)
    operation["metadata"].pop("output", None)
    return operation
