"""Addresses of objects in Google Cloud Storage."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

from utils.core.console import UserError

_BUCKET = re.compile(r"[a-z0-9][a-z0-9._-]+")


def bucket_and_name(uri: str) -> tuple[str, str]:
    """("bucket", "folder/name") of gs://bucket/folder/name; raises UserError for anything else."""
    parts = urlsplit(uri)
    if parts.scheme != "gs" or not _BUCKET.fullmatch(parts.netloc) or parts.query or parts.fragment:
        raise UserError(f"{uri!r}: expected gs://bucket/folder")
    return parts.netloc, parts.path.lstrip("/")
