"""The tuning jobs of a work folder: each is written down before it is sent, so that none is paid for twice.

A line without a job's name stands for a request that may have got through: the run that sent it has not heard. The next
run looks for its display name, which is the line's own, and takes that job or sends the request again.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from utils.core.jsonl import read_records, write_jsonl
from utils.core.locks import only_run
from utils.gemini.tuning import TuningRequest


class TuningRecord(BaseModel):
    """One tuning job, a line of tuning_jobs.jsonl; `job` is its name, None until the service has told it.

    `key` is equal for equal requests, `parent` is the project and location they went to.
    """

    job: str | None
    key: str
    version: str
    base_model: str
    training_uri: str
    validation_uri: str | None
    rows: int
    hyperparameters: dict[str, Any]
    created_at: str
    display_name: str = ""  # "" of both in lines of earlier versions
    parent: str = ""


class TuningJobs:
    """The lines of a file; whoever submits does so within `alone`."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Keep out other runs that would submit the same: they wait, and find this one's job."""
        with only_run(self.path.with_name(f"{self.path.name}.lock"), "tuning"):
            yield

    def all(self) -> list[TuningRecord]:
        """The jobs, oldest first; raises UserError naming a broken line."""
        return list(read_records(self.path, TuningRecord)) if self.path.is_file() else []

    def begin(self, request: TuningRequest, parent: str, rows: int, again: bool) -> TuningRecord:
        """The line that stands for a request, written down unless there is one; `again` asks for a job of its own.

        One that has no job yet was begun by a run that was cut, and is gone on with in either case.
        """
        records = self.all()
        same = [one for one in records if one.key == request.key and one.parent in (parent, "")]
        begun = [one for one in same if one.job is None]
        if begun:
            return begun[-1]
        if same and not again:
            return same[-1]
        record = TuningRecord(
            job=None,
            key=request.key,
            version=request.version,
            base_model=request.base_model,
            training_uri=request.training_uri,
            validation_uri=request.validation_uri,
            rows=rows,
            hyperparameters=request.hyperparameters,
            created_at=datetime.now(UTC).isoformat(timespec="seconds"),
            display_name=request.display_name(secrets.token_hex(3) if again else ""),
            parent=parent,
        )
        write_jsonl(self.path, [*records, record])
        return record

    def name(self, record: TuningRecord, job: str) -> None:
        """Write down the name by which the service knows a job."""
        named = record.model_copy(update={"job": job})
        write_jsonl(self.path, [named if one == record else one for one in self.all()])
