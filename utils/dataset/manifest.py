"""The manifest of a version: what went in, what came out, with what; its counts add up."""

from __future__ import annotations

import json
import platform
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import asdict
from datetime import UTC, datetime
from importlib.metadata import version as package_version
from pathlib import Path
from typing import Any

from pydantic import BaseModel

from utils.core.console import UserError
from utils.core.fingerprint import file_fingerprint
from utils.core.jsonl import read_records_or_errors, whole_file
from utils.core.paths import WorkDir
from utils.databases.catalog import DatabaseEntry
from utils.dataset.release import WRITTEN, ReleaseCounts
from utils.dataset.versions import MANIFEST
from utils.gemini.spending import spent_by_model
from utils.programs.language import language_operators

LICENCE = "Apache-2.0 for questions and programs of this project; rows of your own keep their licence"
RELEASE_STAGE = "4 merge_schema_data"
_PACKAGES = ("pydough", "sqlglot", "duckdb", "google-genai", "r2r", "pandas")
_STAGES = {
    "1 basicQ_retrieve_pydough": "basicq",
    "2 retrieve_pydough": "documented",
    "3 generate_finetuning_data_gemini": "generated",
}


def build_manifest(
    version: str,
    folder: Path,
    counts: ReleaseCounts,
    checks: Mapping[str, Any],
    settings: Mapping[str, Any],
    inputs: Iterable[Path],
    entries: Mapping[str, DatabaseEntry],
    work: WorkDir,
) -> dict[str, Any]:
    """The manifest of the files just written into `folder`; raises RuntimeError if a stage's counts do not add up.

    `checks` are what was found about the files, by name; `settings` are dataclasses by name.
    """
    stages = {title: stage_counts(work.stage(name)) for title, name in _STAGES.items() if work.stage(name).is_file()}
    stages[RELEASE_STAGE] = _with_total(counts.rows)
    stages["4 basicq"] = _with_total(counts.answers)
    if counts.rows.total() != stages["3 generate_finetuning_data_gemini"]["rows"]:
        raise RuntimeError(f"{counts.rows.total()} rows decided, but stage 3 wrote another number")
    return {
        "version": version,
        "created_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "counts": stages,
        "databases": _by_side(counts.databases),
        "tiers": _by_side(counts.tiers),
        "difficulty": _by_side(counts.difficulty),
        "operators": dict(sorted(counts.operators.items(), key=lambda item: (-item[1], item[0]))),
        "operators_unused": sorted(language_operators() - set(counts.operators)),
        **checks,
        "cost": _cost(work.ledger, counts),
        "settings": {name: _plain(values) for name, values in settings.items()},
        "sessions": {
            name: {"graph": entry.graph_name, "now": entry.now, "configs": entry.configs}
            for name, entry in sorted(entries.items())
        },
        "versions": {"python": platform.python_version(), **{name: package_version(name) for name in _PACKAGES}},
        "inputs": {f"{path.parent.name}/{path.name}": file_fingerprint(path) for path in sorted(inputs)},
        "licence": LICENCE,
        "files": {path.name: file_entry(path) for path in sorted(folder.glob("*.jsonl"))},
    }


def write_manifest(folder: Path, manifest: dict[str, Any]) -> None:
    """Write the manifest; do it last, so that its existence means the version is complete."""
    with whole_file(folder / MANIFEST) as stream:
        json.dump(manifest, stream, indent=2, ensure_ascii=False)


def read_manifest(folder: Path) -> dict[str, Any]:
    """The manifest of a complete version."""
    manifest: dict[str, Any] = json.loads((folder / MANIFEST).read_text(encoding="utf-8"))
    return manifest


def shrunk(folder: Path, most: float | None) -> bool:
    """Whether a version lost more than a share of the rows that the published one beside it has; told in a line."""
    latest = folder.parent / "latest"
    if most is None or not (latest / MANIFEST).is_file() or latest.resolve() == folder.resolve():
        return False
    before, now = (_examples(read_manifest(one)) for one in (latest, folder))
    if now >= (1 - most) * before:
        return False
    print(f"below target: {now:,} rows, the last version has {before:,}; --max-shrink allows to lose {most:.0%}")
    return True


def _examples(manifest: dict[str, Any]) -> int:
    return sum(sum(sides.values()) for sides in manifest["databases"].values())


def stage_counts(path: Path) -> dict[str, int]:
    """How many lines of a stage's file have which status (`invalid`: cannot be read), and `rows`, their sum."""
    lines = (line for _number, line in read_records_or_errors(path, _WithStatus))
    return _with_total(Counter("invalid" if isinstance(line, UserError) else line.status for line in lines))


class _WithStatus(BaseModel):
    status: str


def file_entry(path: Path) -> dict[str, Any]:
    """Lines, bytes and SHA-256 of a written file."""
    with open(path, "rb") as stream:
        lines = sum(chunk.count(b"\n") for chunk in iter(lambda: stream.read(1 << 20), b""))
    return {"rows": lines, "bytes": path.stat().st_size, "sha256": file_fingerprint(path)}


def _with_total(counts: Counter[str]) -> dict[str, int]:
    return {"rows": counts.total(), **dict(sorted(counts.items()))}


def _by_side(counts: Counter[tuple[str, str]]) -> dict[str, dict[str, int]]:
    """Counts by (name, side) as a table: every name with train, validation and each other side that any of them has."""
    sides = [side for side in WRITTEN if side in WRITTEN[:2] or any(side == found for _name, found in counts)]
    return {name: {side: counts[name, side] for side in sides} for name in sorted({name for name, _side in counts})}


def _cost(ledger: Path, counts: ReleaseCounts) -> dict[str, Any]:
    """What all calls in the ledger have cost, and for each row that is in the set."""
    models = spent_by_model(ledger)
    prices = [spent["usd"] for spent in models.values()]
    usd = None if None in prices else sum(price for price in prices if price is not None)
    written = sum(counts.databases.values())
    return {
        "usd": usd,
        "calls": sum(spent["calls"] or 0 for spent in models.values()),
        "usd_per_accepted": None if usd is None or not written else usd / written,
        "models": models,
    }


def _plain(settings: Any) -> Any:
    """A dataclass of settings as JSON can hold it."""
    return json.loads(json.dumps(asdict(settings), default=sorted))
