"""Build the embedded databases: TPC-H and broker, each as SQLite and as DuckDB file.

    python -m utils.databases.build [--work-dir DIR] [--force]

What exists and was built by the same recipe (generator sources and library versions) is left alone.
Each file is written under another name and renamed when whole, so two builds at once do no harm.
"""

from __future__ import annotations

import json
import os
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import duckdb

from utils.core.arguments import CommandLine
from utils.core.console import ExitCode, UserError, run_script
from utils.core.fingerprint import files_fingerprint, fingerprint
from utils.core.jsonl import whole_file
from utils.core.paths import DEFAULT_WORK_DIR, WorkDir
from utils.databases.broker import write_broker_duckdb, write_broker_sqlite
from utils.databases.tpch import write_tpch_duckdb, write_tpch_sqlite


@dataclass(frozen=True)
class Recipe:
    """How one file is made; `sources` are the files of this package whose change makes it stale."""

    file_name: str
    write: Callable[[Path], None]
    sources: str

    @property
    def version(self) -> str:
        """A hash that changes when the file would come out otherwise."""
        folder = Path(__file__).parent
        sources = [*folder.glob(self.sources), folder / "tables.py"]
        return fingerprint(files_fingerprint(sources), duckdb.__version__, sqlite3.sqlite_version)


RECIPES = (
    Recipe("tpch.sqlite", write_tpch_sqlite, "tpch.py"),
    Recipe("tpch.duckdb", write_tpch_duckdb, "tpch.py"),
    Recipe("broker.sqlite", write_broker_sqlite, "broker*.py"),
    Recipe("broker.duckdb", write_broker_duckdb, "broker*.py"),
)


def build_databases(work: WorkDir, force: bool = False) -> dict[str, float | None]:
    """Build what is missing or stale into `work.databases`.

    Returns the seconds each file took, or None where it was up to date. Raises UserError where an
    engine fails, OSError where the folder cannot be written.
    """
    work.databases.mkdir(parents=True, exist_ok=True)
    seconds: dict[str, float | None] = {}
    for recipe in RECIPES:
        path = work.databases / recipe.file_name
        if path.is_file() and not force and _read_versions(work).get(recipe.file_name) == recipe.version:
            seconds[recipe.file_name] = None
            continue
        started = time.monotonic()
        _write_whole(path, recipe.write)
        _remember(work, recipe)
        seconds[recipe.file_name] = time.monotonic() - started
    return seconds


def _write_whole(path: Path, write: Callable[[Path], None]) -> None:
    with tempfile.TemporaryDirectory(dir=path.parent, prefix=f".{path.name}.") as folder:
        unfinished = Path(folder) / path.name
        try:
            write(unfinished)
        except (sqlite3.Error, duckdb.Error) as error:
            reason = " ".join(str(error).split())
            raise UserError(f"{path}: could not be built ({reason}); check that the disk has 50 MB free") from error
        with open(unfinished, "rb") as stream:
            os.fsync(stream.fileno())
        unfinished.replace(path)


def _versions_file(work: WorkDir) -> Path:
    return work.databases / "recipes.json"


def _read_versions(work: WorkDir) -> dict[str, str]:
    """The recipe each file was built by; what cannot be read counts as not built."""
    try:
        found = json.loads(_versions_file(work).read_text(encoding="utf-8"))
    except (FileNotFoundError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def _remember(work: WorkDir, recipe: Recipe) -> None:
    versions = _read_versions(work) | {recipe.file_name: recipe.version}
    with whole_file(_versions_file(work)) as stream:
        json.dump(versions, stream, indent=2, sort_keys=True)
        stream.write("\n")


def main(argv: list[str] | None = None) -> int:
    """Build, and say of each file how long it took or that it is up to date."""
    description = (__doc__ or "").splitlines()[0]
    parser = CommandLine(prog="python -m utils.databases.build", description=description)
    parser.add_argument("--work-dir", type=Path, default=DEFAULT_WORK_DIR, help="folder that gets or has databases/")
    parser.add_argument("--force", action="store_true", help="build also what is up to date")
    args = parser.parse_args(argv)
    for file_name, seconds in build_databases(WorkDir(args.work_dir), args.force).items():
        print(f"{file_name}: " + ("up to date" if seconds is None else f"built in {seconds:.1f} s"))
    return ExitCode.DONE


if __name__ == "__main__":
    sys.exit(run_script(main))
