"""`python -m retriver.search` and `.ingest` as a user runs them."""

from __future__ import annotations

import json
import socket
import subprocess
import sys
from pathlib import Path

from tests.retriver.support import run_module
from utils.core.paths import PROJECT_ROOT


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_search_prints_json_lines_and_builds_the_index_in_the_work_folder(manual: Path, tmp_path: Path) -> None:
    work = tmp_path / "work"
    done = run_module("retriver.search", "rank customers", "-k", "2", "--docs", str(manual), "--work-dir", str(work))
    assert (done.returncode, done.stderr) == (0, "")
    found = [json.loads(line) for line in done.stdout.splitlines()]
    assert list(found[0]) == ["passage_id", "path", "score", "text"]
    assert found[0]["path"] == "windows.md > Window functions > RANKING"
    assert len(found) <= 2
    assert sorted(file.suffix for file in (work / "cache").iterdir()) == [".lock", ".sqlite"]


def test_ingest_builds_the_embedded_index(manual: Path, tmp_path: Path) -> None:
    done = run_module("retriver.ingest", "--docs", str(manual), "--work-dir", str(tmp_path))
    assert done.returncode == 0
    assert "up to date" in done.stdout
    assert list((tmp_path / "cache").glob("index-*.sqlite"))


def test_wrong_use_is_told_in_one_line(tmp_path: Path) -> None:
    done = run_module("retriver.search", "x", "--docs", str(tmp_path), "--work-dir", str(tmp_path))
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {tmp_path}: no text in Markdown files")
    assert done.stderr.count("\n") == 1
    assert "expected a number from 1 to 1000" in run_module("retriver.search", "x", "-k", "0").stderr


def test_r2r_that_is_not_there_is_told_in_one_line_without_the_key(manual: Path) -> None:
    server = {"R2R_API_BASE": f"http://127.0.0.1:{free_port()}", "R2R_API_KEY": "pk_secret.sk_secret"}
    for module, arguments in (("retriver.search", ["x"]), ("retriver.ingest", ["--docs", str(manual)])):
        done = run_module(module, *arguments, "--backend", "r2r", **server)
        assert done.returncode == 2
        assert (
            done.stderr
            == f"error: R2R at {server['R2R_API_BASE']}: cannot connect; start the server or correct R2R_API_BASE\n"
        )


def test_the_embedded_search_does_not_wait_for_the_r2r_client(manual: Path, tmp_path: Path) -> None:
    code = "import sys; from retriver.search import main; main(sys.argv[1:]); sys.exit('r2r' in sys.modules)"
    arguments = ["rank", "--docs", str(manual), "--work-dir", str(tmp_path)]
    done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=PROJECT_ROOT, capture_output=True, timeout=60)
    assert done.returncode == 0
    assert done.stdout
