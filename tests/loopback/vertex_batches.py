"""Batches of Vertex AI: requests from Cloud Storage, results back to Cloud Storage, in no particular order."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Sequence
from datetime import UTC, datetime
from http import HTTPStatus
from typing import Any

from tests.loopback.batches import ENDED, BatchItem, BatchJob, BatchQueue, BatchResult, status_text
from tests.loopback.faults import error_response, fault_response, not_found
from tests.loopback.hashes import prompt_hash
from tests.loopback.http_server import HttpRequest, HttpResponse, json_response
from tests.loopback.paging import page
from tests.loopback.storage import Storage, StorageError

_JOBS = re.compile(
    r"^/(?P<version>v1\w*)/(?P<parent>projects/[^/]+/locations/[^/]+)/batchPredictionJobs"
    r"(?:/(?P<id>[^/:]+)(?P<cancel>:cancel)?)?$"
)
_NAMED = re.compile(r'^\s*(?:displayName|display_name)\s*=\s*"(.*)"\s*$')
_FIRST_ID = 4_711_000_000_000_000_001


class VertexBatches:
    """Routes and JSON; the jobs are the queue's, requests and results lie in `storage`."""

    def __init__(self, queue: BatchQueue, storage: Storage) -> None:
        self._queue = queue
        self._storage = storage

    @staticmethod
    def serves(path: str) -> bool:
        return bool(_JOBS.match(path))

    async def handle(self, request: HttpRequest) -> tuple[str, HttpResponse]:
        """What the call was and its answer."""
        found = _JOBS.match(request.path)
        assert found is not None
        parent = f"{found['parent']}/batchPredictionJobs"
        if found["id"] is None:
            if request.method == "POST":
                return "submit", await self._submit(request, found["version"], found["parent"])
            return "list", await self._list(request, parent)
        job = self._queue.find(f"{parent}/{found['id']}")
        if job is None:
            return "poll", not_found(f"{parent}/{found['id']}")
        if request.method == "DELETE":
            self._queue.deleted.add(job.name)
            return "delete", json_response({"name": f"{found['parent']}/operations/1", "done": True, "response": {}})
        if found["cancel"]:
            self._queue.cancel(job)
            return "cancel", json_response({})
        return "poll", await self._poll(job)

    async def _submit(self, request: HttpRequest, version: str, parent: str) -> HttpResponse:
        config = request.json()
        fault = self._queue.next_fault()
        if fault.kind == "status":
            return error_response(fault.status, "SCRIPTED", fault.message)
        model = config.get("model", "").rpartition("/")[2]
        sources = (config.get("inputConfig", {}).get("gcsSource") or {}).get("uris") or []
        destination = (config.get("outputConfig", {}).get("gcsDestination") or {}).get("outputUriPrefix")
        if not (model and sources and destination):
            return error_response(400, "INVALID_ARGUMENT", "model, gcsSource and gcsDestination are required.")
        path = f"/{version}/{parent}/publishers/google/models/{model}:generateContent"
        number = _FIRST_ID + len(self._queue.jobs)
        job = BatchJob(
            f"{parent}/batchPredictionJobs/{number}",
            config.get("displayName", ""),
            "vertex",
            config["model"],
            path,
            0,
            self._queue.clock(),
            fault,
            config=config,
        )
        self._queue.jobs.append(job)
        try:
            contents = [await asyncio.to_thread(self._storage.read, uri) for uri in sources]
            job.items = [_item(json.loads(line)) for text in contents for line in text.splitlines() if line.strip()]
        except (StorageError, ValueError, KeyError, TypeError) as error:
            self._queue.fail(job, f"Unable to read the input: {error}")
        job.size = len(job.items)
        job.prompt_hashes = [prompt_hash(path, item.body) for item in job.items]
        return HttpResponse(dropped=True) if fault.kind == "submit_lost" else json_response(_resource(job))

    async def _list(self, request: HttpRequest, parent: str) -> HttpResponse:
        jobs = [job for job in self._queue.listed() if job.name.startswith(f"{parent}/")]
        if asked := request.query.get("filter"):
            named = _NAMED.match(asked)
            if named is None:
                return error_response(400, "INVALID_ARGUMENT", f"filter {asked!r} is not understood.")
            jobs = [job for job in jobs if job.display_name == named[1]]
        for job in jobs:
            await self._queue.settle(job, self._finish)
        return json_response(page(jobs, request.query, "batchPredictionJobs", _resource))

    async def _poll(self, job: BatchJob) -> HttpResponse:
        fault = self._queue.next_poll_fault()
        await asyncio.sleep(fault.seconds if fault.kind == "slow" else 0)
        if (faulted := fault_response(fault)) is not None:
            return faulted
        job.polls += 1
        await self._queue.settle(job, self._finish)
        return json_response(_resource(job))

    async def _finish(self, job: BatchJob, results: Sequence[BatchResult]) -> None:
        prefix = job.config["outputConfig"]["gcsDestination"]["outputUriPrefix"].rstrip("/")
        moment = datetime.fromtimestamp(self._queue.clock(), UTC)
        folder = f"{prefix}/prediction-model-{moment:%Y-%m-%dT%H:%M:%S.%fZ}"
        lines = [_line(result, moment) for result in _shuffled(results)]
        await asyncio.to_thread(self._storage.write, f"{folder}/predictions.jsonl", "".join(lines))
        job.output = {"gcsOutputDirectory": folder}


def _item(line: dict[str, Any]) -> BatchItem:
    return BatchItem(line["request"], {name: value for name, value in line.items() if name != "request"})


def _shuffled(results: Sequence[BatchResult]) -> list[BatchResult]:
    """Always in the same other order."""
    order = list(results)
    random.Random(len(order)).shuffle(order)
    return order if order != list(results) else order[::-1]


def _line(result: BatchResult, moment: datetime) -> str:
    status = ""
    if result.error is not None:
        code, name = status_text(result.error)
        told = {"error": {"code": code, "message": result.error["message"], "status": name}}
        status = f"{HTTPStatus(code).phrase}: {json.dumps(told)}"
    line = {
        **result.extra,
        "status": status,
        "processed_time": moment.isoformat(timespec="milliseconds"),
        "request": result.item.body,
        "response": result.response or {},
    }
    return json.dumps(line, ensure_ascii=False) + "\n"


def _resource(job: BatchJob) -> dict[str, Any]:
    def moment(seconds: float) -> str:
        return datetime.fromtimestamp(seconds, UTC).isoformat()

    config: dict[str, Any] = {
        name: job.config[name] for name in ("model", "inputConfig", "outputConfig") if name in job.config
    }
    resource: dict[str, Any] = {
        "name": job.name,
        "displayName": job.display_name,
        **config,
        "state": f"JOB_STATE_{job.state}",
        "createTime": moment(job.time),
        "startTime": moment(job.time),
        "updateTime": moment(job.ended or job.time),
    }
    if job.ended is not None:
        resource["endTime"] = moment(job.ended)
    if job.state in ENDED and job.output:
        counts = {"successfulCount": job.succeeded, "failedCount": job.failed}
        resource["completionStats"] = {name: str(count) for name, count in counts.items() if count}
        resource["outputInfo"] = job.output
    if job.error is not None:
        resource["error"] = job.error
    return resource
