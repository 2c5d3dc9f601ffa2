from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from utils.core import locks
from utils.core.console import Interrupted

HOLDER = """
import sys, time
from pathlib import Path
from utils.core.locks import hold_lock
hold_lock(Path(sys.argv[1]))
print("held", flush=True)
time.sleep(60)
"""


def _release_own() -> None:
    while locks._held:
        locks._held.pop().release()


def test_a_second_run_is_told_who_is_at_work_and_a_kill_frees_the_folder(tmp_path: Path) -> None:
    root = tmp_path / "new"
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, str(root)], stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout and holder.stdout.readline() == "held\n"
        with pytest.raises(Interrupted, match=rf"another run is at work in .*new \(process {holder.pid}, since 20"):
            locks.hold_lock(root)
    finally:
        holder.kill()
        holder.wait()
    locks.hold_lock(root)
    _release_own()


def test_two_folders_do_not_disturb_each_other(tmp_path: Path) -> None:
    locks.hold_lock(tmp_path / "one")
    locks.hold_lock(tmp_path / "other")
    _release_own()
