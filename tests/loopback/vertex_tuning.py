"""Tuning jobs of Vertex AI: create, get and list; a test says how each goes on."""

from __future__ import annotations

import asyncio
import re
from collections import deque
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from tests.loopback.faults import Fault, error_response, fault_response, not_found
from tests.loopback.http_server import HttpRequest, HttpResponse, json_response
from tests.loopback.paging import page

_JOBS = re.compile(r"^/v1\w*/(?P<parent>projects/[^/]+/locations/[^/]+)/tuningJobs(?:/(?P<id>[^/:]+))?$")
_FIRST_ID = 5_711_000_000_000_000_001
_FIELDS = {"baseModel", "supervisedTuningSpec", "tunedModelDisplayName", "description", "labels"}
_SPEC_FIELDS = {"trainingDatasetUri", "validationDatasetUri", "hyperParameters", "exportLastCheckpointOnly"}
_HYPERPARAMETERS = {"epochCount", "learningRateMultiplier", "adapterSize"}


class VertexTuning:
    """The jobs, oldest first, as the service would tell them; `bodies` are what was posted, refused ones included.

    `faults` are used up one a request. Of a job that is created, "cut" loses the answer, not the job, and "slow" delays the answer
    only.
    """

    def __init__(self, clock: Callable[[], float]) -> None:
        self.jobs: list[dict[str, Any]] = []
        self.bodies: list[dict[str, Any]] = []
        self.calls: list[str] = []
        self.faults: deque[Fault] = deque()
        self._clock = clock

    @staticmethod
    def serves(path: str) -> bool:
        return bool(_JOBS.match(path))

    def end(self, number: int, state: str, **fields: Any) -> None:
        """Have job `number` end in `state`, such as "SUCCEEDED"; `fields` are more of its resource."""
        self.jobs[number].update(state=f"JOB_STATE_{state}", endTime=self._now(), **fields)

    async def handle(self, request: HttpRequest) -> HttpResponse:
        found = _JOBS.match(request.path)
        assert found is not None
        call = "create" if request.method == "POST" else "get" if found["id"] else "list"
        self.calls.append(call)
        if call == "create":
            self.bodies.append(request.json())
        fault = self.faults.popleft() if self.faults else Fault("none")
        if (faulted := fault_response(fault)) is not None:
            return faulted
        response = self._answer(call, request, found["parent"])
        await asyncio.sleep(fault.seconds if fault.kind == "slow" else 0)
        return HttpResponse(response.code, response.content, cut=True) if fault.kind == "cut" else response

    def _answer(self, call: str, request: HttpRequest, parent: str) -> HttpResponse:
        if call == "create":
            return self._create(request.json(), f"{parent}/tuningJobs")
        if call == "list":
            jobs = [job for job in reversed(self.jobs) if job["name"].startswith(f"{parent}/")]
            return json_response(page(jobs, request.query, "tuningJobs", lambda job: job))
        for job in self.jobs:
            if job["name"] == request.path.split("/", 2)[2]:
                return json_response(job)
        return not_found(request.path)

    def _create(self, body: dict[str, Any], parent: str) -> HttpResponse:
        spec = body.get("supervisedTuningSpec", {})
        unknown = {
            *(set(body) - _FIELDS),
            *(set(spec) - _SPEC_FIELDS),
            *(set(spec.get("hyperParameters", {})) - _HYPERPARAMETERS),
        }
        if unknown:
            return error_response(400, "INVALID_ARGUMENT", f'Unknown name "{min(unknown)}": Cannot find field.')
        if not body.get("baseModel") or not str(spec.get("trainingDatasetUri")).startswith("gs://"):
            return error_response(400, "INVALID_ARGUMENT", "base_model and training_dataset_uri are required.")
        job = {
            **body,
            "name": f"{parent}/{_FIRST_ID + len(self.jobs)}",
            "state": "JOB_STATE_PENDING",
            "createTime": self._now(),
            "updateTime": self._now(),
        }
        self.jobs.append(job)
        return json_response(job)

    def _now(self) -> str:
        return datetime.fromtimestamp(self._clock(), UTC).isoformat()
