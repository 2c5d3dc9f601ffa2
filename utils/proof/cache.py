"""Verdicts kept by content: the same program, gold, database, graph, settings and code are not proven twice."""

from __future__ import annotations

from functools import cache
from pathlib import Path

from utils.core.console import UserError
from utils.core.fingerprint import file_fingerprint, files_fingerprint, fingerprint
from utils.core.kept import NEVER_KEPT, Kept
from utils.core.paths import PROJECT_ROOT
from utils.core.records import Verdict
from utils.databases.catalog import DatabaseEntry
from utils.databases.connect import database_fingerprint, is_file
from utils.databases.entries import last_changes
from utils.proof.tasks import ProofTask


class VerdictCache:
    """Verdicts in one SQLite file, safe to share between processes."""

    def __init__(self, path: Path) -> None:
        self._kept = Kept(path)
        self.hits = 0

    def close(self) -> None:
        """Release the file."""
        self._kept.close()

    def get(self, task: ProofTask) -> Verdict | None:
        """The verdict of an earlier proof of the very same thing; what a server holds may have changed since."""
        key = _key_of_kept(task)
        if key is None:
            return None
        text = self._kept.get(key)
        if text is None:
            return None
        self.hits += 1
        return Verdict.model_validate_json(text)

    def put(self, task: ProofTask, verdict: Verdict) -> None:
        """Keep a verdict that another run would reach too."""
        key = _key_of_kept(task)
        if key is None or verdict.status in NEVER_KEPT or not verdict.repeatable:
            return
        self._kept.put(key, verdict.model_dump_json())


def _key_of_kept(task: ProofTask) -> str | None:
    """A task's key; None where its contents cannot be hashed: a server's, or files that are missing."""
    try:
        return task_key(task) if is_file(task.entry.url) else None
    except (UserError, OSError):  # proving tells what is wrong, and costs this row only
        return None


def task_key(task: ProofTask) -> str:
    """What a verdict depends on: program, gold, database and graph contents, settings, clock and code."""
    return fingerprint(task.program, task.gold_sql, task.settings.state(), _entry_key(task.entry), _code_key())


_entry_keys: dict[str, str] = {}


def _entry_key(entry: DatabaseEntry) -> str:
    """Contents and settings of an entry; the files are read again only when they have changed."""
    urls = [entry.url, *([entry.twin_url] if entry.twin_url else [])]
    name = f"{entry!r} {last_changes(entry)}"
    if name not in _entry_keys:
        contents = [*map(database_fingerprint, urls), file_fingerprint(entry.graph_path)]
        _entry_keys[name] = fingerprint(*contents, entry.graph_name, entry.now, entry.configs)
    return _entry_keys[name]


@cache
def _code_key() -> str:
    from importlib.metadata import version

    rooms = [PROJECT_ROOT / "utils" / room for room in ("programs", "proof", "proof/fuzzing")]
    rooms.append(PROJECT_ROOT / "utils" / "databases")
    code = files_fingerprint(path for room in rooms for path in room.glob("*.py"))
    return fingerprint(code, version("pydough"), version("sqlglot"))
