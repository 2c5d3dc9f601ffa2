"""Supervised tuning jobs of Vertex AI: what is asked for, submitting it once, and what became of it."""

from __future__ import annotations

import warnings
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar

from google import genai
from google.genai import types
from google.genai.errors import APIError
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type, stop_after_attempt
from tenacity import wait_exponential_jitter as backoff

from utils.core.console import Interrupted, UserError
from utils.core.fingerprint import fingerprint
from utils.gemini.errors import UnreadableAnswerError, classify
from utils.gemini.faults import CallError, one_line

T = TypeVar("T")

ADAPTER_SIZES = {
    1: types.AdapterSize.ADAPTER_SIZE_ONE,
    2: types.AdapterSize.ADAPTER_SIZE_TWO,
    4: types.AdapterSize.ADAPTER_SIZE_FOUR,
    8: types.AdapterSize.ADAPTER_SIZE_EIGHT,
    16: types.AdapterSize.ADAPTER_SIZE_SIXTEEN,
    32: types.AdapterSize.ADAPTER_SIZE_THIRTY_TWO,
}
_ENDED = frozenset({"SUCCEEDED", "PARTIALLY_SUCCEEDED", "FAILED", "CANCELLED", "EXPIRED"})  # `has_ended` lacks one
_NOT_FOUND = "NOT_FOUND"  # our word for a job that the service does not know (any more)
_NOT_SUBMITTED = "NOT_SUBMITTED"  # and for one that never got there
_ATTEMPTS = 5
_BACKOFF_S = 1.0
_LONGEST_WAIT_S = 60.0
_LOOKED_THROUGH = 1_000  # newest jobs, when one is looked for by its display name


@dataclass(frozen=True)
class TuningRequest:
    """What a model is tuned on, and how; None leaves a choice to the service. URIs are gs:// ones of JSONL files."""

    version: str
    base_model: str
    training_uri: str
    validation_uri: str | None = None
    epochs: int | None = None
    learning_rate_multiplier: float | None = None
    adapter_size: int | None = None

    @property
    def hyperparameters(self) -> dict[str, Any]:
        """Those that are set, as the service names them."""
        chosen = {
            "epochCount": self.epochs,
            "learningRateMultiplier": self.learning_rate_multiplier,
            "adapterSize": ADAPTER_SIZES[self.adapter_size].value if self.adapter_size else None,
        }
        return {name: value for name, value in chosen.items() if value is not None}

    @property
    def key(self) -> str:
        """Equal for equal requests: twelve hex digits."""
        return fingerprint(self.version, self.base_model, _spec(self))[:12]

    def display_name(self, mark: str = "") -> str:
        """The tuned model's name, by which a job is found again; a `mark` tells apart jobs that ask for the same."""
        return "-".join(part for part in ("pydough", self.version, self.key, mark) if part)


@dataclass(frozen=True)
class TuningReport:
    """How a job stands, in the service's words; `state` is without its prefix, such as "RUNNING".

    `counts` are the service's own of the training file, by its names; `dropped` are pairs of an example's number (from
    1) and the reason it was left out, a sample of `total_truncated_example_count` of them.
    """

    name: str
    state: str
    error: str = ""
    tuned_model: str = ""
    counts: dict[str, int] | None = None
    dropped: tuple[tuple[int, str], ...] = ()

    @property
    def ended(self) -> bool:
        """Whether there is nothing more to wait for."""
        return self.state in _ENDED or self.state in (_NOT_FOUND, _NOT_SUBMITTED)

    def warnings(self, rows: int) -> list[str]:
        """What is wrong with the data as the service took it, a line each; `rows` is how many lines were uploaded."""
        counts = self.counts or {}
        told = []
        if dropped := max(counts.get("total_truncated_example_count", 0), len(self.dropped)):
            examples = ", ".join(f"line {number} ({reason})" for number, reason in self.dropped[:5])
            told.append(
                f"{dropped} of {rows} examples were dropped or truncated" + (f": {examples}" if examples else "")
            )
        taken = counts.get("tuning_dataset_example_count")
        if taken is not None and taken != rows:
            told.append(f"the service counts {taken} examples, but {rows} were uploaded")
        if self.state == "PARTIALLY_SUCCEEDED":
            told.append("the job succeeded in part only")
        return told


def request_json(request: TuningRequest, display_name: str) -> dict[str, Any]:
    """The body for POST projects/P/locations/L/tuningJobs."""
    return {
        "baseModel": request.base_model,
        "supervisedTuningSpec": _spec(request),
        "tunedModelDisplayName": display_name,
    }


def report_of(job: types.TuningJob) -> TuningReport:
    """What a job's resource says."""
    stats = job.tuning_data_stats.supervised_tuning_data_stats if job.tuning_data_stats else None
    numbers = stats.model_dump(exclude_none=True) if stats else {}
    indices = (stats.truncated_example_indices or []) if stats else []
    reasons = (stats.dropped_example_reasons or []) if stats else []
    return TuningReport(
        name=job.name or "",
        state=job.state.value.removeprefix("JOB_STATE_") if job.state else "UNSPECIFIED",
        error=" ".join(str(job.error.message or job.error.code).split()) if job.error else "",
        tuned_model=(job.tuned_model.endpoint or job.tuned_model.model or "") if job.tuned_model else "",
        counts={name: value for name, value in numbers.items() if isinstance(value, int)},
        dropped=_dropped(indices, reasons),
    )


