"""Publishing a version, through the real client against an emulator behind a proxy that cuts, refuses and loses."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from tests.loopback.storage_proxy import StorageFault, StorageProxy
from tests.storage.support import LARGE, Bucket, make_version
from utils.core.console import UserError
from utils.core.paths import PROJECT_ROOT
from utils.storage.addresses import bucket_and_name
from utils.storage.publish import Published, publish

CHUNK = 8 * 1024 * 1024


def upload(folder: Path, bucket: Bucket, state: str = "state") -> Published:
    return publish(folder, bucket.uri, "shop", folder.parent / state, retry_s=10.0)


def at(what: str, ending: str = ""):
    return lambda kind, name: kind == what and name.endswith(ending)


def test_everything_is_there_and_the_latest_names_it(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder = make_version(tmp_path / "v1")
    (folder / ".hidden").write_text("left by an editor")
    published = upload(folder, bucket)
    (folder / ".hidden").unlink()
    assert bucket.holds(folder)
    assert bucket.names() == {f"sets/v1/{path.name}" for path in folder.iterdir()} | {"sets/latest.json"}
    latest = bucket.latest()
    assert (latest["version"], latest["manifest"]) == ("v1", f"{bucket.uri}/v1/manifest.json")
    assert latest["files"]["train.jsonl"] == f"{bucket.uri}/v1/train.jsonl" == published.files["train.jsonl"]
    assert set(latest["files"]) == {"train.jsonl", "validation.jsonl", "rows.jsonl", "report.html"}
    assert latest["published_at"] > "2026"
    assert bucket.bucket.get_blob("sets/latest.json").cache_control == "no-store"
    assert published.latest_switched
    assert set(published.uploaded) == {path.name for path in folder.iterdir()}


def test_data_first_then_the_manifest_then_the_latest(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    # The large file is the slowest of all, and still before the manifest.
    proxy.faults = [StorageFault("slow", at("chunk", "train.jsonl"), times=1, seconds=0.3)]
    upload(make_version(tmp_path / "v1", large=LARGE), bucket)
    written = proxy.written()
    assert written[-2:] == ["manifest.json", "latest.json"]
    assert written[-3] == "train.jsonl"
    assert len(written) == 6


def test_a_large_file_goes_in_chunks_and_memory_stays_flat(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder = make_version(tmp_path / "v1", large=10 * CHUNK)
    code = (
        "import resource, sys; from pathlib import Path; from utils.storage.publish import publish;"
        "import utils.storage.gcs as gcs; gcs.storage_client('shop'); state = Path(sys.argv[4]);"
        "publish(Path(sys.argv[2]), sys.argv[3], 'shop', state); before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss;"
        "publish(Path(sys.argv[1]), sys.argv[3], 'shop', state);"
        "print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before)"
    )
    small = make_version(tmp_path / "v0")
    told = subprocess.run(
        [sys.executable, "-c", code, str(folder), str(small), bucket.uri, str(tmp_path / "state")],
        cwd=PROJECT_ROOT, stdout=subprocess.PIPE, text=True, check=True, env={**os.environ, "PYTHONPATH": str(PROJECT_ROOT)},
    )  # fmt: skip
    assert bucket.read("v1/train.jsonl") == (folder / "train.jsonl").read_bytes()
    assert [seen for seen in proxy.of("chunk") if seen[1] == "train.jsonl"] == [("chunk", "train.jsonl")] * 10
    assert int(told.stdout) < 6 * CHUNK / 1024  # kilobytes; the file has ten chunks


def test_again_uploads_nothing_and_leaves_the_latest(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder = make_version(tmp_path / "v1", large=LARGE)
    upload(folder, bucket)
    before = bucket.latest()
    proxy.seen.clear()
    again = upload(folder, bucket)
    assert (again.uploaded, again.latest_switched) == ((), False)
    assert not proxy.of("begin", "chunk", "whole")
    assert bucket.latest() == before


def test_only_what_is_missing_is_uploaded(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder = make_version(tmp_path / "v1", large=LARGE)
    bucket.write("v1/train.jsonl", (folder / "train.jsonl").read_bytes())
    published = upload(folder, bucket)
    assert "train.jsonl" not in published.uploaded
    assert bucket.holds(folder)
    assert not proxy.of("begin", "chunk")


@pytest.mark.parametrize("kind", ["status", "cut"])
@pytest.mark.parametrize("what", ["begin", "chunk", "whole"])
def test_what_may_pass_is_tried_again(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, kind: str, what: str
) -> None:
    proxy.faults = [StorageFault(kind, at(what), times=2)]
    folder = make_version(tmp_path / "v1", large=LARGE)
    upload(folder, bucket)
    assert proxy.faults[0].times == 0
    assert bucket.holds(folder)
    assert bucket.latest()["version"] == "v1"
    faulted = {name for one, name in ((seen.what, seen.name) for seen in proxy.seen if seen.status in (0, 503))}
    if what == "chunk":  # one chunk is sent again, not the file
        assert len(proxy.of("chunk")) == 3 + 2
        assert faulted == {"sets/v1/train.jsonl"}


@pytest.mark.parametrize("what", ["list", "GET"])
def test_a_server_that_is_busy_when_asked_what_is_there(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, what: str
) -> None:
    proxy.faults = [StorageFault("status", at(what), times=2), StorageFault("cut", at(what))]
    folder = make_version(tmp_path / "v1")
    upload(folder, bucket)
    assert bucket.holds(folder)


@pytest.mark.parametrize("name", ["train.jsonl", "manifest.json", "latest.json"])
def test_a_lost_answer_counts_as_written_when_the_bytes_are_ours(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, name: str
) -> None:
    proxy.faults = [StorageFault("lost", at("whole", name))]
    folder = make_version(tmp_path / "v1")
    published = upload(folder, bucket)
    refused = [one.name.rpartition("/")[2] for one in proxy.seen if one.status == 412]
    assert refused == [name]  # the second try met the first one's object
    assert published.latest_switched
    assert bucket.holds(folder)
    assert bucket.latest()["version"] == "v1"


@pytest.mark.parametrize("nth", [0, 1, 2])
def test_a_lost_answer_to_a_chunk(tmp_path: Path, proxy: StorageProxy, bucket: Bucket, nth: int) -> None:
    folder = make_version(tmp_path / "v1", large=LARGE)
    lost = StorageFault("lost", lambda what, name: what == "chunk" and len(proxy.of("chunk")) == nth)
    proxy.faults = [lost]
    upload(folder, bucket)
    assert lost.times == 0
    assert len(proxy.of("begin")) == 1
    assert bucket.holds(folder)


@pytest.mark.parametrize("status", [404, 410])
def test_an_upload_that_the_service_has_given_up_begins_anew(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, status: int
) -> None:
    folder = make_version(tmp_path / "v1", large=LARGE)
    proxy.faults = [StorageFault("status", at("chunk"), status=status)]
    upload(folder, bucket)
    assert len(proxy.of("begin")) == 2
    assert bucket.holds(folder)


def test_an_upload_that_is_given_up_each_time_ends_in_a_connection_error(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket
) -> None:
    proxy.faults = [StorageFault("status", at("chunk"), times=99, status=410)]
    with pytest.raises(ConnectionError, match=r"train\.jsonl: the upload broke off 3 times .*410") as told:
        upload(make_version(tmp_path / "v1", large=LARGE), bucket)
    assert len(proxy.of("begin")) == 3
    assert not any(upload_id in str(told.value) for upload_id in proxy.uploads)
    assert not bucket.names() & {"sets/v1/manifest.json", "sets/latest.json"}


def test_a_service_that_stays_down_ends_in_a_connection_error(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket
) -> None:
    proxy.faults = [StorageFault("status", at("whole", "rows.jsonl"), times=10_000)]
    began = time.monotonic()
    with pytest.raises(ConnectionError, match=rf"{bucket.uri}/v1.*503") as told:
        publish(make_version(tmp_path / "v1"), bucket.uri, "shop", tmp_path / "state", retry_s=1.0)
    assert time.monotonic() - began < 10
    assert "\n" not in str(told.value)
    assert not bucket.names() & {"sets/v1/manifest.json", "sets/latest.json"}


def test_nobody_listening_is_a_connection_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("STORAGE_EMULATOR_HOST", "http://127.0.0.1:9")
    with pytest.raises(ConnectionError, match="gs://shop"):
        publish(make_version(tmp_path / "v1"), "gs://shop-sets/x", "shop", tmp_path / "state", retry_s=0.5)


@pytest.mark.parametrize("name", ["train.jsonl", "report.html", "manifest.json"])
def test_other_bytes_under_the_name_are_never_overwritten(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, name: str
) -> None:
    bucket.write(f"v1/{name}", b"something else")
    with pytest.raises(UserError, match=rf"{bucket.uri}/v1/{name}: holds other bytes"):
        upload(make_version(tmp_path / "v1"), bucket)
    assert bucket.names() == {f"sets/v1/{name}"}
    assert bucket.read(f"v1/{name}") == b"something else"


@pytest.mark.parametrize("large", [0, LARGE])
def test_other_bytes_that_come_while_we_upload(tmp_path: Path, proxy: StorageProxy, bucket: Bucket, large: int) -> None:
    what = "chunk" if large else "whole"
    proxy.faults = [StorageFault("call", at(what, "train.jsonl"), call=lambda: bucket.write("v1/train.jsonl", b"else"))]
    with pytest.raises(UserError, match=r"train\.jsonl: holds other bytes"):
        upload(make_version(tmp_path / "v1", large=large), bucket)
    assert bucket.read("v1/train.jsonl") == b"else"
    assert not bucket.names() & {"sets/v1/manifest.json", "sets/latest.json"}


def test_the_same_data_made_at_another_time_is_the_same_version(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket
) -> None:
    upload(make_version(tmp_path / "a" / "v1"), bucket)
    again = upload(make_version(tmp_path / "b" / "v1", created_at="2026-02-02"), bucket)
    assert again.uploaded == ()
    assert b"2026-01-01" in bucket.read("v1/manifest.json")


def test_two_publishers_of_the_same_version_both_succeed(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder = make_version(tmp_path / "v1", large=LARGE)
    meet = threading.Barrier(2, timeout=20)
    proxy.faults = [StorageFault("call", at("list"), times=2, call=meet.wait)]  # both see an empty bucket
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda machine: upload(folder, bucket, machine), ["one", "other"]))
    assert [one.version for one in results] == ["v1", "v1"]
    assert bucket.holds(folder)
    assert bucket.latest()["version"] == "v1"
    assert any(one.status == 412 for one in proxy.seen)


def test_of_two_publishers_of_two_versions_one_is_told(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    first, second = make_version(tmp_path / "v1"), make_version(tmp_path / "v2")
    proxy.faults = [StorageFault("call", at("whole", "v1/manifest.json"), call=lambda: upload(second, bucket, "other"))]
    with pytest.raises(UserError, match=r"latest\.json: was switched to version v2 .* version v1 is uploaded whole"):
        upload(first, bucket)
    assert bucket.latest()["version"] == "v2"
    assert bucket.holds(first)
    assert bucket.holds(second)
    assert upload(first, bucket).latest_switched  # run again, it is the latest
    assert bucket.latest()["version"] == "v1"


def test_an_older_version_can_be_made_the_latest_again(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    first, second = make_version(tmp_path / "v1"), make_version(tmp_path / "v2")
    for folder in (first, second, first):
        published = upload(folder, bucket)
        assert published.latest_switched
        assert bucket.latest()["version"] == folder.name
    assert published.uploaded == ()


@pytest.mark.parametrize("content", [b"not json", b"[]", b'{"app": "another"}'])
def test_a_latest_of_somebody_else_is_left_alone(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, content: bytes
) -> None:
    bucket.write("latest.json", content)
    with pytest.raises(UserError, match=r"latest\.json: is not a pointer to a version"):
        upload(make_version(tmp_path / "v1"), bucket)
    assert bucket.names() == {"sets/latest.json"}


def test_the_first_refusal_stops_the_other_files(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    proxy.faults = [
        StorageFault("status", at("whole", "rows.jsonl"), status=403),
        StorageFault("slow", at("chunk"), times=99, seconds=0.5),
    ]
    with pytest.raises(UserError, match=r"rows\.jsonl.*403.*may read and write"):
        upload(make_version(tmp_path / "v1", large=10 * CHUNK), bucket)
    assert len(proxy.of("chunk")) <= 2


@pytest.mark.parametrize(
    "uri", ["s3://shop/x", "shop/x", "gs://", "gs:///x", "gs://shop/x?key=1", "gs://shop/x#y", "gs://Shop Sets/x", ""]
)
def test_a_uri_that_is_none(tmp_path: Path, uri: str) -> None:
    with pytest.raises(UserError, match="expected gs://bucket/folder"):
        publish(tmp_path / "never looked at", uri, None, tmp_path / "state")


@pytest.mark.parametrize("uri", ["gs://{}", "gs://{}/", "gs://{}/a/b/"])
def test_slashes_at_the_end_do_not_matter(tmp_path: Path, proxy: StorageProxy, bucket: Bucket, uri: str) -> None:
    destination = uri.format(bucket.bucket.name)
    published = publish(make_version(tmp_path / "v1"), destination, None, tmp_path / "state")
    assert published.folder == f"{destination.rstrip('/')}/v1"
    names = bucket.names()
    assert bucket_and_name(published.latest)[1] in names
    assert not any("//" in name or name.startswith("/") for name in names)


def test_a_bucket_that_is_not_there(tmp_path: Path, proxy: StorageProxy) -> None:
    with pytest.raises(UserError, match=r"gs://nobody-has-it/x/v1: .*404.*check that the bucket exists"):
        publish(make_version(tmp_path / "v1"), "gs://nobody-has-it/x", None, tmp_path / "state")


@pytest.mark.parametrize(
    ("status", "told"),
    [(403, "403.*your account may read and write"), (401, "no usable Google credentials.*gcloud auth")],
)
def test_no_permission(tmp_path: Path, proxy: StorageProxy, bucket: Bucket, status: int, told: str) -> None:
    proxy.faults = [StorageFault("status", at("list"), times=99, status=status)]
    with pytest.raises(UserError, match=told):
        upload(make_version(tmp_path / "v1"), bucket)


def test_no_credentials(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("STORAGE_EMULATOR_HOST", raising=False)
    monkeypatch.setenv("GOOGLE_APPLICATION_CREDENTIALS", str(tmp_path / "absent.json"))
    with pytest.raises(UserError, match=r"no usable Google credentials.*gcloud auth application-default login"):
        publish(make_version(tmp_path / "v1"), "gs://shop-sets/x", None, tmp_path / "state")


def _cut(folder: Path) -> None:
    (folder / "train.jsonl").write_bytes(b"{}\n")


def _lose(folder: Path) -> None:
    (folder / "train.jsonl").unlink()


def _unfinish(folder: Path) -> None:
    (folder / "manifest.json").unlink()


@pytest.mark.parametrize(
    ("spoil", "told"),
    [
        (_cut, r"train\.jsonl: not what manifest\.json says"),
        (_lose, r"train\.jsonl: no such file, but manifest\.json lists it"),
        (_unfinish, r"manifest\.json: no such file, so the version is not finished"),
        (lambda folder: (folder / "manifest.json").write_text("{"), r"manifest\.json: not JSON"),
        (lambda folder: (folder / "manifest.json").write_text("[]"), r"manifest\.json: expected an object"),
        (lambda folder: (folder / "manifest.json").write_text('{"version": "a/b", "files": {"x": {}}}'), "`version`"),
        (lambda folder: (folder / "manifest.json").write_text('{"version": "a", "files": {}}'), "at least one"),
    ],
)
def test_a_folder_that_is_no_finished_version(tmp_path: Path, bucket: Bucket, proxy: StorageProxy, spoil, told) -> None:
    folder = make_version(tmp_path / "v1")
    spoil(folder)
    with pytest.raises(UserError, match=told):
        upload(folder, bucket)
    assert not proxy.seen
