"""What went wrong with a request, and whether asking again can help; for any HTTP service."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from utils.core.console import mask_secrets

RATE_LIMITED = "rate_limited"  # refused for load or quota, and welcome again later
UNREACHABLE = "unreachable"  # nothing was sent
_DETAIL_LENGTH = 300  # characters of a service's message worth showing in one line


@dataclass(frozen=True)
class Fault:
    """One failed attempt.

    `kind` is the name it is counted under. `wait_s`: the service asked everybody to wait so long. When
    `retry` is False, `stop` is raised in place of the error and ends the run; without `stop` the error
    itself is raised.
    """

    kind: str
    detail: str
    retry: bool
    wait_s: float | None = None
    stop: Exception | None = None


class CallError(Exception):
    """A call that failed at every attempt; concerns one row. `kind` is the last fault's."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(f"{fault.kind}: {fault.detail}")
        self.kind = fault.kind
        self.wait_s = fault.wait_s


def one_line(text: object) -> str:
    """`text` on one line, secrets masked, cut to a readable length."""
    line = mask_secrets(" ".join(str(text).split()))
    return line if len(line) <= _DETAIL_LENGTH else line[: _DETAIL_LENGTH - 3] + "..."


def fault_for_status(status: int, detail: object, wait_s: float | None = None) -> Fault:
    """What an HTTP status means: 408, 429, 499 and 5xx may pass; other 4xx will not, however often asked."""
    kind = {408: "timeout", 429: RATE_LIMITED, 499: "dropped"}.get(status)
    if kind is None:
        kind = "server_error" if status >= 500 else "refused" if status >= 400 else "bad_answer"
    return Fault(kind, f"HTTP {status}: {one_line(detail)}", retry=kind != "refused", wait_s=wait_s)


def fault_for_transport(error: BaseException) -> Fault | None:
    """What a broken connection or a timeout means, whichever HTTP library raised it; None if it is neither."""
    detail = f"{type(error).__name__} {one_line(error)}".strip()
    if isinstance(error, (ConnectionRefusedError, *_classes("ConnectError", "ConnectTimeout", "ClientConnectorError"))):
        return Fault(UNREACHABLE, detail, retry=True)
    if isinstance(error, (TimeoutError, *_classes("TimeoutException"))):
        return Fault("timeout", detail, retry=True)
    if isinstance(error, (ConnectionError, *_classes("RequestError", "ClientConnectionError", "ClientPayloadError"))):
        return Fault("dropped", detail, retry=True)
    return None


def retry_after_s(headers: Mapping[str, str] | None) -> float | None:
    """Seconds that a Retry-After header asks to wait (a number or a date), or None."""
    value = headers.get("Retry-After") if headers else None
    if not value:
        return None
    try:
        return max(0.0, float(value))
    except ValueError:
        pass
    try:
        moment = parsedate_to_datetime(value)
    except ValueError:
        return None
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return max(0.0, (moment - datetime.now(UTC)).total_seconds())


def _classes(*names: str) -> tuple[type[BaseException], ...]:
    # An error of a library that nobody imported cannot occur, so none is imported here only to name its errors.
    modules = [module for name in ("httpx2", "httpx", "aiohttp") if (module := sys.modules.get(name))]
    return tuple(getattr(module, name) for module in modules for name in names if hasattr(module, name))
