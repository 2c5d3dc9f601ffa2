"""What a script shares with its terminal: exit codes, one-line errors, logging, progress.

Progress is a tqdm bar on a terminal and one log line a minute elsewhere (cron).
Every log line passes through a filter that masks secrets.
"""

from __future__ import annotations

import logging
import os
import re
import shlex
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator
from enum import IntEnum
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import TypeVar

from tqdm import tqdm

T = TypeVar("T")

SECRET_VARIABLES = ("GOOGLE_API_KEY", "GEMINI_API_KEY", "R2R_API_KEY")
# Of a URL: a key, a token, a signature, or the id of an upload, with which anybody may write.
_SECRET_PARAMETER = r"(?i)\b((?:api[_-]?)?key|(?:access_|refresh_|id_)?token|x-goog-(?:signature|credential)|upload_id)"
_KEY_IN_TEXT = re.compile(
    _SECRET_PARAMETER + r"=([^&\s'\"]+)|AIza[\w-]{20,}|\bya29\.[\w.-]{8,}|(?i:bearer )[\w.~+/-]{8,}"
)
_known_secrets: set[str] = set()


class ExitCode(IntEnum):
    """What a script's exit status tells cron."""

    DONE = 0
    BELOW_TARGET = 1  # done, but fewer accepted or more failed rows than allowed
    USAGE = 2  # wrong usage, configuration or input; told in one line
    INTERRUPTED = 3  # stopped by a signal or a quota; running again resumes


class UserError(Exception):
    """Something the user can put right; its message is one line: what, where, what to do."""


class Interrupted(Exception):
    """The run stopped early and resumes when run again; the message says how."""


class Exhausted(Interrupted):
    """Nothing more may be asked in this run: a quota or a budget is spent; the message says which, and what to do."""


def remember_secret(value: str | None) -> None:
    """Have `value` masked in every later log line and error message."""
    if value and len(value) >= 6:
        _known_secrets.add(value)


def mask_known_secrets(text: str) -> str:
    """`text` with known secrets replaced by `***`: for what is stored, where `key=...` may be a program's own words."""
    for secret in sorted(_known_secrets, key=len, reverse=True):  # one may be the beginning of another
        text = text.replace(secret, "***")
    return text


def mask_secrets(text: str) -> str:
    """`text` with known secrets, and whatever looks like a key, replaced by `***`."""
    for name in SECRET_VARIABLES:
        remember_secret(os.environ.get(name))
    text = mask_known_secrets(text)
    return _KEY_IN_TEXT.sub(lambda found: f"{found[1]}=***" if found[1] else "***", text)


class _MaskingFormatter(logging.Formatter):
    def format(self, record: logging.LogRecord) -> str:
        return mask_secrets(super().format(record))


def set_up_logging(verbose: bool = False) -> None:
    """Log to stderr, masked; warnings only from libraries."""
    handler = logging.StreamHandler()
    handler.setFormatter(_MaskingFormatter("%(asctime)s %(levelname)s %(message)s", "%H:%M:%S"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)
    logging.captureWarnings(True)  # so that they are masked, too
    for room in ("utils", "retriver", "pipeline"):
        logging.getLogger(room).setLevel(logging.DEBUG if verbose else logging.INFO)


def log_to_file(path: Path) -> None:
    """Log to a file in place of stderr, masked; after 5 MB it becomes `path`.1, and so on to `path`.5."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handler = RotatingFileHandler(path, maxBytes=5_000_000, backupCount=5, encoding="utf-8")
    handler.setFormatter(_MaskingFormatter("%(asctime)s %(levelname)s %(message)s"))
    logging.basicConfig(handlers=[handler], level=logging.WARNING, force=True)


def run_script(main: Callable[[], int]) -> int:
    """Run a script's `main` and turn what ends it into an exit code and one line on stderr."""
    set_up_logging()
    signal.signal(signal.SIGTERM, _terminated)
    try:
        return int(main())
    except UserError as error:
        message, code = f"error: {error}", ExitCode.USAGE
    except BrokenPipeError:  # whoever read our output has seen enough
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115  nothing is left to be flushed into the pipe
        return ExitCode.DONE
    except OSError as error:
        what = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror or error)
        message = f"error: {what}; check that the path exists, may be read and written, and that the disk has room"
        code = ExitCode.USAGE
    except Interrupted as stop:
        message, code = f"stopped: {stop}", ExitCode.INTERRUPTED
    except KeyboardInterrupt:
        message, code = "stopped", ExitCode.INTERRUPTED
    except Exception:  # a fault of this project: told in full, but never with a secret in it
        print(mask_secrets(traceback.format_exc()), end="", file=sys.stderr)
        return 1
    print(mask_secrets(" ".join(message.split())), file=sys.stderr)
    if code == ExitCode.INTERRUPTED:
        print(mask_secrets(f"resume with: {command_line()}"), file=sys.stderr)
    return code


def _terminated(number: int, _frame: object) -> None:
    raise Interrupted(f"{signal.Signals(number).name} received")


def command_line() -> str:
    """The command that started this process, to be pasted into a shell."""
    module = getattr(sys.modules["__main__"], "__spec__", None)
    script = ["-m", module.name.removesuffix(".__main__")] if module else [sys.argv[0]]
    return shlex.join(["python", *script, *sys.argv[1:]])


class Progress:
    """Counts finished rows: a tqdm bar on a terminal, one log line a minute elsewhere."""

    def __init__(self, description: str, total: int | None, interval_s: float = 60.0) -> None:
        self._description = description
        self._total = total
        self._interval_s = interval_s
        self._done = 0
        self._last_line = time.monotonic()
        self._log = logging.getLogger("pipeline")
        self._bar = tqdm(total=total, desc=description, disable=not sys.stderr.isatty(), file=sys.stderr)

    def __enter__(self) -> Progress:
        return self

    def __exit__(self, *exc: object) -> None:
        self._bar.close()

    def advance(self, note: str = "") -> None:
        """One more row is done; `note` stands beside the bar (counts, running cost)."""
        self._done += 1
        if not self._bar.disable:
            if note:
                self._bar.set_postfix_str(note, refresh=False)
            self._bar.update()
        elif time.monotonic() - self._last_line >= self._interval_s:
            self._last_line = time.monotonic()
            of_total = f" of {self._total}" if self._total is not None else ""
            self._log.info("%s: %d%s %s", self._description, self._done, of_total, note)


def with_progress(rows: Iterable[T], description: str, total: int | None = None) -> Iterator[T]:
    """Yield `rows` one by one, showing progress."""
    with Progress(description, total) as progress:
        for row in rows:
            yield row
            progress.advance()
