"""A finished version on disk, and what is in a bucket."""

from __future__ import annotations

import hashlib
import json
import random
from pathlib import Path
from typing import Any

from google.auth.credentials import AnonymousCredentials
from google.cloud import storage

LARGE = 20_000_000  # bytes: three chunks


def make_version(folder: Path, large: int = 0, created_at: str = "2026-01-01", seed: str = "") -> Path:
    """The version that a folder is named for; `large` bytes of train.jsonl make an upload in chunks. Equal arguments, equal bytes."""
    folder.mkdir(parents=True)
    version = folder.name
    train = random.Random(version + seed).randbytes(large) if large else b'{"contents": 1}\n' * 50
    files = {"train.jsonl": train, "validation.jsonl": f'{{"of": "{version}"}}\n'.encode(), "rows.jsonl": b"{}\n"}
    for name, content in files.items():
        (folder / name).write_bytes(content)
    (folder / "report.html").write_text(f"<p>{version} of {created_at}</p>", encoding="utf-8")
    entries = {
        name: {"rows": content.count(b"\n"), "bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        for name, content in files.items()
    }
    manifest = {"version": version, "created_at": created_at, "files": entries}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


class Bucket:
    """A bucket of the emulator, looked at past any proxy."""

    def __init__(self, endpoint: str, name: str) -> None:
        self.client = storage.Client("loopback", AnonymousCredentials(), client_options={"api_endpoint": endpoint})
        self.bucket = self.client.create_bucket(name)
        self.uri = f"gs://{name}/sets"

    def names(self) -> set[str]:
        return {blob.name for blob in self.client.list_blobs(self.bucket)}

    def read(self, name: str) -> bytes:
        return bytes(self.bucket.blob(f"sets/{name}").download_as_bytes())

    def write(self, name: str, content: bytes) -> None:
        self.bucket.blob(f"sets/{name}").upload_from_string(content)

    def latest(self) -> dict[str, Any]:
        content: dict[str, Any] = json.loads(self.read("latest.json"))
        return content

    def holds(self, folder: Path) -> bool:
        """Whether every file of a version's folder is there, byte for byte."""
        return all(self.read(f"{folder.name}/{path.name}") == path.read_bytes() for path in folder.iterdir())
