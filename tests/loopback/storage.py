"""Objects of Cloud Storage by gs:// URI, on an emulator: without credentials."""

from __future__ import annotations

import threading
from typing import Any


class StorageError(Exception):
    """An object that is not there or cannot be written."""


class Storage:
    """Reads and writes through google-cloud-storage, at `endpoint` or else at STORAGE_EMULATOR_HOST."""

    def __init__(self, endpoint: str | None = None) -> None:
        self._endpoint = endpoint
        self._client: Any = None
        self._lock = threading.Lock()

    def read(self, uri: str) -> str:
        """The text of an object."""
        return self._call(lambda blob: blob.download_as_text(encoding="utf-8"), uri)

    def write(self, uri: str, text: str) -> None:
        """Make an object of a text."""
        self._call(lambda blob: blob.upload_from_string(text, content_type="application/jsonl"), uri)

    def _call(self, work: Any, uri: str) -> Any:
        from google.cloud.exceptions import GoogleCloudError

        scheme, _, rest = uri.partition("://")
        bucket, _, name = rest.partition("/")
        if scheme != "gs" or not name:
            raise StorageError(f"{uri}: expected gs://bucket/object")
        try:
            return work(self._connected().bucket(bucket).blob(name))
        except GoogleCloudError as error:
            raise StorageError(f"{uri}: {error}") from error

    def _connected(self) -> Any:
        from google.auth.credentials import AnonymousCredentials
        from google.cloud.storage import Client  # a second that servers without Vertex batches need not wait for

        with self._lock:
            if self._client is None:
                options = {"api_endpoint": self._endpoint} if self._endpoint else None
                self._client = Client("loopback", AnonymousCredentials(), client_options=options)
        return self._client
