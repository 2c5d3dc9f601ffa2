"""Check a Gemini fine-tuning file, anyone's, in one pass: format, limits, duplicates, leaks into validation."""

from __future__ import annotations

import json
import re
from array import array
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np

from utils.core.questions import normal_question
from utils.dataset.contract import (
    CHARACTERS_PER_TOKEN,
    MAX_FILE_BYTES,
    MAX_TRAINING_LINES,
    MIN_TRAINING_LINES,
    contract_problem,
    current_form,
    estimated_tokens,
    file_problem,
    is_older,
    older_problem,
    text_of,
)
from utils.dataset.prompt_template import question_and_context
from utils.dataset.sources import open_source, shown_name
from utils.programs.source import code_blocks

MAX_LINE_BYTES = 32 * 1024 * 1024  # more than any line within the token limit takes
MAX_INSTRUCTIONS = 1_000  # different ones told apart
_SURROGATE = re.compile(r"\\u[dD][89a-fA-F]")


@dataclass(frozen=True)
class CheckSettings:
    """How a file is checked; see the flags of this module."""

    characters_per_token: float = CHARACTERS_PER_TOKEN
    max_problems: int = 20
    max_bytes: int = MAX_FILE_BYTES


@dataclass(frozen=True)
class TokenSummary:
    """Estimated tokens of a file's sound lines."""

    median: int = 0
    p95: int = 0
    max: int = 0


@dataclass
class SoundLines:
    """What is remembered of each sound line, in a few bytes: memory stays small with a million of them."""

    numbers: array[int] = field(default_factory=lambda: array("Q"))
    records: array[int] = field(default_factory=lambda: array("Q"))  # hashes
    questions: array[int] = field(default_factory=lambda: array("Q"))  # hashes of the normal form
    tokens: array[int] = field(default_factory=lambda: array("Q"))


@dataclass
class CheckResult:
    """What was found in one file; `problems` holds the first ones, `problem_count` counts all."""

    name: str
    lines: int = 0
    bytes: int = 0
    older_lines: int = 0
    problem_count: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    tokens: TokenSummary = TokenSummary()
    sound: SoundLines = field(default_factory=SoundLines, repr=False)
    max_problems: int = 20

    @property
    def fine(self) -> bool:
        """Whether nothing is wrong; warnings do not count."""
        return not self.problem_count

    def add_problem(self, what: str, line: int | None = None) -> None:
        """Count a problem, and keep it while there are few."""
        self.problem_count += 1
        if len(self.problems) < self.max_problems:
            self.problems.append(f"{self.name}:{line}: {what}" if line else f"{self.name}: {what}")

    def summary(self) -> dict[str, Any]:
        """The result as a JSON object."""
        return {
            "file": self.name,
            "verdict": "fine" if self.fine else "problems",
            "lines": self.lines,
            "bytes": self.bytes,
            "tokens": {"median": self.tokens.median, "p95": self.tokens.p95, "max": self.tokens.max},
            "older_format_lines": self.older_lines,
            "problem_count": self.problem_count,
            "problems": self.problems,
            "warnings": self.warnings,
        }


def check_file(
    source: Path | str, settings: CheckSettings = CheckSettings(), *, validation: bool = False
) -> CheckResult:
    """Check a file (path, gs:// or https:// address), streamed; a validation file may be small.

    Raises UserError or OSError where it cannot be read.
    """
    check = _FileCheck(shown_name(str(source)), settings)
    with open_source(str(source)) as stream:
        for line, total in _lines(stream, settings.max_bytes):
            check.add(line)
            check.result.bytes = total
    return check.finish(validation)


def check_validation(validation: CheckResult, training: Sequence[CheckResult]) -> None:
    """Add to a validation file's problems: its limits beside the training files, and questions that stand in them."""
    if problem := file_problem(sum(result.lines for result in training), validation.lines):
        validation.add_problem(f"{problem}; expected fewer: move some to training, or leave them out")
    asked = np.asarray(validation.sound.questions)
    for result in training:
        trained = np.asarray(result.sound.questions)
        known, first = np.unique(trained, return_index=True)
        for index in np.flatnonzero(np.isin(asked, known)):
            line = result.sound.numbers[first[np.searchsorted(known, asked[index])]]
            validation.add_problem(
                f"the same question stands in {result.name}:{line}; expected one that is not trained on",
                validation.sound.numbers[index],
            )


