"""The Developer API's files: resumable upload, metadata, download of what the service has written."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests.loopback.faults import error_response, not_found
from tests.loopback.http_server import HttpRequest, HttpResponse, json_response

_UPLOAD = re.compile(r"^/upload/(?P<version>v1\w*)/files$")
_FILES = re.compile(r"^/(?P<version>v1\w*)/files(?:/(?P<id>[^/:]+)(?P<download>:download)?)?$")
UPLOADED, GENERATED = "UPLOADED", "GENERATED"


@dataclass
class StoredFile:
    """A file of the service; `source` is "UPLOADED" or "GENERATED", and only the latter can be downloaded."""

    name: str
    content: bytes
    source: str
    display_name: str = ""
    mime_type: str = "application/jsonl"
    time: float = 0.0
    size: int = -1  # as announced


class Files:
    """Every file by its name, such as "files/abc"; `calls` counts uploads, metadata read, downloads, deletions."""

    def __init__(self) -> None:
        self.stored: dict[str, StoredFile] = {}
        self._uploads: dict[str, StoredFile] = {}

    def add_generated(self, name: str, content: bytes, now: float) -> None:
        self.stored[name] = StoredFile(name, content, GENERATED, time=now)

    @staticmethod
    def serves(path: str) -> bool:
        return bool(_UPLOAD.match(path) or _FILES.match(path))

    def handle(self, request: HttpRequest, base_url: str, now: float) -> tuple[str, HttpResponse]:
        """What the call was and its answer."""
        if found := _UPLOAD.match(request.path):
            version = found["version"]
            if request.headers.get("x-goog-upload-command") == "start":
                return "upload", self._start(request, f"{base_url}/upload/{version}/files", now)
            return "upload_chunk", self._receive(request, f"{base_url}/{version}")
        found = _FILES.match(request.path)
        assert found is not None
        url = f"{base_url}/{found['version']}"
        if found["id"] is None:
            return "files", json_response({"files": [_resource(file, url) for file in self.stored.values()]})
        file = self.stored.get(f"files/{found['id']}")
        if file is None:
            return "file", not_found(f"files/{found['id']}")
        if request.method == "DELETE":
            del self.stored[file.name]
            return "file_delete", json_response({})
        if not found["download"]:
            return "file", json_response(_resource(file, url))
        if file.source != GENERATED or request.query.get("alt") != "media":
            return "download", error_response(400, "FAILED_PRECONDITION", f"{file.name} cannot be downloaded.")
        return "download", HttpResponse(200, file.content, content_type=file.mime_type)

    def _start(self, request: HttpRequest, url: str, now: float) -> HttpResponse:
        asked = request.json().get("file") or {}
        number = len(self._uploads) + 1
        name = asked.get("name") or f"files/upload{number}"
        if name in self.stored:
            return error_response(409, "ALREADY_EXISTS", f"{name} exists.")
        headers = request.headers
        self._uploads[str(number)] = StoredFile(
            name,
            b"",
            UPLOADED,
            asked.get("displayName") or asked.get("display_name") or headers.get("x-goog-upload-file-name", ""),
            headers.get("x-goog-upload-header-content-type", ""),
            now,
            int(headers.get("x-goog-upload-header-content-length", -1)),
        )
        told = {"X-Goog-Upload-URL": f"{url}?upload_id={number}&upload_protocol=resumable"}
        return json_response({}, headers=told | {"X-Goog-Upload-Status": "active"})

    def _receive(self, request: HttpRequest, url: str) -> HttpResponse:
        file = self._uploads.get(request.query.get("upload_id", ""))
        if file is None:
            return not_found("The upload")
        if int(request.headers.get("x-goog-upload-offset", 0)) != len(file.content):
            return error_response(400, "INVALID_ARGUMENT", f"offset: expected {len(file.content)}")
        file.content += request.content
        if "finalize" not in request.headers.get("x-goog-upload-command", ""):
            return json_response({}, headers={"X-Goog-Upload-Status": "active"})
        if file.size not in (-1, len(file.content)):
            return error_response(400, "INVALID_ARGUMENT", f"announced {file.size} bytes, got {len(file.content)}")
        self.stored[file.name] = file
        return json_response({"file": _resource(file, url)}, headers={"X-Goog-Upload-Status": "final"})


def _resource(file: StoredFile, url: str) -> dict[str, Any]:
    created = datetime.fromtimestamp(file.time, UTC)
    resource = {
        "name": file.name,
        "displayName": file.display_name,
        "mimeType": file.mime_type,
        "sizeBytes": str(len(file.content)),
        "createTime": created.isoformat(),
        "updateTime": created.isoformat(),
        "expirationTime": (created + timedelta(hours=48)).isoformat(),
        "sha256Hash": base64.b64encode(hashlib.sha256(file.content).hexdigest().encode()).decode(),
        "uri": f"{url}/{file.name}",
        "state": "ACTIVE",
        "source": file.source,
    }
    return resource | ({"downloadUri": f"{url}/{file.name}:download?alt=media"} if file.source == GENERATED else {})
