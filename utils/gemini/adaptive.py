"""How many requests at once a service can take, found out while working.

Additive increase, multiplicative decrease (Chiu and Jain 1989), with the ceiling remembered as CUBIC does (Ha, Rhee and
Xu 2008): after a refusal the limit falls, comes back quickly to just below where it was refused, and then probes:
seldom where probes are refused, in growing steps where they are not.
"""

from __future__ import annotations

_START = 16  # requests at once before anything is known
_FALL = 0.75  # of the limit, after a refusal
_CLIMB = 4  # answers for one more at once while no ceiling is known
_RETURN = 2  # and on the way back to a ceiling that is
_PATIENCE = 2.0  # rounds of answers at the ceiling before the first probe
_MOST_PATIENCE = 32.0


class AdaptiveLimit:
    """A limit on requests at once, between 1 and `most`; `adaptive=False` leaves it at `most`."""

    def __init__(self, most: int, adaptive: bool = True) -> None:
        self._most = most
        self._adaptive = adaptive
        self._limit = float(min(most, _START) if adaptive else most)
        self._ceiling = float(most)  # as many as have been answered without a refusal
        self._refused_at = -1.0
        self._answers = 0  # at the ceiling, since the last probe
        self._patience = _PATIENCE / 2
        self._step = 1.0

    @property
    def limit(self) -> int:
        """How many may be in flight now."""
        return max(1, int(self._limit))

    def answered(self) -> None:
        """A request was answered: a little more may go at once."""
        if self._limit >= self._most:
            return
        if self._limit < self._ceiling:
            answers = _RETURN if self._ceiling < self._most else _CLIMB
            self._limit = min(self._limit + 1 / answers, self._ceiling)
            return
        self._answers += 1
        if self._answers >= self._patience * self._limit:
            self._answers = 0
            if self._step > 1:  # the probe before went well
                self._patience = max(1.0, self._patience / 2)
            self._ceiling = self._limit = min(self._limit + self._step, float(self._most))
            self._step *= 2

    def refused(self, sent_at: float, now: float, at_once: int) -> None:
        """A request sent at `sent_at` was refused for load while `at_once` were in flight, itself included.

        What was sent before the last fall says nothing new. One refusal never takes more than half: it may have had
        another reason than how many were in flight.
        """
        if not self._adaptive or sent_at <= self._refused_at:
            return
        self._refused_at = now
        self._answers = 0
        grown = self._step > 2
        self._patience = _PATIENCE if grown else min(2 * self._patience, _MOST_PATIENCE)
        self._step = 1.0
        self._ceiling = max(1.0, min(self._limit, at_once) - 1, self._limit / 2)
        self._limit = max(1.0, self._ceiling * _FALL)
