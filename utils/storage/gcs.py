"""Files to and from Google Cloud Storage; STORAGE_EMULATOR_HOST names another server that speaks its API."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from threading import Event

import requests
from google.api_core.exceptions import ClientError, GoogleAPIError
from google.api_core.retry import Retry
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from utils.core.console import UserError, mask_secrets
from utils.storage.addresses import bucket_and_name

CHUNK_BYTES = 8 * 1024 * 1024  # what is sent again after a fault
TIMEOUT_S = 120
_LONGEST_WAIT_S = 15.0


async def upload_file(path: Path, uri: str, project: str | None) -> None:
    """Write a file to `uri` (gs://bucket/name).

    Raises UserError where the bucket refuses us, ConnectionError for what may pass.
    """
    await asyncio.to_thread(_upload, path, uri, project)


async def read_lines_under(folder: str, beginning: str, project: str | None) -> AsyncIterator[str]:
    """Yield the lines of every object in `folder` (gs://bucket/folder/) whose own name begins so, streamed.

    Raises UserError where the bucket refuses us, ConnectionError for what may pass.
    """
    bucket, prefix = bucket_and_name(folder)
    for blob in await asyncio.to_thread(_listed, bucket, prefix, project):
        if not blob.name.rpartition("/")[2].startswith(beginning):
            continue
        with faults_told(f"gs://{bucket}/{blob.name}"), blob.open("rt", encoding="utf-8") as stream:
            while line := await asyncio.to_thread(stream.readline):
                if line.strip():
                    yield line


def _upload(path: Path, uri: str, project: str | None) -> None:
    bucket, name = bucket_and_name(uri)
    with faults_told(uri):
        blob = storage_client(project).bucket(bucket).blob(name, chunk_size=CHUNK_BYTES)
        blob.upload_from_filename(str(path), checksum="crc32c", timeout=TIMEOUT_S)


def _listed(bucket: str, folder: str, project: str | None) -> list[storage.Blob]:
    with faults_told(f"gs://{bucket}/{folder}"):
        blobs = storage_client(project).list_blobs(bucket, prefix=folder, timeout=TIMEOUT_S)
        return sorted(blobs, key=lambda blob: blob.name)


@contextmanager
def faults_told(uri: str) -> Iterator[None]:
    """Turn the client's errors into UserError (refused) or ConnectionError (may pass)."""
    try:
        yield
    except GoogleAuthError as error:
        if error.retryable:
            raise ConnectionError(f"{uri}: {one_line(error)}") from error
        raise UserError(
            f"{uri}: no usable Google credentials ({one_line(error)}); run `gcloud auth application-default login`"
        ) from error
    except ClientError as error:
        raise UserError(
            f"{uri}: {one_line(error)}; check that the bucket exists and that your account may read and write it"
        ) from error
    except (GoogleAPIError, requests.RequestException) as error:
        raise ConnectionError(f"{uri}: {one_line(error)}") from error


def one_line(error: Exception) -> str:
    """An error's text on one line, secrets masked, cut to a readable length."""
    return mask_secrets(" ".join(str(error).split()))[:300]


def patient_retry(seconds: float, stop: Event) -> Retry:
    """Retry what may pass for so long, or until `stop` is set."""
    may_pass = DEFAULT_RETRY._predicate  # the client has no public name for what it retries
    return (
        DEFAULT_RETRY.with_predicate(lambda error: not stop.is_set() and may_pass(error))
        .with_timeout(seconds)
        .with_delay(initial=min(1.0, seconds / 10), maximum=_LONGEST_WAIT_S)
    )


def storage_client(project: str | None) -> storage.Client:
    """The client for a project (None: the credentials' own), made once; the emulator needs no credentials."""
    return _client(project, os.environ.get("STORAGE_EMULATOR_HOST"))


@cache
def _client(project: str | None, emulator: str | None) -> storage.Client:
    if emulator:
        return storage.Client(project=project or "loopback", credentials=AnonymousCredentials())
    return storage.Client(project=project)
