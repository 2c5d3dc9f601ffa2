"""The README of a version: a dataset card as Hugging Face reads it, YAML front matter and Markdown.

https://huggingface.co/docs/hub/datasets-cards
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import ChainableUndefined, Environment, FileSystemLoader

from utils.core.jsonl import whole_file
from utils.dataset.formats import FORMATS, SPLIT_FILES, parquet_path
from utils.dataset.prompt_template import PROMPT_TEMPLATE

CARD = "README.md"
# Licences by the names that Hugging Face knows; any other is `other`, and its text stands in the card
LICENCES = frozenset(
    {"apache-2.0", "mit", "bsd-2-clause", "bsd-3-clause", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "cc-by-nc-4.0"}
    | {"cc-by-nc-sa-4.0", "odbl", "odc-by", "pddl", "cdla-permissive-2.0", "gpl-3.0", "mpl-2.0", "unlicense"}
)
_SIZES = (
    (1_000, "n<1K"),
    (10_000, "1K<n<10K"),
    (100_000, "10K<n<100K"),
    (1_000_000, "100K<n<1M"),
    (10_000_000, "1M<n<10M"),
)
_TIERS = {
    "gold": "proven against an independent SQL query, run on the same data",
    "vote": "no SQL query to prove it against: several different programs gave the same answer",
    "synthetic": "question and program made from the database's schema, without a model",
    "synthetic+paraphrase": "made from the schema, too, with the question put in other words",
    "doc": "an answer about the language, from its manual",
}


def write_card(folder: Path, manifest: Mapping[str, Any]) -> Path:
    """Write README.md of the version in `folder`; sections for which the manifest has nothing are left out."""
    templates = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        undefined=ChainableUndefined,  # a key that is missing is empty, and so are those below it
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,  # Markdown: names go through `cell`
    )
    templates.filters |= {"cell": markdown_cell, "quoted": json.dumps, "number": "{:,}".format}
    path = folder / CARD
    with whole_file(path) as stream:
        stream.write(templates.get_template("card.md.j2").render(_card_values(folder, manifest)))
    return path


def markdown_cell(value: Any) -> str:
    """A value as the text of a Markdown table cell: one line, and nothing of it is taken as HTML or as markup."""
    text = " ".join(str(value).split())
    for character in "\\`*_[]|":
        text = text.replace(character, f"\\{character}")
    return text.replace("&", "&amp;").replace("<", "&lt;")


def size_category(rows: int) -> str:
    """Hugging Face's name for a number of rows."""
    return next((name for limit, name in _SIZES if rows < limit), "10M<n<100M")


def _card_values(folder: Path, manifest: Mapping[str, Any]) -> dict[str, Any]:
    files = manifest.get("files") or {}
    splits = {split: files[f"{split}.jsonl"]["rows"] for split in SPLIT_FILES if f"{split}.jsonl" in files}
    licence = str(manifest.get("licence") or "").strip()
    tiers = manifest.get("tiers") or {}
    return {
        "manifest": manifest,
        "licence": licence,
        "licence_id": licence.lower() if licence.lower() in LICENCES else "other" if licence else "",
        "size": size_category(sum(splits.values())),
        "synthetic": any(tier.startswith("synthetic") for tier in tiers),
        "configs": _configs(folder),
        "splits": splits,
        "tables": {
            title: _table(manifest[key])
            for title, key in (("tier", "tiers"), ("difficulty", "difficulty"), ("database", "databases"))
            if manifest.get(key)
        },
        "tier_meanings": {tier: _TIERS.get(tier, "") for tier in tiers},
        "leakage": _leakage(manifest.get("leakage") or {}),
        "formats": [name for name in FORMATS if (folder / name).is_dir()],
        "has_template": (folder / PROMPT_TEMPLATE).is_file(),
    }


def _configs(folder: Path) -> dict[str, dict[str, str]]:
    """For each configuration, its splits that are not empty and their files: Parquet where there is some."""
    configs: dict[str, dict[str, str]] = {}
    for name in SPLIT_FILES:
        lines = folder / f"{name}.jsonl"
        if not lines.is_file() or not lines.stat().st_size:  # readers fail on a split without rows
            continue
        parquet = parquet_path(folder, name)
        config = "basicq" if name.startswith("basicq_") else "default"
        file = parquet if parquet.is_file() else lines
        configs.setdefault(config, {})[name.removeprefix("basicq_")] = file.relative_to(folder).as_posix()
    return configs


def _table(counts: Mapping[str, Mapping[str, int]]) -> dict[str, Any]:
    """Counts by name and side as a table with one column a side."""
    found = {side for row in counts.values() for side in row}
    sides = [side for side in SPLIT_FILES if side in found] + sorted(found - set(SPLIT_FILES))
    return {"sides": sides, "rows": {name: [row.get(side, 0) for side in sides] for name, row in counts.items()}}


def _leakage(found: Mapping[str, Any]) -> dict[str, Any]:
    """The leakage matrix as a table: what may be the same in two splits, and how often it is."""
    pairs = found.get("pairs") or []
    kinds = [kind for kind in pairs[0] if kind != "between"] if pairs else []
    rows = [{"between": pair["between"], "counts": [pair.get(kind, 0) for kind in kinds]} for pair in pairs]
    return {"kinds": kinds, "pairs": rows, "forbidden": found.get("forbidden") or []}
