"""The four scripts as one command: which flags go to which, and running one with its output in the log."""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from argparse import ArgumentParser
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from importlib import import_module
from typing import IO

from utils.core.console import UserError
from utils.core.paths import PROJECT_ROOT

SCRIPTS = (
    "basicQ_retrieve_pydough",
    "retrieve_pydough",
    "generate_finetuning_data_gemini",
    "merge_schema_data",
)
BASIC_QUESTIONS = "--basic-questions"  # what --questions is to the first script
_STOP_S = 60.0
_LAST_LINES = 5
_log = logging.getLogger("pipeline.nightly")


@dataclass
class StageEnd:
    """How a script ended: its exit code and the last lines it wrote to stderr."""

    code: int
    last_lines: list[str] = field(default_factory=list)


def routed(flags: Sequence[str]) -> dict[str, list[str]]:
    """For each script those of `flags` that it knows; raises UserError for one that none knows."""
    known = {script: _known_flags(import_module(script).build_parser()) for script in SCRIPTS}
    routes: dict[str, list[str]] = {script: [] for script in SCRIPTS}
    for group in _grouped(flags):
        flag, equals, value = group[0].partition("=")
        if flag == BASIC_QUESTIONS:
            routes[SCRIPTS[0]] += [f"--questions{equals}{value}", *group[1:]]
            continue
        takers = [script for script in SCRIPTS if flag in known[script]]
        if flag == "--questions":
            takers.remove(SCRIPTS[0])
        if not takers or not flag.startswith("--"):
            raise UserError(f"{flag}: none of the four scripts has this flag; see `python {SCRIPTS[3]}.py --help`")
        for script in takers:
            routes[script] += group
    return routes


def run_script(script: str, flags: Sequence[str]) -> StageEnd:
    """Run a script to its end, every line of its output in the log; stop it when this process is stopped."""
    command = [sys.executable, str(PROJECT_ROOT / f"{script}.py"), *flags]
    process = subprocess.Popen(
        command, cwd=PROJECT_ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, errors="replace"
    )
    assert process.stdout and process.stderr
    last: deque[str] = deque(maxlen=_LAST_LINES)
    readers = [_reader(process.stdout, script, deque(maxlen=0)), _reader(process.stderr, script, last)]
    try:
        code = process.wait()
    except BaseException:
        process.terminate()
        try:
            process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            process.kill()
        raise
    finally:
        for reader in readers:
            reader.join(_STOP_S)
    return StageEnd(code, list(last))


def _reader(stream: IO[str], script: str, last: deque[str]) -> threading.Thread:
    def read() -> None:
        for line in stream:
            if text := line.rstrip():
                last.append(text)
                _log.info("%s: %s", script, text)

    thread = threading.Thread(target=read, daemon=True)
    thread.start()
    return thread


def _grouped(flags: Sequence[str]) -> list[list[str]]:
    """Each flag with its values."""
    groups: list[list[str]] = []
    for word in flags:
        if word.startswith("--") or not groups:
            groups.append([word])
        else:
            groups[-1].append(word)
    return groups


def _known_flags(parser: ArgumentParser) -> set[str]:
    return {flag for action in parser._actions for flag in action.option_strings}
