"""Tables as spreadsheets write them: what is read, and which hint a refusal gives."""

from __future__ import annotations

import codecs
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from training.data.marks.mark_set import read_mark_set
from training.data.photos.photo_set import read_photo_set
from training.data.scenes.scene_set import read_scene_set
from training.data.set_files import DataRefused

HEADERS = {
    "photos": "path,series,label",
    "pairs": "a,b,label",
    "scenes": "path,split,part,left,top,width,height",
}
READERS: dict[str, Callable[[Path], object]] = {
    "photos": read_photo_set,
    "pairs": read_mark_set,
    "scenes": lambda file: read_scene_set(file.parent),
}


def rows(kind: str, names: list[str]) -> list[str]:
    """Rows that name each of twenty-four pictures once."""
    if kind == "pairs":
        return [f"{a},{b},similar" for a, b in zip(names[::2], names[1::2], strict=True)]
    if kind == "photos":
        return [f"{name},bag,{'genuine' if n % 2 else 'fake'}" for n, name in enumerate(names)]
    return [f"{name},{('train', 'val', 'test')[n % 3]},tag,1,2,3,4" for n, name in enumerate(names)]


def lines(kind: str, root: Path) -> list[str]:
    """A table's lines, and its pictures below `root`/shots."""
    (root / "shots").mkdir(parents=True)
    names = [f"shots/é{number}.png" for number in range(24)]
    for number, name in enumerate(names):
        shade = Image.new("RGB", (16, 16), (10 * number, 100, 50))
        shade.paste((255, 255, 255), (number % 4 * 4, number // 4 * 2, number % 4 * 4 + 4, number // 4 * 2 + 4))
        shade.save(root / name)
    return [HEADERS[kind], *rows(kind, names)]


def read(kind: str, root: Path, content: bytes) -> object:
    (root / "manifest.csv").write_bytes(content)
    return READERS[kind](root / "manifest.csv")


@pytest.mark.parametrize(
    "encoded",
    [
        pytest.param(lambda text: text.encode(), id="UTF-8"),
        pytest.param(lambda text: codecs.BOM_UTF8 + text.encode(), id="UTF-8 with a mark"),
        pytest.param(lambda text: text.encode("utf-16"), id="UTF-16"),
        pytest.param(lambda text: codecs.BOM_UTF16_BE + text.encode("utf-16-be"), id="UTF-16, big end first"),
        pytest.param(lambda text: text.replace("\n", "\r\n").encode(), id="Windows lines"),
        pytest.param(lambda text: text.replace(",", " , ").encode(), id="blanks round the commas"),
        pytest.param(
            lambda text: text.upper().partition("\n")[0].encode() + b"\n" + text.partition("\n")[2].encode(),
            id="a header in capitals",
        ),
    ],
)
@pytest.mark.parametrize("kind", READERS)
def test_what_a_spreadsheet_writes_is_read(kind: str, encoded: Callable[[str], bytes], tmp_path: Path) -> None:
    text = "\n".join(lines(kind, tmp_path)) + "\n"
    assert read(kind, tmp_path, encoded(text))


@pytest.mark.parametrize(
    ("change", "hint"),
    [
        pytest.param(lambda text: text.replace(",", ";").encode(), "separated by semicolons", id="semicolons"),
        pytest.param(lambda text: text.replace(",", "\t").encode(), "separated by tabs", id="tabs"),
        pytest.param(lambda text: text.replace(",", "\t").encode("utf-16"), "separated by tabs", id="Unicode text"),
        pytest.param(lambda text: text.encode("latin-1"), "which Excel calls CSV UTF-8", id="Latin-1"),
        pytest.param(lambda text: text.encode("utf-16-le"), "Excel calls CSV UTF-8", id="UTF-16 without a mark"),
        pytest.param(
            lambda text: text.replace("é", "e").encode("utf-16-le"), "zero bytes", id="the same of Latin text"
        ),
        pytest.param(lambda text: text.replace("/", "\\").encode(), "with forward slashes", id="backslashes"),
        pytest.param(lambda text: text.partition("\n")[2].encode(), "its first row names", id="no header"),
        pytest.param(lambda text: text.partition("\n")[0].encode(), "has no row below its header", id="no row"),
        pytest.param(lambda text: text.replace(".png,", ".jpg,", 1).encode(), "folder of the CSV", id="no such file"),
        pytest.param(lambda text: (text + "shots/é0.png,1,2,3,4,5,6,7,8").encode(), "put quotes", id="a long row"),
        pytest.param(lambda _: b"", "lacks the column", id="nothing"),
    ],
)
@pytest.mark.parametrize("kind", READERS)
def test_a_table_is_refused_with_a_hint(kind: str, change: Callable[[str], bytes], hint: str, tmp_path: Path) -> None:
    text = "\n".join(lines(kind, tmp_path)) + "\n"
    with pytest.raises(DataRefused) as refused:
        read(kind, tmp_path, change(text))
    assert hint in str(refused.value)
    assert "manifest.csv" in str(refused.value)


@pytest.mark.parametrize("kind", ["photos", "pairs", "scenes"])
def test_a_backslash_is_mended_in_the_hint_where_that_leads_to_a_file(kind: str, tmp_path: Path) -> None:
    text = "\n".join(lines(kind, tmp_path)).replace("shots/é3", "shots\\é3")
    with pytest.raises(DataRefused, match=r"with forward slashes, shots/é3\.png"):
        read(kind, tmp_path, text.encode())


def test_a_backslash_in_a_name_that_is_there_is_no_fault(tmp_path: Path) -> None:
    text = "\n".join(lines("photos", tmp_path)).replace("shots/é3", "shots\\é3")
    (tmp_path / "shots/é3.png").rename(tmp_path / "shots\\é3.png")
    assert read("photos", tmp_path, text.encode())


def test_a_row_with_semicolons_below_a_header_with_commas_is_told_so(tmp_path: Path) -> None:
    header, *rest = lines("photos", tmp_path)
    text = "\n".join([header, *(row.replace(",", ";") for row in rest)])
    with pytest.raises(DataRefused, match=r"Row 2 .* has no series and no label .*semicolons; write commas"):
        read("photos", tmp_path, text.encode())
