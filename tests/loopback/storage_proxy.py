"""A proxy before a Cloud Storage emulator that cuts, refuses and loses requests, and keeps a record of them.

    with storage_emulator() as emulator, StorageProxy(emulator) as proxy: ... STORAGE_EMULATOR_HOST = proxy.url ...

It also does for chunked uploads what the service does and the emulator does not: it tells how many bytes have come (the
emulator takes the question for the end of the upload), ignores bytes that have come before (the emulator writes them
twice), keeps of a cut chunk what came in whole blocks, refuses other bytes than the crc32c that was announced (400), and
refuses (412) the last chunk of one that began with ifGenerationMatch=0 when the object has come into being meanwhile.
"""

from __future__ import annotations

import base64
import json
import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

import google_crc32c

_PASSED_ON = ("content-type", "content-range", "x-upload-content-type", "x-upload-content-length", "x-goog-hash")
_SESSION = re.compile(r"upload_id=([\w-]+)")
_NAME = re.compile(rb'"name":\s*"([^"]+)"')
_HEAD_BYTES = 1 << 16  # enough for the name of what is uploaded
_CHUNK = re.compile(r"bytes (\d+)-(\d+)/(\d+|\*)")
_BLOCK_BYTES = 256 * 1024  # what the service keeps of an unfinished upload are whole blocks


@dataclass(frozen=True)
class Seen:
    """One request: `what` is "GET", "list", "begin" (of a chunked upload), "chunk", "status" (how much of it has come?),
    "whole" or another method; `sent` is the size of its body."""

    what: str
    name: str
    status: int  # 0: hung up
    sent: int = 0


@dataclass
class Upload:
    """A chunked upload: `kept` bytes of `name` have come; `done` is the answer that ended it."""

    name: str
    only_new: bool
    crc32c: str | None
    kept: int = 0
    checksum: Any = field(default_factory=google_crc32c.Checksum)
    done: bytes | None = None


@dataclass
class StorageFault:
    """What happens to the next `times` requests for which `at` (what, object's name) holds.

    kind: "status" (HTTP `status`, not passed on), "cut" (hangs up in the middle of the body; only a chunk's whole blocks
    are passed on), "lost" (passed on, but its answer is not sent), "short" (of a chunk, only half is taken, and told), "slow" (passed on after `seconds`), "call" (passed
    on). `call` is run first.
    """

    kind: Literal["status", "cut", "lost", "short", "slow", "call"]
    at: Callable[[str, str], bool]
    times: int = 1
    status: int = 503
    seconds: float = 0.0
    call: Callable[[], Any] = lambda: None


