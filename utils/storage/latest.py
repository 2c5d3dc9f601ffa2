"""The object `latest.json`, which names the newest version of a published set."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from google.api_core.exceptions import NotFound, PreconditionFailed
from google.api_core.retry import Retry
from google.cloud import storage

from utils.core.console import UserError
from utils.storage.gcs import TIMEOUT_S, faults_told
from utils.storage.version_files import MANIFEST

LATEST = "latest.json"
_READS = 3  # while somebody else switches it


class Latest:
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
            for _attempt in range(_READS):
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
                self._content = json_object(text)
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


def json_object(text: bytes) -> dict[str, Any]:
    """A JSON object; an empty one for anything else."""
    try:
        content = json.loads(text)
    except ValueError:
        return {}
    return content if isinstance(content, dict) else {}
