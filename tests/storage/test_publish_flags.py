"""The flag --upload: what it prints and remembers, and that a service that is down can be tried again."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import pytest

from tests.loopback.storage_proxy import StorageFault, StorageProxy
from tests.storage.support import LARGE, Bucket, make_version
from utils.core.console import Interrupted, UserError
from utils.core.jsonl import read_json_lines
from utils.core.paths import WorkDir
from utils.core.settings import Settings
from utils.dataset import publishing
from utils.dataset.publish_arguments import add_publish_arguments, run_publish


def parsed(*flags: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_publish_arguments(parser)
    return parser.parse_args(flags)


def test_upload_then_tune_on_what_was_uploaded(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_version(tmp_path / "v1")
    run_publish(parsed("--upload", bucket.uri, "--tune"), folder, Settings(), WorkDir(tmp_path))
    told = capsys.readouterr().out
    assert f"{bucket.uri}/v1: 5 files sent, 0 there already" in told
    assert f"{bucket.uri}/latest.json now names v1" in told
    request = json.loads(told[told.index("{") :])
    assert request["supervisedTuningSpec"]["trainingDatasetUri"] == f"{bucket.uri}/v1/train.jsonl"
    run_publish(parsed("--upload", bucket.uri), folder, Settings(), WorkDir(tmp_path))
    assert "0 files sent, 5 there already" in capsys.readouterr().out
    [(_number, record)] = read_json_lines(tmp_path / "uploads.jsonl")
    assert (record["version"], record["folder"]) == ("v1", f"{bucket.uri}/v1")


def test_the_newest_upload_is_tuned_on(
    tmp_path: Path, proxy: StorageProxy, bucket: Bucket, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = make_version(tmp_path / "v1")
    for place in ("a", "b", "a"):
        run_publish(parsed("--upload", f"{bucket.uri}/{place}"), folder, Settings(), WorkDir(tmp_path))
    capsys.readouterr()
    run_publish(parsed("--tune"), folder, Settings(), WorkDir(tmp_path))
    assert f"{bucket.uri}/a/v1/train.jsonl" in capsys.readouterr().out
    assert len(list(read_json_lines(tmp_path / "uploads.jsonl"))) == 2


def test_an_upload_that_was_refused_is_not_tuned_on(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    proxy.faults = [StorageFault("status", lambda _what, name: name.endswith("manifest.json"), status=403)]
    folder = make_version(tmp_path / "v1")
    with pytest.raises(UserError, match="403"):
        run_publish(parsed("--upload", bucket.uri, "--tune"), folder, Settings(), WorkDir(tmp_path))
    with pytest.raises(UserError, match="is not uploaded yet"):
        run_publish(parsed("--tune"), folder, Settings(), WorkDir(tmp_path))


def test_flags_are_refused_before_anything_is_uploaded(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    with pytest.raises(UserError, match="needs --tune"):
        run_publish(parsed("--upload", bucket.uri, "--submit"), tmp_path, Settings(), WorkDir(tmp_path))
    assert not proxy.seen


def test_a_cut_upload_goes_on_from_the_work_folder(tmp_path: Path, proxy: StorageProxy, bucket: Bucket) -> None:
    folder, work = make_version(tmp_path / "v1", large=LARGE), WorkDir(tmp_path / "work")
    proxy.faults = [
        StorageFault("status", lambda what, _name: what == "chunk" and len(proxy.of("chunk")) > 0, times=99, status=403)
    ]
    with pytest.raises(UserError, match="403"):
        run_publish(parsed("--upload", bucket.uri), folder, Settings(), work)
    proxy.faults.clear()
    proxy.seen.clear()
    run_publish(parsed("--upload", bucket.uri), folder, Settings(), work)
    assert not proxy.of("begin")
    assert 0 < proxy.bytes_sent("train.jsonl") < LARGE
    assert bucket.holds(folder)


def test_a_service_that_is_down_can_be_tried_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def down(*_: object) -> None:
        raise ConnectionError("gs://shop/v1: 503")

    monkeypatch.setattr(publishing, "publish", down)  # two minutes of retries are tested in test_publish.py
    with pytest.raises(Interrupted, match="gs://shop/v1: 503; what is there stays"):
        run_publish(parsed("--upload", "gs://shop"), tmp_path, Settings(), WorkDir(tmp_path))
    assert not (tmp_path / "uploads.jsonl").exists()
