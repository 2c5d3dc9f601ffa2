"""What in a graph keeps questions from being richer, one line each."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from utils.synthesis.looks import look_of
from utils.synthesis.model import NUMBERS, Collection, Column, Model
from utils.synthesis.name_words import words_of
from utils.synthesis.role_words import IDENTIFIERS

_NAMED = 5


def missing_notes(model: Model) -> list[str]:
    """The notes of a whole model, those about single collections last."""
    collections = list(model.collections.values())
    columns = [column for collection in collections for column in collection.columns.values()]
    notes = []
    if not any(column.role == "date" for column in columns):
        notes.append("no property is a date, so that no question is about time")
    if not any(column.role in NUMBERS for column in columns):
        notes.append("no property is a number to sum or to average, so that questions can only count")
    if not any(collection.links for collection in collections):
        notes.append("no relationship can be followed, so that each question is about one collection alone")
    else:
        reached = {link.child for collection in collections for link in collection.links.values()}
        alone = [one.name for one in collections if not one.links and one.name not in reached]
        if alone:
            notes.append(f"no relationship leads to or from {listed(alone)}")
    unlike = [one.name for one in collections if not one.synonyms]
    if unlike:
        notes.append(f"no synonyms of {listed(unlike)}, so that questions always call them the same")
    return [*notes, *(note for collection in collections for note in _notes_of(collection))]


def _notes_of(collection: Collection) -> Iterator[str]:
    if not collection.description:
        yield f"{collection.name}: no description, so that it is called by its name alone"
    columns = list(collection.columns.values())
    undescribed = [column.name for column in columns if not column.description]
    if undescribed:
        yield f"{collection.name}: no description of {listed(undescribed)}, called by their names alone"
    if collection.label is None and not collection.of_role("foreign_key"):
        yield f"{collection.name}: no property is a name; its rows are told apart by {', '.join(collection.key)}"
    for column in columns:
        yield from _notes_of_column(column)


def _notes_of_column(column: Column) -> Iterator[str]:
    if not column.values:
        yield f"{column!r}: holds no value, or hardly any"
    elif column.kind == "text" and look_of([str(value) for value in column.values]) == "day":
        yield f"{column!r}: holds days as text, so that it is no date"
    elif column.role == "code" and words_of(column.name)[-1:] and words_of(column.name)[-1] in IDENTIFIERS:
        yield f"{column!r}: seems to refer to something, but no relationship stands on it"


def listed(names: Sequence[str]) -> str:
    """The first names, and how many more there are."""
    more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
    return ", ".join(names[:_NAMED]) + more
