"""JSON Lines files: streamed in, written whole (temporary file, fsync, rename)."""

from __future__ import annotations

import json
import os
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TextIO, TypeVar

from pydantic import BaseModel, ValidationError

from utils.core.console import UserError

Model = TypeVar("Model", bound=BaseModel)


@contextmanager
def whole_file(path: Path) -> Iterator[TextIO]:
    """Open a text file that appears under `path` only when the block ends without an error."""
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    temporary = Path(name)
    try:
        with open(handle, "w", encoding="utf-8", newline="\n") as stream:
            yield stream
            stream.flush()
            os.fsync(stream.fileno())
        temporary.chmod(0o644)
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
    try:
        with open(path, encoding="utf-8") as stream:
            for number, line in enumerate(stream, start=1):
                if not line.strip():
                    continue
                try:
                    value = json.loads(line)
                except json.JSONDecodeError as error:
                    raise UserError(
                        f"{path}:{number}: not JSON ({error.msg}); expected one JSON object a line"
                    ) from error
                if not isinstance(value, dict):
                    raise UserError(f"{path}:{number}: expected a JSON object, found {type(value).__name__}")
                yield number, value
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error


def read_records(path: Path, model: type[Model]) -> Iterator[Model]:
    """Yield a JSONL file's lines as `model`; raises UserError naming line and field."""
    for number, value in read_json_lines(path):
        try:
            yield model.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            field = ".".join(str(part) for part in first["loc"]) or model.__name__
            raise UserError(
                f"{path}:{number}: field '{field}': {first['msg']}; run the stage that writes this file again"
            ) from error
