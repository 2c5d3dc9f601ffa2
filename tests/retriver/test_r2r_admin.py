"""What setup_r2r.sh has Python do, and how the script answers wrong use; no server is started."""

from __future__ import annotations

import os
import stat
import subprocess
import tomllib
from pathlib import Path

import pytest

from retriver.r2r_admin import ADMIN, TEMPLATE, chat_model, rendered_config, with_variable, write_private
from utils.core.paths import PROJECT_ROOT

SCRIPT = PROJECT_ROOT / "retriver" / "setup_r2r.sh"


@pytest.mark.parametrize("require_key", [True, False])
def test_the_configuration_is_filled_in(require_key: bool) -> None:
    config = tomllib.loads(rendered_config(TEMPLATE.read_text("utf-8"), "a password", require_key, "gemini/x"))
    assert config["auth"]["require_authentication"] is require_key
    assert (config["auth"]["default_admin_email"], config["auth"]["default_admin_password"]) == (ADMIN, "a password")
    assert set(config["app"].values()) == {"gemini/x"}
    assert config["embedding"]["base_dimension"] == config["completion_embedding"]["base_dimension"] == 384


def test_gemini_writes_only_where_there_is_a_key() -> None:
    assert chat_model(None, None) == "openai/quoted-passages"
    assert chat_model("", "") == "openai/quoted-passages"
    assert chat_model("AIza", None) == "gemini/gemini-2.5-flash"
    assert chat_model("AIza", "gemini/other") == "gemini/other"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", "KEY=new\n"),
        ("A=1", "A=1\nKEY=new\n"),
        ("# KEY=no\nKEY=old\nKEYS=2\n", "# KEY=no\nKEY=new\nKEYS=2\n"),
        ("KEY=1\nKEY =2\n", "KEY=1\nKEY=new\n"),
    ],
)
def test_a_variable_takes_the_place_of_the_earlier_one(text: str, expected: str) -> None:
    assert with_variable(text, "KEY", "new") == expected


def test_private_files_are_private_whatever_was_there(tmp_path: Path) -> None:
    file = tmp_path / "key"
    file.write_text("old")
    file.chmod(0o644)
    write_private(file, "new")
    assert (file.read_text(), stat.S_IMODE(file.stat().st_mode)) == ("new", 0o600)
    assert list(tmp_path.iterdir()) == [file]


def run_script(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    inherited = {name: value for name, value in os.environ.items() if not name.startswith("R2R_")}
    return subprocess.run(
        [str(SCRIPT), *arguments],
        env=inherited | {"R2R_HOME": str(home)} | environment,
        capture_output=True,
        text=True,
        timeout=30,
    )


@pytest.mark.parametrize(
    ("arguments", "environment", "status", "told"),
    [
        ((), {}, 2, "usage: retriver/setup_r2r.sh COMMAND"),
        (("begin",), {}, 2, "usage: retriver/setup_r2r.sh COMMAND"),
        (("start",), {}, 2, "error: R2R is not installed in"),
        (("key",), {}, 2, "error: R2R does not run"),
        (("key", "--file"), {}, 2, "error: key: unknown option --file"),
        (("install",), {"R2R_PYTHON": "/bin/false"}, 2, "error: R2R needs Python 3.11 or 3.12"),
    ],
)
def test_wrong_use_of_the_script(tmp_path: Path, arguments, environment, status: int, told: str) -> None:
    done = run_script(tmp_path / "r2r", *arguments, **environment)
    assert done.returncode == status
    assert told in done.stderr
    assert done.stderr.startswith("usage") or done.stderr.count("\n") == 1
    assert done.stdout == ""


def test_the_script_says_what_does_not_run(tmp_path: Path) -> None:
    status = run_script(tmp_path / "r2r", "status")
    assert status.returncode == 3
    assert status.stdout == "not installed\npostgres does not run\nmodels does not run\nr2r does not run\n"
    assert run_script(tmp_path / "r2r", "stop").stdout == f"nothing runs in {tmp_path / 'r2r'}\n"
    assert "R2R_HOME" in run_script(tmp_path / "r2r", "--help").stdout
