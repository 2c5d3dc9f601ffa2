"""What the tests of this room share: stage files made by hand, and a release of them."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from utils.core.jsonl import write_jsonl
from utils.core.paths import WorkDir
from utils.core.records import Answer, Example, Verdict
from utils.databases.catalog import built_in_entries
from utils.dataset.decontaminate import Contamination
from utils.dataset.leakage import checked_leakage
from utils.dataset.release import ReleaseCounts, ReleaseSettings, write_release
from utils.dataset.rendering import LineSettings, Rendering
from utils.dataset.selection import Caps
from utils.dataset.splits import SplitRule

ENTRIES = built_in_entries(WorkDir(Path("/nowhere")))


def example(name: str, **changes: Any) -> Example:
    """An accepted row; its program and question are its own."""
    values = {
        "question_id": name,
        "db_name": "tpch",
        "question": f"What about {name}?",
        "source": f"q.csv:{name}",
        "status": "accepted",
        "program": f"result = nations.WHERE(name == {name!r})",
        "verdict": Verdict(status="match", instances_passed=1, instances_tried=1),
        "tier": "gold",
        "origin": "corpus",
        "documentation": f"About {name}.",
    }
    return Example(**(values | changes))


def answer(name: str, **changes: Any) -> Answer:
    values = {"question_id": name, "question": f"How to {name}?", "status": "answered", "answer": f"So: {name}."}
    return Answer(**(values | changes))


def released(
    folder: Path,
    examples: Iterable[Example],
    answers: Iterable[Answer] = (),
    known: Iterable[str] | None = None,
    contamination: Contamination | None = None,
    **settings: Any,
) -> ReleaseCounts:
    """Write stage files, and a release of them into `folder`.

    `known` are the ids in the question files; `settings` are fields of LineSettings, SplitRule, Caps and ReleaseSettings.
    """
    rows = list(examples)
    work = WorkDir(folder)
    write_jsonl(work.stage("generated"), rows)
    write_jsonl(work.stage("basicq"), answers)
    ids = [row.question_id for row in rows] if known is None else list(known)
    databases = [(row.question_id, row.db_name) for row in rows if row.question_id in ids]
    stages = work.stage("generated"), work.stage("basicq")
    return write_release(folder, *stages, databases, *release_settings(**settings), contamination)


def release_settings(**settings: Any) -> tuple[Rendering, ReleaseSettings]:
    """A rendering and the settings of a release, from the fields of what they are made of."""

    def made(kind: Any) -> Any:
        names = {field.name for field in fields(kind)} & set(settings)
        return kind(**{name: settings[name] for name in names})

    known = {field.name for kind in (LineSettings, SplitRule, Caps, ReleaseSettings) for field in fields(kind)}
    assert set(settings) <= known, settings
    release = replace(made(ReleaseSettings), split=made(SplitRule), caps=made(Caps))
    return Rendering(ENTRIES, made(LineSettings)), release


def leaks(folder: Path, **settings: Any) -> dict[str, Any]:
    """The leakage matrix of a release, checked; `settings` as those of `released`."""
    rendering, release = release_settings(**settings)
    return checked_leakage(folder, release.split, rendering.settings.target)


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def outcomes(folder: Path) -> dict[str, str]:
    return {row["question_id"] or row["source"]: row["outcome"] for row in lines(folder / "rows.jsonl")}
