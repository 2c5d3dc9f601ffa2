"""Is an output still what its inputs make? Kept in a small file beside it, `.<name>.inputs.json`."""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Any

from utils.core.fingerprint import file_fingerprint, files_fingerprint, fingerprint
from utils.core.jsonl import whole_file
from utils.core.paths import PROJECT_ROOT


def input_state(files: Iterable[Path], settings: dict[str, Any]) -> dict[str, Any]:
    """What an output depends on: its input files' contents, its settings, and our code."""
    return {
        "files": {str(path): file_fingerprint(path) for path in sorted(set(files))},
        "settings": fingerprint(settings),
        "code": code_fingerprint(),
    }


def is_current(output: Path, state: dict[str, Any]) -> bool:
    """Whether `output` was made from exactly `state`."""
    return output.exists() and _recorded(output) == _with_output(output, state)


def record_state(output: Path, state: dict[str, Any]) -> None:
    """Note that `output` was made from `state`; call it after the output is written."""
    with whole_file(_sidecar(output)) as stream:
        json.dump(_with_output(output, state), stream, indent=1)


def stale_reason(output: Path) -> str:
    """Why `output` cannot be used as it stands; "" when it can."""
    if not output.exists():
        return "is missing"
    state = _recorded(output)
    if state is None or state.get("output") != file_fingerprint(output):
        return "is not complete"
    if state.get("code") != code_fingerprint():
        return "was made by another version of this project"
    for name, recorded in state["files"].items():
        path = Path(name)
        if not path.is_file() or file_fingerprint(path) != recorded:
            return f"is older than {path.name}"
    return ""


@cache
def code_fingerprint() -> str:
    """One hash over the project's Python files and templates."""
    rooms = [PROJECT_ROOT / "utils", PROJECT_ROOT / "retriver"]
    code = [path for room in rooms for path in room.rglob("*") if path.suffix in (".py", ".j2", ".css", ".js")]
    return files_fingerprint([*PROJECT_ROOT.glob("*.py"), *code])


def _with_output(output: Path, state: dict[str, Any]) -> dict[str, Any]:
    """`state` with the output's own content: a later run that failed half-way has written another one."""
    return {**state, "output": file_fingerprint(output)}


def _sidecar(output: Path) -> Path:
    return output.with_name(f".{output.name}.inputs.json")


def _recorded(output: Path) -> dict[str, Any] | None:
    path = _sidecar(output)
    if not path.is_file():
        return None
    try:
        recorded = json.loads(path.read_text(encoding="utf-8"))
    except json.JSONDecodeError:
        return None
    return recorded if isinstance(recorded, dict) else None
