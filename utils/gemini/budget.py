"""A cap on what a run may spend, kept before the money is spent, not after."""

from __future__ import annotations

import asyncio

from utils.core.console import Exhausted
from utils.gemini.prices import dollars


class Budget:
    """Dollars spent and set aside; the two together never exceed `cap_usd` (None: no cap).

    A request's most is set aside before it goes out, and settled when its answer came. What was sent and never answered
    may have been charged, so its most stays counted as `doubtful_usd`.
    """

    def __init__(self, cap_usd: float | None = None) -> None:
        self._cap_usd = cap_usd
        self._turn = asyncio.Lock()
        self._settled = asyncio.Event()
        self._reserved_usd = 0.0
        self._open = 0  # reservations not settled: sums of dollars may come out a little above nothing
        self._closed = False
        self.spent_usd = 0.0
        self.doubtful_usd = 0.0

    async def reserve(self, most_usd: float) -> None:
        """Set `most_usd` aside, waiting for others to settle where that may make room; raises Exhausted if not."""
        async with self._turn:
            while True:
                self._settled.clear()
                if self.try_reserve(most_usd):
                    return
                if self._closed or not self._open:
                    raise self.close(most_usd)
                await self._settled.wait()

    def try_reserve(self, most_usd: float) -> bool:
        """Set `most_usd` aside if there is room for it now."""
        fits = self._cap_usd is None or (not self._closed and self._room() >= most_usd)
        if fits:
            self.set_aside(most_usd)
        return fits

    def set_aside(self, most_usd: float) -> None:
        """Count what an earlier run has sent already and this one will pay."""
        self._reserved_usd += most_usd
        self._open += 1

    def close(self, most_usd: float) -> Exhausted:
        """Let nothing more be spent; the error that says so."""
        self._closed = True
        return Exhausted(self._told(most_usd))

    def settle(self, most_usd: float, cost_usd: float) -> None:
        """Replace what was set aside by what it cost."""
        self._open -= 1
        self._reserved_usd = max(0.0, self._reserved_usd - most_usd) if self._open else 0.0
        self.spent_usd += cost_usd
        self._settled.set()

    def doubt(self, most_usd: float) -> None:
        """A request was sent and nobody knows whether it was charged: its most stays counted; to ask again, reserve."""
        self.doubtful_usd += most_usd
        self.settle(most_usd, 0.0)

    def _room(self) -> float:
        assert self._cap_usd is not None
        return self._cap_usd - self.spent_usd - self.doubtful_usd - self._reserved_usd + 1e-9

    def _told(self, most_usd: float) -> str:
        doubtful = f" and perhaps {dollars(self.doubtful_usd)} for lost answers" if self.doubtful_usd else ""
        return (
            f"the budget is spent: {dollars(self.spent_usd)}{doubtful} of {dollars(self._cap_usd or 0)}, and the next "
            f"call may cost {dollars(most_usd)}; --max-cost-usd is the cap of one run: run again to go on"
        )


class SetAside:
    """What a budget holds for one call, which may be sent several times."""

    def __init__(self, budget: Budget, most_usd: float) -> None:
        self._budget = budget
        self._most_usd = most_usd
        self._held = False

    async def take(self) -> None:
        """Set the call's most aside, unless it is already; raises as `Budget.reserve`."""
        if not self._held:
            await self._budget.reserve(self._most_usd)
            self._held = True

    def doubt(self) -> None:
        """The call was sent and may have been charged: what was set aside stays counted, another try needs its own."""
        self._held = False
        self._budget.doubt(self._most_usd)

    def settle(self, cost_usd: float) -> None:
        """The call is over: replace what is still set aside by what it cost."""
        if self._held:
            self._held = False
            self._budget.settle(self._most_usd, cost_usd)
