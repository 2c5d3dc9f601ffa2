"""Stages 1 to 3, run once for all tests that start from their files."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.end_to_end.support import BUSINESS, LANGUAGE, LANGUAGE_COLUMNS, copy_stages, make, write_questions
from utils.core.paths import WorkDir


@pytest.fixture(scope="session")
def staged(databases: WorkDir, tmp_path_factory: pytest.TempPathFactory) -> WorkDir:
    """A work folder with the stages of `questions.csv` and `language.csv`; tests leave these as they are."""
    root = tmp_path_factory.mktemp("staged")
    (root / "databases").symlink_to(databases.databases, target_is_directory=True)
    questions = write_questions(root / "questions.csv", BUSINESS)
    language = write_questions(root / "language.csv", LANGUAGE, LANGUAGE_COLUMNS)
    make(1, root, "--provider", "corpus", "--questions", language)
    for stage in (2, 3):
        make(stage, root, "--provider", "corpus", "--questions", questions)
    return WorkDir(root)


@pytest.fixture
def staged_copy(staged: WorkDir, tmp_path: Path) -> WorkDir:
    """A copy of these stages of one test's own; its question files are those of `staged`."""
    return copy_stages(staged, tmp_path / "copy")
