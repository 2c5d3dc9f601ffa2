"""Files into a bucket, several at once, each written only where nothing is yet."""

from __future__ import annotations

import mimetypes
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed

from google.api_core.exceptions import GoogleAPICallError
from google.api_core.retry import Retry
from google.cloud import storage
from google.cloud.storage.exceptions import DataCorruption

from utils.core.console import Progress, UserError
from utils.storage.addresses import bucket_and_name
from utils.storage.chunked import UploadOver, send_in_chunks
from utils.storage.gcs import CHUNK_BYTES, TIMEOUT_S, faults_told, one_line
from utils.storage.sessions import UploadSessions
from utils.storage.version_files import LocalFile

_AT_ONCE = 4  # files; each holds one chunk in memory
_ATTEMPTS = 3  # to send a file from its beginning; the requests in it are retried on their own
_MAYBE_THERE = (404, 410, 412)  # somebody was faster, our own answer was lost, or it must be sent again


def chunks_in(file: LocalFile) -> int:
    """In how many requests a file is sent."""
    return max(1, -(-file.size // CHUNK_BYTES))


def other_bytes(uri: str) -> UserError:
    """What to say of an object that is not what we would write."""
    return UserError(
        f"{uri}: holds other bytes already, and a published version is never overwritten; delete that object, or "
        "publish into another folder"
    )


class Sender:
    """Uploads files below `uri` (gs://bucket/folder); `progress` counts chunks, and `stop` ends it at the next one.

    `sessions` keeps where large files go on in another process.
    """

    def __init__(
        self,
        bucket: storage.Bucket,
        uri: str,
        sessions: UploadSessions,
        retry: Retry,
        stop: threading.Event,
        progress: Progress,
    ) -> None:
        self._bucket = bucket
        self._uri = uri
        self._sessions = sessions
        self._retry = retry
        self._stop = stop
        self._progress = progress
        self._told: dict[str, int] = {}  # chunks by file
        self._lock = threading.Lock()

    def send_all(self, files: Sequence[LocalFile]) -> None:
        """Upload `files`; the first error, or a signal, stops all others at their next chunk."""
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            sent = [pool.submit(self._send, file) for file in files]
            try:
                for one in as_completed(sent):
                    one.result()
            except BaseException:
                self._stop.set()
                pool.shutdown(wait=False, cancel_futures=True)
                raise

    def _send(self, file: LocalFile) -> None:
        uri = f"{self._uri}/{file.name}"
        name = bucket_and_name(uri)[1]
        with faults_told(uri):
            for _attempt in range(_ATTEMPTS):
                try:
                    found = self._write(name, file)
                except (GoogleAPICallError, UploadOver, DataCorruption, ValueError) as error:
                    if isinstance(error, GoogleAPICallError) and error.code not in _MAYBE_THERE:
                        raise
                    found, fault = self._found(name), error
                if found == file.crc32c:
                    return
                if found:
                    raise other_bytes(uri)
            raise ConnectionError(f"{uri}: the upload broke off {_ATTEMPTS} times ({one_line(fault)})")

    def _write(self, name: str, file: LocalFile) -> str:
        """Upload one file; the CRC32C of what was written."""
        blob = self._bucket.blob(name)
        if file.size > CHUNK_BYTES:
            send_in_chunks(
                blob, file, _content_type(name), self._sessions, self._retry, lambda size: self._sent(file, size)
            )
            return file.crc32c
        self._sent(file, 0)
        blob.upload_from_filename(
            str(file.path),
            content_type=_content_type(name),
            checksum="crc32c",
            if_generation_match=0,
            retry=self._retry,
            timeout=TIMEOUT_S,
        )
        self._sent(file, file.size)
        return str(blob.crc32c)

    def _found(self, name: str) -> str:
        """The CRC32C of an object; "" where there is none."""
        blob = self._bucket.get_blob(name, retry=self._retry, timeout=TIMEOUT_S)
        return "" if blob is None else str(blob.crc32c)

    def _sent(self, file: LocalFile, size: int) -> None:
        if self._stop.is_set():
            raise ConnectionError("stopped")
        done = chunks_in(file) if size == file.size else size // CHUNK_BYTES
        with self._lock:
            for _chunk in range(self._told.get(file.name, 0), done):  # none where one was sent again
                self._progress.advance()
            self._told[file.name] = max(done, self._told.get(file.name, 0))


def _content_type(name: str) -> str:
    return (
        "application/jsonl" if name.endswith(".jsonl") else mimetypes.guess_type(name)[0] or "application/octet-stream"
    )
