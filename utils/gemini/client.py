"""The Google Gen AI client from our settings: Developer API or Vertex AI, or a loopback server."""

from __future__ import annotations

import ipaddress
import math
from urllib.parse import urlsplit

import httpx2
from google import genai
from google.genai import types
from google.oauth2.credentials import Credentials

from utils.core.console import UserError, remember_secret
from utils.core.settings import Settings

_WITHOUT_A_MODEL = "`--provider corpus` needs none of them"


def make_client(
    settings: Settings, base_url: str | None = None, timeout_s: float = 120.0, vertex: bool | None = None
) -> genai.Client:
    """A client for the Developer API (GOOGLE_API_KEY), else Vertex AI (GCP_PROJECT, GCP_PROJECT_LOCATION).

    `vertex` chooses when both are set. `base_url` replaces Google's address; on a loopback address Vertex
    needs no Google credentials. `timeout_s` bounds each phase of a request in seconds. Raises UserError
    naming the variables to set.
    """
    if vertex is None:
        vertex = settings.google_api_key is None and settings.can_call_gemini
    options = types.HttpOptions(
        base_url=_checked_url(base_url),
        timeout=math.ceil(timeout_s * 1000),
        # One attempt: the SDK's own retries, hidden ones included, would go out unpaced and uncounted.
        retry_options=types.HttpRetryOptions(attempts=1),
        # The pacer bounds what is open at once; a second bound here would only time out while queueing.
        # Nor is a redirect followed: it would hand key and prompt to another host.
        async_client_args={"limits": httpx2.Limits(max_connections=None), "follow_redirects": False},
    )
    if vertex:
        if not (settings.gcp_project and settings.gcp_project_location):
            raise UserError(
                f"Vertex AI: set GCP_PROJECT and GCP_PROJECT_LOCATION in the environment or .env; {_WITHOUT_A_MODEL}"
            )
        return genai.Client(
            vertexai=True,
            project=settings.gcp_project,
            location=settings.gcp_project_location,
            credentials=Credentials(token="anonymous") if is_loopback(base_url) else None,
            http_options=options,
        )
    if settings.google_api_key is None:
        raise UserError(
            "Gemini: set GOOGLE_API_KEY, or GCP_PROJECT and GCP_PROJECT_LOCATION for Vertex AI, in the environment "
            f"or .env; {_WITHOUT_A_MODEL}"
        )
    key = settings.google_api_key.get_secret_value()
    remember_secret(key)
    return genai.Client(vertexai=False, api_key=key, http_options=options)


def endpoint_name(base_url: str | None) -> str:
    """Who answers: "google", "loopback" (whatever its port), or another server's address."""
    if base_url is None:
        return "google"
    return "loopback" if is_loopback(base_url) else base_url.rstrip("/")


def is_loopback(base_url: str | None) -> bool:
    """Whether `base_url` names this machine only."""
    host = urlsplit(base_url or "").hostname or ""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _checked_url(base_url: str | None) -> str | None:
    if base_url is None:
        return base_url
    parts = urlsplit(base_url)
    if parts.username or parts.password or parts.query or parts.fragment:  # not shown: it may be a secret
        raise UserError("base URL: expected http://host:port without user, password or query; give --base-url again")
    if parts.scheme in ("http", "https") and parts.hostname:
        return base_url
    raise UserError(f"base URL {base_url!r}: expected http://host:port or https://host; give --base-url again")
