"""Where many pictures come from: a folder, a ZIP, or a CSV that lists files and says more of each in text columns.

A folder or a ZIP may hold one CSV, which then says more of the pictures beside it; all pictures are taken, listed or
not. Nothing is decoded here.
"""

from __future__ import annotations

import csv
import io
import lzma
import zipfile
import zlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath

from inference.intake.exhibit import MAX_BYTES
from inference.records import Refusal

ENDINGS = frozenset({".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".heic", ".heif", ".avif"})
"""Endings of files that are taken for pictures; what they are is decided by their bytes."""
PATH = "path"
"""The column of a CSV that names the file, from the folder of the CSV."""
_DELIMITERS = ",;\t"


class SourceRefused(Refusal):
    """A source that is missing, damaged, or lists no picture."""


@dataclass(frozen=True)
class Listed:
    """A picture as a source lists it.

    Attributes:
        path: The file's path from the source, with forward slashes.
        nth: Which of the rows that name this file it is, from 0: a CSV may list a picture under several numbers.
        stamp: Tells whether the file changed since it was last listed, without reading it; empty where it is missing.
        columns: What else is said of it, by the name of the column.
        read: Gives the file's bytes.
    """

    path: str
    nth: int
    stamp: str
    columns: Mapping[str, str]
    read: Callable[[], bytes] = field(repr=False, compare=False)


@dataclass(frozen=True)
class Source:
    """What pictures are taken from.

    Attributes:
        place: The folder, ZIP or CSV, absolute.
        pictures: The pictures that it lists, in the order of their paths, then as they are listed.
    """

    place: Path
    pictures: tuple[Listed, ...]


def read_source(place: Path) -> Source:
    """The pictures of a folder, a ZIP or a CSV.

    Raises:
        SourceRefused: if it does not exist, is none of these, is damaged, or lists no picture.
    """
    place = place.absolute()
    if place.is_dir():
        pictures = _of_folder(place)
    elif place.suffix.lower() == ".csv":
        pictures = _of_csv(place)
    elif zipfile.is_zipfile(place):
        pictures = _of_zip(place)
    else:
        known = "is no folder, ZIP or CSV" if place.exists() else "does not exist"
        msg = f"{place.name} {known}; name a folder, a ZIP of pictures, or a CSV with a column {PATH}."
        raise SourceRefused(msg)
    listed = tuple(sorted(pictures, key=lambda picture: (picture.path, picture.nth)))
    if not listed:
        msg = f"{place.name} holds no picture; name a folder, a ZIP of pictures, or a CSV with a column {PATH}."
        raise SourceRefused(msg)
    return Source(place, listed)


def read_listed(place: Path, path: str) -> bytes:
    """The bytes of a file that a source lists.

    Args:
        place: The folder, ZIP or CSV.
        path: The file's path from there.

    Raises:
        SourceRefused: if it cannot be read.
    """
    if not place.is_dir() and place.suffix.lower() != ".csv":
        return _member(place, path)
    file = (place if place.is_dir() else place.parent) / path
    try:
        return file.read_bytes()
    except OSError as error:
        msg = f"{file} cannot be read ({error.strerror}); check the file."
        raise SourceRefused(msg) from error


def _of_folder(folder: Path) -> Iterator[Listed]:
    lists = sorted(folder.glob("*.csv"))
    name = _one_list([path.name for path in lists], folder.name)
    said = _columns_by_path(name, (folder / name).read_bytes()) if name else {}
    for path in folder.rglob("*"):
        within = path.relative_to(folder)
        if path.suffix.lower() in ENDINGS and path.is_file() and not any(part.startswith(".") for part in within.parts):
            yield from _listed_files(folder, within.as_posix(), said.get(within.as_posix(), [{}]))


def _of_csv(place: Path) -> Iterator[Listed]:
    for path, rows in _columns_by_path(place.name, place.read_bytes()).items():
        yield from _listed_files(place.parent, path, rows)


def _listed_files(folder: Path, within: str, rows: Sequence[Mapping[str, str]]) -> Iterator[Listed]:
    path = folder / within
    try:
        state = path.stat()
        stamp = f"{state.st_size} {state.st_mtime_ns}"
    except OSError:
        # Reading it states why.
        stamp = ""
    for nth, columns in enumerate(rows):
        yield Listed(within, nth, stamp, columns, path.read_bytes)


def _of_zip(place: Path) -> Iterator[Listed]:
    with zipfile.ZipFile(place) as archive:
        members = [member for member in archive.infolist() if not member.is_dir()]
    at_top = sorted(
        one.filename for one in members if one.filename.lower().endswith(".csv") and "/" not in one.filename
    )
    listed = _one_list(at_top, place.name)
    said = _columns_by_path(listed, _member(place, listed)) if listed else {}
    for member in members:
        within = PurePosixPath(member.filename)
        if within.suffix.lower() in ENDINGS and not any(part.startswith((".", "__MACOSX")) for part in within.parts):
            stamp, read = f"{member.file_size} {member.CRC:08x}", partial(_member, place, member.filename)
            for nth, columns in enumerate(said.get(member.filename, [{}])):
                yield Listed(member.filename, nth, stamp, columns, read)


def _member(place: Path, name: str) -> bytes:
    """The bytes of a file in a ZIP, at most one more than is read: its stated length is not trusted.

    Raises:
        SourceRefused: if it cannot be read.
    """
    try:
        with zipfile.ZipFile(place) as archive, archive.open(name) as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, EOFError, KeyError, RuntimeError, zipfile.BadZipFile, zlib.error, lzma.LZMAError) as error:
        msg = f"{name} in {place.name} cannot be read ({error}); pack it again, without a password."
        raise SourceRefused(msg) from error


def _one_list(names: list[str], of: str) -> str | None:
    if len(names) > 1:
        msg = f"{of} holds {len(names)} CSV files ({', '.join(names)}); leave the one that says more of its pictures."
        raise SourceRefused(msg)
    return names[0] if names else None


def _columns_by_path(name: str, data: bytes) -> dict[str, list[dict[str, str]]]:
    """The columns of each row of a CSV, by the path that it names.

    Raises:
        SourceRefused: if it is not a CSV with a column of paths, or names a path outside its folder.
    """
    text = _text(data, name)
    head = text.partition("\n")[0]
    delimiter = max(_DELIMITERS, key=head.count)
    reader = csv.DictReader(io.StringIO(text, newline=""), delimiter=delimiter, restkey="", restval="")
    if PATH not in (reader.fieldnames or ()):
        msg = f"{name} has no column {PATH}; its first line names the columns, one of them {PATH}."
        raise SourceRefused(msg)
    found: dict[str, list[dict[str, str]]] = {}
    for row in reader:
        path = row.pop(PATH).strip().replace("\\", "/")
        if not path or PurePosixPath(path).is_absolute() or ".." in PurePosixPath(path).parts:
            msg = f"{name}, line {reader.line_num}: {path!r} is no path from the folder of the CSV; mend that line."
            raise SourceRefused(msg)
        said = {column: value.strip() for column, value in row.items() if column and value.strip()}
        found.setdefault(path, []).append(said)
    return found


def _text(data: bytes, name: str) -> str:
    """A CSV's text: UTF-8, or what spreadsheets write in Western Europe."""
    for encoding in ("utf-8-sig", "cp1252"):
        try:
            return data.decode(encoding)
        except UnicodeDecodeError:
            continue
    msg = f"{name} is not text; save it as a CSV in UTF-8."
    raise SourceRefused(msg)
