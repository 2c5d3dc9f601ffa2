"""A proxy before a Cloud Storage emulator that cuts, refuses and loses requests, and keeps a record of them.

    with FakeGCSServer() as emulator, StorageProxy(emulator.url) as proxy: ... STORAGE_EMULATOR_HOST = proxy.url ...

It also does what the emulator leaves out: a chunked upload that began with ifGenerationMatch=0 is refused (412) at its
last chunk when the object has come into being meanwhile.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from http.client import HTTPConnection
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any, Literal
from urllib.parse import parse_qs, quote, unquote, urlsplit

_PASSED_ON = ("content-type", "content-range", "x-upload-content-type", "x-upload-content-length", "x-goog-hash")
_SESSION = re.compile(r"upload_id=([\w-]+)")
_NAME = re.compile(rb'"name":\s*"([^"]+)"')
_HEAD_BYTES = 1 << 16  # enough for the name of what is uploaded
_LAST_CHUNK = re.compile(r"bytes \d+-(\d+)/(\d+)")


@dataclass(frozen=True)
class Seen:
    """One request: `what` is "GET", "list", "begin" (of a chunked upload), "chunk", "whole" or another method."""

    what: str
    name: str
    status: int  # 0: hung up


@dataclass
class StorageFault:
    """What happens to the next `times` requests for which `at` (what, object's name) holds.

    kind: "status" (HTTP `status`, not passed on), "cut" (hangs up in the middle of the body, not passed on), "lost" (passed
    on, but its answer is not sent), "slow" (passed on after `seconds`), "call" (`call` is run first, then passed on).
    """

    kind: Literal["status", "cut", "lost", "slow", "call"]
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
        self.names: dict[str, str] = {}  # of objects, by the upload's id
        self.only_new: set[str] = set()  # uploads that must not replace anything
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

    def note(self, what: str, name: str, status: int) -> None:
        with self.lock:
            self.seen.append(Seen(what, name, status))


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_proxy: StorageProxy

    def _serve(self) -> None:
        proxy = self.server_proxy
        length = int(self.headers.get("content-length") or 0)
        body = self.rfile.read(min(length, _HEAD_BYTES))
        parts = urlsplit(self.path)
        query = {name: values[0] for name, values in parse_qs(parts.query).items()}
        what, name = self._kind(parts.path, query, body)
        fault = proxy.next_fault(what, name)
        if fault is not None and fault.kind == "cut":
            self.rfile.read((length - len(body)) // 2)
            return self._hang_up(what, name)
        body += self.rfile.read(length - len(body))
        if fault is not None and fault.kind == "status":
            return self._answer(what, name, fault.status, b'{"error": {"message": "scripted"}}', {})
        if fault is not None and fault.kind == "slow":
            time.sleep(fault.seconds)
        if fault is not None and fault.kind == "call":
            fault.call()
        if self._too_late(what, query, parts.path):
            return self._answer(what, name, 412, b'{"error": {"message": "conditionNotMet"}}', {})
        status, headers, content = self._pass_on(body)
        if session := _SESSION.search(headers.get("Location", "")):
            proxy.names[session[1]] = name
            if query.get("ifGenerationMatch") == "0":
                proxy.only_new.add(session[1])
        if fault is not None and fault.kind == "lost":
            return self._hang_up(what, name)
        self._answer(what, name, status, content, headers)

    def _kind(self, path: str, query: dict[str, str], body: bytes) -> tuple[str, str]:
        if "upload_id" in query:
            return "chunk", self.server_proxy.names.get(query["upload_id"], "")
        if path.startswith("/upload/"):
            what = "begin" if query.get("uploadType") == "resumable" else "whole"
            found = _NAME.search(body)
            return what, found[1].decode() if found else ""
        name = unquote(path.partition("/o/")[2])
        return ("list" if path.endswith("/o") else self.command), name

    def _too_late(self, what: str, query: dict[str, str], path: str) -> bool:
        proxy = self.server_proxy
        last = _LAST_CHUNK.match(self.headers.get("content-range") or "")
        if what != "chunk" or query["upload_id"] not in proxy.only_new or not last or int(last[1]) + 1 != int(last[2]):
            return False
        bucket = re.search(r"/b/([^/]+)/", path)
        assert bucket is not None
        connection = HTTPConnection(proxy.emulator)
        connection.request("GET", f"/storage/v1/b/{bucket[1]}/o/{quote(proxy.names[query['upload_id']], safe='')}")
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

    def _answer(self, what: str, name: str, status: int, content: bytes, headers: dict[str, str]) -> None:
        self.server_proxy.note(what, name, status)
        self.send_response(status)
        for header, value in headers.items():
            if header.lower() == "location":
                value = value.replace(f"http://{self.server_proxy.emulator}", self.server_proxy.url)
            if header.lower() not in ("content-length", "connection", "date", "transfer-encoding"):
                self.send_header(header, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def _hang_up(self, what: str, name: str) -> None:
        self.server_proxy.note(what, name, 0)
        self.close_connection = True

    do_GET = do_POST = do_PUT = do_DELETE = _serve  # noqa: N815  the names that http.server asks for

    def log_message(self, format: str, *args: Any) -> None:
        pass
