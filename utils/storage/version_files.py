"""The files of a finished version on disk, read through and compared with what its manifest says."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import google_crc32c

from utils.core.console import UserError

MANIFEST = "manifest.json"
_VERSION = re.compile(r"[\w.-]+", re.ASCII)


@dataclass(frozen=True)
class LocalFile:
    """A file of a version: its name below the folder, size in bytes, CRC32C as the service writes it."""

    path: Path
    name: str
    size: int
    crc32c: str
    sha256: str


def manifest_of(folder: Path) -> dict[str, Any]:
    """The manifest of the version in `folder`; raises UserError where there is none or it is none."""
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


def checked_files(folder: Path, manifest: Mapping[str, Any]) -> list[LocalFile]:
    """Every file of the folder but hidden ones, read through once, the manifest last.

    Raises UserError where one that the manifest lists is missing or is not what it says.
    """
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
