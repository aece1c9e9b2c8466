"""Unequal resolution is made equal, by stretching only, and absurd ones are ignored with a word."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from PIL import ExifTags, Image

from inference.intake import exhibit
from inference.intake.exhibit import ExhibitRefused, read_exhibit
from tests.inference.intake.files import encoded, with_chunks, written_tiff

WIDTH, HEIGHT = 60, 40


def drawn() -> Image.Image:
    levels = np.random.default_rng(3).integers(0, 256, (5, 6), dtype=np.uint8)
    return Image.fromarray(levels).resize((WIDTH, HEIGHT))


def tiff(across: float, down: float, unit: int = 2) -> bytes:
    return encoded(drawn(), "TIFF", tiffinfo={282: across, 283: down, 296: unit})


def png(across: int, down: int, unit: int = 1) -> bytes:
    return with_chunks(encoded(drawn(), "PNG"), (b"pHYs", struct.pack(">IIB", across, down, unit)))


def jpeg(across: int, down: int, unit: int = 1, exif: tuple[int, int] | None = None) -> bytes:
    tags = Image.Exif()
    if exif:
        tags[ExifTags.Base.XResolution], tags[ExifTags.Base.YResolution] = exif
    data = bytearray(encoded(drawn(), "JPEG", exif=tags))
    place = data.index(b"JFIF\0") + 7
    data[place : place + 5] = struct.pack(">BHH", unit, across, down)
    return bytes(data)


def bmp(across: int, down: int) -> bytes:
    data = bytearray(encoded(drawn(), "BMP"))
    struct.pack_into("<ii", data, 38, across, down)
    return bytes(data)


def gif(aspect: int) -> bytes:
    data = bytearray(encoded(drawn(), "GIF"))
    data[12] = aspect
    return bytes(data)


def webp(across: int, down: int) -> bytes:
    tags = Image.Exif()
    tags[ExifTags.Base.XResolution], tags[ExifTags.Base.YResolution] = across, down
    return encoded(drawn(), "WEBP", exif=tags)


@pytest.mark.parametrize(
    ("data", "size"),
    [
        pytest.param(tiff(204, 98), (60, 83), id="coarse fax"),
        pytest.param(tiff(204, 196), (60, 42), id="fine fax"),
        pytest.param(tiff(204, 391), (115, 40), id="superfine fax"),
        pytest.param(tiff(98, 204), (125, 40), id="fax on its side"),
        pytest.param(tiff(80.3, 38.6, unit=3), (60, 83), id="per centimetre"),
        pytest.param(tiff(2, 1, unit=1), (60, 80), id="TIFF without a unit"),
        pytest.param(png(8000, 4000), (60, 80), id="PNG per metre"),
        pytest.param(png(1, 3, unit=0), (180, 40), id="PNG without a unit"),
        pytest.param(jpeg(204, 98), (60, 83), id="JFIF per inch"),
        pytest.param(jpeg(80, 40, unit=2), (60, 80), id="JFIF per centimetre"),
        pytest.param(jpeg(2, 1, unit=0), (60, 80), id="JFIF without a unit"),
        pytest.param(jpeg(1, 1, unit=0, exif=(200, 100)), (60, 80), id="EXIF where JFIF says nothing"),
        pytest.param(jpeg(72, 72, exif=(200, 100)), (60, 40), id="JFIF goes before EXIF"),
        pytest.param(bmp(8000, 4000), (60, 80), id="BMP"),
        pytest.param(gif(113), (120, 40), id="GIF, pixels twice as wide as high"),
        pytest.param(webp(100, 200), (120, 40), id="EXIF of a WEBP"),
        pytest.param(tiff(300, 300), (60, 40), id="equal"),
        pytest.param(tiff(300, 299), (60, 40), id="equal but for rounding"),
        pytest.param(png(0, 0), (60, 40), id="PNG, not stated"),
        pytest.param(bmp(0, 0), (60, 40), id="BMP, not stated"),
        pytest.param(gif(49), (60, 40), id="GIF, square"),
        pytest.param(tiff(400, 100), (60, 160), id="the largest ratio there is"),
    ],
)
def test_the_coarser_axis_is_stretched_to_the_finer_one(data: bytes, size: tuple[int, int]) -> None:
    result = read_exhibit(data)
    assert (result.width, result.height) == size
    logged = [sentence for sentence in result.conversions if "stretched" in sentence]
    assert len(logged) == (size != (WIDTH, HEIGHT))
    assert result.warnings == ()


def test_the_numbers_are_written_down() -> None:
    assert read_exhibit(tiff(204, 98)).conversions[-1] == (
        "The height was stretched from 40 to 83 pixels, as the file states 204 x 98 pixels a unit of length, "
        "across and down."
    )


def test_a_stretched_picture_is_the_picture() -> None:
    squashed = drawn().resize((WIDTH, HEIGHT // 2), Image.Resampling.BOX)
    result = read_exhibit(encoded(squashed, "TIFF", tiffinfo={282: 200, 283: 100, 296: 2}))
    assert np.abs(result.pixels[..., 0] - np.asarray(drawn(), dtype=int)).mean() < 4


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("container", ["TIFF", "JPEG"])
def test_width_and_height_change_places_with_the_picture(container: str, orientation: int) -> None:
    tags = Image.Exif()
    tags[ExifTags.Base.Orientation] = orientation
    tags[ExifTags.Base.XResolution], tags[ExifTags.Base.YResolution] = 200, 100
    options = {"dpi": (200, 100)} if container == "JPEG" else {}
    result = read_exhibit(encoded(drawn(), container, exif=tags, **options))
    assert (result.width, result.height) == ((60, 80) if orientation <= 4 else (80, 60))


@pytest.mark.parametrize(
    "data",
    [tiff(401, 100), tiff(100, 401), tiff(200, 0), png(0, 4000), png(2**31, 1), jpeg(300, 0), bmp(-5, 4000), bmp(0, 7)],
)
def test_an_absurd_resolution_is_ignored_with_a_warning(data: bytes) -> None:
    result = read_exhibit(data)
    assert (result.width, result.height) == (WIDTH, HEIGHT)
    assert len(result.warnings) == 1
    assert "absurd resolution" in result.warnings[0]


def test_a_resolution_that_is_no_number_is_ignored_with_a_warning() -> None:
    tags = {256: [4], 257: [3], 258: [8], 262: [1], 277: [1]}
    rationals = {282: ("R", [7, 0]), 283: ("R", [7, 1])}
    result = read_exhibit(written_tiff(bytes(12), {**{tag: ("H", of) for tag, of in tags.items()}, **rationals}))
    assert result.pixels.shape == (3, 4, 3)
    assert "absurd resolution" in result.warnings[0]


def test_the_stretched_picture_may_not_be_too_large_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(exhibit, "MAX_PIXELS", WIDTH * HEIGHT * 2)
    assert read_exhibit(tiff(200, 100)).height == 80
    with pytest.raises(ExhibitRefused, match="pixels once they are square, the limit"):
        read_exhibit(tiff(210, 100))
