"""The tokens that the server has told its clients, to the token."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

_HUGE = 10**15


@dataclass
class TokenAccount:
    """Sums of usageMetadata; `output` is without `thoughts`, `prompt` includes `cached`."""

    answers: int = 0
    prompt: int = 0
    output: int = 0
    thoughts: int = 0
    cached: int = 0
    total: int = 0

    def add(self, response: Mapping[str, Any]) -> None:
        """Add what a response reports; one that reports nothing counts as an answer of no tokens."""
        usage = response.get("usageMetadata") or {}
        self.answers += 1
        self.prompt += usage.get("promptTokenCount", 0)
        self.output += usage.get("candidatesTokenCount", 0)
        self.thoughts += usage.get("thoughtsTokenCount", 0)
        self.cached += usage.get("cachedContentTokenCount", 0)
        self.total += usage.get("totalTokenCount", 0)


def misreported(response: dict[str, Any], reason: str) -> dict[str, Any]:
    """The response with usageMetadata that is "absent", "zero", "huge" or "negative"."""
    told = {name: value for name, value in response.items() if name != "usageMetadata"}
    change = {"zero": lambda count: 0, "huge": lambda count: count + _HUGE, "negative": lambda count: -count}
    if reason in change:
        told["usageMetadata"] = {name: change[reason](count) for name, count in response["usageMetadata"].items()}
    return told
