"""The flags of retrieval: what they decide, and what does not go together."""

from __future__ import annotations

import argparse
from pathlib import Path

import pytest

from retriver.arguments import (
    add_retrieval_arguments,
    check_retrieval,
    corpus,
    retrieval_files,
    retrieval_state,
    search_settings,
)
from tests.retriver.support import run_script
from utils.core.console import UserError
from utils.core.paths import KNOWLEDGE_DIR
from utils.core.settings import Settings

HERE = Settings(r2r_api_base="http://localhost:7272")


def flags(*given: str) -> argparse.Namespace:
    parser = argparse.ArgumentParser()
    add_retrieval_arguments(parser)
    return parser.parse_args(given)


def test_what_decides_the_passages_is_part_of_a_stages_state() -> None:
    states = [
        retrieval_state(flags("--search", "keywords"), HERE),
        retrieval_state(flags("--search", "hybrid"), HERE),
        retrieval_state(flags("--backend", "r2r"), HERE),
        retrieval_state(flags("--backend", "r2r", "--search-settings", '{"use_hybrid_search": true}'), HERE),
        retrieval_state(flags("--backend", "r2r", "--corpus", "mine"), HERE),
        retrieval_state(flags("--backend", "r2r"), Settings(r2r_api_base="http://other:7272")),
    ]
    assert all(states.count(state) == 1 for state in states)
    assert retrieval_state(flags("--backend", "r2r", "--search", "hybrid"), HERE) == states[2]  # of no effect there


@pytest.mark.parametrize("address", ["http://localhost:7272/v3/", "http://me:secret@localhost:7272"])
def test_a_servers_address_is_told_in_one_form_without_credentials(address: str) -> None:
    arguments = flags("--backend", "r2r")
    assert retrieval_state(arguments, Settings(r2r_api_base=address)) == retrieval_state(arguments, HERE)


def test_what_the_search_knows_of_words_is_among_the_files(manual: Path) -> None:
    files = retrieval_files(flags("--docs", str(manual)))
    names = {file.name for file in files}
    assert {"windows.md", "synonyms.txt", "broker.json", "04-windows.md"} <= names
    assert all(file.is_file() for file in files)
    on_a_server = retrieval_files(flags("--backend", "r2r", "--docs", str(manual)))
    assert {file.name for file in on_a_server} == {"windows.md", "collections.md"}


def test_a_folder_is_a_corpus_of_its_own(tmp_path: Path) -> None:
    for folder in ("one/docs", "two/docs"):
        (tmp_path / folder).mkdir(parents=True)

    def named(*given: str) -> str | None:
        return corpus(flags("--backend", "r2r", *given))

    assert named() == named("--docs", f"{KNOWLEDGE_DIR}/../knowledge") == "knowledge"
    one, two = (named("--docs", str(tmp_path / folder)) for folder in ("one/docs", "two/docs"))
    assert one != two
    assert named("--docs", f"{tmp_path}/two/../one/docs") == one
    assert named("--corpus", " mine ") == "mine"
    with pytest.raises(SystemExit):
        flags("--corpus", " ")


def test_a_corpus_and_filters_do_not_go_together() -> None:
    arguments = flags("--backend", "r2r", "--corpus", "mine", "--search-settings", '{"filters": {}}')
    with pytest.raises(UserError, match="--corpus: the 'filters' of --search-settings"):
        check_retrieval(arguments, "corpus")


def test_settings_of_r2r_are_for_r2r() -> None:
    assert corpus(flags()) is None
    with pytest.raises(UserError, match="--corpus: for R2R only"):
        check_retrieval(flags("--corpus", "x"), "corpus")
    assert search_settings(flags()) is None
    with pytest.raises(UserError, match="--search-settings: for R2R only"):
        search_settings(flags("--search-settings", "{}"))


@pytest.mark.parametrize("script", ["basicQ_retrieve_pydough.py", "retrieve_pydough.py"])
def test_r2r_writes_only_from_what_it_holds(script: str, tmp_path: Path) -> None:
    done = run_script(script, "--provider", "r2r", "--work-dir", str(tmp_path))
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == "error: --provider r2r: R2R writes from what it holds itself; add --backend r2r\n"
