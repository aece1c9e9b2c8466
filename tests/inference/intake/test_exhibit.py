"""The intake: which files become exhibits, and what an exhibit holds."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from inference.intake import exhibit
from inference.intake.containers import FORMATS
from inference.intake.exhibit import ExhibitRefused, exhibit_from_pixels, read_exhibit
from inference.records import Exhibit
from tests.inference.intake.files import (
    RED,
    encoded,
    painted,
    photograph,
)


def same(first: Exhibit, second: Exhibit) -> bool:
    parts = ("name", "sha256", "size_bytes", "format", "mode", "exif", "conversions", "warnings")
    return all(getattr(first, part) == getattr(second, part) for part in parts) and np.array_equal(
        first.pixels, second.pixels
    )


def test_a_file_that_is_too_long_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = painted("BMP", "RGB", RED)
    path = tmp_path / "long.bmp"
    path.write_bytes(data)
    monkeypatch.setattr(exhibit, "MAX_BYTES", len(data))
    assert same(read_exhibit(path), read_exhibit(data, "long.bmp"))
    monkeypatch.setattr(exhibit, "MAX_BYTES", len(data) - 1)
    for source in (path, data):
        with pytest.raises(ExhibitRefused, match="is longer than"):
            read_exhibit(source, "long.bmp")


@pytest.mark.parametrize(
    ("make", "why"),
    [
        pytest.param(lambda _: None, "case.png does not exist", id="missing"),
        pytest.param(lambda path: path.mkdir(), "case.png is a folder", id="folder"),
        pytest.param(lambda path: path.touch(), "case.png is empty", id="empty"),
        pytest.param(lambda path: path.symlink_to(path), r"case.png cannot be read \(", id="unreadable"),
    ],
)
def test_a_path_without_a_picture_is_refused(tmp_path: Path, make: Callable[[Path], object], why: str) -> None:
    path = tmp_path / "case.png"
    make(path)
    with pytest.raises(ExhibitRefused, match=f"^{why}"):
        read_exhibit(path)


def test_a_name_no_file_can_have_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ExhibitRefused, match="cannot be read"):
        read_exhibit(tmp_path / "case\0.png")


def test_no_bytes_are_refused() -> None:
    with pytest.raises(ExhibitRefused, match="exhibit is empty"):
        read_exhibit(b"")


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, "exhibit"),
        ("tag.png", "tag.png"),
        ("cases/7/tag.png", "tag.png"),
        ("C:\\cases\\7\\tag.png", "tag.png"),
        ("tag\n\N{RIGHT-TO-LEFT OVERRIDE}gnp.exe", "tag\ufffd\ufffdgnp.exe"),
    ],
    ids=["none", "plain", "in folders", "in Windows folders", "disguised"],
)
def test_the_name_is_shown_without_folders_or_disguise(given: str | None, shown: str) -> None:
    assert read_exhibit(painted("PNG", "L", 0), given).name == shown


def test_a_path_and_its_bytes_give_the_same_exhibit(tmp_path: Path) -> None:
    path = tmp_path / "cases" / "tag.webp"
    path.parent.mkdir()
    photograph().save(path)
    data = path.read_bytes()
    result = read_exhibit(path)
    assert same(result, read_exhibit(data, "tag.webp"))
    assert result.name == "tag.webp"
    assert result.sha256 == hashlib.sha256(data).hexdigest()
    assert result.size_bytes == len(data)


def test_the_pixels_cannot_be_changed() -> None:
    pixels = read_exhibit(encoded(photograph(), "PNG")).pixels
    with pytest.raises(ValueError, match="read-only"):
        pixels[0, 0] = 0


def test_exhibits_can_be_read_in_several_threads() -> None:
    files = [encoded(photograph(), container) for container in FORMATS] * 8
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(read_exhibit, files))
    assert all(same(result, read_exhibit(data)) for result, data in zip(together, files, strict=True))


def test_changed_pixels_are_the_exhibit_of_another_file() -> None:
    one = read_exhibit(painted("PNG", "RGB", RED), "part.png")
    inverted = np.uint8(255) - one.pixels
    other = exhibit_from_pixels(inverted, one.name)
    assert (other.pixels == inverted).all()
    assert (other.name, other.sha256) == ("part.png", hashlib.sha256(other.content).hexdigest())
    assert other.sha256 != one.sha256
    assert (read_exhibit(other.content).pixels == inverted).all()
