"""Tables that a laboratory writes, mostly with a spreadsheet: CSV with commas, paths with forward slashes."""

from __future__ import annotations

import codecs
import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from training.data.set_files import DataRefused

_SEPARATORS = {";": "semicolons", "\t": "tabs"}
_UTF_16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)


@dataclass(frozen=True)
class Table:
    """The content of a CSV file.

    Attributes:
        file: Its path.
        columns: Names of the columns from its first row, in lower case.
        rows: The cells of each further row, without surrounding blanks; no cells for a blank line.
        lines: The line in which each of these rows ends, from 1.
    """

    file: Path
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[int, ...]

    def named(self) -> list[tuple[int, dict[str, str]]]:
        """The line, and the cells by column, of each row that is not blank; a short row lacks its last cells.

        Raises:
            DataRefused: if a row has more cells than there are columns.
        """
        for line, row in zip(self.lines, self.rows, strict=True):
            if len(row) > len(self.columns):
                msg = (
                    f"{self.file.name}, line {line} has {len(row)} cells for {len(self.columns)} columns; put quotes "
                    "round a cell with a comma."
                )
                raise DataRefused(msg)
        listed = zip(self.lines, self.rows, strict=True)
        return [(line, dict(zip(self.columns, row, strict=False))) for line, row in listed if row]


def read_table(file: Path, required: Sequence[str], optional: Sequence[str] = ()) -> Table:
    """A CSV file with a header, in UTF-8, or in UTF-16 as Excel writes Unicode text.

    Raises:
        DataRefused: if it is not such a table, lacks a required column, or has no row.
    """
    try:
        reader = csv.reader(io.StringIO(_text(file), newline=""), strict=False)
        read = [(tuple(cell.strip() for cell in row), reader.line_num) for row in reader]
    except (UnicodeDecodeError, csv.Error) as error:
        msg = (
            f"{file} cannot be read as a table ({error}); save it as a CSV file in UTF-8, which Excel calls "
            "CSV UTF-8 (comma delimited)."
        )
        raise DataRefused(msg) from error
    columns = tuple(cell.lower() for cell in read[0][0]) if read else ()
    missing = [column for column in required if column not in columns]
    if missing:
        known = f" and, where they are known, {', '.join(optional)}" if optional else ""
        msg = (
            f"{file} lacks the column {' and '.join(missing)}{_separated(columns, required)}; its first row names the "
            f"columns {', '.join(required)}{known}, with commas between."
        )
        raise DataRefused(msg)
    if len(read) == 1:
        msg = f"{file} has no row below its header; fill it in."
        raise DataRefused(msg)
    return Table(file, columns, tuple(row for row, _ in read[1:]), tuple(line for _, line in read[1:]))


def _text(file: Path) -> str:
    content = file.read_bytes()
    if content.startswith(_UTF_16):
        return content.decode("utf-16")
    if b"\0" in content:
        msg = "it holds zero bytes, as UTF-16 without a byte order mark does"
        raise csv.Error(msg)
    return content.decode("utf-8-sig")


def _separated(columns: Sequence[str], required: Sequence[str]) -> str:
    """A hint if the header has the columns when it is split at another character."""
    whole = ",".join(columns)
    for sign, called in _SEPARATORS.items():
        if {*required} & {cell.strip().strip('"') for cell in whole.split(sign)}:
            return f" because its cells are separated by {called}, as Excel does in some languages: save it with commas"
    return ""


def semicolon_hint(cells: Sequence[str]) -> str:
    """A hint for a row that lacks cells, if semicolons separate them."""
    return " (its cells are separated by semicolons; write commas)" if any(";" in cell for cell in cells) else ""


def path_hint(folder: Path, name: str) -> str:
    """Advice on a path in a table in `folder` that leads to no file."""
    slashed = name.replace("\\", "/")
    if slashed == name:
        return "paths start from the folder of the CSV file"
    there = (folder / slashed).is_file()
    return f"write it with forward slashes{f', {slashed}' * there}, from the folder of the CSV file"
