"""The flags that bring a finished version to Google: into a bucket, and from there into a tuning job."""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

from google import genai
from pydantic import BaseModel

from utils.core.arguments import positive_int, positive_number
from utils.core.console import Interrupted, UserError
from utils.core.jsonl import read_records, write_jsonl
from utils.core.paths import WorkDir
from utils.core.settings import Settings
from utils.dataset.manifest import read_manifest
from utils.gemini.arguments import DEFAULT_MODEL
from utils.gemini.client import make_client
from utils.gemini.tuning import ADAPTER_SIZES, TuningReport, TuningRequest, job_report, request_json, submit
from utils.storage.gcs import bucket_and_name
from utils.storage.publish import publish

Record = TypeVar("Record", bound=BaseModel)


class UploadRecord(BaseModel):
    """A version that was uploaded; one line of uploads.jsonl in the work folder."""

    version: str
    folder: str
    files: dict[str, str]
    uploaded_at: str


class TuningRecord(BaseModel):
    """A tuning job that was submitted; one line of tuning_jobs.jsonl. `key` is equal for equal requests."""

    job: str
    key: str
    version: str
    base_model: str
    training_uri: str
    validation_uri: str | None
    rows: int
    hyperparameters: dict[str, Any]
    created_at: str


def add_publish_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the flags on uploading and tuning."""
    add = parser.add_argument_group("upload and tuning (Vertex AI)").add_argument
    add("--upload", metavar="URI", help="upload the version below gs://bucket/folder and make latest.json name it")
    add("--tune", action="store_true", help="print the tuning request for the uploaded version, as JSON")
    add("--submit", action="store_true", help="with --tune: create the tuning job; it costs money")
    add("--tune-status", action="store_true", help="tell how the submitted tuning jobs stand")
    add("--base-model", default=DEFAULT_MODEL, metavar="MODEL", help="model to tune (default %(default)s)")
    add(
        "--epochs", type=positive_int, metavar="N", help="passes over the training file (default: the service's choice)"
    )
    add(
        "--learning-rate-multiplier",
        type=positive_number,
        metavar="X",
        help="of the service's learning rate (default: the service's choice)",
    )
    add("--adapter-size", type=int, choices=tuple(ADAPTER_SIZES), help="(default: the service's choice)")
    add("--vertex-url", metavar="URL", help="another server that speaks the Vertex AI API, such as one on loopback")


def check_publish_arguments(args: argparse.Namespace, settings: Settings) -> None:
    """Refuse flags that do not go together, before any work is done; raises UserError."""
    if args.upload is not None:
        bucket_and_name(args.upload)
    if args.submit and not args.tune:
        raise UserError("--submit: needs --tune; give both to create a tuning job")
    for name in ("epochs", "learning_rate_multiplier", "adapter_size"):
        if getattr(args, name) is not None and not args.tune:
            raise UserError(f"--{name.replace('_', '-')}: needs --tune; it is part of the tuning request")
    asks_service = args.submit or args.tune_status
    if asks_service and not (settings.gcp_project and settings.gcp_project_location):
        flag = "--submit" if args.submit else "--tune-status"
        raise UserError(
            f"{flag}: tuning is done by Vertex AI only, not with a key of the Developer API; "
            "set GCP_PROJECT and GCP_PROJECT_LOCATION in the environment or .env"
        )


def run_publish(args: argparse.Namespace, folder: Path, settings: Settings, work: WorkDir) -> None:
    """Upload the finished version in `folder`, tune on it, tell how jobs stand: what the flags ask for, in this order.

    Raises UserError for what the user can put right, Interrupted where a service stays down: running again goes on.
    """
    check_publish_arguments(args, settings)
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
    _remember(_uploads(work), record)
    there = len(done.files) - len(done.uploaded)
    print(f"upload: {done.folder}: {len(done.uploaded)} files sent, {there} there already")
    print(f"upload: {done.latest} {'now names' if done.latest_switched else 'names already'} {done.version}")


def _tune(args: argparse.Namespace, folder: Path, settings: Settings, work: WorkDir) -> None:
    manifest = read_manifest(folder)
    request = _request(args, manifest, _files_of(manifest["version"], work))
    parent = f"projects/{settings.gcp_project or 'PROJECT'}/locations/{settings.gcp_project_location or 'LOCATION'}"
    print(f"tuning request, for POST {parent}/tuningJobs:")
    print(json.dumps(request_json(request), indent=2, ensure_ascii=False))
    if not args.submit:
        return
    records = _records(_jobs(work), TuningRecord)
    for earlier in records:
        if earlier.key == request.key and not args.force:
            print(f"tuning: submitted already on {earlier.created_at} as {earlier.job}; --force submits it again")
            return
    known = {record.job for record in records}
    job = asyncio.run(_with_client(args, settings, lambda client: submit(client, request, known)))
    record = TuningRecord(
        job=job,
        key=request.key,
        version=request.version,
        base_model=request.base_model,
        training_uri=request.training_uri,
        validation_uri=request.validation_uri,
        rows=_rows(manifest, "train.jsonl"),
        hyperparameters=request.hyperparameters,
        created_at=_now(),
    )
    _remember(_jobs(work), record)
    print(f"tuning: submitted as {job}; see how it stands with --tune-status")


def _request(args: argparse.Namespace, manifest: dict[str, Any], uris: dict[str, str]) -> TuningRequest:
    if not _rows(manifest, "train.jsonl"):
        raise UserError(f"--tune: version {manifest['version']} has no training line; make a version that has some")
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
    uploads = [record for record in _records(_uploads(work), UploadRecord) if record.version == version]
    if not uploads:
        raise UserError(f"--tune: version {version} is not uploaded yet; give --upload gs://bucket/folder, too")
    return uploads[-1].files


def _tell_jobs(args: argparse.Namespace, settings: Settings, work: WorkDir) -> None:
    records = _records(_jobs(work), TuningRecord)
    if not records:
        raise UserError(f"--tune-status: {_jobs(work)} holds no tuning job; submit one with --tune --submit")

    async def ask(client: genai.Client) -> list[TuningReport]:
        return [await job_report(client, record.job) for record in records]

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


def _records(path: Path, model: type[Record]) -> list[Record]:
    return list(read_records(path, model)) if path.is_file() else []


def _remember(path: Path, record: BaseModel) -> None:
    """Add one line; the file is written anew, so that it is never seen half written."""
    earlier: Sequence[BaseModel] = _records(path, type(record))
    write_jsonl(path, [*earlier, record])


def _uploads(work: WorkDir) -> Path:
    return work.root / "uploads.jsonl"


def _jobs(work: WorkDir) -> Path:
    return work.root / "tuning_jobs.jsonl"


def _rows(manifest: dict[str, Any], name: str) -> int:
    return int(manifest["files"].get(name, {}).get("rows", 0))


def _now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")
