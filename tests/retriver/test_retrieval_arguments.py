"""The flags of retrieval: what they decide, and what does not go together."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from retriver.arguments import add_retrieval_arguments, retrieval_state, search_settings
from tests.retriver.support import run_script
from utils.core.console import UserError


def flags(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_retrieval_arguments(parser)
    return parser.parse_args(given)


def test_what_decides_the_passages_is_part_of_a_stages_state() -> None:
    states = [
        retrieval_state(flags("--search", "keywords")),
        retrieval_state(flags("--search", "hybrid")),
        retrieval_state(flags("--backend", "r2r")),
        retrieval_state(flags("--backend", "r2r", "--search-settings", '{"use_hybrid_search": true}')),
    ]
    assert all(states.count(state) == 1 for state in states)
    assert retrieval_state(flags("--backend", "r2r", "--search", "hybrid")) == states[2]  # of no effect there


def test_settings_of_r2r_are_for_r2r() -> None:
    assert search_settings(flags()) is None
    with pytest.raises(UserError, match="--search-settings: for R2R only"):
        search_settings(flags("--search-settings", "{}"))


@pytest.mark.parametrize("script", ["basicQ_retrieve_pydough.py", "retrieve_pydough.py"])
def test_r2r_writes_only_from_what_it_holds(script: str, tmp_path: Path) -> None:
    done = run_script(script, "--provider", "r2r", "--work-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --provider r2r: R2R writes from what it holds itself; add --backend r2r\n"


def test_the_server_and_the_words_are_part_of_the_state(monkeypatch: pytest.MonkeyPatch) -> None:
    states = []
    for address in ("http://127.0.0.1:7272", "http://user:secret@127.0.0.1:7273"):
        monkeypatch.setenv("R2R_API_BASE", address)
        states.append(retrieval_state(flags("--backend", "r2r")))
    assert states[0] != states[1] and "secret" not in str(states)
    before = retrieval_state(flags())
    monkeypatch.setattr("retriver.arguments.thesaurus_files", list)
    assert retrieval_state(flags()) != before
