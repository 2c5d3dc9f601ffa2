"""Configuration: flags over environment over `.env` over defaults."""

from __future__ import annotations

import os
from pathlib import Path

from dotenv import dotenv_values
from pydantic import BaseModel, SecretStr

from utils.core.console import remember_secret
from utils.core.paths import PROJECT_ROOT


class Settings(BaseModel):
    """What the environment or `.env` says; secrets print as `**********`."""

    google_api_key: SecretStr | None = None
    gcp_project: str | None = None
    gcp_project_location: str | None = None
    r2r_api_key: SecretStr | None = None
    r2r_api_base: str | None = None
    gcs_bucket: str | None = None
    retrieval_search: str | None = None

    @property
    def can_call_gemini(self) -> bool:
        """Whether credentials for the Developer API or for Vertex AI are set."""
        return self.google_api_key is not None or bool(self.gcp_project and self.gcp_project_location)


def load_settings(env_file: Path = PROJECT_ROOT / ".env") -> Settings:
    """Read the environment, then `env_file` for what the environment leaves open; empty means unset."""
    from_file = dotenv_values(env_file) if env_file.is_file() else {}
    found = {
        field: os.environ.get(field.upper()) or from_file.get(field.upper()) or None for field in Settings.model_fields
    }
    for field in ("google_api_key", "r2r_api_key"):
        remember_secret(found[field])
    return Settings.model_validate(found)
