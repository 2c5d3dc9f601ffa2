"""What a failing R2R looks like to the user: one clear line, no key; and what is tried again."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import httpx
import pytest

from retriver.r2r_backend import ATTEMPTS, R2RRetriever
from retriver.r2r_errors import R2RError
from utils.core.console import UserError

KEY = "pk_public.sk_very_secret"


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    requests = 0


@contextmanager
def loopback(answer: Callable[[BaseHTTPRequestHandler], None]) -> Iterator[_Server]:
    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            server.requests += 1
            answer(self)

        def log_message(self, *arguments: object) -> None:
            pass

    server = _Server(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def send(handler: BaseHTTPRequestHandler, status: int, body: object, content_type: str = "application/json") -> None:
    content = (body if isinstance(body, str) else json.dumps(body)).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", content_type)
    handler.send_header("Content-Length", str(len(content)))
    handler.end_headers()
    handler.wfile.write(content)


def failure(server: _Server, key: str | None = KEY, **options) -> R2RError:
    base = f"http://127.0.0.1:{server.server_port}"
    with pytest.raises(R2RError) as caught:
        R2RRetriever(base, key, first_wait_s=0, **options).search("ranking", 3)
    line = str(caught.value)
    assert line.startswith(f"R2R at {base}: ")
    assert "\n" not in line
    assert KEY not in line
    return caught.value


FIELDS = {
    "detail": [{"loc": ["body", "query"], "msg": "Field required", "type": "missing"}, {"loc": ["x"], "msg": "wrong"}]
}


@pytest.mark.parametrize(
    ("status", "body", "told", "retryable"),
    [
        (
            401,
            {"detail": {"message": f"Invalid API key {KEY}"}},
            "the API key was refused (401: Invalid API key ***); check R2R_API_KEY",
            False,
        ),
        (
            403,
            {"detail": "no"},
            "not allowed (403: no); use a key whose user may do this, or raise the user's limits",
            False,
        ),
        (404, {"detail": "Not Found"}, "not found (404: Not Found); R2R_API_BASE must be the server's root", False),
        (422, FIELDS, "the request was rejected (422: body.query: Field required; x: wrong)", False),
        (
            400,
            {"message": "odd", "error_type": "R2RException"},
            "the request was refused (400: odd); the server's log says more",
            False,
        ),
        (429, {"detail": {"message": "slow\ndown"}}, "too many requests (429: slow down)", True),
        (500, {"detail": {"message": "x" * 5000}}, "the server failed (500: " + "x" * 197 + "...)", True),
        (503, "", "the server failed (503: no message)", True),
    ],
)
def test_http_errors(status: int, body: object, told: str, retryable: bool) -> None:
    with loopback(lambda handler: send(handler, status, body)) as server:
        error = failure(server)
        assert told in str(error)
        assert error.retryable is retryable
        assert server.requests == (ATTEMPTS if retryable else 1)


def test_a_missing_key_is_told_apart_from_a_wrong_one() -> None:
    with loopback(lambda handler: send(handler, 401, {"detail": {"message": "Not authenticated"}})) as server:
        assert str(failure(server, key=None)).endswith(
            ": an API key is needed (401: Not authenticated); set R2R_API_KEY"
        )


def test_a_server_that_is_down() -> None:
    with loopback(lambda handler: None) as server:
        pass
    error = failure(server)
    assert str(error).endswith("cannot connect; start the server or correct R2R_API_BASE")
    assert error.retryable


def test_dropped_connections() -> None:
    with loopback(lambda handler: handler.connection.close()) as server:
        error = failure(server)
        assert "the connection broke" in str(error)
        assert error.retryable
        assert server.requests == ATTEMPTS


def test_a_server_that_hangs() -> None:
    with loopback(lambda handler: time.sleep(0.5)) as server:
        error = failure(server, custom_client=httpx.Client(timeout=0.05))
        assert "no answer in time" in str(error)
        assert error.retryable


@pytest.mark.parametrize(
    ("body", "content_type"),
    [
        ("<html>Welcome</html>", "text/html"),
        ("{broken", "application/json"),
        ("[1]", "application/json"),
        ('{"results": 3}', "application/json"),
    ],
)
def test_something_that_is_not_r2r(body: str, content_type: str) -> None:
    with loopback(lambda handler: send(handler, 200, body, content_type)) as server:
        error = failure(server)
        assert "the answer is not that of R2R 3.6" in str(error)
        assert not error.retryable


def test_a_passing_failure_is_not_noticed(r2r_stand_in) -> None:
    r2r_stand_in.failures = [httpx.Response(503), httpx.ReadError("reset")]
    server = R2RRetriever("http://r2r", None, custom_client=r2r_stand_in.http_client(), first_wait_s=0)
    assert server.search("x", 3) == []
    assert len(r2r_stand_in.requests) == 3


@pytest.mark.parametrize("base", ["r2r.example:7272", "ftp://r2r.example", "http://", "http://[::1", "http://x:99999"])
def test_addresses_that_cannot_be(base: str) -> None:
    with pytest.raises(UserError, match="R2R_API_BASE: not a web address"):
        R2RRetriever(base, None)


@pytest.mark.parametrize("key", ["two words", "line\nbreak", "schlüssel"])
def test_keys_that_no_header_can_carry(key: str) -> None:
    with pytest.raises(UserError, match="R2R_API_KEY: holds blanks") as caught:
        R2RRetriever("http://r2r.example", key)
    assert key not in str(caught.value)


def test_a_password_in_the_address_is_not_shown(r2r_stand_in) -> None:
    r2r_stand_in.failures = [httpx.Response(404, json={"detail": "Not Found"})]
    with pytest.raises(R2RError) as caught:
        R2RRetriever("http://user:hunter22@r2r.example", None, custom_client=r2r_stand_in.http_client()).search("x", 1)
    assert str(caught.value).startswith("R2R at http://r2r.example: not found")
