"""Counts over all rows of a version, taken in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from utils.dataset.report.outcomes import is_language, is_written, step_of

LEFT_OUT = "left out"


@dataclass
class Summary:
    """Counters over the rows; they grow with the distinct values, not with the rows.

    `steps` counts (about the language?, step at which it was left out or "written", outcome); the next three count
    (value, file or "left out"); `tokens` holds for each file how often each length occurs.
    """

    rows: int = 0
    written: int = 0
    steps: Counter[tuple[bool, str, str]] = field(default_factory=Counter)
    tiers: Counter[tuple[str, str]] = field(default_factory=Counter)
    databases: Counter[tuple[str, str]] = field(default_factory=Counter)
    difficulties: Counter[tuple[str, str]] = field(default_factory=Counter)
    tokens: dict[str, Counter[int]] = field(default_factory=dict)

    @property
    def left_out(self) -> int:
        """How many rows stand in none of the files."""
        return self.rows - self.written

    def add(self, row: Mapping[str, Any]) -> None:
        """Count one row of rows.jsonl; keys that an older version did not write are not counted."""
        outcome, written = str(row.get("outcome") or ""), is_written(row)
        self.rows += 1
        self.written += written
        self.steps[is_language(row), "written" if written else step_of(row), outcome] += 1
        place = outcome if written else LEFT_OUT
        for counter, key in ((self.tiers, "tier"), (self.databases, "db_name"), (self.difficulties, "difficulty")):
            if row.get(key):
                counter[str(row[key]), place] += 1
        if written and row.get("tokens"):
            self.tokens.setdefault(outcome, Counter())[int(row["tokens"])] += 1


def summary_of(rows: Iterable[Mapping[str, Any]]) -> Summary:
    """The counts over `rows`."""
    summary = Summary()
    for row in rows:
        summary.add(row)
    return summary
