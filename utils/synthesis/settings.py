"""How many rows are made, and how they are mixed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Limits:
    """At most so many drafts of a template (0: any number), and shares of difficulty levels (empty: as they come)."""

    per_template: int = 3
    mix: Mapping[str, float] = field(default_factory=dict)


@dataclass(frozen=True)
class SynthesisSettings:
    """How many rows must be proven, and how they are drawn; `per_database` of them at most, 0: any number."""

    target: int = 1_000
    seed: int = 0
    limits: Limits = field(default_factory=Limits)
    per_database: int = 0
