"""What people say, and what the manual says for it: rings of words, and the operators that ways of asking lead to."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Iterable, Iterator
from functools import cache
from pathlib import Path

from retriver.chunks import Chunk, chunk_folder, markdown_files
from retriver.code_blocks import marks_of, program_of, read_markdown
from retriver.fts import TOKENIZE, any_of
from retriver.terms import all_words, is_operator_name, question_terms
from utils.core.paths import GRAPHS_DIR, HINTS_SUFFIX, KNOWLEDGE_DIR
from utils.databases.schema_text import load_graphs
from utils.programs.source import ProgramError
from utils.programs.terms import operators

RINGS_FILE = Path(__file__).with_name("synonyms.txt")
LEAST_SHARE = 0.75  # of a phrase's words that a question must hold to be taken for it
MOST_NAMES = 4
MOST_WORDS = 40

# Nearly every program has them, so that they tell nothing about a task
_EVERYWHERE = frozenset({"CALCULATE", "WHERE", "ORDER_BY", "ASC", "DESC", "ROUND"})
_TABLE = f"CREATE VIRTUAL TABLE {{name}} USING fts5(phrase, answer UNINDEXED, words UNINDEXED, {TOKENIZE})"
_MARK = "\x02"
_FOUND = """SELECT answer, words, highlight({name}, 0, '{mark}', '') FROM {name}
    WHERE {name} MATCH ? ORDER BY rank LIMIT 50"""


class Thesaurus:
    """Finds what else a question might say, and which operators answer it. May be shared by threads."""

    def __init__(self, rings: Iterable[tuple[str, ...]], asked: Iterable[tuple[str, tuple[str, ...]]]) -> None:
        """`rings`: words or short phrases of one meaning; `asked`: a way of asking with the operators that answer."""
        self._connection = sqlite3.connect(":memory:", check_same_thread=False)
        self._fill("rings", ((all_words(member), "\n".join(ring)) for ring in rings for member in ring))
        self._fill("asked", ((question_terms(phrase), " ".join(names)) for phrase, names in asked if names))

    def others(self, question: str) -> list[str]:
        """The words and phrases in a ring with a word or phrase of `question`, at most MOST_WORDS."""
        said = all_words(question)
        members = [member for ring in self._held("rings", said, share=1.0) for member in ring.split("\n")]
        return list(dict.fromkeys(members))[:MOST_WORDS]

    def names_for(self, question: str) -> list[str]:
        """The operators behind the ways of asking that `question` holds (nearly) all words of, likeliest first."""
        said = [term for term in question_terms(question) if not is_operator_name(term)]
        names = [name for answer in self._held("asked", said, LEAST_SHARE) for name in answer.split()]
        return list(dict.fromkeys(names))[:MOST_NAMES]

    def _fill(self, name: str, rows: Iterable[tuple[list[str], str]]) -> None:
        self._connection.execute(_TABLE.format(name=name))
        self._connection.executemany(
            f"INSERT INTO {name} VALUES (?, ?, ?)",
            ((" ".join(words), answer, len(words)) for words, answer in rows if words),
        )

    def _held(self, name: str, said: list[str], share: float) -> Iterator[str]:
        """The answers of the phrases of which the words `said` hold at least `share`, best match first."""
        if not said:
            return
        found = self._connection.execute(_FOUND.format(name=name, mark=_MARK), (any_of(said),))
        for answer, words, marked in found:
            if marked.count(_MARK) >= share * words:
                yield answer


def thesaurus_files() -> list[Path]:
    """The files that the thesaurus is made of."""
    return [RINGS_FILE, *_graph_files(GRAPHS_DIR), *markdown_files(KNOWLEDGE_DIR)]


@cache
def manual_thesaurus() -> Thesaurus:
    """The thesaurus of our own rings, graphs and manual, whatever folder is searched."""
    rings = [*read_rings(RINGS_FILE.read_text(encoding="utf-8")), *graph_rings(GRAPHS_DIR)]
    return Thesaurus(rings, ways_of_asking(chunk_folder(KNOWLEDGE_DIR)))


def read_rings(text: str) -> list[tuple[str, ...]]:
    """One ring a line, its members separated by commas; `#` begins a remark."""
    lines = (line.strip() for line in text.splitlines())
    return [tuple(part.strip() for part in line.split(",")) for line in lines if line and not line.startswith("#")]


def ways_of_asking(chunks: Iterable[Chunk]) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The ways of asking that the sections list, each with the operators of the section."""
    for chunk in chunks:
        names = _names_of(chunk)
        for phrase in (chunk.heading, *chunk.asked):
            yield phrase, names


def _names_of(chunk: Chunk) -> tuple[str, ...]:
    """The operator a section is about, or those that its first program calls."""
    own = [word for word in re.findall(r"\w+", chunk.heading) if is_operator_name(word)]
    if own:
        return tuple(own)
    for block in read_markdown(chunk.text).blocks:
        marks = marks_of(block.code)
        if block.kind == "program" and not marks.wrong and not marks.silently:
            try:
                return tuple(name for name in operators(program_of(block.code)) if name not in _EVERYWHERE)
            except ProgramError:
                continue  # a part of a program, or none
    return ()


def graph_rings(folder: Path) -> Iterator[tuple[str, ...]]:
    """A name of a metadata graph with the synonyms that the graph gives it."""
    for file in _graph_files(folder):
        yield from _named_synonyms(load_graphs(file))


def _graph_files(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.json") if not path.name.endswith(HINTS_SUFFIX))


def _named_synonyms(node: object) -> Iterator[tuple[str, ...]]:
    if isinstance(node, list):
        for part in node:
            yield from _named_synonyms(part)
    elif isinstance(node, dict):
        name, synonyms = node.get("name"), node.get("synonyms")
        if isinstance(name, str) and isinstance(synonyms, list) and synonyms:
            # JSON can spell lone surrogates, which SQLite does not take
            said = (name.replace("_", " "), *map(str, synonyms))
            yield tuple(word.encode("utf-8", "replace").decode("utf-8") for word in said)
        for part in node.values():
            yield from _named_synonyms(part)
