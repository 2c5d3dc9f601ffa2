"""Bringing a finished version to Google, as the flags ask for: into a bucket, and from there into a tuning job."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from google import genai
from pydantic import BaseModel

from utils.core.console import Interrupted, UserError
from utils.core.jsonl import read_records, write_jsonl
from utils.core.locks import only_run
from utils.core.paths import WorkDir
from utils.core.settings import Settings
from utils.dataset.contract import MAX_FILE_BYTES, MIN_TRAINING_LINES
from utils.dataset.manifest import read_manifest
from utils.gemini.client import make_client
from utils.gemini.tuning import TuningReport, TuningRequest, job_report, request_json, submit
from utils.gemini.tuning_jobs import TuningJobs, TuningRecord
from utils.storage.publish import publish


class UploadRecord(BaseModel):
    """A version that was uploaded; one line of uploads.jsonl in the work folder."""

    version: str
    folder: str
    files: dict[str, str]
    uploaded_at: str


def publish_version(args: argparse.Namespace, folder: Path, settings: Settings, work: WorkDir) -> None:
    """Upload the version in `folder`, tune on it, tell how jobs stand: what the checked flags ask for, in this order.

    Raises UserError for what the user can put right, Interrupted where a service stays down: running again goes on.
    """
    if args.upload is not None:
        _upload(args.upload, folder, settings, work)
    if args.tune:
        _tune(args, folder, settings, work)
    if args.tune_status:
        _tell_jobs(args, settings, work)


def _upload(destination: str, folder: Path, settings: Settings, work: WorkDir) -> None:
    try:
        done = publish(folder, destination, settings.gcp_project, work.cache / "uploads")
    except ConnectionError as error:
        raise Interrupted(f"upload: {error}; what is there stays, and the rest is sent when run again") from error
    record = UploadRecord(version=done.version, folder=done.folder, files=done.files, uploaded_at=_now())
    _remember(record, work)
    there = len(done.files) - len(done.uploaded)
    print(f"upload: {done.folder}: {len(done.uploaded)} files sent, {there} there already")
    print(f"upload: {done.latest} {'now names' if done.latest_switched else 'names already'} {done.version}")


def _tune(args: argparse.Namespace, folder: Path, settings: Settings, work: WorkDir) -> None:
    manifest = read_manifest(folder)
    _check_size(folder, manifest)
    request = _request(args, manifest, _files_of(manifest["version"], work))
    parent = f"projects/{settings.gcp_project or 'PROJECT'}/locations/{settings.gcp_project_location or 'LOCATION'}"
    if not (args.submit or args.submit_again):
        _print_request(request, parent, request.display_name())
        return
    jobs = _jobs(work)
    with jobs.alone():
        record = jobs.begin(request, parent, _rows(manifest, "train.jsonl"), again=args.submit_again)
        _print_request(request, parent, record.display_name or request.display_name())
        job, existed = record.job, True
        if job is None:
            job, existed = asyncio.run(
                _with_client(args, settings, lambda client: submit(client, request, record.display_name))
            )
            jobs.name(record, job)
    if existed:
        print(f"tuning: submitted already as {job} ({record.created_at}); --submit-again submits it again")
    else:
        print(f"tuning: submitted as {job}; see how it stands with --tune-status")


def _print_request(request: TuningRequest, parent: str, display_name: str) -> None:
    print(f"tuning request, for POST {parent}/tuningJobs:")
    print(json.dumps(request_json(request, display_name), indent=2, ensure_ascii=False))


def _check_size(folder: Path, manifest: dict[str, Any]) -> None:
    """Raise UserError for what the service would refuse, warn of what it advises against."""
    train, rows = folder / "train.jsonl", _rows(manifest, "train.jsonl")
    if not rows:
        raise UserError(f"--tune: version {manifest['version']} has no training line; make a version that has some")
    size = int(manifest["files"]["train.jsonl"].get("bytes", 0))
    if size > MAX_FILE_BYTES:
        raise UserError(f"{train}: {size:,} bytes, and Gemini takes {MAX_FILE_BYTES:,} at most; make a smaller version")
    if rows < MIN_TRAINING_LINES:
        lines = f"{rows} training line{'' if rows == 1 else 's'}"
        print(f"warning: {train}: {lines}; the service recommends at least {MIN_TRAINING_LINES}", file=sys.stderr)


def _request(args: argparse.Namespace, manifest: dict[str, Any], uris: dict[str, str]) -> TuningRequest:
    return TuningRequest(
        version=manifest["version"],
        base_model=args.base_model,
        training_uri=uris["train.jsonl"],
        validation_uri=uris["validation.jsonl"] if _rows(manifest, "validation.jsonl") else None,
        epochs=args.epochs,
        learning_rate_multiplier=args.learning_rate_multiplier,
        adapter_size=args.adapter_size,
    )


def _files_of(version: str, work: WorkDir) -> dict[str, str]:
    """URIs by name of the newest upload of a version."""
    uploads = [record for record in _uploads(work) if record.version == version]
    if not uploads:
        raise UserError(f"--tune: version {version} is not uploaded yet; give --upload gs://bucket/folder, too")
    return uploads[-1].files


def _tell_jobs(args: argparse.Namespace, settings: Settings, work: WorkDir) -> None:
    records = _jobs(work).all()
    if not records:
        raise UserError(f"--tune-status: {_jobs(work).path} holds no tuning job; submit one with --tune --submit")

    async def ask(client: genai.Client) -> list[TuningReport]:
        return [await job_report(client, record.job, record.display_name) for record in records]

    for record, report in zip(records, asyncio.run(_with_client(args, settings, ask)), strict=True):
        for line in _lines(record, report):
            print(line)
        for line in report.warnings(record.rows):
            print(f"warning: {report.name}: {line}", file=sys.stderr)


def _lines(record: TuningRecord, report: TuningReport) -> list[str]:
    lines = [f"tuning: {report.name}: {report.state}{'' if report.ended else ' (not ended)'}, version {record.version}"]
    if report.error:
        lines.append(f"  error: {report.error}")
    if report.tuned_model:
        lines.append(f"  tuned model: {report.tuned_model}")
    lines += [f"  {name}: {count}" for name, count in (report.counts or {}).items()]
    return lines


async def _with_client(args: argparse.Namespace, settings: Settings, work: Any) -> Any:
    client = make_client(settings, args.vertex_url, vertex=True)
    try:
        return await work(client)
    finally:
        await client.aio.aclose()


def _remember(record: UploadRecord, work: WorkDir) -> None:
    """Make it the last line of uploads.jsonl, in the place of an earlier one on the same."""
    path = _uploads_file(work)
    with only_run(path.with_name(f"{path.name}.lock"), "upload"):
        earlier = [one for one in _uploads(work) if (one.version, one.folder) != (record.version, record.folder)]
        write_jsonl(path, [*earlier, record])


def _uploads(work: WorkDir) -> list[UploadRecord]:
    path = _uploads_file(work)
    return list(read_records(path, UploadRecord)) if path.is_file() else []


def _uploads_file(work: WorkDir) -> Path:
    return work.root / "uploads.jsonl"


def _jobs(work: WorkDir) -> TuningJobs:
    return TuningJobs(work.root / "tuning_jobs.jsonl")


def _rows(manifest: dict[str, Any], name: str) -> int:
    return int(manifest["files"].get(name, {}).get("rows", 0))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
