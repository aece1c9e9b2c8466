"""What a source lists: folders, ZIPs and CSVs, as people keep them."""

from __future__ import annotations

import zipfile
from collections.abc import Mapping
from pathlib import Path

import pytest

from inference.intake.sources import SourceRefused, read_listed, read_source

CSV = "path;owner;Nice\nb.png;Müller & Söhne;25\nsub/a.jpg;;\nb.png;Brown Ltd;9\n"
FILES = {
    "b.png": b"b",
    "sub/a.jpg": b"a",
    "sub/UPPER.PNG": b"c",
    "notes.txt": b"no picture",
    ".hidden/d.png": b"d",
    "__MACOSX/._b.png": b"e",
}
LISTED = [
    ("b.png", 0, {"owner": "Müller & Söhne", "Nice": "25"}),
    ("b.png", 1, {"owner": "Brown Ltd", "Nice": "9"}),
    ("sub/UPPER.PNG", 0, {}),
    ("sub/a.jpg", 0, {}),
]


def laid_out(folder: Path, files: Mapping[str, bytes]) -> Path:
    for name, data in files.items():
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(data)
    return folder


def zipped(path: Path, files: Mapping[str, bytes]) -> Path:
    with zipfile.ZipFile(path, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return path


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252"])
@pytest.mark.parametrize("kind", ["folder", "ZIP"])
def test_a_folder_and_a_zip_list_all_their_pictures_and_what_a_csv_says_of_them(
    kind: str, encoding: str, tmp_path: Path
) -> None:
    files = {**FILES, "list.csv": CSV.encode(encoding)}
    place = laid_out(tmp_path / "marks", files) if kind == "folder" else zipped(tmp_path / "marks.zip", files)
    source = read_source(place)
    assert [(one.path, one.nth, one.columns) for one in source.pictures] == LISTED
    assert [one.read() for one in source.pictures] == [FILES[path] for path, _, _ in LISTED]
    assert source.place == place


def test_a_csv_lists_what_it_names_and_nothing_else(tmp_path: Path) -> None:
    laid_out(tmp_path, {**FILES, "list.csv": (CSV + "gone.png;Nobody;1\n").encode()})
    source = read_source(tmp_path / "list.csv")
    assert [(one.path, one.nth) for one in source.pictures] == [
        ("b.png", 0),
        ("b.png", 1),
        ("gone.png", 0),
        ("sub/a.jpg", 0),
    ]
    gone = source.pictures[2]
    assert gone.stamp == ""
    with pytest.raises(FileNotFoundError):
        gone.read()


@pytest.mark.parametrize("kind", ["folder", "ZIP"])
def test_a_stamp_changes_with_the_file_and_with_nothing_else(kind: str, tmp_path: Path) -> None:
    def stamps(**files: bytes) -> list[str]:
        named = {f"{name}.png": data for name, data in files.items()}
        place = laid_out(tmp_path / "marks", named) if kind == "folder" else zipped(tmp_path / "marks.zip", named)
        return [one.stamp for one in read_source(place).pictures]

    before = stamps(one=b"1", two=b"2")
    if kind == "ZIP":
        assert stamps(one=b"1", two=b"2") == before
    after = stamps(one=b"1", two=b"3+")
    assert before[1] != after[1]
    assert kind == "folder" or before[0] == after[0]


@pytest.mark.parametrize(
    ("files", "name", "why"),
    [
        pytest.param({}, "gone", "does not exist", id="missing"),
        pytest.param({"a.txt": b"text"}, "a.txt", "is no folder, ZIP or CSV", id="another file"),
        pytest.param({"a.txt": b"text"}, "", "holds no picture", id="no picture"),
        pytest.param({"a.csv": b"file,owner\na.png,B\n"}, "a.csv", "has no column path", id="no column"),
        pytest.param({"a.csv": b""}, "a.csv", "has no column path", id="empty list"),
        pytest.param({"a.csv": b"path\n../a.png\n"}, "a.csv", "line 2: '../a.png' is no path", id="out of the folder"),
        pytest.param({"a.csv": b"path\n/etc/a.png\n"}, "a.csv", "line 2: '/etc/a.png' is no path", id="absolute"),
        pytest.param({"a.csv": b"path,b\n,c\n"}, "a.csv", "line 2: '' is no path", id="no path"),
        pytest.param({"a.csv": b"path\n\x81\n"}, "a.csv", "is not text", id="not text"),
        pytest.param({"a.csv": b"path\n", "b.csv": b"path\n", "a.png": b""}, "", "holds 2 CSV files", id="two lists"),
    ],
)
def test_what_is_no_source_is_refused_in_a_sentence(
    files: dict[str, bytes], name: str, why: str, tmp_path: Path
) -> None:
    laid_out(tmp_path, files)
    with pytest.raises(SourceRefused, match=why):
        read_source(tmp_path / name)


@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_member_that_cannot_be_read_is_refused_by_name(method: int, tmp_path: Path) -> None:
    place = tmp_path / "marks.zip"
    with zipfile.ZipFile(place, "w", method) as archive:
        archive.writestr("a.png", bytes(range(256)) * 4)
        size = archive.getinfo("a.png").compress_size
    data = bytearray(place.read_bytes())
    # Behind the member's head, which is 30 bytes and its name.
    data[45 : 35 + size] = b"\xff" * (size - 10)
    place.write_bytes(data)
    (listed,) = read_source(place).pictures
    with pytest.raises(SourceRefused, match=r"a\.png in marks\.zip cannot be read"):
        listed.read()


@pytest.mark.parametrize("kind", ["folder", "zip", "csv"])
def test_a_listed_file_can_be_read_again_alone(kind: str, tmp_path: Path) -> None:
    files = {**FILES, "list.csv": CSV.encode()}
    folder = laid_out(tmp_path / "folder", files)
    places = {"folder": folder, "zip": zipped(tmp_path / "marks.zip", files), "csv": folder / "list.csv"}
    for picture in read_source(places[kind]).pictures:
        assert read_listed(places[kind], picture.path) == picture.read()
    with pytest.raises(SourceRefused, match=r"gone\.png"):
        read_listed(places[kind], "gone.png")
