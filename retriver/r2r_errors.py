"""What goes wrong between us and an R2R server, told in one line."""

from __future__ import annotations

import ast
from collections.abc import Sequence
from typing import Any

import httpx
from r2r import R2RException

from retriver.errors import SearchError
from utils.core.console import mask_secrets

LONGEST_MESSAGE = 200


class R2RError(SearchError):
    """The R2R server did not do what was asked."""

    def __init__(self, message: str, retryable: bool = False, fatal: bool = False) -> None:
        super().__init__(mask_secrets(message), retryable, fatal)


def explain(error: R2RException, server: str, has_key: bool) -> R2RError:
    """The client's exception as one line: which server, what it said, what to do."""
    cause = error.__cause__
    if isinstance(cause, httpx.RequestError):
        return _explain_transport(cause, server)
    status, said = error.status_code, _said(error.message)
    if status == 401:
        what, advice = ("the API key was refused", "check") if has_key else ("an API key is needed", "set")
        return R2RError(f"{server}: {what} (401: {said}); {advice} R2R_API_KEY", fatal=True)
    if status == 403:
        return R2RError(
            f"{server}: not allowed (403: {said}); use a key whose user may do this, or raise the user's limits",
            fatal=True,
        )
    if status == 404:
        return R2RError(
            f"{server}: not found (404: {said}); R2R_API_BASE must be the server's root, such as http://localhost:7272",
            fatal=True,
        )
    if status == 409:
        return R2RError(
            f"{server}: a document is there already (409: {said}); if nothing else sends documents, run again"
        )
    if status == 422:
        return R2RError(
            f"{server}: the request was rejected (422: {said}); the server should be R2R 3.6, as the client is"
        )
    if status == 429:
        return R2RError(
            f"{server}: too many requests (429: {said}); wait a while or raise the server's limits", retryable=True
        )
    if status >= 500:
        return R2RError(f"{server}: the server failed ({status}: {said}); its log says more", retryable=True)
    return R2RError(f"{server}: the request was refused ({status}: {said}); the server's log says more")


def not_ingested(server: str, failed: Sequence[str], sent: int) -> R2RError:
    """Chunks that the server took, and then failed to make searchable."""
    return R2RError(
        f"{server}: {len(failed)} of {sent} chunks were not ingested, the first is '{failed[0]}'; "
        "its log says why; run again to send them again"
    )


def not_drained(server: str, waiting: Sequence[tuple[str, str]], sent: int, limit_s: float) -> R2RError:
    """Chunks that the server's queue still holds when waiting ends, each with its status."""
    path, status = waiting[0]
    return R2RError(
        f"{server}: {len(waiting)} of {sent} chunks still wait in its queue after {limit_s:g} s, the first is "
        f"'{path}' ({status}); see that its workers run, then run again"
    )


def not_held(server: str, corpus: str) -> R2RError:
    """A search limited to documents that were never sent, or under another name."""
    return R2RError(
        f"{server}: holds nothing of the corpus '{corpus}'; send it with `python -m retriver.ingest --backend r2r`, "
        "name another with --docs or --corpus, or search whatever is there with "
        "--search-settings '{\"filters\": {}}'",
        fatal=True,
    )


def not_r2r(server: str) -> R2RError:
    """An answer that is not R2R's: another service, a proxy's page, another version."""
    return R2RError(
        f"{server}: the answer is not that of R2R 3.6; check that R2R_API_BASE names an R2R server", fatal=True
    )


def _explain_transport(cause: httpx.RequestError, server: str) -> R2RError:
    # The transport's own words are left out: they may quote a header, and so the key
    if isinstance(cause, httpx.ConnectError):
        return R2RError(
            f"{server}: cannot connect; start the server or correct R2R_API_BASE", retryable=True, fatal=True
        )
    if isinstance(cause, httpx.TimeoutException):
        return R2RError(
            f"{server}: no answer in time; is the server overloaded, or its model provider down?", retryable=True
        )
    kind = type(cause).__name__
    return R2RError(
        f"{server}: the connection broke ({kind}); run again, and read the server's log if it stays", retryable=True
    )


def _said(message: Any) -> str:
    """A server's message, which may be text, an object or a list of field errors, as short text."""
    message = _parsed(message)
    if isinstance(message, list):
        message = "; ".join(_field_error(item) for item in message)
    elif isinstance(message, dict):
        message = message.get("message", message)
    words = " ".join(str(message).split()) or "no message"
    return words if len(words) <= LONGEST_MESSAGE else words[: LONGEST_MESSAGE - 3] + "..."


def _parsed(message: Any) -> Any:
    """The object that the client printed into its message, where R2R answered with one ({"message": ...})."""
    if not isinstance(message, str) or not message.startswith("{"):
        return message
    try:
        return ast.literal_eval(message)
    except (ValueError, SyntaxError):
        return message


def _field_error(item: Any) -> str:
    if isinstance(item, dict) and "msg" in item:
        return f"{'.'.join(map(str, item.get('loc', ())))}: {item['msg']}"
    return str(item)
