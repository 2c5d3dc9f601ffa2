"""Search settings for R2R, checked on our side: the server ignores a misspelt one in silence."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError
from r2r import SearchSettings

from utils.core.console import UserError

# Nothing of ours is in R2R's knowledge graph, so asking it would only cost time
DEFAULT_SEARCH_SETTINGS: Mapping[str, Any] = {"use_semantic_search": True, "graph_settings": {"enabled": False}}
EXAMPLE = '{"use_hybrid_search": true}'


def checked_search_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` as a dictionary if R2R's client knows every key and accepts every value, else UserError."""
    _check_keys(settings, SearchSettings, "search settings")
    for name in ("filters", "search_filters"):  # R2R's model takes for granted what these are
        if not isinstance(settings.get(name, {}), Mapping):
            raise UserError(f"R2R search settings: '{name}': Input should be an object; correct its value")
    try:
        SearchSettings(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(f"R2R search settings: '{field}': {first['msg']}; correct its value") from error
    return dict(settings)


def parsed_search_settings(text: str) -> dict[str, Any]:
    """Search settings given as a JSON object, over our defaults; raises UserError that names what is wrong."""
    try:
        given = json.loads(text)
    except ValueError as error:
        raise UserError(f"R2R search settings: not JSON ({error}); expected an object such as {EXAMPLE}") from error
    if not isinstance(given, dict):
        raise UserError(f"R2R search settings: expected a JSON object such as {EXAMPLE}")
    if "limit" in given:
        raise UserError("R2R search settings: 'limit': set by how many passages are asked for; leave it out")
    return checked_search_settings({**DEFAULT_SEARCH_SETTINGS, **given})


def read_search_settings(file_or_json: str) -> dict[str, Any]:
    """What `--search-settings` names: a JSON object as it stands, or a file that holds one."""
    if file_or_json.lstrip().startswith("{"):
        return parsed_search_settings(file_or_json)
    try:
        text = Path(file_or_json).read_text("utf-8")
    except (OSError, ValueError) as error:
        why = error.strerror if isinstance(error, OSError) else "no file's name, or not UTF-8 text"
        raise UserError(
            f"R2R search settings: {file_or_json}: {why}; expected a JSON file, or an object such as {EXAMPLE}"
        ) from error
    return parsed_search_settings(text)


def _check_keys(settings: Mapping[str, Any], model: type[BaseModel], where: str) -> None:
    for key, value in settings.items():
        if key not in model.model_fields:
            known = ", ".join(sorted(model.model_fields))
            raise UserError(f"R2R {where}: unknown key '{key}'; known are {known}")
        nested = model.model_fields[key].annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel) and isinstance(value, Mapping):
            _check_keys(value, nested, key)
