"""A PostgreSQL server of Debian's packages on loopback, for the length of a test run."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import psycopg

USER = "proof"


def binaries() -> Path | None:
    """Where the newest installed server's programs are; None where there is none."""
    found = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"), key=lambda path: int(path.parts[4]))
    return found[-1].parent if found else None


@contextmanager
def postgres_server(folder: Path) -> Iterator[str]:
    """Start a server and yield its URL, such as postgresql://proof@127.0.0.1:40001/postgres."""
    programs = binaries()
    assert programs is not None
    port = _free_port()
    as_user = _as_server_user(folder)
    _run([*as_user, programs / "initdb", "-D", folder / "data", "-U", USER, "-A", "trust", "-E", "UTF8", "--no-sync"])
    command = [*as_user, programs / "postgres", "-D", folder / "data", "-p", port, "-h", "127.0.0.1", "-k", folder]
    with open(folder / "log", "wb") as log:
        server = subprocess.Popen(list(map(str, [*command, "-F"])), stdout=log, stderr=log)
    url = f"postgresql://{USER}@127.0.0.1:{port}/postgres"
    try:
        _wait_for(url, folder / "log")
        yield url
    finally:
        server.send_signal(signal.SIGINT)  # at once, whoever is connected
        server.wait(30)


@contextmanager
def server_folder() -> Iterator[Path]:
    """A folder with a short path, which the server's own user may use."""
    folder = Path(tempfile.mkdtemp(prefix="pg-"))
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def _as_server_user(folder: Path) -> list[str]:
    """PostgreSQL refuses to run as root: its own user runs it then."""
    if os.geteuid() != 0:
        return []
    owner = pwd.getpwnam("postgres")
    os.chown(folder, owner.pw_uid, owner.pw_gid)
    return ["setpriv", f"--reuid={owner.pw_uid}", f"--regid={owner.pw_gid}", "--clear-groups"]


def _run(command: list[object]) -> None:
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=120)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _wait_for(url: str, log: Path) -> None:
    for _ in range(300):
        try:
            psycopg.connect(url, connect_timeout=2).close()
            return
        except psycopg.OperationalError:
            time.sleep(0.1)
    raise RuntimeError(log.read_text(errors="replace"))
