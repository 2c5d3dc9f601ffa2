"""A finished version of the training set into a bucket: data, then the manifest, then `latest.json`.

Objects of a version are written once and never replaced, so a run that was cut goes on with what is missing.
The manifest is written after all data, so its existence means the version is complete. `latest.json` is switched
last, and only if nobody else has switched it since this run began.
"""

from __future__ import annotations

import base64
import hashlib
import json
import mimetypes
import re
import threading
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO

import google_crc32c
from google.api_core.exceptions import GoogleAPICallError, NotFound, PreconditionFailed
from google.api_core.retry import Retry
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption
from google.cloud.storage.retry import DEFAULT_RETRY

from utils.core.console import Progress, UserError
from utils.storage.gcs import CHUNK_BYTES, TIMEOUT_S, bucket_and_name, faults_told, storage_client

MANIFEST = "manifest.json"
LATEST = "latest.json"
_AT_ONCE = 4  # files; each holds one chunk in memory
_ATTEMPTS = 3  # to send a file from its beginning; the requests in it are retried on their own
_RETRY_S = 120.0
_LONGEST_WAIT_S = 15.0
# There is an object already (412), or the service knows the upload no more (404, 410): somebody was faster, our own
# answer was lost, or it must be sent again.
_MAYBE_THERE = (404, 410, 412)
_VERSION = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class LocalFile:
    """A file of a version: its name below the folder, size in bytes, CRC32C as the service writes it."""

    path: Path
    name: str
    size: int
    crc32c: str
    sha256: str


@dataclass(frozen=True)
class Published:
    """Where a version is: `files` by name, the manifest included; `uploaded` names those that were not there before."""

    version: str
    folder: str
    latest: str
    files: dict[str, str]
    uploaded: tuple[str, ...]
    latest_switched: bool


def publish(folder: Path, destination: str, project: str | None, retry_s: float = _RETRY_S) -> Published:
    """Upload the finished version in `folder` to `destination`/<version>/ and make `destination`/latest.json name it.

    `destination` is gs://bucket/folder; `retry_s` is how long one request is retried, in seconds. What is there with
    the same bytes is left. Raises UserError where the folder is no finished version, an object holds other bytes, the
    bucket refuses us, or somebody else has switched latest.json meanwhile; ConnectionError for what may pass.
    """
    bucket_name, prefix = bucket_and_name(destination)
    manifest = _manifest_of(folder)
    version = manifest["version"]
    root = "/".join(part for part in (bucket_name, prefix.strip("/")) if part)
    uri = f"gs://{root}/{version}"
    files = _checked_files(folder, manifest)
    uris = {file.name: f"{uri}/{file.name}" for file in files}
    stop = threading.Event()
    retry = _retry(retry_s, stop)
    with faults_told(uri):
        bucket = storage_client(project).bucket(bucket_name)
    latest = _Latest(bucket, bucket_and_name(f"gs://{root}/{LATEST}")[1], retry)
    latest.read()
    missing = _missing(bucket, uri, files, manifest, retry)
    with Progress("upload (pieces of 8 MiB)", sum(_pieces(file) for file in missing)) as progress:
        sender = _Sender(bucket, uri, retry, stop, progress)
        sender.send_all([file for file in missing if file.name != MANIFEST])
        sender.send_all([file for file in missing if file.name == MANIFEST])
    switched = latest.switch(version, uris)
    return Published(version, uri, latest.uri, uris, tuple(file.name for file in missing), switched)


def _manifest_of(folder: Path) -> dict[str, Any]:
    path = folder / MANIFEST
    if not path.is_file():
        raise UserError(f"{path}: no such file, so the version is not finished; make it with merge_schema_data.py")
    try:
        manifest = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise UserError(f"{path}: not JSON ({error}); make the version again with --force") from error
    if not isinstance(manifest, dict) or not isinstance(manifest.get("files"), dict):
        raise UserError(f"{path}: expected an object with `version` and `files`; make the version again with --force")
    if not _VERSION.fullmatch(str(manifest.get("version"))) or not manifest["files"]:
        raise UserError(f"{path}: expected a `version` and at least one of `files`; make it again with --force")
    return manifest