async def submit(
    client: genai.Client, request: TuningRequest, display_name: str, backoff_s: float = _BACKOFF_S
) -> tuple[str, bool]:
    """The name of the job with this display name, and whether it was there before; else it is created.

    It is looked for before every attempt: an answer that was lost must not become a second job that is paid for.
    Raises UserError where the service refuses, Interrupted where it stays down.
    """
    tried = False

    async def once() -> tuple[str, bool]:
        nonlocal tried
        if found := await _found(client, display_name):
            return _name(found), not tried
        tried = True
        return await _created(client, request, display_name), False

    try:
        return await _retried(once, backoff_s)
    except APIError as error:
        if error.code != 404:
            raise
        raise UserError(
            f"Vertex AI: {_text(error)}; check --base-model, GCP_PROJECT and GCP_PROJECT_LOCATION"
        ) from error


async def job_report(
    client: genai.Client, name: str | None, display_name: str = "", backoff_s: float = _BACKOFF_S
) -> TuningReport:
    """How a job stands now; one whose name was never heard is looked for by its display name. Raises like `submit`.

    A job that the service does not know has the state NOT_FOUND, or NOT_SUBMITTED if it never did.
    """

    async def once() -> TuningReport:
        if name is not None:
            return report_of(await client.aio.tunings.get(name=name))
        found = await _found(client, display_name)
        return report_of(found) if found else TuningReport(display_name, _NOT_SUBMITTED)

    try:
        return await _retried(once, backoff_s)
    except APIError as error:
        if error.code != 404:
            raise
        return TuningReport(name or display_name, _NOT_FOUND, _text(error))


def _spec(request: TuningRequest) -> dict[str, Any]:
    spec: dict[str, Any] = {"trainingDatasetUri": request.training_uri}
    if request.validation_uri:
        spec["validationDatasetUri"] = request.validation_uri
    if request.hyperparameters:
        spec["hyperParameters"] = request.hyperparameters
    return spec


def _dropped(indices: Sequence[int], reasons: Sequence[str]) -> tuple[tuple[int, str], ...]:
    padded = [*reasons, *["no reason given"] * (len(indices) - len(reasons))]
    return tuple(zip(indices, padded, strict=False))


async def _created(client: genai.Client, request: TuningRequest, display_name: str) -> str:
    validation = types.TuningValidationDataset(gcs_uri=request.validation_uri) if request.validation_uri else None
    config = types.CreateTuningJobConfig(
        validation_dataset=validation,
        tuned_model_display_name=display_name,
        epoch_count=request.epochs,
        learning_rate_multiplier=request.learning_rate_multiplier,
        adapter_size=ADAPTER_SIZES[request.adapter_size] if request.adapter_size else None,
    )
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message="The SDK's tuning implementation is experimental")
        job = await client.aio.tunings.tune(
            base_model=request.base_model,
            training_dataset=types.TuningDataset(gcs_uri=request.training_uri),
            config=config,
        )
    return _name(job)


def _name(job: types.TuningJob) -> str:
    if not job.name:  # the SDK makes a job of nothing of an empty answer
        raise UnreadableAnswerError("a tuning job without a name")
    return job.name


async def _found(client: genai.Client, display_name: str) -> types.TuningJob | None:
    """The newest job with this display name."""
    seen = 0
    async for job in await client.aio.tunings.list(config=types.ListTuningJobsConfig(page_size=100)):
        if job.tuned_model_display_name == display_name:
            return job
        seen += 1
        if seen >= _LOOKED_THROUGH:
            break
    return None


async def _retried(call: Callable[[], Awaitable[T]], backoff_s: float) -> T:
    """The result of `call`, tried again while that can help; an HTTP 404 is left to the caller."""
    retrying = AsyncRetrying(
        retry=retry_if_exception_type(CallError),
        stop=stop_after_attempt(_ATTEMPTS),
        wait=_Wait(backoff_s),
        reraise=True,
    )
    try:
        return await retrying(_classified, call)
    except CallError as error:
        raise Interrupted(
            f"Vertex AI cannot be reached or is busy ({error}); nothing is lost, run again later"
        ) from error


async def _classified(call: Callable[[], Awaitable[T]]) -> T:
    try:
        return await call()
    except Exception as error:
        fault = classify(error)
        if (isinstance(error, APIError) and error.code == 404) or (not fault.retry and fault.stop is None):
            raise
    # Raised outside the handler: an error's chain could carry what the message has masked.
    raise fault.stop if fault.stop is not None else CallError(fault)


class _Wait:
    """Seconds to the next attempt: what the service asked for, else longer each time."""

    def __init__(self, backoff_s: float) -> None:
        self._backoff = backoff(initial=backoff_s, max=_LONGEST_WAIT_S, jitter=backoff_s)

    def __call__(self, state: RetryCallState) -> float:
        error = state.outcome.exception() if state.outcome else None
        asked = error.wait_s if isinstance(error, CallError) else None
        return self._backoff(state) if asked is None else min(asked, _LONGEST_WAIT_S)


def _text(error: APIError) -> str:
    return f"HTTP {error.code}: {one_line(error.message or '')}"
