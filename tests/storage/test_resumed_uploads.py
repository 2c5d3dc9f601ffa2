"""A large file goes on where it was cut, also in another process; where it cannot, it is sent from its beginning.

The emulator cannot tell how much of an upload it has (it takes the question for the upload's end), so the proxy answers
that, from what it has passed on, as the service documents it. All else is the real client against the emulator.
"""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import requests

from tests.loopback.storage_proxy import StorageFault, StorageProxy
from tests.storage.support import LARGE, Bucket, make_version
from utils.core.console import ExitCode, UserError, mask_secrets
from utils.core.paths import PROJECT_ROOT
from utils.storage.publish import Published, publish
from utils.storage.sessions import Upload, UploadSessions

CHUNK = 8 * 1024 * 1024
SCRIPT = """
import logging, sys
from pathlib import Path
from utils.core.console import Interrupted, run_script
from utils.storage.publish import publish

def main() -> int:
    logging.getLogger("urllib3").setLevel(logging.DEBUG)  # tells the address of every request
    try:
        publish(Path(sys.argv[1]), sys.argv[2], "shop", Path(sys.argv[3]), retry_s=float(sys.argv[4]))
    except ConnectionError as error:
        raise Interrupted(str(error)) from error
    return 0

sys.exit(run_script(main))
"""


def command(folder: Path, bucket: Bucket, state: Path, retry_s: float = 10.0) -> list[str]:
    return [sys.executable, "-c", SCRIPT, str(folder), bucket.uri, str(state), str(retry_s)]


def upload(folder: Path, bucket: Bucket, state: Path, retry_s: float = 10.0) -> Published:
    return publish(folder, bucket.uri, "shop", state, retry_s)


def sessions_in(state: Path) -> list[Path]:
    return sorted(state.glob("*.json"))


def at(what: str, nth: int, proxy: StorageProxy):
    """From the nth request of a kind on."""
    return lambda kind, _name: kind == what and len(proxy.of(what)) >= nth


def cut_after_a_chunk(folder: Path, bucket: Bucket, state: Path, proxy: StorageProxy) -> None:
    """An upload of which the service has the first chunk, and that could not go on."""
    proxy.faults = [StorageFault("status", at("chunk", 1, proxy), times=10_000)]
    with pytest.raises(ConnectionError, match=r"503"):
        upload(folder, bucket, state, retry_s=0.3)
    proxy.faults.clear()
    [begun] = proxy.uploads.values()
    assert begun.kept == CHUNK
    assert len(sessions_in(state)) == 1
    proxy.seen.clear()


def test_a_run_killed_in_the_middle_of_a_chunk_is_gone_on_with_by_another(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket
) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"
    in_the_middle, killed = threading.Event(), threading.Event()

    def wait() -> None:
        in_the_middle.set()
        killed.wait(30)

    proxy.faults = [StorageFault("cut", at("chunk", 1, proxy), call=wait)]
    run = subprocess.Popen(command(folder, bucket, state), cwd=PROJECT_ROOT)
    try:
        assert in_the_middle.wait(30)
    finally:
        os.kill(run.pid, signal.SIGKILL)
        run.wait()
        killed.set()
    while not any(one.what == "chunk" and one.status == 0 for one in proxy.seen):
        time.sleep(0.01)
    assert not bucket.names() & {"sets/v1/train.jsonl", "sets/v1/manifest.json", "sets/latest.json"}
    [begun] = proxy.uploads.values()
    assert CHUNK <= begun.kept < 2 * CHUNK
    kept, small = begun.kept, bucket.names()
    assert small  # the others had been written
    proxy.seen.clear()
    subprocess.run(command(folder, bucket, state), cwd=PROJECT_ROOT, check=True)
    assert proxy.bytes_sent("train.jsonl") == LARGE - kept
    assert (len(proxy.of("begin")), len(proxy.of("status"))) == (0, 1)
    assert not {f"sets/v1/{name}" for name in proxy.written()} & small
    assert bucket.holds(folder)
    assert bucket.latest()["version"] == "v1"
    assert sessions_in(state) == []


