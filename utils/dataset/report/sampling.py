"""Which rows a page holds when there are more than it can."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass
class EvenPicks:
    """Picks `wanted` of `total` things that pass one by one, evenly spread.

    Example: with wanted=2, total=4, four calls of `next` give False, True, False, True.
    """

    wanted: int
    total: int
    seen: int = 0

    def next(self) -> bool:
        """Whether to take the thing that passes now."""
        before = self.seen * self.wanted // self.total
        self.seen += 1
        return self.seen * self.wanted // self.total > before


def picks(written: int, left_out: int, limit: int) -> tuple[EvenPicks, EvenPicks]:
    """How to choose at most `limit` of the written rows and of those left out.

    All rows that were left out, up to half of the limit (more where the written ones leave room); the rest are written.
    """
    of_left_out = min(left_out, max(limit // 2, limit - written))
    return EvenPicks(min(written, limit - of_left_out), written), EvenPicks(of_left_out, left_out)
