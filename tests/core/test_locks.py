"""One run at a time: threads and processes wait for each other, and for no run that is over."""

from __future__ import annotations

import logging
import os
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from utils.core.locks import only_run
from utils.core.paths import PROJECT_ROOT

HOLD = """
import sys, time
from pathlib import Path
from utils.core.locks import only_run
with only_run(Path(sys.argv[1]), "upload"):
    print("held", flush=True)
    time.sleep(60)
"""


def test_who_waits_says_so_and_goes_on_after(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "pipeline")
    lock, order = tmp_path / "deep" / "lock", []
    entered = threading.Event()

    def other() -> None:
        entered.set()
        with only_run(lock, "upload"):
            order.append("other")

    thread = threading.Thread(target=other)
    with only_run(lock, "upload"):
        thread.start()
        entered.wait(10)
        thread.join(0.3)
        order.append("first")
    thread.join(10)
    assert order == ["first", "other"]
    assert [record.getMessage() for record in caplog.records] == [
        f"upload: another run is at it ({lock}); waiting until it ends"
    ]


def test_a_killed_run_holds_nobody_up(tmp_path: Path) -> None:
    lock = tmp_path / "lock"
    run = subprocess.Popen([sys.executable, "-c", HOLD, str(lock)], cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True)
    assert run.stdout is not None and run.stdout.readline() == "held\n"
    waited = threading.Timer(0.3, os.kill, (run.pid, signal.SIGKILL))
    waited.start()
    with only_run(lock, "upload"):
        assert run.wait(10) == -signal.SIGKILL


def test_an_error_in_the_block_lets_the_next_in(tmp_path: Path) -> None:
    with pytest.raises(ValueError), only_run(tmp_path / "lock", "upload"):
        raise ValueError
    with only_run(tmp_path / "lock", "upload"):
        pass
