"""`--search-settings`: an object or a file, checked on our side."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from retriver.r2r_settings import DEFAULT_SEARCH_SETTINGS, parsed_search_settings, read_search_settings
from utils.core.console import UserError

HYBRID = {"use_hybrid_search": True, "hybrid_settings": {"semantic_weight": 2.0, "rrf_k": 60}}


def test_settings_are_laid_over_ours() -> None:
    assert parsed_search_settings("{}") == DEFAULT_SEARCH_SETTINGS
    assert parsed_search_settings(json.dumps(HYBRID)) == {**DEFAULT_SEARCH_SETTINGS, **HYBRID}
    assert parsed_search_settings('{"graph_settings": {"enabled": true}}')["graph_settings"] == {"enabled": True}


def test_a_file_or_the_object_itself(tmp_path: Path) -> None:
    file = tmp_path / "settings.json"
    file.write_text(json.dumps(HYBRID), encoding="utf-8")
    assert read_search_settings(str(file)) == read_search_settings(f" {json.dumps(HYBRID)}")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("{broken", "not JSON"),
        ("[1]", "expected a JSON object such as"),
        ("3", "expected a JSON object such as"),
        ('{"use_hybrid": true}', "unknown key 'use_hybrid'; known are"),
        ('{"hybrid_settings": {"weight": 1}}', "R2R hybrid_settings: unknown key 'weight'"),
        ('{"use_hybrid_search": "perhaps"}', "'use_hybrid_search': Input should be a valid boolean"),
        ('{"hybrid_settings": {"rrf_k": "many"}}', "'hybrid_settings.rrf_k': Input should be a valid integer"),
        ('{"hybrid_settings": 3}', "'hybrid_settings'"),
        ('{"filters": [1]}', "'filters'"),
        ('{"limit": 3}', "'limit': set by how many passages are asked for"),
    ],
)
def test_what_is_wrong_is_named(text: str, told: str) -> None:
    with pytest.raises(UserError) as caught:
        parsed_search_settings(text)
    assert told in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("name", ["none.json", "", "a\0b", "x" * 5000])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError, match=r"R2R search settings: .*; expected a JSON file, or an object such as"):
        read_search_settings(str(tmp_path / name))
