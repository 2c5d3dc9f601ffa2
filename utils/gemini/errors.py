"""What the Google Gen AI SDK's errors mean, and what the user can do about those that will not pass."""

from __future__ import annotations

import json
import re
from datetime import UTC, datetime
from typing import Any

from google.auth.exceptions import GoogleAuthError
from google.genai.errors import APIError, UnknownApiResponseError
from pydantic import ValidationError

from utils.core.console import Exhausted, UserError
from utils.gemini.faults import UNREACHABLE, Fault, fault_for_status, fault_for_transport, one_line, retry_after_s
from utils.gemini.quota_day import come_back

_SECONDS = re.compile(r"([0-9]+(?:\.[0-9]+)?)s")  # a protobuf Duration in JSON, such as "53.2s"
_REMEDIES = {
    400: "change the request: model, parameters or prompt length",
    401: "check GOOGLE_API_KEY, or for Vertex AI run `gcloud auth application-default login`",
    403: "check that the key or account may use this model and that the API is enabled for its project",
    404: "check the model's name (--model) and, for Vertex AI, GCP_PROJECT and GCP_PROJECT_LOCATION",
}


class UnreadableAnswerError(Exception):
    """What came back makes no sense, in a way that the SDK did not expect."""


def classify(error: BaseException) -> Fault:
    """The fault behind an error raised by the SDK; see `Pacer.run`."""
    if isinstance(error, APIError):
        return _api_fault(error)
    if isinstance(error, json.JSONDecodeError | UnknownApiResponseError | ValidationError | UnreadableAnswerError):
        return Fault("bad_json", f"the answer is not the JSON expected: {one_line(error)}", retry=True)
    if isinstance(error, GoogleAuthError):
        return _credentials_fault(error)
    return fault_for_transport(error) or Fault("unexpected", one_line(error), retry=False)


def _api_fault(error: APIError) -> Fault:
    code = int(error.code or 0)
    message = one_line(error.message or error.status or "no message")
    if code == 429 and any("perday" in quota.lower() for quota in _quota_ids(error)):
        stop = Exhausted(f"the daily quota is spent ({message}); {come_back(datetime.now(UTC))}")
        return Fault("daily_quota", message, retry=False, stop=stop)
    fault = fault_for_status(code, message, wait_s=_wait_s(error))
    if fault.retry:
        return fault
    remedy = _REMEDIES.get(code, _REMEDIES[400])
    if "API_KEY_INVALID" in _reasons(error):
        remedy = _REMEDIES[401]
    return Fault(
        fault.kind, fault.detail, retry=False, stop=UserError(f"Gemini refused the request: {fault.detail}; {remedy}")
    )


def _credentials_fault(error: GoogleAuthError) -> Fault:
    detail = one_line(error)
    if error.retryable:
        return Fault(UNREACHABLE, detail, retry=True)
    stop = UserError(f"Vertex AI: no usable Google credentials ({detail}); {_REMEDIES[401]}")
    return Fault("refused", detail, retry=False, stop=stop)


def _details(error: APIError) -> list[dict[str, Any]]:
    body = error.details.get("error", error.details) if isinstance(error.details, dict) else None
    return _objects(body.get("details")) if isinstance(body, dict) else []


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _quota_ids(error: APIError) -> list[str]:
    violations = [violation for item in _details(error) for violation in _objects(item.get("violations"))]
    return [str(violation.get("quotaId", "")) for violation in violations]


def _reasons(error: APIError) -> list[str]:
    return [str(item.get("reason", "")) for item in _details(error)]


def _wait_s(error: APIError) -> float | None:
    delays = [_SECONDS.fullmatch(str(item.get("retryDelay"))) for item in _details(error)]
    waits = [float(delay[1]) for delay in delays if delay]
    header = retry_after_s(getattr(error.response, "headers", None))
    return max([*waits, *([] if header is None else [header])], default=None)
