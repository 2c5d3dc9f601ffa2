"""What is left to a process that has gone behind the walls, were a program to find a way around the allow-list."""

import json
import os
import subprocess
import sys
import textwrap
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
HELD_BY_LIMITS = ("read a file", "read .env", "write a file", "open by descriptor", "socket", "unix socket", "hoard")
SCRIPT = """
import json, os, socket, subprocess, threading, signal, ctypes, sys
from utils.programs import walls
from utils.programs.walls import close_in, limit_resources
if not FILTER:
    walls.filter_library = lambda: None
walls.filter_library()
libc = ctypes.CDLL(None, use_errno=True)
parent = os.getppid()
deeds = {
    "compute": lambda: sum(range(1000)),
    "allocate": lambda: len(bytes(10_000_000)),
    "read a file": lambda: open("/etc/passwd").read(),
    "read .env": lambda: open(".env").read(),
    "write a file": lambda: open(MARK, "w").write("x"),
    "open by descriptor": lambda: os.open("/etc/passwd", os.O_RDONLY),
    "list a folder": lambda: os.listdir("/"),
    "delete": lambda: os.remove(VICTIM),
    "rename": lambda: os.rename(VICTIM, VICTIM + "2"),
    "make a folder": lambda: os.mkdir(MARK),
    "link": lambda: os.symlink(VICTIM, MARK),
    "change the mode": lambda: os.chmod(VICTIM, 0o777),
    "socket": lambda: socket.socket(),
    "unix socket": lambda: socket.socket(socket.AF_UNIX),
    "connect": lambda: socket.create_connection(("127.0.0.1", 80), 1),
    "resolve": lambda: socket.getaddrinfo("localhost", 80),
    "fork": lambda: os.fork(),
    "process": lambda: subprocess.run(["true"]),
    "exec": lambda: os.execv("/bin/true", ["true"]),
    "system": lambda: failing(os.system("true")),
    "thread": lambda: threading.Thread(target=print).start(),
    "kill the parent": lambda: os.kill(parent, signal.SIGTERM),
    "kill a group": lambda: os.killpg(0, signal.SIGTERM),
    "another user": lambda: os.setuid(0 if os.getuid() else 1),
    "priority": lambda: os.nice(-5),
    "new root": lambda: os.chroot("/"),
    "change the folder": lambda: os.chdir("/"),
    "trace": lambda: failing(libc.ptrace(16, parent, 0, 0)),
    "memory of others": lambda: failing(libc.process_vm_readv(parent, None, 0, None, 0, 0)),
    "shared memory": lambda: failing(libc.memfd_create(b"x", 0)),
    "mount": lambda: failing(libc.mount(b"x", b"/mnt", b"tmpfs", 0, None)),
    "hoard": lambda: bytes(3_000_000_000),
}

def failing(code):
    if code != 0:
        raise OSError(ctypes.get_errno(), "refused")

limit_resources(1000, 64, file_bytes=0)
filtered = close_in()
found = {}
for name, deed in deeds.items():
    if not FILTER and name not in HELD_BY_LIMITS:  # the others would do harm
        continue
    try:
        deed()
        found[name] = ""
    except BaseException as error:
        found[name] = type(error).__name__
os.write(1, json.dumps({"filtered": filtered, "found": found}).encode())
"""


def attempted(tmp_path_factory: pytest.TempPathFactory, with_filter: bool) -> dict[str, str]:
    """What each deed ended with: the name of an error, or "" where it was let through."""
    folder = tmp_path_factory.mktemp("walls")
    victim = folder / "victim"
    victim.write_text("untouched")
    places = f"MARK, VICTIM = {str(folder / 'mark')!r}, {str(victim)!r}\n"
    names = f"FILTER = {with_filter}\nHELD_BY_LIMITS = {HELD_BY_LIMITS}\n{places}"
    done = subprocess.run(
        [sys.executable, "-c", names + textwrap.dedent(SCRIPT)],
        capture_output=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
    )
    assert done.returncode == 0, done.stderr.decode()
    told = json.loads(done.stdout)
    assert told["filtered"] is with_filter
    assert victim.read_text() == "untouched" and [path.name for path in folder.iterdir()] == ["victim"]
    return told["found"]


@pytest.fixture(scope="module")
def attempts(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    return attempted(tmp_path_factory, with_filter=True)


def test_it_can_still_compute(attempts: dict[str, str]) -> None:
    assert (attempts["compute"], attempts["allocate"]) == ("", "")


def test_everything_else_fails(attempts: dict[str, str]) -> None:
    assert [name for name, error in attempts.items() if not error] == ["compute", "allocate"]


def test_without_the_filter_the_limits_keep_files_and_sockets_closed(
    tmp_path_factory: pytest.TempPathFactory,
) -> None:
    found = attempted(tmp_path_factory, with_filter=False)
    assert set(found) == set(HELD_BY_LIMITS)
    assert [name for name, error in found.items() if not error] == []


def test_memory_is_limited(attempts: dict[str, str]) -> None:
    assert attempts["hoard"] == "MemoryError"
