"""Renders a version's page, piece by piece, from its manifest, rows.jsonl and training files."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from utils.core.jsonl import read_json_lines, whole_file
from utils.dataset.contract import MAX_TOKENS
from utils.dataset.report import figures
from utils.dataset.report.embedding import EmbeddedRows, script_json
from utils.dataset.report.outcomes import MEANINGS, SIDES
from utils.dataset.report.summary import Summary, summary_of

_HERE = Path(__file__).parent
_SCRIPTS = ("code.js", "row.js", "browser.js")


def write_report(folder: Path, manifest: dict[str, Any]) -> None:
    """Write `report.html` of the version in `folder`; keys that the manifest does not have leave sections out.

    Raises UserError where a file has fewer lines than rows.jsonl says.
    """
    summary = summary_of(row for _number, row in read_json_lines(folder / "rows.jsonl"))
    templates = Environment(
        loader=FileSystemLoader(_HERE), undefined=StrictUndefined, autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    templates.filters["grouped"] = lambda number: f"{number:,}"
    page = templates.get_template("page.html.j2")
    with whole_file(folder / "report.html") as stream:
        for piece in page.generate(_context(folder, manifest, summary)):
            stream.write(piece)


def _context(folder: Path, manifest: dict[str, Any], summary: Summary) -> dict[str, Any]:
    style = (_HERE / "style.css").read_text(encoding="utf-8")
    script = "\n".join((_HERE / name).read_text(encoding="utf-8") for name in _SCRIPTS)
    embedded = EmbeddedRows(folder, summary)
    return {
        "manifest": manifest,
        "summary": summary,
        "embedded": embedded,
        "facts": script_json({"rows": summary.rows, "meanings": MEANINGS, "sides": SIDES}),
        "style": Markup(style),
        "script": Markup(script),
        "style_hash": content_hash(style),
        "script_hash": content_hash(script),
        "funnels": [
            (title, steps)
            for title, language in (("Questions about the databases", False), ("Questions about the language", True))
            if (steps := figures.funnel(summary, language))
        ],
        "files": figures.written_by_side(summary),
        "reasons": figures.reasons(summary),
        "tiers": figures.bars(summary.tiers, manifest.get("tiers")),
        "databases": figures.bars(summary.databases, manifest.get("databases")),
        "difficulties": figures.bars(summary.difficulties, manifest.get("difficulty")),
        "operators": manifest.get("operators") or {},
        "unused": manifest.get("operators_unused") or [],
        "rare": figures.RARE,
        "lengths": figures.lengths(summary),
        "max_tokens": MAX_TOKENS,
        "leak_kinds": figures.leak_kinds(),
        "leakage": figures.leakage(manifest.get("leakage")),
        "cost": manifest.get("cost") or {},
        "settings": figures.scalars({**(manifest.get("settings") or {}), "seeds": manifest.get("seeds") or {}}),
        "sessions": {name: figures.scalars(told) for name, told in (manifest.get("sessions") or {}).items()},
        "versions": manifest.get("versions") or {},
    }


def content_hash(text: str) -> str:
    """The source expression that lets a Content-Security-Policy allow an inline element with this content."""
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"
