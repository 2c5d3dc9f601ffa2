"""From a proven example to its training line: which schema it shows, and how its target is written."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, TypeVar, get_args

from utils.core.records import Example
from utils.databases.catalog import DatabaseEntry, find_entry
from utils.databases.entries import (
    collection_names,
    graph_names,
    partial_schema_text,
    schema_text,
    used_collections,
)
from utils.databases.schema_text import SchemaStyle
from utils.dataset.contract import CHARACTERS_PER_TOKEN
from utils.dataset.prompt_template import Target
from utils.dataset.rationale import rationale
from utils.dataset.sft import SYSTEM_INSTRUCTION, sft_record, user_turn
from utils.programs.terms import names

T = TypeVar("T")
TARGETS: tuple[Target, ...] = get_args(Target)

_FENCE = re.compile(r"^[ \t]*```.*$", re.MULTILINE)


@dataclass(frozen=True)
class LineSettings:
    """What a training line shows; see the flags of `merge_schema_data.py`."""

    schema: SchemaStyle = "markdown"
    with_documentation: bool = False
    system_instruction: str = SYSTEM_INSTRUCTION
    target: Target = "code"
    linked: bool = False  # of the schema only what the program uses, and distractors
    distractors: int = 0  # collections that the program does not use
    seed: int = 0
    characters_per_token: float = CHARACTERS_PER_TOKEN  # by which a line's tokens are estimated


@dataclass(frozen=True)
class Rendering:
    """Renders training lines for rows of the databases `entries`."""

    entries: Mapping[str, DatabaseEntry]
    settings: LineSettings

    def record(self, example: Example) -> dict[str, Any]:
        """The training line of a proven example. Raises UserError for an unknown database."""
        schema = self.schema(example)
        user = user_turn(example, schema, self.settings.with_documentation)
        return sft_record(self.settings.system_instruction, user, self.target(example))

    def schema(self, example: Example) -> str:
        """The schema of a row's user turn; raises UserError for an unknown database."""
        entry = find_entry(self.entries, example.db_name)
        settings = self.settings
        if settings.schema == "none" or not (settings.linked or settings.distractors):
            return schema_text(entry, settings.schema)
        dice = random.Random(f"{settings.seed} {example.question_id}")
        if settings.linked:
            used = used_collections(entry, names(example.program or ""))
            others = [name for name in collection_names(entry) if name not in used]
            return partial_schema_text(entry, settings.schema, used.union(_some(others, settings.distractors, dice)))
        foreign = _some(self._foreign(entry), settings.distractors, dice)
        return partial_schema_text(entry, settings.schema, None, tuple(foreign))

    def target(self, example: Example) -> str:
        """The model's turn: the program, alone, fenced, or after a plan in words."""
        program = (example.program or "").strip()
        if self.settings.target == "code":
            return program
        fenced = f"```python\n{program}\n```"
        if self.settings.target == "fenced":
            return fenced
        plan = example.rationale or rationale(program, graph_names(find_entry(self.entries, example.db_name)))
        return f"{_FENCE.sub('', plan).strip()}\n\n{fenced}"

    def _foreign(self, entry: DatabaseEntry) -> list[tuple[DatabaseEntry, str]]:
        """Collections of other graphs, each name once and none that the own graph has."""
        by_name: dict[str, DatabaseEntry] = {}
        for other in sorted(self.entries.values(), key=lambda each: each.name, reverse=True):
            by_name |= dict.fromkeys(collection_names(other), other)
        own = collection_names(entry)
        return sorted(((other, name) for name, other in by_name.items() if name not in own), key=lambda pair: pair[1])


def _some(choices: Sequence[T], count: int, dice: random.Random) -> list[T]:
    return dice.sample(choices, min(count, len(choices)))
