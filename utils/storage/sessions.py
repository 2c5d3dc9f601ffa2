"""Uploads that were begun and not ended, kept in files so that another process can go on with them.

The service keeps what it has of a large file for a week, under an address of its own. Whoever knows the address may
write there, so it lies in files that only their owner can read, and is masked wherever it would be told.
"""

from __future__ import annotations

import time
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

from pydantic import BaseModel, ValidationError

from utils.core.console import remember_secret
from utils.core.fingerprint import fingerprint
from utils.core.jsonl import whole_file

_LIFETIME_S = 7 * 24 * 3600.0


class Upload(BaseModel):
    """Which bytes are to become which object; `service` is the server's address, crc32c as the service writes it."""

    service: str
    bucket: str
    name: str
    size: int
    crc32c: str


class _Session(BaseModel):
    upload: Upload
    address: str


class UploadSessions:
    """The sessions in a folder, a file an object; for one run at a time, and threads that send different objects."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def address_of(self, upload: Upload) -> str:
        """Where an upload of the same bytes goes on; "" where it must begin."""
        try:
            known = _Session.model_validate_json(self._file(upload).read_bytes())
        except (FileNotFoundError, ValidationError):
            return ""
        _keep_secret(known.address)
        return known.address if known.upload == upload else ""

    def remember(self, upload: Upload, address: str) -> None:
        """Keep where an upload goes on, in the place of an earlier one for the same object."""
        _keep_secret(address)
        with whole_file(self._file(upload), mode=0o600) as stream:
            stream.write(_Session(upload=upload, address=address).model_dump_json())

    def forget(self, upload: Upload) -> None:
        """The upload has ended, or cannot go on."""
        self._file(upload).unlink(missing_ok=True)

    def forget_expired(self) -> None:
        """Delete what the service has given up by now."""
        for file in self._folder.glob("*.json"):
            if time.time() - file.stat().st_mtime > _LIFETIME_S:
                file.unlink()

    def _file(self, upload: Upload) -> Path:
        return self._folder / f"{fingerprint(upload.service, upload.bucket, upload.name)[:16]}.json"


def _keep_secret(address: str) -> None:
    remember_secret(address)
    for upload_id in parse_qs(urlsplit(address).query).get("upload_id", []):
        remember_secret(upload_id)
