"""Scripted faults of single requests, and errors in the form in which Google tells them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal, get_args

from tests.loopback.http_server import HttpResponse, json_response

Kind = Literal[
    "none", "status", "rate_limit", "daily_quota", "slow", "drop", "cut", "html", "empty", "blocked", "finish", "usage", "raw"
]  # fmt: skip
USAGE_REASONS = ("absent", "zero", "huge", "negative")
_HTML = b"<!doctype html><html><body>Please sign in to the network</body></html>"
_RPC_TYPE = "type.googleapis.com/google.rpc"


@dataclass(frozen=True)
class Fault:
    """What happens to one request instead of a plain answer.

    kind: "status" (HTTP `status`), "rate_limit" (429; RetryInfo of `seconds`, or with header=True a Retry-After
    header), "daily_quota" (429 whose quota id says PerDay), "slow" (answers after `seconds`), "drop" (closes
    before answering), "cut" (closes in the middle of the answer), "html" and "empty" (200 without JSON),
    "blocked" (prompt refused for `reason`), "finish" (no text; finish reason `reason`), "usage" (a plain answer
    whose usageMetadata is wrong: `reason` "absent", "zero", "huge" or "negative"), "raw" (HTTP `status` with `body` and `headers` as they are), "none" (a plain answer).
    """

    kind: str
    seconds: float = 0.0
    status: int = 500
    reason: str = ""
    header: bool = False
    message: str = "scripted fault"
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.kind not in get_args(Kind):
            raise ValueError(f"unknown fault {self.kind!r}; expected one of {', '.join(get_args(Kind))}")
        if self.kind == "usage" and self.reason not in USAGE_REASONS:
            raise ValueError(f"usage fault {self.reason!r}; expected one of {', '.join(USAGE_REASONS)}")


def as_fault(fault: Fault | Mapping[str, Any]) -> Fault:
    return fault if isinstance(fault, Fault) else Fault(**fault)


def fault_response(fault: Fault) -> HttpResponse | None:
    """What is sent in place of any answer; None where the fault is in the answer itself, or where there is none."""
    if fault.kind == "status":
        return error_response(fault.status, "SCRIPTED", fault.message)
    if fault.kind == "rate_limit":
        quota = quota_failure("generate_requests", "GenerateRequestsPerMinutePerProjectPerModel")
        headers = {"Retry-After": f"{fault.seconds:g}"} if fault.header else {}
        details = [quota] if fault.header or not fault.seconds else [quota, retry_info(fault.seconds)]
        return error_response(429, "RESOURCE_EXHAUSTED", fault.message, details, headers)
    if fault.kind == "daily_quota":
        quota = quota_failure("generate_requests", "GenerateRequestsPerDayPerProjectPerModel")
        return error_response(429, "RESOURCE_EXHAUSTED", "You exceeded your current quota.", [quota])
    if fault.kind == "raw":
        return HttpResponse(fault.status, fault.body, headers=fault.headers)
    if fault.kind == "drop":
        return HttpResponse(dropped=True)
    if fault.kind == "html":
        return HttpResponse(200, _HTML, content_type="text/html")
    return HttpResponse(200, b"") if fault.kind == "empty" else None


def error_response(
    code: int,
    status: str,
    message: str,
    details: Sequence[dict[str, Any]] = (),
    headers: Mapping[str, str] | None = None,
) -> HttpResponse:
    error = {"code": code, "message": message, "status": status, "details": list(details)}
    return json_response({"error": error}, code, headers)


def not_found(what: str) -> HttpResponse:
    return error_response(404, "NOT_FOUND", f"{what} is not found.")


def quota_failure(metric: str, quota_id: str) -> dict[str, Any]:
    violation = {"quotaMetric": f"generativelanguage.googleapis.com/{metric}", "quotaId": quota_id}
    return {"@type": f"{_RPC_TYPE}.QuotaFailure", "violations": [violation]}


def retry_info(seconds: float) -> dict[str, Any]:
    return {"@type": f"{_RPC_TYPE}.RetryInfo", "retryDelay": f"{seconds:g}s"}
