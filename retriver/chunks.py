"""Cut Markdown into chunks: each heading's own text, with the path of headings that leads to it."""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from utils.core.console import UserError
from utils.core.fingerprint import fingerprint
from utils.core.records import Record

MAX_CHARACTERS = 1800
PATH_SEPARATOR = " > "
MARKDOWN_SUFFIXES = (".md", ".markdown")

# What would part a heading within a path is escaped there, as Markdown does
_SEPARATOR_INSIDE = re.compile(r"(?<= )(\\*>)(?![^ ])")
_ESCAPED = re.compile(r"(?<= )\\(\\*>)(?![^ ])")
_HEADING = re.compile(r" {0,3}(#{1,6})[ \t]+(.*)$")
# Words with a line of = or - under them are a heading, but not those of a list, quote, table or HTML
_UNDERLINED = re.compile(r"(?![-*+]\s|\d+[.)]\s|[>|<])(?=\S).*[^\W_]")
_UNDERLINE = re.compile(r" {0,3}(?:(=+)|-+)[ \t]*$")
_FENCE_OPENS = re.compile(r"(\s*(?:(?:[-*+]|\d{1,9}[.)])\s+)*)(?:(`{3,})[^`]*|(~{3,}).*)$")
_COMMENT_OPENS = re.compile(r" {0,3}<!--(?!.*-->)")
# YAML between two lines of three dashes, with a name in its first line that is no comment
_FRONT_MATTER = re.compile(
    r"---[ \t]*\n(?:#.*\n)*+\w[\w .-]*:(?:[ \t].*)?\n"
    r"(?:(?!---[ \t]*$|\.\.\.[ \t]*$)(?:\w[\w .-]*:(?:[ \t].*)?|[ \t#-].*|)\n)*+(?:---|\.\.\.)[ \t]*(?:\n|\Z)",
    re.MULTILINE,
)
# Link lists to the page's own sections and invisible marks: they name every operator and explain none
_NAVIGATION = re.compile(
    r"\s*[-*+]\s+\[(?>.*\]\(#)[^)]*\)\s*$"
    r"|\s*(?:(?:<!--(?:(?!-->).)*-->|<a\s+(?:name|id)=[^>]*>\s*</a>)\s*)+$"
)
_ASKED = re.compile(r"\s*Also asked as:(.*\S)[ \t]*$")


class Chunk(Record):
    """The text under one heading (or a part of it, where it is long); ids survive edits of the text."""

    chunk_id: str
    file_name: str
    path: str  # file and headings, such as "windows.md > Window functions > RANKING"
    heading: str  # the last heading of the path; the file name before the first one
    text: str
    asked: list[str] = []  # other ways of asking for the section, for search only


@dataclass
class _Section:
    """A heading's own lines, cut into blocks that must stay whole, and the ways of asking that it lists."""

    path: tuple[str, ...]
    blocks: list[list[str]] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)

    def add_line(self, line: str, starts_block: bool) -> None:
        if starts_block or not self.blocks:
            self.blocks.append([])
        self.blocks[-1].append(line)

    def texts(self) -> Iterator[str]:
        """The section's text in parts of at most MAX_CHARACTERS, unless a single block is longer."""
        part = ""
        for block in ("\n".join(lines).strip("\n").rstrip() for lines in self.blocks):
            if part and block and len(part) + 2 + len(block) > MAX_CHARACTERS:
                yield part
                part = block
            else:
                part = f"{part}\n\n{block}" if part and block else part or block
        if part.strip():
            yield part


def chunk_markdown(text: str, file_name: str) -> list[Chunk]:
    """Cut one Markdown text; text before the first heading belongs to the file name alone.

    A heading without text of its own gives no chunk, it stands in the paths below it. Front matter, tables
    of contents, HTML comments and anchors are left out, but what follows "Also asked as:", in a line or
    in a comment, is searched.
    """
    chunks = []
    occurrences: Counter[str] = Counter()
    for section in _sections(text):
        path = path_of((file_name, *section.path))
        heading = section.path[-1] if section.path else file_name
        for part in section.texts():
            chunk_id = fingerprint(file_name, path, occurrences[path])[:16]
            occurrences[path] += 1
            chunks.append(
                Chunk(
                    chunk_id=chunk_id,
                    file_name=file_name,
                    path=path,
                    heading=heading,
                    text=part,
                    asked=section.asked,
                )
            )
    return chunks


def path_of(parts: Sequence[str]) -> str:
    """The path that leads over a file's name and headings: `f.md > A`, and `f.md > a \\> b` for one heading `a > b`."""
    return PATH_SEPARATOR.join(_SEPARATOR_INSIDE.sub(r"\\\1", part) for part in parts)


def path_parts(path: str) -> list[str]:
    """The file's name and the headings of a path."""
    return [_ESCAPED.sub(r"\1", part) for part in path.split(PATH_SEPARATOR)]


def without_asked(text: str) -> str:
    """A section's text without the line of other ways of asking: that is for search, not for reading."""
    return "\n\n".join(block for block in text.split("\n\n") if not _ASKED.match(block))


def markdown_files(folder: Path) -> list[Path]:
    """The Markdown files under `folder`, linked folders too (hidden ones left out), in order of name."""
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder; name one that holds Markdown files with --docs")
    files = (path for inner in _folders(folder) for path in _entries(inner))
    shown = sorted(path for path in files if path.suffix.lower() in MARKDOWN_SUFFIXES and path.is_file())
    for path in shown:
        try:
            str(path.absolute()).encode("utf-8")
        except UnicodeEncodeError as error:
            raise UserError(f"{str(path)!a}: the name is not UTF-8; rename the file or folder") from error
    return shown


