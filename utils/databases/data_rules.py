"""What the user decides of data that is made for proof."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Choice = Literal["auto", "yes", "no"]


@dataclass(frozen=True)
class DataRules:
    """What the user decides of made data; "auto" leaves it to the graph, the declared keys and the data itself."""

    childless_parents: Choice = "auto"
    null_keys: Choice = "auto"
    unmatched_keys: Choice = "auto"
