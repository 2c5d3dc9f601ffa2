"""Quotas as a project has them: requests and input tokens in any minute, requests in any day, slots at once."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from tests.loopback.faults import error_response, quota_failure, retry_info
from tests.loopback.http_server import HttpResponse

MINUTE_S = 60.0
DAY_S = 86_400.0
_QUOTA_OF = {
    "rpm": ("generate_requests", "GenerateRequestsPerMinutePerProjectPerModel"),
    "tpm": ("generate_content_input_token_count", "GenerateContentInputTokensPerModelPerMinute"),
    "rpd": ("generate_requests", "GenerateRequestsPerDayPerProjectPerModel"),
}


@dataclass
class Window:
    """What was taken in the last `seconds`, at most `limit` (None: any amount)."""

    limit: int | None
    seconds: float
    _taken: deque[tuple[float, int]] = field(default_factory=deque)
    _sum: int = 0

    def has_room(self, amount: int, now: float) -> bool:
        while self._taken and self._taken[0][0] <= now - self.seconds:
            self._sum -= self._taken.popleft()[1]
        return self.limit is None or self._sum + amount <= self.limit

    def take(self, amount: int, now: float) -> None:
        if self.limit is not None:
            self._taken.append((now, amount))
            self._sum += amount


class Quotas:
    """Admits requests by the time of their arrival; one that is refused takes nothing.

    `retry_info_s` is sent along with a refusal as RetryInfo. A refusal for want of a slot names no quota, as
    shared capacity does.
    """

    def __init__(
        self,
        rpm: int | None = None,
        tpm: int | None = None,
        rpd: int | None = None,
        slots: int | None = None,
        retry_info_s: float | None = None,
    ) -> None:
        self._slots = slots
        self._retry_info_s = retry_info_s
        self._windows = {"rpd": Window(rpd, DAY_S), "rpm": Window(rpm, MINUTE_S), "tpm": Window(tpm, MINUTE_S)}

    def admit(self, tokens: int, at_once: int, now: float) -> str:
        """Take a request of so many tokens beside `at_once` others, or say what there is no room in."""
        amounts = {name: tokens if name == "tpm" else 1 for name in self._windows}
        for name, window in self._windows.items():
            if not window.has_room(amounts[name], now):
                return name
        if self._slots is not None and at_once >= self._slots:
            return "slots"
        for name, window in self._windows.items():
            window.take(amounts[name], now)
        return ""

    def refusal(self, kind: str) -> HttpResponse:
        """The 429 for what `admit` named."""
        details: list[dict[str, Any]] = [quota_failure(*_QUOTA_OF[kind])] if kind in _QUOTA_OF else []
        message = "You exceeded your current quota." if details else "Resource exhausted. Please try again later."
        if self._retry_info_s is not None:
            details.append(retry_info(self._retry_info_s))
        return error_response(429, "RESOURCE_EXHAUSTED", message, details)


def most_in_window(times: Iterable[float], seconds: float) -> int:
    """The largest number of `times` that fall into any `seconds`, the end not counted."""
    window: deque[float] = deque()
    most = 0
    for time in sorted(times):
        window.append(time)
        while window[0] <= time - seconds:
            window.popleft()
        most = max(most, len(window))
    return most
