"""The status file: how the last run ended, and the last one that ended well, for a monitor to read."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, Field, ValidationError

from utils.core.console import ExitCode
from utils.core.jsonl import whole_file

State = Literal["running", "ok", "below_target", "failed", "interrupted"]
_STATES: dict[int, State] = {
    ExitCode.DONE: "ok",
    ExitCode.BELOW_TARGET: "below_target",
    ExitCode.INTERRUPTED: "interrupted",
}


class Run(BaseModel):
    """One run: `counts` by stage and status as in the manifest, `rows` of the published version by file."""

    started_at: datetime
    ended_at: datetime | None = None
    duration_s: float | None = None
    version: str | None = None
    rows: dict[str, int] = Field(default_factory=dict)
    counts: dict[str, dict[str, int]] = Field(default_factory=dict)
    cost_usd: float | None = 0.0  # of this run's calls; None where a price is not known


class Status(BaseModel):
    """The content of the status file. A run that was killed hard stays "running"; its process is gone then."""

    state: State = "running"
    process: int
    exit_code: int | None = None
    stage: str = ""  # the script at work, or the one at which the run ended
    message: str = ""  # the last of what it said, where it did not end well
    run: Run
    last_success: Run | None = None


def state_of(code: int) -> State:
    """What an exit code means."""
    return _STATES.get(code, "failed")


def read_status(path: Path) -> Status | None:
    """The status of the run before; None where there is none that can be read."""
    try:
        return Status.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        return None


def write_status(path: Path, status: Status) -> None:
    """Write it whole, so that a monitor never reads half of it."""
    with whole_file(path) as stream:
        stream.write(status.model_dump_json(indent=2) + "\n")


def outcome_of(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """What a run's record takes from the manifest of the version it published."""
    rows = {name: entry["rows"] for name, entry in manifest["files"].items() if name != "rows.jsonl"}
    return {"version": manifest["version"], "rows": rows, "counts": manifest["counts"]}
