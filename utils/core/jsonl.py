"""JSON Lines files: streamed in, written whole (temporary file, fsync, rename)."""

from __future__ import annotations

import json
import os
import re
import tempfile
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeVar

from pydantic import BaseModel, ValidationError

from utils.core.console import UserError

Model = TypeVar("Model", bound=BaseModel)
_LEFT_OVER_S = 24 * 3600  # no run writes one file for so long
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


def whole_characters(text: str) -> str:
    """`text` with each half of a surrogate pair replaced, as a cut emoji leaves it: it can be stored nowhere."""
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


@contextmanager
def whole_file(path: Path, mode: int = 0o644) -> Iterator[TextIO]:
    """Open a text file that appears at `path` (with permissions `mode`) only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{path.name}.*"):  # by a killed run
        if left.suffix != ".json" and time.time() - left.stat().st_mtime > _LEFT_OVER_S:
            left.unlink(missing_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(mode)
        temporary.replace(path)
    except BaseException:
        temporary.unlink()
        raise


def to_line(record: BaseModel | dict[str, Any]) -> str:
    """One record as one JSON line, newline included."""
    data = record.model_dump(mode="json") if isinstance(record, BaseModel) else record
    return json.dumps(data, ensure_ascii=False) + "\n"


def write_jsonl(path: Path, records: Iterable[BaseModel | dict[str, Any]]) -> int:
    """Write `records` as a whole file and return how many there were."""
    count = 0
    with whole_file(path) as stream:
        for record in records:
            stream.write(to_line(record))
            count += 1
    return count


def read_json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, object) of a JSONL file; raises UserError naming the bad line."""
    for number, line in numbered_lines(path):
        yield number, _object(path, number, line)


def read_records(path: Path, model: type[Model]) -> Iterator[Model]:
    """Yield a JSONL file's lines as `model`; raises UserError naming line and field."""
    for number, line in numbered_lines(path):
        yield _record(path, number, line, model)


def read_records_or_errors(path: Path, model: type[Model]) -> Iterator[tuple[int, Model | UserError]]:
    """Yield (line number, record) of a JSONL file, in place of a bad line's record what `read_records` would raise."""
    for number, line in numbered_lines(path):
        yield number, record_or_error(path, number, line, model)


def record_or_error(path: Path, number: int, line: str, model: type[Model]) -> Model | UserError:
    """One line of a JSONL file as `model`, or what is wrong with it."""
    try:
        return _record(path, number, line, model)
    except UserError as error:
        return error


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield (line number, line) of a text file but for empty lines; raises UserError where it is not UTF-8."""
    try:
        with open(path, encoding="utf-8") as stream:
            yield from ((number, line) for number, line in enumerate(stream, start=1) if line.strip())
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error


def _object(path: Path, number: int, line: str) -> dict[str, Any]:
    try:
        value = json.loads(line)
    except (ValueError, RecursionError) as error:
        reason = getattr(error, "msg", error)
        raise UserError(f"{path}:{number}: not JSON ({reason}); expected one JSON object a line") from error
    if not isinstance(value, dict):
        raise UserError(f"{path}:{number}: expected a JSON object, found {type(value).__name__}")
    if _SURROGATE.search(line):
        try:
            json.dumps(value, ensure_ascii=False).encode()
        except UnicodeEncodeError as error:
            raise UserError(
                f"{path}:{number}: holds half a character (a lone surrogate such as \\ud800); write the text again"
            ) from error
    return value


def _record(path: Path, number: int, line: str, model: type[Model]) -> Model:
    try:
        return model.model_validate(_object(path, number, line))
    except ValidationError as error:
        first = error.errors()[0]
        field = ".".join(str(part) for part in first["loc"]) or model.__name__
        raise UserError(
            f"{path}:{number}: field '{field}': {first['msg']}; run the stage that writes this file again"
        ) from error