def _folders(folder: Path) -> Iterator[Path]:
    """`folder` and all folders in it, each once however many links lead to it, by its own name if it has one here."""
    seen: set[Path] = set()
    waiting, linked = [folder], deque[Path]()
    while waiting or linked:
        current = waiting.pop() if waiting else linked.popleft()
        if current.resolve() in seen:
            continue
        seen.add(current.resolve())
        yield current
        for inner in filter(Path.is_dir, _entries(current)):
            (linked if inner.is_symlink() else waiting).append(inner)


def _entries(folder: Path) -> list[Path]:
    """What a folder shows: nothing if it may not be read."""
    try:
        return sorted(path for path in folder.iterdir() if not path.name.startswith("."))
    except PermissionError:
        return []


def chunk_folder(folder: Path) -> list[Chunk]:
    """The chunks of every Markdown file under `folder` (hidden folders left out), in order of file name."""
    files = markdown_files(folder)
    chunks = [chunk for path in files for chunk in chunk_markdown(_read(path), path.relative_to(folder).as_posix())]
    if not chunks:
        raise UserError(f"{folder}: no text in Markdown files (*.md) there; name a folder that holds some with --docs")
    return chunks


def _read(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig")
    except UnicodeDecodeError as error:
        raise UserError(f"{path}: not UTF-8 at byte {error.start}; save the file as UTF-8") from error


def _sections(text: str) -> Iterator[_Section]:
    text = text.replace("\r\n", "\n")
    front = _FRONT_MATTER.match(text)
    lines = text[front.end() if front else 0 :].split("\n")
    last_comment_end = max((number for number, line in enumerate(lines) if "-->" in line), default=-1)
    headings: list[tuple[int, str]] = []
    section = _Section(path=())
    closing_fence: re.Pattern[str] | None = None
    in_comment = in_paragraph = after_blank = after_code = underlined = False
    for number, line in enumerate(lines):
        if closing_fence:
            section.add_line(line, starts_block=False)
            if closing_fence.match(line.expandtabs(4)):
                closing_fence, after_blank, after_code = None, False, True
        elif in_comment:
            hidden, end, shown = line.partition("-->")
            section.asked += _phrases(hidden)
            in_comment = not end
            if shown.strip():
                section.add_line(shown.strip(), starts_block=after_blank)
                in_paragraph, after_blank, after_code = True, False, False
        elif underlined:
            underlined = False
        elif not line.strip():
            section.add_line(line, starts_block=False)
            after_blank, in_paragraph = True, False
        elif opened := _FENCE_OPENS.match(line):
            # Code stays with the paragraph that introduces it
            section.add_line(line, starts_block=after_blank and after_code)
            closing_fence = _closing_fence(opened[2] or opened[3], column=len(opened[1].expandtabs(4)))
            in_paragraph = False
        elif _COMMENT_OPENS.match(line) and number < last_comment_end:
            section.asked += _phrases(line.strip().removeprefix("<!--"))
            in_comment, in_paragraph = True, False
        elif found := _heading(line, "" if in_paragraph else "".join(lines[number + 1 : number + 2])):
            level, title, underlined = found
            yield section
            headings = [above for above in headings if above[0] < level]
            headings.append((level, _plain(title)))
            section = _Section(path=tuple(title for _, title in headings))
            in_paragraph = after_blank = after_code = False
        elif not _NAVIGATION.match(line):
            section.asked += _phrases(line)
            section.add_line(line, starts_block=after_blank)
            in_paragraph, after_blank, after_code = True, False, False
        else:
            section.asked += _phrases(line.strip().removeprefix("<!--").removesuffix("-->"))
            in_paragraph = False
    yield section


def _heading(line: str, below: str) -> tuple[int, str, bool] | None:
    """The level and title of a heading, and whether the line `below` underlines it."""
    if found := _HEADING.match(line):
        return len(found[1]), _without_closing_hashes(found[2]), False
    if _UNDERLINED.match(line) and (underline := _UNDERLINE.match(below)):
        return 1 if underline[1] else 2, line.strip(), True
    return None


def _phrases(line: str) -> list[str]:
    """The other ways of asking for a section that a line lists, separated by commas."""
    found = _ASKED.match(line)
    return [phrase for part in found[1].removesuffix(".").split(",") if (phrase := part.strip())] if found else []


def _closing_fence(opening: str, column: int) -> re.Pattern[str]:
    """What closes a fence that opens at `column`; further in, it is a line of the code."""
    return re.compile(rf" {{0,{column + 3}}}{opening[0]}{{{len(opening)},}}\s*$")


def _without_closing_hashes(heading: str) -> str:
    """The text of `# Heading ##`; hashes that follow a word without a blank belong to it."""
    heading = heading.strip()
    bare = heading.rstrip("#")
    return bare.rstrip() if not bare or bare[-1].isspace() else heading


def _plain(heading: str) -> str:
    """A heading without its Markdown dress: code ticks, bold, links, images, escapes."""
    for _ in range(2):  # a link may be made of an image
        heading = re.sub(r"!?\[([^\[\]]*)\]\([^()]*\)", r"\1", heading)
    without_bold = re.sub(r"\*\*(\w.*?)\*\*", r"\1", heading)
    return re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", without_bold.replace("`", "")).strip()
