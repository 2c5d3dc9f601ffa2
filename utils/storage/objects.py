"""Objects of Cloud Storage to read, public ones also without an account."""

from __future__ import annotations

import io
import os
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast

import google.auth
import requests
from google.api_core.exceptions import GoogleAPIError
from google.auth.credentials import AnonymousCredentials, Credentials
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError
from google.cloud import storage
from google.cloud.storage.retry import DEFAULT_RETRY

from utils.core.console import UserError
from utils.storage.addresses import bucket_and_name
from utils.storage.gcs import one_line

_CHUNK_BYTES = 8 * 1024 * 1024
_TIMEOUT_S = 60
_RETRY_S = 60


@contextmanager
def open_object(uri: str) -> Iterator[BinaryIO]:
    """An object (gs://bucket/name) as a stream of bytes, read in pieces; raises UserError where that fails."""
    bucket, name = bucket_and_name(uri)
    if not name:
        raise UserError(f"{uri}: names no object; expected gs://bucket/name")
    credentials, project = _account()
    try:
        client = storage.Client(project=project or "none", credentials=credentials)  # reading needs no project
        blob = client.bucket(bucket).blob(name)
        retry = DEFAULT_RETRY.with_timeout(_RETRY_S)
        reader = blob.open("rb", chunk_size=_CHUNK_BYTES, timeout=_TIMEOUT_S, retry=retry)
        yield cast(BinaryIO, io.BufferedReader(reader, _CHUNK_BYTES))
    except (GoogleAPIError, GoogleAuthError, requests.RequestException) as error:
        raise UserError(
            f"{uri}: cannot be read ({one_line(error)}); check the name, your network, and that your account may read "
            "the bucket"
        ) from error


def _account() -> tuple[Credentials, str | None]:
    """This machine's credentials and project; anonymous where there are none."""
    if os.environ.get("STORAGE_EMULATOR_HOST"):
        return AnonymousCredentials(), None
    try:
        credentials, project = google.auth.default()
    except DefaultCredentialsError:
        return AnonymousCredentials(), None
    return credentials, project
