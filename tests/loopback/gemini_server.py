"""A server on this machine that speaks Gemini's generateContent and batches, with a scripted model and faults.

In a test:          with LoopbackGemini(answers={"How many": ["42"]}) as server: ... server.base_url ...
From a terminal:    python -m tests.loopback.gemini_server --port 8099 --script script.json --log requests.jsonl

It serves the Developer API's paths and Vertex AI's, and keeps every request it received, in memory and (one
JSON object a line) in the log file, before it answers. `GET /stats` tells another process what it counted.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import re
import signal
import threading
import time
from collections import Counter, deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TextIO

from tests.loopback.accounts import TokenAccount, misreported
from tests.loopback.batches import BatchFault, BatchJob, BatchQueue
from tests.loopback.developer_batches import DeveloperBatches
from tests.loopback.faults import Fault, as_fault, error_response, fault_response
from tests.loopback.files import Files
from tests.loopback.hashes import prompt_hash
from tests.loopback.http_server import HttpRequest, HttpResponse, HttpServer, json_response
from tests.loopback.quotas import MINUTE_S, Quotas, most_in_window
from tests.loopback.scripted_model import (
    DEFAULT_ANSWER,
    Answer,
    Answers,
    Prompt,
    Scripted,
    ScriptedModel,
    generate_response,
    load_script,
    prompt_tokens,
)
from tests.loopback.storage import Storage
from tests.loopback.vertex_batches import VertexBatches
from tests.loopback.vertex_tuning import VertexTuning

__all__ = ["BatchFault", "Fault", "LoopbackGemini", "Received", "read_log"]

_GENERATE = re.compile(
    r"^/v1\w*/(?P<vertex>projects/[^/]+/locations/[^/]+/publishers/google/)?models/(?P<model>[^/:]+):generateContent$"
)
_MODEL = re.compile(r"/models/(?P<model>[^/:]+):")


@dataclass(frozen=True)
class Received:
    """One generateContent request as it came in. `time` is the server's clock, in seconds since the epoch.

    `prompt_hash` covers path and body; `fault` is the scripted fault, or the quota that refused the request;
    `body` is {} where bodies are not kept.
    """

    number: int
    time: float
    path: str
    prompt_hash: str
    fault: str
    body: dict[str, Any]


class LoopbackGemini:
    """The server; starts with the `with` block (or `start`) and ends with it.

    `faults` are used up one a generateContent request, in the order of arrival; `server.faults.append(...)` adds
    one. With `api_key`, another key is refused as Google does; with `models`, another model is not found.
    `delay_s` is how long each answer takes.

    A batch job is done at poll number `batch_polls`, or `batch_delay_s` seconds after its submission.
    `batch_faults` are used up one a submitted job, `poll_faults` one a poll. Vertex batches read and write the
    emulator at `gcs_endpoint`, or else at STORAGE_EMULATOR_HOST. Tuning jobs and their faults are in `tuning`.

    `rpm`, `tpm`, `rpd` and `slots` are quotas of generateContent; what they refuse is counted in `refused` and
    uses up no fault. `clock` tells the time for quotas, records and batches. With `keep_bodies=False` request
    bodies stay neither in memory nor in the log.
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
        batch_faults: Iterable[BatchFault | Mapping[str, Any]] = (),
        poll_faults: Iterable[Fault | Mapping[str, Any]] = (),
        batch_polls: int = 1,
        batch_delay_s: float = 0.0,
        gcs_endpoint: str | None = None,
        rpm: int | None = None,
        tpm: int | None = None,
        rpd: int | None = None,
        slots: int | None = None,
        retry_info_s: float | None = None,
        keep_bodies: bool = True,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.model = ScriptedModel(answers if answers is not None else {}, default)
        self.faults: deque[Fault] = deque(as_fault(fault) for fault in faults)
        self.api_key = api_key
        self.models = models
        self.delay_s = delay_s
        self.requests: list[Received] = []
        self.completed = 0
        self.most_at_once = 0
        self.refused: Counter[str] = Counter()
        self.usage = TokenAccount()
        self.batch_usage = TokenAccount()
        self.batch_calls: Counter[str] = Counter()
        self._at_once = 0
        self._quotas = Quotas(rpm, tpm, rpd, slots, retry_info_s)
        self._keep_bodies = keep_bodies
        self._clock = clock
        self._log: TextIO | None = open(log_path, "a", encoding="utf-8") if log_path else None  # noqa: SIM115
        self._files = Files()
        self._batches = BatchQueue(
            self._answer_item, clock, batch_faults, poll_faults, polls=batch_polls, delay_s=batch_delay_s
        )
        self._developer_batches = DeveloperBatches(self._batches, self._files)
        self._vertex_batches = VertexBatches(self._batches, Storage(gcs_endpoint))
        self.tuning = VertexTuning(clock)
        self._http = HttpServer(port, self._handle)

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self._http.port}"

    @property
    def batch_jobs(self) -> list[BatchJob]:
        """Every job ever submitted, oldest first."""
        return self._batches.jobs

    @property
    def batch_items(self) -> int:
        """The requests of all jobs together."""
        return sum(job.size for job in self._batches.jobs)

    @property
    def batch_faults(self) -> deque[BatchFault]:
        return self._batches.batch_faults

    @property
    def batch_polls(self) -> int:
        """At which poll a job is done; may be changed while jobs run."""
        return self._batches.polls

    @batch_polls.setter
    def batch_polls(self, polls: int) -> None:
        self._batches.polls = polls

    @property
    def poll_faults(self) -> deque[Fault]:
        return self._batches.poll_faults

    def start(self) -> LoopbackGemini:
        self._http.start()
        return self

    def close(self) -> None:
        self._http.close()
        if self._log is not None:
            self._log.close()

    def __enter__(self) -> LoopbackGemini:
        return self.start()

    def __exit__(self, *exc: object) -> None:
        self.close()

    def duplicates(self) -> dict[str, int]:
        """Prompt hashes received more than once, and how often."""
        return _repeated(request.prompt_hash for request in self.requests)

    def batch_duplicates(self) -> dict[str, int]:
        """Prompt hashes that came as items of batches more than once, and how often."""
        return _repeated(one for job in self._batches.jobs for one in job.prompt_hashes)

    def most_in_window(self, seconds: float = MINUTE_S) -> int:
        """The largest number of requests received in any so many seconds, refused ones included."""
        return most_in_window((request.time for request in self.requests), seconds)

    def stats(self) -> dict[str, Any]:
        """What was counted, as JSON."""
        distinct = len({request.prompt_hash for request in self.requests})
        return {
            "requests": len(self.requests),
            "completed": self.completed,
            "refused": dict(self.refused),
            "faults": dict(Counter(request.fault for request in self.requests if request.fault != "none")),
            "most_at_once": self.most_at_once,
            "most_in_window": self.most_in_window(),
            "distinct_prompts": distinct,
            "duplicate_prompts": len(self.requests) - distinct,
            "usage": asdict(self.usage),
            "batch_usage": asdict(self.batch_usage),
            "batch_jobs": len(self.batch_jobs),
            "batch_items": self.batch_items,
            "batch_calls": dict(self.batch_calls),
        }

    async def _handle(self, request: HttpRequest) -> HttpResponse:
        path = request.path
        if request.method == "GET" and path in ("/", "/stats"):
            return json_response(self.stats())
        if _GENERATE.match(path):
            return await self._generate(request)
        if (denied := self._denied(request)) is not None:
            return denied
        if Files.serves(path):
            call, response = self._files.handle(request, self.base_url, self._clock())
        elif DeveloperBatches.serves(path):
            call, response = await self._developer_batches.handle(request)
        elif VertexBatches.serves(path):
            call, response = await self._vertex_batches.handle(request)
        elif VertexTuning.serves(path):
            return await self.tuning.handle(request)
        else:
            return error_response(404, "NOT_FOUND", f"{path} is not found.")
        self.batch_calls[call] += 1
        return response

    async def _generate(self, request: HttpRequest) -> HttpResponse:
        body = request.json()
        key = prompt_hash(request.path, body)
        prompt = _prompt(request.path, body, key)
        denied = self._denied(request)
        now = self._clock()
        refusal = "" if denied else self._quotas.admit(prompt_tokens(prompt), self._at_once, now)
        fault = self._receive(request.path, body, key, now, refusal)
        if denied is not None:
            return denied
        if refusal:
            self.refused[refusal] += 1
            return self._quotas.refusal(refusal)
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            return fault_response(fault) or await self._answer(prompt, fault)
        finally:
            self._at_once -= 1

    def _receive(self, path: str, body: dict[str, Any], key: str, now: float, refusal: str) -> Fault:
        fault = Fault("none") if refusal or not self.faults else self.faults.popleft()
        kept = body if self._keep_bodies else {}
        received = Received(len(self.requests) + 1, now, path, key, refusal or fault.kind, kept)
        self.requests.append(received)
        if self._log is not None:
            self._log.write(json.dumps(vars(received), ensure_ascii=False) + "\n")
            self._log.flush()
        return fault

    async def _answer(self, prompt: Prompt, fault: Fault) -> HttpResponse:
        if fault.kind == "blocked":
            answer = Answer(blocked=fault.reason or "SAFETY")
        elif fault.kind == "finish":
            answer = Answer(finish=fault.reason, thoughts_tokens=50 if fault.reason == "MAX_TOKENS" else 0)
        else:
            answer = self.model.answer(prompt)
        response = generate_response(prompt, answer)
        if fault.kind == "usage":
            response = misreported(response, fault.reason)
        delay_s = self.delay_s + (fault.seconds if fault.kind == "slow" else 0.0)
        if delay_s:
            await asyncio.sleep(delay_s)
        content = json.dumps(response, ensure_ascii=False).encode()

        def sent() -> None:
            self.completed += 1
            self.usage.add(response)

        return HttpResponse(200, content, cut=fault.kind == "cut", on_sent=sent)

    def _answer_item(self, path: str, body: dict[str, Any]) -> dict[str, Any]:
        """The response to an item of a batch, as generateContent would give it."""
        prompt = _prompt(path, body, prompt_hash(path, body))
        response = generate_response(prompt, self.model.answer(prompt))
        self.batch_usage.add(response)
        return response

    def _denied(self, request: HttpRequest) -> HttpResponse | None:
        path, key = request.path, request.headers.get("x-goog-api-key")
        if "/projects/" in path:
            if not request.headers.get("authorization", "").startswith("Bearer "):
                message = "Request is missing required authentication credential."
                return error_response(401, "UNAUTHENTICATED", message)
        elif self.api_key and "upload_id" not in request.query:  # such an address is a secret of its own
            if not key:
                return error_response(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.")
            if key != self.api_key:
                # Echoing the key is meant: clients must not pass it on into their logs.
                message = f"API key not valid: {key}. Please pass a valid API key."
                info = {"@type": "type.googleapis.com/google.rpc.ErrorInfo", "reason": "API_KEY_INVALID"}
                return error_response(400, "INVALID_ARGUMENT", message, [info])
        found = _MODEL.search(path)
        if found and self.models and found["model"] not in self.models:
            method = path.rpartition(":")[2]
            message = f"models/{found['model']} is not found, or is not supported for {method}."
            return error_response(404, "NOT_FOUND", message)
        return None


def read_log(path: Path) -> list[Received]:
    """The requests in a log file, such as another process' server wrote."""
    with open(path, encoding="utf-8") as stream:
        return [Received(**json.loads(line)) for line in stream]


def _prompt(path: str, body: dict[str, Any], key: str) -> Prompt:
    found = _GENERATE.match(path)
    assert found is not None
    return Prompt(found["model"], body, key)


def _repeated(hashes: Iterable[str]) -> dict[str, int]:
    return {one: count for one, count in Counter(hashes).items() if count > 1}


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description="Serve a scripted Gemini on 127.0.0.1 until interrupted.")
    add = parser.add_argument
    add("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default: 0)")
    add("--script", help="JSON file with answers, faults and other arguments of LoopbackGemini")
    add("--corpus", type=Path, nargs="*", metavar="FILE", help="answer from question files (default: the corpus')")
    add("--log", type=Path, help="file to which every request is appended, one JSON object a line")
    add("--delay", dest="delay_s", type=float, metavar="SECONDS", help="how long each answer takes")
    add("--rpm", type=int, help="requests in any minute before 429")
    add("--tpm", type=int, help="input tokens in any minute before 429")
    add("--rpd", type=int, help="requests in any day before 429")
    add("--slots", type=int, help="requests at once before 429")
    add("--retry-info", dest="retry_info_s", type=float, metavar="SECONDS", help="RetryInfo of these 429s")
    add("--batch-polls", type=int, help="the poll at which a batch job is done (default: 1)")
    add("--batch-delay", dest="batch_delay_s", type=float, metavar="SECONDS", help="or how long after its submission")
    add("--gcs-endpoint", metavar="URL", help="Cloud Storage emulator (default: STORAGE_EMULATOR_HOST)")
    add("--no-bodies", dest="keep_bodies", action="store_false", default=None, help="keep no request bodies")
    return parser


def main(argv: Sequence[str] | None = None) -> int:
    options = vars(_parser().parse_args(argv))
    script_path, corpus, log_path = options.pop("script"), options.pop("corpus"), options.pop("log")
    script = load_script(script_path) if script_path else {}
    script |= {name: value for name, value in options.items() if value is not None}
    if corpus is not None:
        from tests.loopback.corpus_model import CorpusModel  # reads the question files

        script["answers"] = model = CorpusModel(corpus)
        model.prepare()
    with LoopbackGemini(log_path=log_path, **script) as server:
        print(f"listening on {server.base_url}", flush=True)
        stop = threading.Event()
        for number in (signal.SIGINT, signal.SIGTERM):
            signal.signal(number, lambda *_: stop.set())
        stop.wait()
        print(f"{len(server.requests)} requests received", flush=True)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
