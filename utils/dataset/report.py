"""The report of a version: one self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from utils.core.jsonl import read_json_lines, whole_file

MAX_REJECTED = 500
MAX_SAMPLES = 40


def write_report(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `report.html` of the version in `folder` from its manifest, rows.jsonl and train.jsonl."""
    rejected: list[dict[str, Any]] = []
    for _number, row in read_json_lines(folder / "rows.jsonl"):
        if row["outcome"] not in ("train", "validation", "basicq") and len(rejected) < MAX_REJECTED:
            rejected.append(row)
    samples = []
    for _number, line in read_json_lines(folder / "train.jsonl"):
        question, program = (turn["parts"][0]["text"] for turn in line["contents"])
        samples.append({"question": question.split("\n\nDatabase Schema:")[0], "program": program})
        if len(samples) >= MAX_SAMPLES:
            break
    templates = Environment(loader=FileSystemLoader(Path(__file__).parent), undefined=StrictUndefined, autoescape=True)
    page = templates.get_template("report.html.j2").render(manifest=manifest, rejected=rejected, samples=samples)
    with whole_file(folder / "report.html") as stream:
        stream.write(page)
