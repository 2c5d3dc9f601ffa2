"""Versions of the set: a folder named by its inputs' content, complete or absent, and the link `latest`."""

from __future__ import annotations

import os
import shutil
import tempfile
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from utils.core.console import UserError
from utils.core.fingerprint import fingerprint
from utils.core.freshness import input_state
from utils.databases.catalog import DatabaseEntry

MANIFEST = "manifest.json"
_A_DAY_S = 24 * 3600  # no run writes one version for so long


def version_name(inputs: Iterable[Path], settings: object, entries: Mapping[str, DatabaseEntry]) -> str:
    """Twelve hex digits that stand for the inputs' contents, the settings and our code; paths do not matter."""
    state = input_state(inputs, {})
    sessions = {name: [entry.graph_name, entry.now, entry.configs] for name, entry in entries.items()}
    return fingerprint(sorted(state["files"].values()), state["code"], repr(settings), sessions)[:12]


def is_complete(folder: Path) -> bool:
    """Whether a version was written to its end: the manifest is written last."""
    return (folder / MANIFEST).is_file()


@contextmanager
def new_version(folder: Path) -> Iterator[Path]:
    """A folder to write into; it takes the name `folder` when the block ends without an error."""
    folder.parent.mkdir(parents=True, exist_ok=True)
    staging = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
    try:
        staging.chmod(0o755)
        yield staging
        if folder.exists():
            shutil.rmtree(folder)
        staging.rename(folder)
    except BaseException:
        shutil.rmtree(staging, ignore_errors=True)
        raise


def remove_older_versions(sft: Path, keep: int | None) -> None:
    """Keep the newest `keep` versions of a folder of versions (None: all), and `latest` whichever it is.

    What killed runs left half written goes, too, a day later.
    """
    if keep is None:
        return
    latest = (sft / "latest").resolve()
    versions = [folder for folder in sft.iterdir() if is_complete(folder) and not folder.is_symlink()]
    others = [folder for folder in versions if folder.resolve() != latest]
    others.sort(key=lambda folder: (folder / MANIFEST).stat().st_mtime, reverse=True)
    yesterday = time.time() - _A_DAY_S
    left_over = [folder for folder in sft.glob(".*") if folder.is_dir() and folder.stat().st_mtime < yesterday]
    for folder in [*others[keep - 1 :], *left_over]:
        shutil.rmtree(folder)


def point_latest_at(folder: Path) -> None:
    """Make the link `latest` beside `folder` point at it, in one step."""
    latest = folder.parent / "latest"
    if latest.is_dir() and not latest.is_symlink():
        raise UserError(f"{latest}: is a folder, expected a link to a version; move it away")
    link = folder.parent / f".latest-{os.getpid()}"
    link.unlink(missing_ok=True)
    link.symlink_to(folder.name, target_is_directory=True)
    link.replace(latest)