def _checked_files(folder: Path, manifest: Mapping[str, Any]) -> list[LocalFile]:
    """Every file of the folder, read through once, the manifest last; those it lists must be what it says."""
    root = folder.resolve()
    paths = [path for path in sorted(root.rglob("*")) if path.is_file()]
    names = {path: path.relative_to(root).as_posix() for path in paths}
    shown = [path for path in paths if not any(part.startswith(".") for part in names[path].split("/"))]
    files = [_read_through(path, names[path]) for path in shown]
    found = {file.name: file for file in files}
    for name, entry in manifest["files"].items():
        if name not in found:
            raise UserError(f"{folder / name}: no such file, but {MANIFEST} lists it; make it again with --force")
        if found[name].sha256 != entry.get("sha256"):
            raise UserError(f"{folder / name}: not what {MANIFEST} says (SHA-256); make the version again with --force")
    return sorted(files, key=lambda file: (file.name == MANIFEST, file.name))


def _read_through(path: Path, name: str) -> LocalFile:
    crc, sha, size = google_crc32c.Checksum(), hashlib.sha256(), 0
    with open(path, "rb") as stream:
        while piece := stream.read(1 << 20):
            crc.update(piece)
            sha.update(piece)
            size += len(piece)
    return LocalFile(path, name, size, base64.b64encode(crc.digest()).decode(), sha.hexdigest())


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
            theirs = _json_of(bucket.blob(folder + MANIFEST).download_as_bytes(retry=retry, timeout=TIMEOUT_S))
            if theirs.get("files") == manifest["files"]:
                return [file for file in files if file.name in manifest["files"] and file.name not in there]
    if others:
        raise _other_bytes(f"{uri}/{others[0]}")
    return [file for file in files if file.name not in there]


