"""Files to and from Google Cloud Storage; STORAGE_EMULATOR_HOST names another server that speaks its API."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator
from functools import cache
from pathlib import Path
from urllib.parse import urlsplit

from google.api_core.exceptions import GoogleAPIError
from google.auth.credentials import AnonymousCredentials
from google.auth.exceptions import GoogleAuthError
from google.cloud import storage

from utils.core.console import UserError, mask_secrets

_CHUNK_BYTES = 8 * 1024 * 1024  # what is sent again after a fault
_TIMEOUT_S = 120


async def upload_file(path: Path, uri: str, project: str | None) -> None:
    """Write a file to `uri` (gs://bucket/name); raises UserError where the bucket cannot be written."""
    await asyncio.to_thread(_upload, path, uri, project)


async def read_lines_under(prefix: str, name: str, project: str | None) -> AsyncIterator[str]:
    """Yield the lines of every object called `name` anywhere under `prefix` (gs://bucket/folder/), streamed."""
    bucket, folder = bucket_and_name(prefix)
    blobs = await asyncio.to_thread(_listed, bucket, folder, project)
    for blob in blobs:
        if not blob.name.rpartition("/")[2].startswith(name.removesuffix(".jsonl")):
            continue
        with blob.open("rt", encoding="utf-8") as stream:
            while line := await asyncio.to_thread(stream.readline):
                if line.strip():
                    yield line


def bucket_and_name(uri: str) -> tuple[str, str]:
    """("bucket", "folder/name") of gs://bucket/folder/name; raises UserError for anything else."""
    parts = urlsplit(uri)
    if parts.scheme != "gs" or not parts.netloc:
        raise UserError(f"{uri!r}: expected gs://bucket/folder")
    return parts.netloc, parts.path.lstrip("/")


def _upload(path: Path, uri: str, project: str | None) -> None:
    bucket, name = bucket_and_name(uri)
    try:
        blob = _client(project).bucket(bucket).blob(name, chunk_size=_CHUNK_BYTES)
        blob.upload_from_filename(str(path), checksum="crc32c", timeout=_TIMEOUT_S)
    except (GoogleAPIError, GoogleAuthError) as error:
        raise _told(uri, error) from error


def _listed(bucket: str, folder: str, project: str | None) -> list[storage.Blob]:
    try:
        return sorted(
            _client(project).list_blobs(bucket, prefix=folder, timeout=_TIMEOUT_S), key=lambda blob: blob.name
        )
    except (GoogleAPIError, GoogleAuthError) as error:
        raise _told(f"gs://{bucket}/{folder}", error) from error


def _told(uri: str, error: Exception) -> UserError:
    said = mask_secrets(" ".join(str(error).split()))[:300]
    return UserError(f"{uri}: {said}; check that the bucket exists and that your account may read and write it")


@cache
def _client(project: str | None) -> storage.Client:
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        return storage.Client(project=project or "loopback", credentials=AnonymousCredentials())
    return storage.Client(project=project)
