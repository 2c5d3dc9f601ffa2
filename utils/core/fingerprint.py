"""Content hashes: equal content, equal hash, on every machine and run."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any


def fingerprint(*parts: Any) -> str:
    """SHA-256 (hex) of JSON-able values, independent of dict order."""
    canonical = json.dumps(parts, sort_keys=True, ensure_ascii=False, separators=(",", ":"), default=str)
    return hashlib.sha256(canonical.encode()).hexdigest()


def file_fingerprint(path: Path) -> str:
    """SHA-256 (hex) of a file's bytes."""
    with open(path, "rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def files_fingerprint(paths: Iterable[Path]) -> str:
    """One hash over several files' names and bytes, independent of their order."""
    return fingerprint(sorted((path.name, file_fingerprint(path)) for path in paths))
