import sqlite3

import pytest

from utils.core.paths import WorkDir
from utils.databases.build import build_databases


@pytest.fixture(scope="session")
def built(tmp_path_factory):
    """A work folder with all four databases, built once."""
    work = WorkDir(tmp_path_factory.mktemp("work"))
    build_databases(work)
    return work


@pytest.fixture
def broker(built):
    connection = sqlite3.connect(f"{(built.databases / 'broker.sqlite').as_uri()}?mode=ro", uri=True)
    yield connection
    connection.close()
