"""Search settings for R2R, checked on our side: the server ignores a misspelt one in silence."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, ValidationError
from r2r import SearchSettings

from utils.core.console import UserError

# Nothing of ours is in R2R's knowledge graph, so asking it would only cost time
DEFAULT_SEARCH_SETTINGS: Mapping[str, Any] = {"use_semantic_search": True, "graph_settings": {"enabled": False}}


def checked_search_settings(settings: Mapping[str, Any]) -> dict[str, Any]:
    """`settings` as a dictionary if R2R's client knows every key and accepts every value, else UserError."""
    _check_keys(settings, SearchSettings, "search settings")
    try:
        SearchSettings(**settings)
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"])
        raise UserError(f"R2R search settings: '{field}': {first['msg']}; correct its value") from error
    return dict(settings)


def _check_keys(settings: Mapping[str, Any], model: type[BaseModel], where: str) -> None:
    for key, value in settings.items():
        if key not in model.model_fields:
            known = ", ".join(sorted(model.model_fields))
            raise UserError(f"R2R {where}: unknown key '{key}'; known are {known}")
        nested = model.model_fields[key].annotation
        if isinstance(nested, type) and issubclass(nested, BaseModel) and isinstance(value, Mapping):
            _check_keys(value, nested, key)