class _FileCheck:
    """Checks one file's lines as they come."""

    def __init__(self, name: str, settings: CheckSettings) -> None:
        self.result = CheckResult(name, max_problems=settings.max_problems)
        self._settings = settings
        self._instructions: Counter[str] = Counter()  # by hash; "" where there is none
        self._first: dict[str, int] = {}  # the first line of each kind that is warned of
        self._counts: Counter[str] = Counter()

    def add(self, line: bytes) -> None:
        """Check the next line."""
        self.result.lines += 1
        number = self.result.lines
        if not line.strip():
            self._note("blank", number)
            return
        record, problem = _parsed(line)
        if not problem and is_older(record):
            self.result.older_lines += 1
            self._note("older", number)
            problem = older_problem(record, self._settings.characters_per_token)
            record = record if problem else current_form(record)
        elif not problem:
            problem = contract_problem(record, self._settings.characters_per_token)
        if problem:
            self.result.add_problem(problem, number)
        else:
            self._remember(record, number)

    def finish(self, validation: bool) -> CheckResult:
        """The result, once all lines are in."""
        result, sound = self.result, self.result.sound
        if not result.lines:
            result.add_problem("is empty; expected one example a line")
        if result.bytes > self._settings.max_bytes:
            limit = f"{self._settings.max_bytes:,} bytes"
            result.add_problem(f"more than {limit}, and not read on; expected {limit} at most: split the file")
        for index, first in _repeated(sound.records):
            result.add_problem(
                f"the same as line {sound.numbers[first]}; expected every example once", sound.numbers[index]
            )
        if sound.tokens:
            tokens = np.asarray(sound.tokens)
            median, p95 = np.percentile(tokens, (50, 95), method="inverted_cdf")
            result.tokens = TokenSummary(int(median), int(p95), int(tokens.max()))
        result.warnings += self._warnings(validation)
        return result

    def _remember(self, record: dict[str, Any], number: int) -> None:
        sound = self.result.sound
        sound.numbers.append(number)
        sound.records.append(_hash(json.dumps(record, sort_keys=True, ensure_ascii=False)))
        sound.questions.append(_hash(_question(record)))
        sound.tokens.append(estimated_tokens(record, self._settings.characters_per_token))
        instruction = text_of(record["systemInstruction"]) if "systemInstruction" in record else ""
        key = f"{_hash(instruction):x}" if instruction else ""
        if key in self._instructions or len(self._instructions) < MAX_INSTRUCTIONS:
            self._instructions[key] += 1
        else:
            self._instructions["others"] += 1
        if any(len(code_blocks(text_of(turn))) > 1 for turn in record["contents"][1::2]):
            self._note("blocks", number)

    def _note(self, kind: str, number: int) -> None:
        self._first.setdefault(kind, number)
        self._counts[kind] += 1

    def _warnings(self, validation: bool) -> Iterator[str]:
        lines = self.result.lines
        if not validation and 0 < lines < MIN_TRAINING_LINES:
            yield f"{counted(lines, 'line')}; the service recommends at least {MIN_TRAINING_LINES}"
        if lines > MAX_TRAINING_LINES:
            yield f"{lines:,} lines; Gemini 2.5 takes {MAX_TRAINING_LINES:,} at most, later models more"
        if len(self._instructions) > 1:
            yield f"system instructions differ ({self._instruction_counts()}); ask the tuned model with the same one"
        if self._counts["older"]:
            yield (
                f"{self._place('older')} in the older `messages` form of Gemini 1.0; for later models write "
                '{"systemInstruction": ..., "contents": ...}, with "parts": [{"text": "x"}] in place of "content": "x"'
            )
        if self._counts["blocks"]:
            yield f"{self._place('blocks')} with several code blocks in one target; the model learns to do so"
        if self._counts["blank"]:
            yield f"{self._place('blank')} blank; take them out"

    def _place(self, kind: str) -> str:
        return f"{counted(self._counts[kind], 'line')} (the first is {self._first[kind]})"

    def _instruction_counts(self) -> str:
        without = self._instructions[""]
        counts = sorted((count for key, count in self._instructions.items() if key), reverse=True)
        most = ", ".join(f"{count:,}" for count in counts[:5]) + (", ..." if len(counts) > 5 else "")
        told = f"{len(counts):,} different, in {most} lines" if len(counts) > 1 else f"one in {most} lines"
        return f"{told}, none in {without:,}" if without else told


def counted(number: int, noun: str) -> str:
    """A number with its noun: "1 line", "1,234 lines"."""
    return f"{number:,} {noun}{'' if number == 1 else 's'}"


def _lines(stream: BinaryIO, max_bytes: int) -> Iterator[tuple[bytes, int]]:
    """Every line (of one that is too long, only the beginning) and the bytes read so far; none beyond `max_bytes`."""
    total = 0
    while total <= max_bytes and (line := stream.readline(MAX_LINE_BYTES + 1)):
        total += len(line)
        rest = line
        while len(rest) > MAX_LINE_BYTES and not rest.endswith(b"\n") and total <= max_bytes:
            rest = stream.readline(MAX_LINE_BYTES + 1)
            total += len(rest)
        yield line, total


def _parsed(line: bytes) -> tuple[Any, str]:
    """A line's JSON value, and what is wrong with it ("" when nothing is)."""
    if len(line) > MAX_LINE_BYTES:
        return None, f"longer than {MAX_LINE_BYTES:,} bytes; expected one JSON object a line"
    if line.startswith(b"\xef\xbb\xbf"):
        return None, "begins with a byte order mark; expected UTF-8 without one"
    try:
        text = line.decode("utf-8")
        value = json.loads(text)
        if _SURROGATE.search(text):
            json.dumps(value, ensure_ascii=False).encode()
    except UnicodeDecodeError as error:
        return None, f"not UTF-8 at byte {error.start + 1}; expected UTF-8"
    except UnicodeEncodeError:
        return None, r"holds half a character (a lone surrogate such as \ud800); expected whole characters"
    except (ValueError, RecursionError) as error:
        return None, f"not JSON ({getattr(error, 'msg', error)}); expected one JSON object a line"
    return value, ""


def _question(record: dict[str, Any]) -> str:
    """What the user asks, without schema and documentation, case, punctuation and spacing."""
    asked = "\n".join(question_and_context(text_of(turn))[0] for turn in record["contents"][::2])
    return normal_question(asked) or asked


def _hash(text: str) -> int:
    """64 bits: among ten million texts two collide once in 400,000 files."""
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "big")


def _repeated(hashes: array[int]) -> Iterator[tuple[int, int]]:
    """(index, index of the first one like it) of every hash that was there before."""
    values = np.asarray(hashes)
    _unique, first, inverse = np.unique(values, return_index=True, return_inverse=True)
    for index in np.flatnonzero(first[inverse] != np.arange(len(values))):
        yield int(index), int(first[inverse[index]])