class StorageProxy:
    """Serves in threads; ends with the `with` block."""

    def __init__(self, emulator: str, faults: Iterable[StorageFault] = ()) -> None:
        self.faults = list(faults)
        self.seen: list[Seen] = []
        self.lock = threading.Lock()
        self.uploads: dict[str, Upload] = {}  # by their ids
        self.emulator = urlsplit(emulator).netloc
        proxy = self

        class Handler(_Handler):
            server_proxy = proxy

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._server.daemon_threads = True
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._server.server_address[1]}"

    def __enter__(self) -> StorageProxy:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def of(self, *whats: str) -> list[tuple[str, str]]:
        """(what, last part of the object's name) of the requests of these kinds, in their order."""
        return [(one.what, one.name.rpartition("/")[2]) for one in self.seen if one.what in whats]

    def written(self) -> list[str]:
        """The last parts of the names of objects that were written, in the order in which they came into being."""
        done = [one for one in self.seen if one.what in ("whole", "chunk") and one.status == 200]
        return [one.name.rpartition("/")[2] for one in done]

    def next_fault(self, what: str, name: str) -> StorageFault | None:
        with self.lock:
            for fault in self.faults:
                if fault.times > 0 and fault.at(what, name):
                    fault.times -= 1
                    return fault
        return None

    def bytes_sent(self, name: str) -> int:
        """How many bytes of chunks have come for objects whose name ends so."""
        return sum(one.sent for one in self.seen if one.what == "chunk" and one.name.endswith(name))

    def note(self, seen: Seen) -> None:
        with self.lock:
            self.seen.append(seen)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_proxy: StorageProxy

    def _serve(self) -> None:
        self.sent = int(self.headers.get("content-length") or 0)
        self.body = self.rfile.read(min(self.sent, _HEAD_BYTES))
        parts = urlsplit(self.path)
        self.query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        self.upload = self.server_proxy.uploads.get(self.query.get("upload_id", ""))
        self.what, self.name = self._kind(parts.path)
        fault = self.server_proxy.next_fault(self.what, self.name)
        if fault is not None:
            fault.call()
        if fault is not None and fault.kind == "cut":
            self.body += self.rfile.read((self.sent - len(self.body)) // 2)
            self.body = self.body[: len(self.body) // _BLOCK_BYTES * _BLOCK_BYTES]
            if self.what == "chunk" and self.body:
                self._pass_on_chunk()
            return self._hang_up()
        self.body += self.rfile.read(self.sent - len(self.body))
        if fault is not None and fault.kind == "status":
            return self._answer(fault.status, {}, b'{"error": {"message": "scripted"}}')
        if fault is not None and fault.kind == "short":
            self.body = self.body[: self.sent // 2 // _BLOCK_BYTES * _BLOCK_BYTES]
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        answer = self._answer_of_the_service()
        if fault is not None and fault.kind == "lost":
            return self._hang_up()
        self._answer(*answer)

    def _kind(self, path: str) -> tuple[str, str]:
        if "upload_id" in self.query:
            asked = self.headers.get("content-range", "").startswith("bytes */")
            return "status" if asked else "chunk", self.upload.name if self.upload else ""
        if path.startswith("/upload/"):
            what = "begin" if self.query.get("uploadType") == "resumable" else "whole"
            found = _NAME.search(self.body)
            return what, found[1].decode() if found else ""
        name = unquote(path.partition("/o/")[2])
        return ("list" if path.endswith("/o") else self.command), name

    def _answer_of_the_service(self) -> tuple[int, dict[str, str], bytes]:
        if self.what == "status" and self.upload is not None:
            return self._status_of_the_upload()
        if self.what == "chunk" and self.upload is not None:
            return self._pass_on_chunk()
        answer = self._pass_on(self.body)
        if self.what == "begin" and (session := _SESSION.search(answer[1].get("Location", ""))):
            only_new = self.query.get("ifGenerationMatch") == "0"
            self.server_proxy.uploads[session[1]] = Upload(self.name, only_new, json.loads(self.body).get("crc32c"))
        return answer

    def _status_of_the_upload(self) -> tuple[int, dict[str, str], bytes]:
        assert self.upload is not None
        if self.upload.done is not None:
            return 200, {"Content-Type": "application/json"}, self.upload.done
        return 308, {"Range": f"bytes=0-{self.upload.kept - 1}"} if self.upload.kept else {}, b""

    def _pass_on_chunk(self) -> tuple[int, dict[str, str], bytes]:
        """Only the bytes that have not come yet."""
        upload, chunk = self.upload, _CHUNK.fullmatch(self.headers["content-range"])
        assert upload is not None and chunk is not None
        if upload.done is not None:
            return self._status_of_the_upload()
        start, total = int(chunk[1]), chunk[3]
        if start > upload.kept:
            return 400, {}, b'{"error": {"message": "bytes are missing before these"}}'
        new = self.body[upload.kept - start :]
        end = upload.kept + len(new)
        last = str(end) == total
        if last and upload.only_new and self._is_there():
            return 412, {}, b'{"error": {"message": "conditionNotMet"}}'
        upload.checksum.update(new)
        if last and upload.crc32c not in (None, base64.b64encode(upload.checksum.digest()).decode()):
            return 400, {}, b'{"error": {"message": "Provided CRC32C does not match the calculated one"}}'
        self.headers.replace_header("content-range", f"bytes {upload.kept}-{end - 1}/{total}")
        status, headers, content = self._pass_on(new)
        upload.kept = end
        if status == 200:
            upload.done = content
        return status, headers, content

    def _is_there(self) -> bool:
        bucket = re.search(r"/b/([^/]+)/", self.path)
        assert bucket is not None and self.upload is not None
        connection = HTTPConnection(self.server_proxy.emulator)
        connection.request("GET", f"/storage/v1/b/{bucket[1]}/o/{quote(self.upload.name, safe='')}")
        there = connection.getresponse().status == 200
        connection.close()
        return there

    def _pass_on(self, body: bytes) -> tuple[int, dict[str, str], bytes]:
        connection = HTTPConnection(self.server_proxy.emulator)
        headers = {name: value for name, value in self.headers.items() if name.lower() in _PASSED_ON}
        connection.request(self.command, self.path, body=body, headers=headers)
        response = connection.getresponse()
        content = response.read()
        connection.close()
        return response.status, dict(response.headers.items()), content

    def _answer(self, status: int, headers: dict[str, str], content: bytes) -> None:
        self.server_proxy.note(Seen(self.what, self.name, status, self.sent))
        self.send_response(status)
        for header, value in headers.items():
            if header.lower() == "location":
                value = value.replace(f"http://{self.server_proxy.emulator}", self.server_proxy.url)
            if header.lower() not in ("content-length", "connection", "date", "transfer-encoding"):
                self.send_header(header, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self) -> None:
        self.server_proxy.note(Seen(self.what, self.name, 0, self.sent))
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  the names that http.server asks for

    def log_message(self, format: str, *args: Any) -> None:
        pass
