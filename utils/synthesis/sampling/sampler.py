"""Draws an intent: a shape, a collection that fits it, and what is asked of its rows."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import replace

from utils.synthesis.intent import Intent
from utils.synthesis.model import Model
from utils.synthesis.sampling.columns import Columns
from utils.synthesis.sampling.conditions import Conditions
from utils.synthesis.sampling.families import Families
from utils.synthesis.sampling.lots import Lots, NothingFitsError
from utils.synthesis.sampling.measures import Measures

FAMILIES: Mapping[str, float] = {
    "list": 15, "per_parent": 16, "groups": 20, "whole": 10, "share": 5, "rank": 6, "change": 5, "running": 3,
    "above_average": 5, "best": 4, "presence": 6, "two_level": 5, "bucket": 3, "text": 3, "gap": 3, "compare": 5,
}  # fmt: skip


class Sampler:
    """Intents over a model, all from one seed; `weights` are those of FAMILIES unless given."""

    def __init__(self, model: Model, seed: int, weights: Mapping[str, float] = FAMILIES) -> None:
        self._lots = Lots(random.Random(seed))
        columns = Columns(model, self._lots)
        conditions = Conditions(columns, self._lots)
        measures = Measures(columns, conditions, self._lots)
        self._families = Families(columns, conditions, measures, self._lots)
        self._weights = weights

    def draw(self) -> Intent | None:
        """One intent; None where what was drawn does not fit the model."""
        family = self._lots.weighted(self._weights)
        try:
            intent: Intent = getattr(self._families, "listed" if family == "list" else family)()
            return replace(intent, family=family)
        except NothingFitsError:
            return None
