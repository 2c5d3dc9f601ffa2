"""A server on this machine that speaks Gemini's generateContent, with a scripted model and scripted faults.

In a test:          with LoopbackGemini(answers={"How many": ["42"]}) as server: ... server.base_url ...
From a terminal:    python -m tests.loopback.gemini_server --port 8099 --script script.json --log requests.jsonl

It serves the Developer API's paths and Vertex AI's, and keeps every request it received, in memory and (one
JSON object a line) in the log file, before it answers.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import re
import socket
import sys
import threading
import time
from collections import Counter, deque
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

from tests.loopback.scripted_model import (
    DEFAULT_ANSWER,
    Answer,
    Answers,
    Prompt,
    Scripted,
    ScriptedModel,
    generate_response,
    load_script,
)

_DEVELOPER_PATH = re.compile(r"^/v1(?:beta)?/models/(?P<model>[^/:]+):generateContent$")
_VERTEX_PATH = re.compile(
    r"^/v1(?:beta1)?/projects/[^/]+/locations/[^/]+/publishers/google/models/(?P<model>[^/:]+):generateContent$"
)
_HTML = b"<!doctype html><html><body>Please sign in to the network</body></html>"


@dataclass(frozen=True)
class Fault:
    """What happens to one request instead of a plain answer.

    kind: "status" (HTTP `status`), "rate_limit" (429; RetryInfo of `seconds`, or with header=True a Retry-After
    header), "daily_quota" (429 whose quota id says PerDay), "slow" (answers after `seconds`), "drop" (closes
    before answering), "cut" (closes in the middle of the answer), "html" and "empty" (200 without JSON),
    "blocked" (prompt refused for `reason`), "finish" (no text; finish reason `reason`), "none" (a plain answer).
    """

    kind: str
    seconds: float = 0.0
    status: int = 500
    reason: str = ""
    header: bool = False
    message: str = "scripted fault"


@dataclass(frozen=True)
class Received:
    """One request as it came in. `time` is in seconds since the epoch; `prompt_hash` covers path and body."""

    number: int
    time: float
    path: str
    prompt_hash: str
    fault: str
    body: dict[str, Any]


class LoopbackGemini:
    """The server; starts with the `with` block (or `start`) and ends with it.

    `faults` are used up one a request, in the order of arrival; `server.faults.append(...)` adds one. With
    `api_key`, another key is refused as Google does; with `models`, another model is not found. `delay_s` is how
    long each answer takes.
    """

    def __init__(
        self,
        answers: Answers | None = None,
        *,
        default: Scripted = DEFAULT_ANSWER,
        faults: Iterable[Fault | Mapping[str, Any]] = (),
        api_key: str | None = None,
        models: Sequence[str] | None = None,
        delay_s: float = 0.0,
        log_path: Path | None = None,
        port: int = 0,
    ) -> None:
        self.model = ScriptedModel(answers if answers is not None else {}, default)
        self.faults: deque[Fault] = deque(fault if isinstance(fault, Fault) else Fault(**fault) for fault in faults)
        self.api_key = api_key
        self.models = models
        self.delay_s = delay_s
        self.requests: list[Received] = []
        self.most_at_once = 0
        self._at_once = 0
        self._lock = threading.Lock()
        self._log_path = log_path
        self._http = _Server(("127.0.0.1", port), _Handler)
        self._http.loopback = self
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.server_port}"

    def start(self) -> LoopbackGemini:
        self._thread.start()
        return self

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()

    def __enter__(self) -> LoopbackGemini:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def duplicates(self) -> dict[str, int]:
        """Prompt hashes received more than once, and how often."""
        counts = Counter(request.prompt_hash for request in self.requests)
        return {prompt_hash: count for prompt_hash, count in counts.items() if count > 1}

    def receive(self, path: str, body: dict[str, Any], prompt_hash: str) -> Fault:
        with self._lock:
            fault = self.faults.popleft() if self.faults else Fault("none")
            received = Received(len(self.requests) + 1, time.time(), path, prompt_hash, fault.kind, body)
            self.requests.append(received)
            if self._log_path:
                with open(self._log_path, "a", encoding="utf-8") as log:
                    log.write(json.dumps(asdict(received), ensure_ascii=False) + "\n")
        return fault

    def enter(self, change: int) -> None:
        with self._lock:
            self._at_once += change
            self.most_at_once = max(self.most_at_once, self._at_once)


def read_log(path: Path) -> list[Received]:
    """The requests in a log file, such as another process' server wrote."""
    with open(path, encoding="utf-8") as stream:
        return [Received(**json.loads(line)) for line in stream]


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 512
    loopback: LoopbackGemini

    def handle_error(self, request: Any, client_address: Any) -> None:
        # A client that gave up (a timeout, a killed run) is part of the tests; anything else is a fault of ours.
        if not isinstance(sys.exc_info()[1], ConnectionError):
            super().handle_error(request, client_address)


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    wbufsize = -1  # header and body leave together
    disable_nagle_algorithm = True
    server: _Server

    def do_GET(self) -> None:
        self._send(200, {"requests": len(self.server.loopback.requests)})

    def do_POST(self) -> None:
        loopback = self.server.loopback
        raw = self.rfile.read(int(self.headers.get("Content-Length") or 0))
        body = json.loads(raw or b"{}")
        path = self.path.partition("?")[0]
        prompt_hash = hashlib.sha256(path.encode() + json.dumps(body, sort_keys=True).encode()).hexdigest()
        fault = loopback.receive(path, body, prompt_hash)
        loopback.enter(1)
        try:
            if not self._refused(path) and not self._faulted(fault):
                self._answer(path, body, prompt_hash, fault)
        finally:
            loopback.enter(-1)

    def _refused(self, path: str) -> bool:
        loopback = self.server.loopback
        developer, vertex = _DEVELOPER_PATH.match(path), _VERTEX_PATH.match(path)
        if vertex and not self.headers.get("Authorization", "").startswith("Bearer "):
            self._error(401, "UNAUTHENTICATED", "Request is missing required authentication credential.")
        elif developer and loopback.api_key and not self.headers.get("x-goog-api-key"):
            self._error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.")
        elif developer and loopback.api_key and self.headers["x-goog-api-key"] != loopback.api_key:
            # Echoing the key is meant: clients must not pass it on into their logs.
            message = f"API key not valid: {self.headers['x-goog-api-key']}. Please pass a valid API key."
            info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
            self._error(400, "INVALID_ARGUMENT", message, [info])
        elif not (found := developer or vertex) or (loopback.models and found["model"] not in loopback.models):
            model = found["model"] if found else path
            self._error(404, "NOT_FOUND", f"models/{model} is not found, or is not supported for generateContent.")
        else:
            return False
        return True

    def _faulted(self, fault: Fault) -> bool:
        if fault.kind == "status":
            self._error(fault.status, "SCRIPTED", fault.message)
        elif fault.kind == "rate_limit":
            quota = _quota_failure("GenerateRequestsPerMinutePerProjectPerModel")
            retry = {"@type": "type.googleapis.com/google.rpc.RetryInfo", "retryDelay": f"{fault.seconds:g}s"}
            headers = {"Retry-After": f"{fault.seconds:g}"} if fault.header else {}
            details = [quota] if fault.header else [quota, retry]
            self._error(429, "RESOURCE_EXHAUSTED", fault.message, details if fault.seconds else [quota], headers)
        elif fault.kind == "daily_quota":
            self._error(
                429,
                "RESOURCE_EXHAUSTED",
                "You exceeded your current quota.",
                [_quota_failure("GenerateRequestsPerDayPerProjectPerModel")],
            )
        elif fault.kind == "drop":
            self._hang_up()
        elif fault.kind in ("html", "empty"):
            self._send(200, _HTML if fault.kind == "html" else b"")
        elif fault.kind in ("slow", "cut", "blocked", "finish", "none"):
            return False
        else:
            raise ValueError(f"unknown fault {fault.kind!r}")
        return True

    def _answer(self, path: str, body: dict[str, Any], prompt_hash: str, fault: Fault) -> None:
        loopback = self.server.loopback
        found = _DEVELOPER_PATH.match(path) or _VERTEX_PATH.match(path)
        assert found is not None  # _refused has seen to it
        prompt = Prompt(found["model"], body, prompt_hash)
        if fault.kind == "blocked":
            answer = Answer(blocked=fault.reason or "SAFETY")
        elif fault.kind == "finish":
            answer = Answer(finish=fault.reason, thoughts_tokens=50 if fault.reason == "MAX_TOKENS" else 0)
        else:
            answer = loopback.model.answer(prompt)
        time.sleep(loopback.delay_s + (fault.seconds if fault.kind == "slow" else 0.0))
        self._send(200, generate_response(prompt, answer), cut=fault.kind == "cut")

    def _error(
        self,
        code: int,
        status: str,
        message: str,
        details: Sequence[dict[str, Any]] = (),
        headers: Mapping[str, str] | None = None,
    ) -> None:
        error = {"code": code, "message": message, "status": status, "details": list(details)}
        self._send(code, {"error": error}, headers=headers)

    def _send(
        self, code: int, body: dict[str, Any] | bytes, headers: Mapping[str, str] | None = None, cut: bool = False
    ) -> None:
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        self.send_response(code)
        kind = "text/html" if content.startswith(b"<") else "application/json; charset=UTF-8"
        for name, value in {"Content-Type": kind, "Content-Length": str(len(content)), **(headers or {})}.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content[: len(content) // 2] if cut else content)
        self.wfile.flush()
        if cut:
            self._hang_up()

    def _hang_up(self) -> None:
        self.close_connection = True
        self.connection.shutdown(socket.SHUT_RDWR)

    def log_message(self, format: str, *args: object) -> None:
        pass


def _quota_failure(quota_id: str) -> dict[str, Any]:
    violation = {"quotaMetric": "generativelanguage.googleapis.com/generate_requests", "quotaId": quota_id}
    return {"@type": "type.googleapis.com/google.rpc.QuotaFailure", "violations": [violation]}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description="Serve a scripted Gemini on 127.0.0.1 until interrupted.")
    parser.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default: 0)")
    parser.add_argument("--script", help="JSON file with answers, default, faults, delay_s, api_key, models")
    parser.add_argument("--log", type=Path, help="file to which every request is appended, one JSON object a line")
    args = parser.parse_args(argv)
    script = load_script(args.script) if args.script else {}
    with LoopbackGemini(log_path=args.log, port=args.port, **script) as server:
        print(f"listening on {server.base_url}", flush=True)
        try:
            threading.Event().wait()
        except KeyboardInterrupt:
            print(f"{len(server.requests)} requests received", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
