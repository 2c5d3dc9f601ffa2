"""A file to read, wherever it stands: on this machine, in a bucket (gs://), or on the web (https://)."""

from __future__ import annotations

import io
from collections.abc import Iterator
from contextlib import contextmanager
from typing import BinaryIO, cast
from urllib.parse import urlsplit, urlunsplit

import requests

from utils.core.console import UserError

_TIMEOUT_S = 60  # to connect, and between two pieces
_CHUNK_BYTES = 1024 * 1024
_WEB = ("https://", "http://")


@contextmanager
def open_source(source: str) -> Iterator[BinaryIO]:
    """A path, gs:// or https:// address as a stream of bytes; raises UserError or OSError where it cannot be read."""
    if source.startswith("gs://"):
        from utils.storage.objects import open_object  # a second that other files need not wait for

        with open_object(source) as stream:
            yield stream
    elif source.startswith(_WEB):
        with _open_web(source) as stream:
            yield stream
    elif "://" in source:
        raise UserError(f"{shown_name(source)}: expected a path, gs:// or https://")
    else:
        with open(source, "rb") as stream:
            yield stream


def shown_name(source: str) -> str:
    """A source as it may be printed: a web address without account and query, which may hold a secret."""
    if "://" not in source:
        return source
    parts = urlsplit(source)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


@contextmanager
def _open_web(url: str) -> Iterator[BinaryIO]:
    name = shown_name(url)
    try:
        with requests.get(url, stream=True, timeout=_TIMEOUT_S) as response:
            if not response.ok:
                raise UserError(f"{name}: cannot be read (HTTP {response.status_code}); check the address")
            yield cast(BinaryIO, io.BufferedReader(_Pieces(response.iter_content(_CHUNK_BYTES)), _CHUNK_BYTES))
    except requests.Timeout as error:
        raise UserError(f"{name}: no answer for {_TIMEOUT_S} s; try again, or download it first") from error
    except requests.RequestException as error:  # its own text may hold the whole address
        raise UserError(
            f"{name}: cannot be read ({type(error).__name__}); check the address and your network, or download it first"
        ) from error


class _Pieces(io.RawIOBase):
    """A stream of the bytes that come in pieces."""

    def __init__(self, pieces: Iterator[bytes]) -> None:
        self._pieces = pieces
        self._left = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: memoryview) -> int:  # type: ignore[override]
        while not self._left:
            if (piece := next(self._pieces, None)) is None:
                return 0
            self._left = piece
        count = min(len(buffer), len(self._left))
        buffer[:count] = self._left[:count]
        self._left = self._left[count:]
        return count
