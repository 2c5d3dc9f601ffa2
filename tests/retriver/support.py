"""What the tests of this room share: running modules and scripts as a user would."""

from __future__ import annotations

import os
import subprocess
import sys

from utils.core.paths import PROJECT_ROOT


def run_module(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m module arguments`, without R2R settings of the caller's."""
    return _run("-m", module, *arguments, **environment)


def run_script(script: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python script arguments`, likewise."""
    return _run(script, *arguments, **environment)


def _run(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("R2R_")}
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=PROJECT_ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
