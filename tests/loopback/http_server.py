"""HTTP/1.1 on this machine, as much as a scripted server needs: one event loop in a thread of its own."""

from __future__ import annotations

import asyncio
import json
import socket
import sys
import threading
import traceback
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, unquote

JSON_TYPE = "application/json; charset=UTF-8"


@dataclass(frozen=True)
class HttpRequest:
    """A request read to its end; names of headers are in lower case."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    content: bytes

    def json(self) -> dict[str, Any]:
        """The body; {} when there is none."""
        body = json.loads(self.content or b"{}")
        assert isinstance(body, dict), f"expected a JSON object, received {type(body).__name__}"
        return body


@dataclass(frozen=True)
class HttpResponse:
    """What is sent: all of it, half of the body (`cut`) or not a byte (`dropped`); the last two hang up.

    `on_sent` is called for a response sent whole, to a client that is still there.
    """

    code: int = 200
    content: bytes = b"{}"
    headers: Mapping[str, str] = field(default_factory=dict)
    content_type: str = JSON_TYPE
    cut: bool = False
    dropped: bool = False
    on_sent: Callable[[], None] | None = None


Handler = Callable[[HttpRequest], Awaitable[HttpResponse]]


def json_response(body: Mapping[str, Any], code: int = 200, headers: Mapping[str, str] | None = None) -> HttpResponse:
    return HttpResponse(code, json.dumps(body, ensure_ascii=False).encode(), headers or {})


class HttpServer:
    """Gives every request to `handle`, many at once; the port is bound from the start, and free after `close`.

    What `handle` does between two awaits holds up all other requests.
    """

    def __init__(self, port: int, handle: Handler) -> None:
        self._handle = handle
        self._socket = socket.create_server(("127.0.0.1", port), backlog=1024)
        self.port: int = self._socket.getsockname()[1]
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping: asyncio.Event | None = None
        self._connections: set[asyncio.Task[None]] = set()
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def start(self) -> None:
        self._thread.start()
        self._ready.wait()

    def close(self) -> None:
        """Stop listening and cut every connection, whatever is in flight; safe to call twice."""
        if self._loop is None or self._stopping is None:
            self._socket.close()
        elif not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)
            self._thread.join()

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._stopping = asyncio.Event()
        server = await asyncio.start_server(self._connected, sock=self._socket)
        self._ready.set()
        await self._stopping.wait()
        server.close()
        for task in self._connections:
            task.cancel()
        await asyncio.gather(*self._connections, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        # A task of our own: asyncio's would report its cancellation as an error.
        task = asyncio.ensure_future(self._converse(reader, writer))
        self._connections.add(task)
        task.add_done_callback(self._connections.discard)

    async def _converse(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while (request := await _read_request(reader)) is not None:
                if not await _send(reader, writer, await self._answer(request)):
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            pass  # a client that gave up (a timeout, a killed run) is part of the tests
        finally:
            writer.close()

    async def _answer(self, request: HttpRequest) -> HttpResponse:
        try:
            return await self._handle(request)
        except Exception:
            traceback.print_exc(file=sys.stderr)  # a fault of ours, not a scripted one
            return HttpResponse(500, b'{"error": {"code": 500, "message": "fault of the loopback server"}}')


async def _read_request(reader: asyncio.StreamReader) -> HttpRequest | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").split("\r\n")
    method, target, _version = first.split(" ", 2)
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines if line)}
    content = await reader.readexactly(int(headers.get("content-length", 0)))
    path, _, query = target.partition("?")
    return HttpRequest(method, unquote(path), dict(parse_qsl(query, keep_blank_values=True)), headers, content)


async def _send(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, response: HttpResponse) -> bool:
    """Whether the connection can go on."""
    if response.dropped or reader.at_eof() or writer.is_closing():
        return False
    headers = {
        "Content-Type": response.content_type,
        "Content-Length": str(len(response.content)),
        **response.headers,
    }
    try:
        phrase = HTTPStatus(response.code).phrase
    except ValueError:
        phrase = "Scripted"
    lines = [f"HTTP/1.1 {response.code} {phrase}", *(f"{name}: {value}" for name, value in headers.items())]
    head = "\r\n".join([*lines, "", ""]).encode("latin-1")
    content = response.content[: len(response.content) // 2] if response.cut else response.content
    if response.on_sent is not None and not response.cut:
        response.on_sent()  # before the client can know, so that it finds itself counted
    writer.write(head + content)
    await writer.drain()
    return not response.cut
