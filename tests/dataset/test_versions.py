from __future__ import annotations

import os
import time
from dataclasses import replace
from pathlib import Path

import pytest

from utils.core.console import UserError
from utils.databases.catalog import DatabaseEntry
from utils.dataset.release import ReleaseSettings
from utils.dataset.rendering import LineSettings
from utils.dataset.selection import Caps
from utils.dataset.splits import SplitRule
from utils.dataset.versions import (
    MANIFEST,
    is_complete,
    new_version,
    point_latest_at,
    remove_older_versions,
    version_name,
)

SETTINGS = (LineSettings(), ReleaseSettings())


def _entry(**changes: object) -> dict[str, DatabaseEntry]:
    entry = DatabaseEntry(
        "shop", Path("shop.json"), "SHOP", "sqlite:////shop.sqlite", "2024-01-01 00:00:00", {"a": "b"}
    )
    return {"shop": replace(entry, **changes)}  # type: ignore[arg-type]


@pytest.fixture
def inputs(tmp_path: Path) -> list[Path]:
    files = [tmp_path / "a.csv", tmp_path / "b.csv"]
    for file in files:
        file.write_text(file.name)
    return files


def test_the_name_stands_for_contents_settings_and_sessions(inputs: list[Path], tmp_path: Path) -> None:
    name = version_name(inputs, SETTINGS, _entry())
    assert len(name) == 12 and int(name, 16) >= 0
    assert version_name(reversed(inputs), SETTINGS, _entry()) == name
    others = [
        version_name(inputs[:1], SETTINGS, _entry()),
        version_name(inputs, (LineSettings(schema="none"), ReleaseSettings()), _entry()),
        version_name(inputs, (LineSettings(system_instruction="Write."), ReleaseSettings()), _entry()),
        version_name(inputs, (LineSettings(), ReleaseSettings(split=SplitRule(seed=1))), _entry()),
        version_name(inputs, (LineSettings(), ReleaseSettings(split=SplitRule(holdout=("a", "b")))), _entry()),
        version_name(inputs, (LineSettings(), ReleaseSettings(caps=Caps(mix={"easy": 1.0}))), _entry()),
        version_name(inputs, SETTINGS, _entry(now="2025-01-01 00:00:00")),
        version_name(inputs, SETTINGS, _entry(configs={"a": "c"})),
        version_name(inputs, SETTINGS, {}),
    ]
    inputs[0].write_text("changed")
    others.append(version_name(inputs, SETTINGS, _entry()))
    assert len({name, *others}) == 11


def test_where_the_inputs_stand_does_not_matter(inputs: list[Path], tmp_path: Path) -> None:
    elsewhere = [(tmp_path / "x").with_name(f"moved_{file.name}") for file in inputs]
    for file, copy in zip(inputs, elsewhere, strict=True):
        copy.write_bytes(file.read_bytes())
    assert version_name(elsewhere, SETTINGS, _entry(url="sqlite:////y.sqlite")) == version_name(
        inputs, SETTINGS, _entry()
    )


def test_a_version_appears_when_it_is_done(tmp_path: Path) -> None:
    folder = tmp_path / "sft" / "v1"
    with new_version(folder) as staging:
        (staging / "train.jsonl").write_text("{}\n")
        assert not folder.exists()
        assert staging.parent == folder.parent  # so that the rename is one step
    assert [path.name for path in folder.iterdir()] == ["train.jsonl"]
    assert [path.name for path in folder.parent.iterdir()] == ["v1"]
    assert folder.stat().st_mode & 0o777 == 0o755


@pytest.mark.parametrize("error", [UserError, KeyboardInterrupt, OSError])
def test_a_crash_leaves_nothing_behind_and_what_was_there_untouched(tmp_path: Path, error: type[BaseException]) -> None:
    folder = tmp_path / "v1"
    for old in (False, True):
        if old:
            folder.mkdir()
            (folder / "train.jsonl").write_text("old\n")
        with pytest.raises(error), new_version(folder) as staging:
            (staging / "train.jsonl").write_text("half")
            raise error("crash")
        assert [path.name for path in tmp_path.iterdir()] == (["v1"] if old else [])
    assert (folder / "train.jsonl").read_text() == "old\n"


def test_a_version_takes_the_place_of_an_older_one_whole(tmp_path: Path) -> None:
    for text in ("old", "new"):
        with new_version(tmp_path / "v1") as staging:
            (staging / f"{text}.txt").write_text(text)
    assert [path.name for path in (tmp_path / "v1").iterdir()] == ["new.txt"]


def test_a_version_is_complete_with_its_manifest(tmp_path: Path) -> None:
    assert not is_complete(tmp_path / "nothing")
    (tmp_path / "train.jsonl").write_text("")
    assert not is_complete(tmp_path)
    (tmp_path / MANIFEST).write_text("{}")
    assert is_complete(tmp_path)


def test_latest_is_a_relative_link_that_moves(tmp_path: Path) -> None:
    for name in ("v1", "v2", "v1", "v1"):
        (tmp_path / name).mkdir(exist_ok=True)
        point_latest_at(tmp_path / name)
        assert (tmp_path / "latest").readlink() == Path(name)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "v1", "v2"]


def test_a_dangling_latest_is_replaced(tmp_path: Path) -> None:
    (tmp_path / "latest").symlink_to("gone")
    (tmp_path / "v1").mkdir()
    point_latest_at(tmp_path / "v1")
    assert (tmp_path / "latest").resolve() == tmp_path / "v1"


def test_a_folder_called_latest_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "latest").mkdir()
    with pytest.raises(UserError, match="is a folder, expected a link"):
        point_latest_at(tmp_path / "v1")


def _version(sft: Path, name: str, age_s: float) -> Path:
    folder = sft / name
    folder.mkdir(parents=True)
    (folder / MANIFEST).write_text("{}")
    written = time.time() - age_s
    os.utime(folder / MANIFEST, (written, written))
    return folder


def test_the_newest_versions_stay_and_always_the_latest(tmp_path: Path) -> None:
    names = ["oldest", "old", "newer", "newest"]
    folders = {name: _version(tmp_path, name, 100.0 - number) for number, name in enumerate(names)}
    (tmp_path / "notes").mkdir()  # no version: nobody's to remove
    point_latest_at(folders["old"])
    remove_older_versions(tmp_path, None)
    assert all(folder.exists() for folder in folders.values())
    remove_older_versions(tmp_path, 2)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "newest", "notes", "old"]
    remove_older_versions(tmp_path, 1)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", "notes", "old"]
    assert is_complete(tmp_path / "latest")


def test_what_a_killed_run_left_goes_a_day_later(tmp_path: Path) -> None:
    point_latest_at(_version(tmp_path, "only", 0.0))
    at_work, left = tmp_path / ".only.x1", tmp_path / ".only.x2"
    for folder in (at_work, left):
        folder.mkdir()
        (folder / "train.jsonl").write_text("")
    old = time.time() - 25 * 3600
    os.utime(left, (old, old))
    remove_older_versions(tmp_path, 5)
    assert at_work.exists() and not left.exists()
