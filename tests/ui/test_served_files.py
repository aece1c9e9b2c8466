"""Files that a browser fetches: whole, found again under the same path, never written under a reader."""

from __future__ import annotations

from pathlib import Path

from ui.served_files import served_file


def test_equal_content_has_one_path_and_other_content_another(tmp_path: Path) -> None:
    first = served_file(b"one", "upright.jpeg", str(tmp_path))
    assert Path(first).name == "upright.jpeg"
    assert Path(first).read_bytes() == b"one"
    assert served_file(b"one", "upright.jpeg", str(tmp_path)) == first
    assert served_file(b"two", "upright.jpeg", str(tmp_path)) != first


def test_a_file_that_is_being_fetched_is_not_written_again(tmp_path: Path) -> None:
    path = Path(served_file(b"one", "upright.jpeg", str(tmp_path)))
    written = path.stat()
    served_file(b"one", "upright.jpeg", str(tmp_path))
    assert path.stat().st_ino == written.st_ino
    path.write_bytes(b"as it lies there")
    served_file(b"one", "upright.jpeg", str(tmp_path))
    assert path.read_bytes() == b"as it lies there"


def test_nothing_else_is_left_in_the_folder(tmp_path: Path) -> None:
    path = Path(served_file(b"one", "upright.jpeg", str(tmp_path)))
    assert [file for file in tmp_path.rglob("*") if file.is_file()] == [path]
