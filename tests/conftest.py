"""What all tests share: the embedded databases, built once a session."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from utils.core.paths import WorkDir
from utils.databases import build


@pytest.fixture(scope="session", autouse=True)
def _search_by_words() -> None:
    """Every test's fresh work folder would embed the whole manual; those of semantic retrieval ask for it by flag."""
    os.environ["RETRIEVAL_SEARCH"] = "keywords"


@pytest.fixture(scope="session")
def databases(tmp_path_factory: pytest.TempPathFactory) -> WorkDir:
    """A work folder whose four databases are built; shared by all workers of a test run."""
    shared = tmp_path_factory.getbasetemp()
    if os.environ.get("PYTEST_XDIST_WORKER"):
        shared = shared.parent
    root = shared / "work"
    assert build.main(["--work-dir", str(root)]) == 0
    return WorkDir(root)


@pytest.fixture
def work(databases: WorkDir, tmp_path: Path) -> WorkDir:
    """A work folder of one test's own, with the databases linked in."""
    (tmp_path / "databases").mkdir()
    for file in databases.databases.iterdir():
        if file.name == "recipes.json":
            shutil.copy(file, tmp_path / "databases")
        elif not file.name.startswith("."):  # those another test process is building
            (tmp_path / "databases" / file.name).hardlink_to(file)
    return WorkDir(tmp_path)