def test_what_stopped_for_a_service_that_was_down_goes_on(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"
    cut_after_a_chunk(folder, bucket, state, proxy)
    upload(folder, bucket, state)
    assert proxy.bytes_sent("train.jsonl") == LARGE - CHUNK
    assert bucket.holds(folder)
    assert sessions_in(state) == []


def test_where_an_upload_goes_on_is_kept_from_others_and_from_every_log(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket
) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"
    proxy.faults = [
        StorageFault("cut", at("chunk", 1, proxy)),
        StorageFault("status", at("chunk", 1, proxy), times=10_000),
    ]
    told = subprocess.run(command(folder, bucket, state, 1.0), cwd=PROJECT_ROOT, capture_output=True, text=True)
    proxy.faults = [StorageFault("status", lambda what, _name: what == "chunk", times=10_000, status=403)]
    again = subprocess.run(command(folder, bucket, state, 1.0), cwd=PROJECT_ROOT, capture_output=True, text=True)
    assert (told.returncode, again.returncode) == (ExitCode.INTERRUPTED, ExitCode.USAGE)
    assert re.search(r"stopped: .*train\.jsonl: .*503", told.stderr)
    assert "PUT" in told.stderr and "train.jsonl: 403 PUT ***" in again.stderr
    [upload_id] = proxy.uploads
    assert upload_id not in told.stdout + told.stderr + again.stdout + again.stderr
    [file] = sessions_in(state)
    assert upload_id in file.read_text()
    UploadSessions(state).address_of(Upload.model_validate(json.loads(file.read_text())["upload"]))
    assert mask_secrets(f"{proxy.url}/{upload_id}/x") == f"{proxy.url}/***/x"  # in whatever form it is told
    assert file.stat().st_mode & 0o777 == 0o600
    assert [path for path in tmp_path.rglob("*") if path.is_file() and upload_id.encode() in path.read_bytes()] == [
        file
    ]
    proxy.faults.clear()
    upload(folder, bucket, state)  # the refusal was the account's, not the upload's
    assert len(proxy.of("begin")) == 1
    assert bucket.holds(folder)


@pytest.mark.parametrize("status", [404, 410])
def test_an_upload_that_the_service_does_not_know_begins_anew(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, status: int
) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"
    cut_after_a_chunk(folder, bucket, state, proxy)
    proxy.faults = [StorageFault("status", at("status", 0, proxy), status=status)]
    upload(folder, bucket, state)
    assert (len(proxy.of("begin")), proxy.bytes_sent("train.jsonl")) == (1, LARGE)
    assert bucket.holds(folder)


def test_a_service_that_is_busy_when_asked_how_far_it_came(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"
    cut_after_a_chunk(folder, bucket, state, proxy)
    proxy.faults = [StorageFault(kind, at("status", 0, proxy)) for kind in ("status", "cut")]
    upload(folder, bucket, state, retry_s=3.0)
    assert (len(proxy.of("begin")), proxy.bytes_sent("train.jsonl")) == (0, LARGE - CHUNK)
    assert bucket.holds(folder)


def test_another_file_of_the_same_name_and_size_begins_anew(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket
) -> None:
    first, other = make_version(tmp_path / "a" / "v1", LARGE), make_version(tmp_path / "b" / "v1", LARGE, seed="other")
    cut_after_a_chunk(first, bucket, tmp_path / "state", proxy)
    upload(other, bucket, tmp_path / "state")
    assert (len(proxy.of("begin")), proxy.bytes_sent("train.jsonl")) == (1, LARGE)
    assert bucket.holds(other)


def test_another_service_is_not_asked_for_it(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, emulator: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"
    cut_after_a_chunk(folder, bucket, state, proxy)
    with StorageProxy(emulator) as other:
        monkeypatch.setenv("STORAGE_EMULATOR_HOST", other.url)
        upload(folder, bucket, state)
        assert (len(other.of("begin")), other.bytes_sent("train.jsonl")) == (1, LARGE)
    assert proxy.seen == []
    assert bucket.holds(folder)


def test_a_file_that_tells_nothing_of_use_is_no_hindrance(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"
    cut_after_a_chunk(folder, bucket, state, proxy)
    [file] = sessions_in(state)
    file.write_text("{")
    upload(folder, bucket, state)
    assert proxy.bytes_sent("train.jsonl") == LARGE
    assert bucket.holds(folder)
    assert sessions_in(state) == []


def test_all_bytes_and_yet_no_object(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"
    cut_after_a_chunk(folder, bucket, state, proxy)
    [begun] = proxy.uploads.values()
    begun.kept = LARGE
    upload(folder, bucket, state)
    assert (len(proxy.of("begin")), proxy.bytes_sent("train.jsonl")) == (1, LARGE)
    assert bucket.holds(folder)


def test_a_service_that_takes_less_than_it_is_sent(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder = make_version(tmp_path / "v1", large=LARGE)
    proxy.faults = [StorageFault("short", at("chunk", 1, proxy))]
    upload(folder, bucket, tmp_path / "state")
    assert (len(proxy.of("begin")), proxy.bytes_sent("train.jsonl")) == (1, LARGE + CHUNK // 2)
    assert bucket.holds(folder)


def test_an_upload_that_ended_unheard_is_not_sent_again(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"
    cut_after_a_chunk(folder, bucket, state, proxy)
    [upload_id] = proxy.uploads
    address = f"{proxy.url}/upload/storage/v1/b/{bucket.bucket.name}/o?uploadType=resumable&upload_id={upload_id}"

    def end() -> None:  # what was on its way when the run was cut arrives late
        rest = (folder / "train.jsonl").read_bytes()[CHUNK:]
        requests.put(address, data=rest, headers={"content-range": f"bytes {CHUNK}-{LARGE - 1}/{LARGE}"})

    proxy.faults = [StorageFault("call", at("status", 0, proxy), call=end)]
    upload(folder, bucket, state)
    assert proxy.bytes_sent("train.jsonl") == LARGE - CHUNK  # by `end`
    assert bucket.holds(folder)
    assert sessions_in(state) == []


def test_what_the_service_has_given_up_is_deleted(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    old, new = (make_version(tmp_path / name, large=LARGE) for name in ("v1", "v2"))
    state = tmp_path / "state"
    cut_after_a_chunk(old, bucket, state, proxy)
    proxy.uploads.clear()
    for age_s, left in ((6 * 86400, 1), (8 * 86400, 0)):
        [file] = sessions_in(state)
        os.utime(file, (time.time() - age_s,) * 2)
        UploadSessions(state).forget_expired()
        assert len(sessions_in(state)) == left
    upload(new, bucket, state)
    assert bucket.holds(new)


def test_two_runs_at_once_send_once(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"
    proxy.faults = [StorageFault("slow", at("chunk", 0, proxy), seconds=0.5)]
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda _run: upload(folder, bucket, state), range(2)))
    assert sorted(len(one.uploaded) for one in results) == [0, 5]
    assert proxy.bytes_sent("train.jsonl") == LARGE
    assert bucket.holds(folder)


@pytest.mark.parametrize("compares", [True, False])
def test_a_file_that_changes_while_it_is_sent_is_not_published(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, compares: bool
) -> None:
    folder, state = make_version(tmp_path / "v1", large=LARGE), tmp_path / "state"

    def change() -> None:
        with open(folder / "train.jsonl", "r+b") as stream:
            stream.seek(LARGE - 10)
            stream.write(b"0123456789")
        for one in proxy.uploads.values():
            one.crc32c = one.crc32c if compares else None

    proxy.faults = [StorageFault("call", at("chunk", 0, proxy), times=99, call=change)]
    reason = "CRC32C does not match" if compares else "other bytes arrived"
    with pytest.raises(ConnectionError, match=rf"train\.jsonl: the upload broke off 3 times .*{reason}"):
        upload(folder, bucket, state)
    assert not bucket.names() & {"sets/v1/train.jsonl", "sets/v1/manifest.json", "sets/latest.json"}
    with pytest.raises(UserError, match=r"train\.jsonl: not what manifest\.json says"):
        upload(folder, bucket, state)
