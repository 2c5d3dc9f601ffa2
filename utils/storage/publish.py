"""A finished version of the training set into a bucket: data, then the manifest, then `latest.json`.

Objects of a version are written once and never replaced, so a run that was cut goes on with what is missing.
The manifest is written after all data, so its existence means the version is complete. `latest.json` is switched
last, and only if nobody else has switched it since this run began.
"""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from google.api_core.retry import Retry
from google.cloud import storage

from utils.core.console import Progress
from utils.core.locks import only_run
from utils.storage.addresses import bucket_and_name
from utils.storage.gcs import TIMEOUT_S, faults_told, patient_retry, storage_client
from utils.storage.latest import LATEST, Latest, json_object
from utils.storage.sending import Sender, chunks_in, other_bytes
from utils.storage.sessions import UploadSessions
from utils.storage.version_files import MANIFEST, LocalFile, checked_files, manifest_of

_RETRY_S = 120.0


@dataclass(frozen=True)
class Published:
    """Where a version is: `files` by name, the manifest included; `uploaded` names those that were not there before."""

    version: str
    folder: str
    latest: str
    files: dict[str, str]
    uploaded: tuple[str, ...]
    latest_switched: bool


def publish(folder: Path, destination: str, project: str | None, state: Path, retry_s: float = _RETRY_S) -> Published:
    """Upload the finished version in `folder` to `destination`/<version>/ and make `destination`/latest.json name it.

    `destination` is gs://bucket/folder; `retry_s` is how long one request is retried, in seconds. What is there with
    the same bytes is left; a large file that was cut goes on where the service has it to, as remembered in the folder
    `state`, and one run at a time works with that folder. Raises UserError where `folder` is no finished version, an
    object holds other bytes, the bucket refuses us, or somebody else has switched latest.json meanwhile;
    ConnectionError for what may pass.
    """
    bucket_name, prefix = bucket_and_name(destination)
    manifest = manifest_of(folder)
    version = manifest["version"]
    root = "/".join(part for part in (bucket_name, prefix.strip("/")) if part)
    uri = f"gs://{root}/{version}"
    files = checked_files(folder, manifest)
    uris = {file.name: f"{uri}/{file.name}" for file in files}
    stop = threading.Event()
    retry = patient_retry(retry_s, stop)
    with faults_told(uri):
        bucket = storage_client(project).bucket(bucket_name)
    with only_run(state / "lock", "upload"):
        latest = Latest(bucket, bucket_and_name(f"gs://{root}/{LATEST}")[1], retry)
        latest.read()
        missing = _missing(bucket, uri, files, manifest, retry)
        sessions = UploadSessions(state)
        sessions.forget_expired()
        with Progress("upload (pieces of 8 MiB)", sum(chunks_in(file) for file in missing)) as progress:
            sender = Sender(bucket, uri, sessions, retry, stop, progress)
            sender.send_all([file for file in missing if file.name != MANIFEST])
            sender.send_all([file for file in missing if file.name == MANIFEST])
        switched = latest.switch(version, uris)
    return Published(version, uri, latest.uri, uris, tuple(file.name for file in missing), switched)


def _missing(
    bucket: storage.Bucket, uri: str, files: Sequence[LocalFile], manifest: Mapping[str, Any], retry: Retry
) -> list[LocalFile]:
    """The files that are not in the bucket yet; raises UserError where one is there with other bytes.

    A manifest that lists the same data stands for the same version, though it was written at another time.
    """
    _bucket, folder = bucket_and_name(f"{uri}/")
    with faults_told(uri):
        blobs = bucket.client.list_blobs(bucket, prefix=folder, retry=retry, timeout=TIMEOUT_S)
        there = {blob.name.removeprefix(folder): blob.crc32c for blob in blobs}
        others = [file.name for file in files if there.get(file.name, file.crc32c) != file.crc32c]
        data_differs = any(name in manifest["files"] for name in others)
        if MANIFEST in others and not data_differs:
            theirs = json_object(bucket.blob(folder + MANIFEST).download_as_bytes(retry=retry, timeout=TIMEOUT_S))
            if theirs.get("files") == manifest["files"]:
                return [file for file in files if file.name in manifest["files"] and file.name not in there]
    if others:
        raise other_bytes(f"{uri}/{others[0]}")
    return [file for file in files if file.name not in there]
