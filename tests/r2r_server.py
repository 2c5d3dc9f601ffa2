"""A real R2R server for tests and benchmarks, through setup_r2r.sh itself: `with running_server() as server: ...`.

Needs the environment that `retriver/setup_r2r.sh install` makes; `why_not()` says what is missing. The server lies in
a folder of its own, on free ports, and is stopped and removed at the end.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from utils.core.paths import DEFAULT_WORK_DIR, PROJECT_ROOT

SCRIPT = PROJECT_ROOT / "retriver" / "setup_r2r.sh"
START_S = 240


@dataclass(frozen=True)
class RunningServer:
    """A server that answers; `home` holds its files."""

    base_url: str
    api_key: str | None
    home: Path


def installed_environment() -> Path:
    """Where the R2R environment is or would be."""
    home = Path(os.environ.get("R2R_HOME") or DEFAULT_WORK_DIR / "r2r")
    return Path(os.environ.get("R2R_VENV") or home / "venv").absolute()


def is_installed() -> bool:
    """Whether `retriver/setup_r2r.sh install` has been run."""
    return (installed_environment() / ".installed").is_file()


def why_not() -> str | None:
    """Why no server can be started here; None if one can."""
    if not is_installed():
        return f"R2R is not installed in {installed_environment()}: run `retriver/setup_r2r.sh install`"
    return None


def setup_r2r(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run setup_r2r.sh for `home`, with the installed environment and without settings of the caller's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith(("R2R_", "GOOGLE_"))}
    given = {"R2R_HOME": str(home), "R2R_VENV": str(installed_environment())}
    return subprocess.run(
        [str(SCRIPT), *arguments],
        env=inherited | given | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=START_S,
    )


@contextmanager
def running_server(home: Path | None = None, *, require_key: bool = True) -> Iterator[RunningServer]:
    """A server of one's own, empty; with `require_key` it answers only who has the key.

    It lies in `home`, by default a new temporary folder, and `home` is removed at the end. As root, `home` must be
    where PostgreSQL's account can reach it: not in pytest's `tmp_path`.
    """
    home = home or Path(tempfile.mkdtemp(prefix="r2r-"))
    home.mkdir(parents=True, exist_ok=True)
    home.chmod(0o711)  # as root, PostgreSQL runs as another account
    try:
        start = setup_r2r(home, "start", R2R_REQUIRE_KEY=str(int(require_key)))
        if start.returncode:
            raise RuntimeError(f"no R2R server: {start.stderr.strip() or start.stdout.strip()}")
        base_url = next(
            line.partition("=")[2] for line in start.stdout.splitlines() if line.startswith("R2R_API_BASE=")
        )
        api_key = None
        if require_key:
            key = setup_r2r(home, "key")
            if key.returncode:
                raise RuntimeError(f"no R2R key: {key.stderr.strip()}")
            api_key = (home / "api_key").read_text("utf-8").strip()
        yield RunningServer(base_url, api_key, home)
    finally:
        setup_r2r(home, "stop")
        shutil.rmtree(home, ignore_errors=True)
