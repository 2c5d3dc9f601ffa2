"""What the tests of this room share: running a module as a user would."""

from __future__ import annotations

import os
import subprocess
import sys

from utils.core.paths import PROJECT_ROOT


def run_module(module: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m module arguments`, without R2R settings of the caller's."""
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("R2R_")}
    return subprocess.run(
        [sys.executable, "-m", module, *arguments],
        cwd=PROJECT_ROOT,
        env=inherited | environment,
        capture_output=True,
        text=True,
        timeout=300,
    )
