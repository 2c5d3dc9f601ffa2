"""The written set in the forms that other trainers read: OpenAI chat, ShareGPT, Alpaca, Parquet.

What a form cannot hold besides the texts, such as a row's tier, stays in rows.jsonl; Parquet has it as columns.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterator
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any, Literal, get_args

from utils.core.console import UserError
from utils.core.jsonl import read_json_lines, write_jsonl
from utils.dataset.contract import text_of
from utils.dataset.prompt_template import question_and_context

Format = Literal["openai", "sharegpt", "alpaca", "parquet"]
FORMATS: tuple[Format, ...] = get_args(Format)
SPLIT_FILES = ("train", "validation", "test", "basicq_train", "basicq_validation")
PARQUET_BATCH = 256  # lines held at once; each may have a third of a million characters
_ROW_FIELDS = ("question_id", "db_name", "tier", "difficulty", "template")

Record = dict[str, Any]


def write_format(folder: Path, name: Format) -> list[Path]:
    """Write each split file that is in `folder` again under `folder/name`, in that form; returns what was written.

    Raises UserError where a split and rows.jsonl do not belong together, or a line does not fit the form.
    """
    if name not in FORMATS:
        raise UserError(f"unknown format '{name}'; expected {', '.join(FORMATS)}")
    written = []
    for split in SPLIT_FILES:
        source = folder / f"{split}.jsonl"
        if not source.is_file():
            continue
        if name == "parquet":
            written.append(_write_parquet(folder, split))
        else:
            path = folder / name / source.name
            write_jsonl(path, _converted(source, _CONVERTERS[name]))
            written.append(path)
    return written


def openai_record(record: Record) -> Record:
    """A training line as OpenAI chat messages."""
    roles = {"system": "system", "user": "user", "model": "assistant"}
    return {"messages": [{"role": roles[role], "content": text} for role, text in _turns(record)]}


def sharegpt_record(record: Record) -> Record:
    """A training line as a ShareGPT conversation."""
    speakers = {"system": "system", "user": "human", "model": "gpt"}
    return {"conversations": [{"from": speakers[role], "value": text} for role, text in _turns(record)]}


def alpaca_record(record: Record) -> Record:
    """A training line as Alpaca instruction (the question), input (schema and documentation) and output.

    The user turn is the instruction, and, where there is an input, a blank line and the input.
    Raises UserError for a conversation of several turns, which Alpaca cannot hold.
    """
    turns = _turns(record)
    system = turns.pop(0)[1] if turns[0][0] == "system" else ""
    if len(turns) != 2:
        raise UserError(f"has {len(turns)} turns; expected two, as the Alpaca form holds one question and its answer")
    question, context = question_and_context(turns[0][1])
    return {"instruction": question, "input": context, "output": turns[1][1], "system": system}


_CONVERTERS: dict[str, Callable[[Record], Record]] = {
    "openai": openai_record,
    "sharegpt": sharegpt_record,
    "alpaca": alpaca_record,
}


def parquet_path(folder: Path, split: str) -> Path:
    """Where a split's Parquet file stands, named as Hugging Face names shards."""
    return folder / "parquet" / f"{split}-00000-of-00001.parquet"


def _turns(record: Record) -> list[tuple[str, str]]:
    """Role and text of each turn, the system instruction first."""
    system = [("system", text_of(record["systemInstruction"]))] if "systemInstruction" in record else []
    return system + [(turn["role"], text_of(turn)) for turn in record["contents"]]


def _converted(source: Path, convert: Callable[[Record], Record]) -> Iterator[Record]:
    for number, record in read_json_lines(source):
        try:
            yield convert(record)
        except UserError as error:
            raise UserError(f"{source}:{number}: {error}") from error


def _write_parquet(folder: Path, split: str) -> Path:
    import pyarrow as pa  # a second that the other forms need not wait for
    from pyarrow import parquet

    text = pa.string()
    messages = pa.list_(pa.struct([("role", text), ("content", text)]))
    schema = pa.schema([("messages", messages), *((name, text) for name in _ROW_FIELDS), ("operators", pa.list_(text))])
    path = parquet_path(folder, split)
    path.parent.mkdir(parents=True, exist_ok=True)
    handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    os.close(handle)
    try:
        with parquet.ParquetWriter(temporary, schema) as writer:
            rows = _parquet_rows(folder, split)
            while batch := list(islice(rows, PARQUET_BATCH)):
                writer.write_batch(pa.RecordBatch.from_pylist(batch, schema))
        Path(temporary).chmod(0o644)
        return Path(temporary).replace(path)
    except BaseException:
        Path(temporary).unlink()
        raise


def _parquet_rows(folder: Path, split: str) -> Iterator[Record]:
    """Each line of a split with what rows.jsonl says of it: the k-th line is the k-th row with that outcome."""
    source = folder / f"{split}.jsonl"
    rows = (row for _number, row in read_json_lines(folder / "rows.jsonl") if row["outcome"] == split)
    for line, row in zip_longest(read_json_lines(source), rows):
        if line is None or row is None:
            raise UserError(f"{source}: has not the lines that rows.jsonl tells of; write the version again (--force)")
        fields = {name: row.get(name) for name in _ROW_FIELDS}
        yield {**openai_record(line[1]), **fields, "operators": row.get("operators") or []}
