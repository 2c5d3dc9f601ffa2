"""One large file into an object, in chunks; where this process is cut, another can go on."""

from __future__ import annotations

from collections.abc import Callable
from typing import BinaryIO

from google.api_core.exceptions import from_http_response
from google.api_core.retry import Retry
from google.cloud import storage
from google.cloud.storage.blob import ResumableUpload
from google.cloud.storage.exceptions import InvalidResponse

from utils.storage.gcs import CHUNK_BYTES, TIMEOUT_S
from utils.storage.sessions import Upload, UploadSessions
from utils.storage.version_files import LocalFile

# The upload has ended (200, 201), has got other bytes than were announced (400), is not known any more (404, 410), or
# the object is there meanwhile (412).
_OVER = (200, 201, 400, 404, 410, 412)


class UploadOver(Exception):
    """An upload cannot go on: its object is there, or it must be sent from its beginning."""


class _Chunks(ResumableUpload):
    """The library's chunked upload at an address that is known already; on its own it only begins new ones.

    It computes no checksum, as it does not see all bytes: the service compares with the one announced at the beginning.
    """

    def __init__(self, address: str, stream: BinaryIO, size: int, content_type: str, retry: Retry) -> None:
        super().__init__(address, CHUNK_BYTES, checksum=None, retry=retry)
        self._resumable_url = address
        self._stream = stream
        self._total_bytes = size
        self._content_type = content_type


def send_in_chunks(
    blob: storage.Blob,
    file: LocalFile,
    content_type: str,
    sessions: UploadSessions,
    retry: Retry,
    on_sent: Callable[[int], None],
) -> None:
    """Upload a file where nothing is yet, from where an earlier run was cut.

    `on_sent` is told how many bytes the service has; an error that it raises stops the upload, to go on later.
    Raises UploadOver, and the client's errors.
    """
    service, transport = blob.client.api_endpoint, blob.client._http
    upload = Upload(service=service, bucket=blob.bucket.name, name=blob.name, size=file.size, crc32c=file.crc32c)
    address = begun = sessions.address_of(upload)
    if not begun:
        blob.crc32c = file.crc32c
        address = blob.create_resumable_upload_session(
            content_type, file.size, if_generation_match=0, checksum=None, retry=retry, timeout=TIMEOUT_S
        )
        sessions.remember(upload, address)
    with open(file.path, "rb") as stream:
        chunks = _Chunks(address, stream, file.size, content_type, retry)
        try:
            if begun:
                chunks.recover(transport)
            while not chunks.finished:
                on_sent(chunks.bytes_uploaded)
                stream.seek(chunks.bytes_uploaded)  # the service may have kept less than it was sent
                answer = chunks.transmit_next_chunk(transport, timeout=TIMEOUT_S)
        except InvalidResponse as error:
            fault = from_http_response(error.response)
            if fault.code not in _OVER:
                raise fault from error
            sessions.forget(upload)
            raise UploadOver(str(fault)) from error
        except ValueError as error:  # the service has all bytes, and yet no object
            sessions.forget(upload)
            raise UploadOver(str(error)) from error
    sessions.forget(upload)
    on_sent(file.size)
    written = answer.json()
    if written.get("crc32c") != file.crc32c:  # by a service that does not compare
        blob.delete(if_generation_match=int(written["generation"]), retry=retry)
        raise UploadOver("other bytes arrived than were sent")
