"""Rows of a CSV, JSONL or Parquet file with their line numbers, streamed; broken files told in one line."""

from __future__ import annotations

import csv
import sys
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

from utils.core.console import UserError
from utils.core.jsonl import read_json_lines


def read_table(path: Path, required: Collection[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield (line number, row) of a `.csv`, `.jsonl` or `.parquet` file.

    The number is the line on which a row begins, of Parquet the row's own. Raises UserError for a missing file, a
    missing column, a row with too many or too few fields, or bytes that are not UTF-8.
    """
    if not path.is_file():
        raise UserError(f"{path}: no such file; expected a CSV, JSONL or Parquet file")
    if path.suffix == ".csv":
        return _read_csv(path, required)
    if path.suffix in (".jsonl", ".ndjson"):
        return _read_jsonl(path, required)
    if path.suffix == ".parquet":
        return _read_parquet(path, required)
    raise UserError(f"{path}: expected a .csv, .jsonl or .parquet file")


def _read_csv(path: Path, required: Collection[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    csv.field_size_limit(sys.maxsize)
    begins = 1
    try:
        with open(path, encoding="utf-8-sig", newline="") as stream:
            reader = csv.DictReader(stream, strict=True)
            _check_columns(path, 1, reader.fieldnames or [], required)
            width = len(reader.fieldnames or [])
            begins = reader.line_num + 1
            for row in reader:
                if None in row or None in row.values():
                    found = width + len(row[None]) if None in row else sum(value is not None for value in row.values())
                    raise UserError(f"{path}:{begins}: expected {width} fields, found {found}; check the quoting")
                yield begins, row
                begins = reader.line_num + 1
    except csv.Error as error:
        raise UserError(
            f"{path}:{begins}: broken CSV ({error}); check the quoting of the row that begins here"
        ) from error
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error


def _read_jsonl(path: Path, required: Collection[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, row in read_json_lines(path):
        _check_columns(path, number, row.keys(), required)
        yield number, row


def _read_parquet(path: Path, required: Collection[str]) -> Iterator[tuple[int, dict[str, Any]]]:
    from pyarrow import ArrowException, parquet  # a second that other files need not wait for

    number = 0
    try:
        with parquet.ParquetFile(path) as file:
            _check_columns(path, 1, file.schema_arrow.names, required)
            for batch in file.iter_batches(batch_size=1_000):
                for row in batch.to_pylist():
                    number += 1
                    yield number, row
    except (ArrowException, OSError) as error:
        raise UserError(f"{path}: not a Parquet file that can be read ({' '.join(str(error).split())})") from error


def _check_columns(path: Path, line: int, found: Collection[str], required: Collection[str]) -> None:
    missing = [name for name in required if name not in found]
    if missing:
        raise UserError(
            f"{path}:{line}: missing column {', '.join(repr(name) for name in missing)}; "
            f"expected {', '.join(required)}, found {', '.join(found) or 'nothing'}"
        )
