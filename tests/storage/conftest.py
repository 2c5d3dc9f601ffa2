"""An emulator for each file of tests; a proxy before it and a bucket in it for each test."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import count

import pytest

from tests.loopback.storage_emulator import storage_emulator
from tests.loopback.storage_proxy import StorageProxy
from tests.storage.support import Bucket

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def emulator() -> Iterator[str]:
    with storage_emulator() as url:
        yield url


@pytest.fixture
def proxy(emulator: str, monkeypatch: pytest.MonkeyPatch) -> Iterator[StorageProxy]:
    with StorageProxy(emulator) as proxy:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", proxy.url)
        yield proxy


@pytest.fixture
def bucket(emulator: str) -> Bucket:
    return Bucket(emulator, f"published-{next(_NUMBERS)}")