class _Sender:
    """Uploads files of one version, several at once; each is written only where nothing is yet."""

    def __init__(
        self, bucket: storage.Bucket, uri: str, retry: Retry, stop: threading.Event, progress: Progress
    ) -> None:
        self._bucket = bucket
        self._uri = uri
        self._retry = retry
        self._stop = stop
        self._progress = progress
        self._lock = threading.Lock()

    def send_all(self, files: Sequence[LocalFile]) -> None:
        """Upload `files`; the first error, or a signal, stops all others at their next chunk."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            sent = [pool.submit(self._send, file) for file in files]
            try:
                for one in as_completed(sent):
                    one.result()
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _send(self, file: LocalFile) -> None:
        uri = f"{self._uri}/{file.name}"
        with faults_told(uri):
            for _attempt in range(_ATTEMPTS):
                try:
                    found = self._write(uri, file)
                except (GoogleAPICallError, DataCorruption, ValueError) as error:
                    if isinstance(error, GoogleAPICallError) and error.code not in _MAYBE_THERE:
                        raise
                    found, fault = self._found(uri), error
                if found == file.crc32c:
                    return
                if found:
                    raise _other_bytes(uri)
            raise ConnectionError(
                f"{uri}: the upload broke off {_ATTEMPTS} times ({' '.join(str(fault).split())[:300]})"
            )

    def _write(self, uri: str, file: LocalFile) -> str:
        """Upload one file from its beginning; the CRC32C of what was written."""
        blob = self._bucket.blob(bucket_and_name(uri)[1], chunk_size=CHUNK_BYTES)
        with open(file.path, "rb") as stream:
            blob.upload_from_file(
                _Watched(stream, self._sent_piece),
                size=file.size,
                content_type=_content_type(file.name),
                checksum="crc32c",
                if_generation_match=0,
                retry=self._retry,
                timeout=TIMEOUT_S,
            )
        return str(blob.crc32c)

    def _found(self, uri: str) -> str:
        """The CRC32C of an object; "" where there is none."""
        blob = self._bucket.get_blob(bucket_and_name(uri)[1], retry=self._retry, timeout=TIMEOUT_S)
        return "" if blob is None else str(blob.crc32c)

    def _sent_piece(self) -> None:
        if self._stop.is_set():
            raise ConnectionError("stopped")
        with self._lock:
            self._progress.advance()


class _Watched:
    """A file to be uploaded that tells when a piece of it is read."""

    def __init__(self, stream: BinaryIO, on_piece: Any) -> None:
        self._stream = stream
        self._on_piece = on_piece

    def read(self, size: int = -1) -> bytes:
        self._on_piece()
        return self._stream.read(size)

    def tell(self) -> int:
        return self._stream.tell()

    def seek(self, offset: int, whence: int = 0) -> int:
        return self._stream.seek(offset, whence)


class _Latest:
    """The object that names the newest version; it is switched only if it is still what was read."""

    def __init__(self, bucket: storage.Bucket, name: str, retry: Retry) -> None:
        self.uri = f"gs://{bucket.name}/{name}"
        self._bucket = bucket
        self._name = name
        self._retry = retry
        self._generation = 0
        self._content: dict[str, Any] = {}

    def read(self) -> None:
        """Remember what it says now; raises UserError where it is something else than ours."""
        with faults_told(self.uri):
            for _attempt in range(_ATTEMPTS):
                blob = self._bucket.get_blob(self._name, retry=self._retry, timeout=TIMEOUT_S)
                self._generation = 0 if blob is None else int(blob.generation)
                if blob is None:
                    return
                try:
                    text = blob.download_as_bytes(
                        if_generation_match=self._generation, retry=self._retry, timeout=TIMEOUT_S
                    )
                except (NotFound, PreconditionFailed):  # switched between the two requests
                    continue
                self._content = _json_of(text)
                if "version" not in self._content:
                    raise UserError(f"{self.uri}: is not a pointer to a version; move it away or publish elsewhere")
                return
        raise UserError(f"{self.uri}: is switched all the time by somebody else; run again later")

    def switch(self, version: str, uris: Mapping[str, str]) -> bool:
        """Make it name `version`; False where it does already."""
        if self._names(version, uris):
            return False
        content = {
            "version": version,
            "manifest": uris[MANIFEST],
            "published_at": datetime.now(UTC).isoformat(timespec="seconds"),
            "files": {name: uri for name, uri in uris.items() if name != MANIFEST},
        }
        blob = self._bucket.blob(self._name)
        blob.cache_control = "no-store"  # else readers may be given the old one for an hour
        try:
            with faults_told(self.uri):
                self._write(blob, json.dumps(content, indent=2, ensure_ascii=False))
        except _Switched:
            self.read()
            if self._names(version, uris):  # our own answer was lost, or somebody published the same
                return True
            raise UserError(
                f"{self.uri}: was switched to version {self._content.get('version')} by somebody else meanwhile; "
                f"version {version} is uploaded whole; run again to make it the latest"
            ) from None
        return True

    def _write(self, blob: storage.Blob, text: str) -> None:
        try:
            blob.upload_from_string(
                text.encode(),
                content_type="application/json",
                checksum="crc32c",
                if_generation_match=self._generation,
                retry=self._retry,
                timeout=TIMEOUT_S,
            )
        except PreconditionFailed as error:
            raise _Switched from error

    def _names(self, version: str, uris: Mapping[str, str]) -> bool:
        return self._content.get("version") == version and self._content.get("manifest") == uris[MANIFEST]


class _Switched(Exception):
    """latest.json is not what was read any more."""


def _retry(seconds: float, stop: threading.Event) -> Retry:
    may_pass = DEFAULT_RETRY._predicate  # the client has no public name for what it retries
    return (
        DEFAULT_RETRY.with_predicate(lambda error: not stop.is_set() and may_pass(error))
        .with_timeout(seconds)
        .with_delay(initial=min(1.0, seconds / 10), maximum=_LONGEST_WAIT_S)
    )


def _pieces(file: LocalFile) -> int:
    return max(1, -(-file.size // CHUNK_BYTES))


def _content_type(name: str) -> str:
    return (
        "application/jsonl" if name.endswith(".jsonl") else mimetypes.guess_type(name)[0] or "application/octet-stream"
    )


def _json_of(text: bytes) -> dict[str, Any]:
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}


def _other_bytes(uri: str) -> UserError:
    return UserError(
        f"{uri}: holds other bytes already, and a published version is never overwritten; delete that object, or "
        "publish into another folder"
    )
