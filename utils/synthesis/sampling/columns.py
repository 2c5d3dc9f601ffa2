"""Which columns a question may speak of: those of a collection and of the rows it refers to."""

from __future__ import annotations

from collections.abc import Iterator

from utils.synthesis.intent import Field, Path
from utils.synthesis.model import Collection, Model, Role
from utils.synthesis.sampling.lots import Lots, NothingFitsError
from utils.synthesis.words import singular_name

_NEARNESS = {0: 3.0, 1: 1.3, 2: 0.5}


class Columns:
    """Draws columns over a model."""

    def __init__(self, model: Model, lots: Lots) -> None:
        self.model = model
        self._lots = lots

    def singular_paths(self, source: Collection, depth: int) -> Iterator[Path]:
        """Paths of singular links, the empty one first, none of which comes back to a collection on its way."""
        yield ()
        if not depth:
            return
        for path in self.singular_paths(source, depth - 1):
            if len(path) != depth - 1:
                continue
            for link in self.model.end(source, path).singular_links:
                if link.child not in {source.name, *(one.child for one in path)}:
                    yield (*path, link)

    def plural_paths(self, source: Collection, depth: int = 2) -> Iterator[Path]:
        """Paths of plural links, at least one, none of which comes back."""
        for link in source.plural_links:
            if link.child == source.name:
                continue
            yield (link,)
            if depth > 1:
                for path in self.plural_paths(self.model.collections[link.child], depth - 1):
                    if source.name not in {one.child for one in path}:
                        yield (link, *path)

    def plural_path(self, source: Collection) -> Path:
        """One of them, short ones more often."""
        return self._lots.weighted({path: 6.0 if len(path) == 1 else 1.5 for path in self.plural_paths(source)})

    def fields(self, source: Collection, *roles: Role, depth: int = 1) -> list[Field]:
        """All columns of these roles, of the collection and of what it refers to."""
        found = []
        for path in self.singular_paths(source, depth):
            end = self.model.end(source, path)
            if path and len(end.key) > 1:
                continue  # what only joins others has no name for the row it is seen from
            for column in end.of_role(*roles):
                if not path or column.role != "name" or column is end.label:
                    found.append(Field(path, column))
        return found

    def field(self, source: Collection, *roles: Role, depth: int = 1) -> Field:
        """One of them, near ones more often; raises NothingFitsError."""
        return self.nearest(self.fields(source, *roles, depth=depth))

    def nearest(self, fields: list[Field]) -> Field:
        """One of some fields, near ones more often; raises NothingFitsError."""
        return self._lots.weighted({field: _NEARNESS[len(field.path)] for field in fields})

    def identity(self, source: Collection) -> tuple[Field, ...]:
        """The columns by which a reader tells rows apart, the one people use first."""
        key = tuple(Field((), source.columns[name]) for name in source.key)
        label = source.label
        if label is None:
            return key
        return (Field((), label),) if label.unique and not label.lacks else (Field((), label), *key)

    def unique(self, source: Collection) -> tuple[Field, ...]:
        """The columns that no two rows share: a unique label, else the key."""
        label = source.label
        if label is not None and label.unique and not label.lacks:
            return (Field((), label),)
        return tuple(Field((), source.columns[name]) for name in source.key)

    def sources(self, *needs: Role, rows: int = 2) -> dict[Collection, float]:
        """Collections with a column of each role, by how much there is to ask of them."""
        found = {}
        for one in self.model.collections.values():
            if one.rows >= rows and all(one.of_role(role) for role in needs):
                found[one] = 1.0 + 0.5 * len(one.of_role("amount", "measure", "category", "date", "flag"))
        if not found:
            raise NothingFitsError
        return found


def is_sure(field: Field) -> bool:
    """Whether a field is never null."""
    return not field.column.lacks and not any(link.optional for link in field.path)


def result_name(field: Field) -> str:
    """What a field's column is called in the result."""
    name = field.column.name.strip("_") or field.column.name
    if not field.path:
        return (
            field.column.name
            if not field.column.name.startswith("_")
            else f"{singular_name(field.column.collection)}_{name}"
        )
    return f"{field.path[-1].name}_{name}" if not name.startswith(field.path[-1].name) else name
