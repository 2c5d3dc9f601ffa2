"""The rows as the page holds them: JSON that no text in it can leave, equal texts stored once."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, TextIO

from markupsafe import Markup

from utils.core.console import UserError
from utils.core.jsonl import read_json_lines
from utils.dataset.prompt_template import parts_of_user_turn
from utils.dataset.report.outcomes import is_written
from utils.dataset.report.sampling import picks
from utils.dataset.report.summary import Summary

MAX_ROWS = 20_000
MAX_TEXT = 20_000  # characters of one text
MAX_SHARED = 10_000_000  # characters of all schemas, and of all documentation
MAX_RESULT_ROWS = 50
_SAFE_INTEGER = 2**53  # JavaScript has no whole numbers beyond
_AS_THEY_ARE = ("outcome", "detail", "tier", "difficulty", "origin", "source", "operators", "template", "tokens")


@dataclass
class SharedTexts:
    """Texts that many rows have in common, each stored once; no more than `room` characters in all."""

    room: int = MAX_SHARED
    texts: list[str] = field(default_factory=list)
    _places: dict[str, int] = field(default_factory=dict)

    def place(self, text: str) -> int | None:
        """Where `text` stands in `texts`; None when there is no room for it."""
        text = cut(text)
        if text not in self._places:
            if len(text) > self.room:
                return None
            self.room -= len(text)
            self._places[text] = len(self.texts)
            self.texts.append(text)
        return self._places[text]


@dataclass
class EmbeddedRows:
    """Streams a version's rows into the page; the shared texts are complete when all rows have passed."""

    folder: Path
    summary: Summary
    limit: int = MAX_ROWS
    schemas: SharedTexts = field(default_factory=SharedTexts)
    documentation: SharedTexts = field(default_factory=SharedTexts)

    @property
    def count(self) -> int:
        """How many rows the page holds."""
        return min(self.limit, self.summary.rows)

    def pieces(self) -> Iterator[Markup]:
        """The rows as the pieces of one JSON array.

        Raises UserError where a file has fewer lines than rows.jsonl says.
        """
        yield Markup("[")
        separator = ""
        for number, row, line in self._chosen():
            yield Markup(separator) + script_json(self._embedded(number, row, line))
            separator = ",\n"
        yield Markup("]")

    def texts(self) -> Markup:
        """The schemas and the documentation that the rows point at."""
        return script_json({"schemas": self.schemas.texts, "documentation": self.documentation.texts})

    def _chosen(self) -> Iterator[tuple[int, dict[str, Any], _Line | None]]:
        pick_written, pick_left_out = picks(self.summary.written, self.summary.left_out, self.limit)
        with ExitStack() as stack:
            files: dict[str, _Lines] = {}
            for number, row in read_json_lines(self.folder / "rows.jsonl"):
                line = None
                if is_written(row):
                    side = row["outcome"]
                    if side not in files:
                        path = self.folder / f"{side}.jsonl"
                        files[side] = _Lines(path, stack.enter_context(open(path, encoding="utf-8")))
                    line = files[side].next()
                if (pick_left_out if line is None else pick_written).next():
                    yield number, row, line

    def _embedded(self, number: int, row: Mapping[str, Any], line: _Line | None) -> dict[str, Any]:
        question, target = row.get("question") or "", row.get("program") or ""
        told: dict[str, Any] = {
            "id": row.get("question_id"),
            "number": number,
            "db": row.get("db_name"),
            "benchmark": row.get("is_benchmark") or None,
            **{key: row.get(key) for key in _AS_THEY_ARE},
            "verdict": _verdict(row.get("verdict")),
            "answer": _answer(row.get("result")),
        }
        if line is not None:
            asked, schema, documentation = parts_of_user_turn(line.user)
            question, target = question or asked, line.model
            told["line"] = line.number
            told["schema"] = self.schemas.place(schema) if schema else None
            told["docs"] = self.documentation.place(documentation) if documentation else None
            told["unstored"] = [
                name
                for name, text, key in (("schema", schema, "schema"), ("documentation", documentation, "docs"))
                if text and told[key] is None
            ]
        told |= {"question": cut(question), "target": cut(target)}
        return {key: value for key, value in told.items() if value not in (None, "", [])}


@dataclass(frozen=True)
class _Line:
    number: int
    text: str

    @property
    def user(self) -> str:
        return self._turn(0)

    @property
    def model(self) -> str:
        return self._turn(-1)

    def _turn(self, index: int) -> str:
        text: str = json.loads(self.text)["contents"][index]["parts"][0]["text"]
        return text


@dataclass
class _Lines:
    """The lines of a file, one after another; only those asked for their turns are parsed."""

    path: Path
    stream: TextIO
    number: int = 0

    def next(self) -> _Line:
        text = next(self.stream, "")
        if not text.strip():
            raise UserError(
                f"{self.path}:{self.number + 1}: expected a line, because rows.jsonl has more rows written into this "
                "file; make the version again with merge_schema_data.py --force"
            )
        self.number += 1
        return _Line(self.number, text)


def cut(text: str) -> str:
    """`text`, or as much of it as the page holds and how much is missing."""
    if len(text) <= MAX_TEXT:
        return text
    return f"{text[:MAX_TEXT]}\n… {len(text) - MAX_TEXT:,} characters more"


def script_json(value: Any) -> Markup:
    """JSON that may stand in a script element: ASCII only, without `<`, and numbers that JavaScript can read."""
    return Markup(json.dumps(_readable(value), allow_nan=False, separators=(",", ":")).replace("<", "\\u003c"))


def _readable(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if isinstance(value, int) and abs(value) >= _SAFE_INTEGER:
        return str(value)
    if isinstance(value, dict):
        return {str(key): _readable(item) for key, item in value.items()}
    return [_readable(item) for item in value] if isinstance(value, list | tuple) else value


def _verdict(verdict: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not verdict:
        return None
    keys = ("status", "detail", "instances_passed", "instances_tried", "notes", "lints", "differs_on", "reasons")
    return {key: verdict[key] for key in keys if verdict.get(key)}


def _shown_cell(cell: Any) -> Any:
    """A cell as one reads it: long texts cut, and no digits that come from adding up binary fractions."""
    if isinstance(cell, str):
        return cut(cell)
    return float(f"{cell:.12g}") if isinstance(cell, float) else cell


def _answer(answer: Mapping[str, Any] | None) -> dict[str, Any] | None:
    if not answer:
        return None
    rows = answer.get("rows") or []
    shown = [[_shown_cell(cell) for cell in row] for row in rows[:MAX_RESULT_ROWS]]
    more = (answer.get("more") or 0) + len(rows) - len(shown)
    return {"columns": answer.get("columns") or [], "rows": shown, "more": more}
