"""Work in several processes."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from utils.core.parallel import FEW, map_batches
from utils.core.paths import PROJECT_ROOT

SCRIPT = """
import os
import sys
print("loaded", flush=True)
from utils.core.parallel import FEW, map_batches
if __name__ == "__main__":
    before = {name: vars(sys.modules["__main__"]).get(name, "none") for name in ("__file__", "__spec__")}
    assert sum(map_batches(range(FEW + 700), len, workers=2)) == FEW + 700
    assert before == {name: vars(sys.modules["__main__"]).get(name, "none") for name in before}
    print("done", "__file__" in vars(sys.modules["__main__"]), flush=True)
"""


@pytest.mark.parametrize("as_file", [True, False])
def test_workers_do_not_import_the_script_and_leave_it_as_it_was(tmp_path: Path, as_file: bool) -> None:
    script = tmp_path / "script.py"
    script.write_text(SCRIPT, encoding="utf-8")
    command = [sys.executable, str(script)] if as_file else [sys.executable, "-c", SCRIPT]
    done = subprocess.run(
        command, cwd=PROJECT_ROOT, env={"PYTHONPATH": str(PROJECT_ROOT)}, capture_output=True, text=True, timeout=60
    )
    assert done.stderr == ""
    assert done.stdout.splitlines() == ["loaded", f"done {as_file}"]


def test_batches_come_in_their_order() -> None:
    sizes = list(map_batches(range(FEW + 1), len, workers=2))
    assert sum(sizes) == FEW + 1
    first = [batch[0] for batch in map_batches(range(FEW + 1), list, workers=2)]
    assert first == sorted(first)
