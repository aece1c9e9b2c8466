"""Containers: told by their bytes, with their frames and their ends."""

from __future__ import annotations

import io
import struct
from pathlib import Path

import numpy as np
import pytest
import tifffile
from PIL import Image

from inference.intake.exhibit import ExhibitRefused, read_exhibit
from tests.inference.intake.files import (
    GREEN,
    RED,
    WHITE,
    encoded,
    painted,
    photograph,
)


@pytest.mark.parametrize(
    ("container", "reported"),
    [(name, "JPEG" if name == "MPO" else name) for name in ("PNG", "WEBP", "TIFF", "MPO", "GIF", "HEIF", "AVIF")],
)
def test_only_the_first_of_many_frames_is_examined(container: str, reported: str) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in (RED, GREEN, WHITE)]
    options = {"lossless": True} if container == "WEBP" else {}
    data = encoded(frames[0], container, save_all=True, append_images=frames[1:], **options)
    result = read_exhibit(data)
    assert result.format == reported
    assert np.abs(result.pixels.astype(int) - RED).max() <= 2
    assert result.warnings[0] == "The file holds 3 frames; only frame 1 is examined."


def test_a_tiff_of_endless_pages_is_not_counted_to_the_end() -> None:
    page = painted("TIFF", "L", 77)
    (start,) = struct.unpack_from("<I", page, 4)
    (tags,) = struct.unpack_from("<H", page, start)
    directory = page[start : start + 2 + 12 * tags]
    length = len(directory) + 4
    chain = b"".join(directory + struct.pack("<I", len(page) + length * (n + 1)) for n in range(1500))
    first = page[: start + length - 4] + struct.pack("<I", len(page)) + page[start + length :]
    result = read_exhibit(first + chain + directory + bytes(4))
    assert (result.pixels == 77).all()
    assert result.warnings == ("The file holds at least 1000 frames; only frame 1 is examined.",)


@pytest.mark.parametrize(
    ("container", "options"),
    [
        pytest.param("JPEG", {}, id="JPEG"),
        pytest.param("JPEG", {"progressive": True}, id="progressive JPEG"),
        pytest.param("JPEG", {"restart_marker_blocks": 1}, id="JPEG with restart marks"),
        pytest.param("PNG", {}, id="PNG"),
        pytest.param("WEBP", {}, id="WEBP"),
        pytest.param("GIF", {}, id="GIF"),
    ],
)
def test_bytes_after_the_end_of_the_image_data_are_reported(container: str, options: dict[str, object]) -> None:
    data = encoded(photograph(), container, **options)
    assert read_exhibit(data).warnings == ()
    result = read_exhibit(data + b"PK\x03\x04" + bytes(25))
    assert len(result.warnings) == 1
    assert "29 bytes after the end of the image data" in result.warnings[0]
    assert result.size_bytes == len(data) + 29


def test_an_end_mark_inside_a_jpeg_segment_is_not_the_end() -> None:
    comment = b"a thumbnail ends here: \xff\xd9 but not the picture"
    assert read_exhibit(encoded(photograph(), "JPEG", comment=comment)).warnings == ()


def test_a_png_without_its_end_mark_is_reported() -> None:
    data = encoded(photograph(), "PNG")
    assert read_exhibit(data[: data.rindex(b"IEND") - 4]).warnings == (
        "The marker that ends the image data is missing.",
    )


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF"])
def test_a_single_pixel_is_decoded_in_every_format(container: str) -> None:
    result = read_exhibit(encoded(Image.new("RGB", (1, 1), WHITE), container))
    assert (result.width, result.height, result.format) == (1, 1, container)


def test_the_format_is_told_by_the_bytes_and_not_by_the_extension(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.write_bytes(painted("PNG", "RGB", RED))
    assert read_exhibit(path).format == "PNG"


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        pytest.param(b"This is a note, not a photo.\n", "text", id="text"),
        pytest.param("Ünïcode ✓".encode(), "text", id="text beyond ASCII"),
        pytest.param(b'<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing", id="SVG"),
        pytest.param(b'<?xml version="1.0"?>\n<!-- a mark -->\n<svg/>', "an SVG drawing", id="SVG, prologue"),
        pytest.param(b"<!DOCTYPE html><html><svg/></html>", "an HTML page", id="HTML"),
        pytest.param(painted("PDF", "L", 0), "a PDF document", id="PDF"),
        pytest.param(b"\0\0\0\x20ftypmp42" + bytes(20), "a video", id="MP4"),
        pytest.param(b"\x8aMNG\r\n\x1a\n" + bytes(20), "an animation in MNG or JNG", id="MNG"),
        pytest.param(b"\0\0\0\x0cjP  \r\n\x87\n" + bytes(20), "a JPEG 2000 picture", id="JPEG 2000"),
        pytest.param(painted("ICO", "RGB", RED), "a Windows icon", id="icon"),
        pytest.param(b"8BPS\0\1" + bytes(20), "a Photoshop document", id="PSD"),
        pytest.param(b"PK\x03\x04" + bytes(20), "a ZIP archive or an office document", id="ZIP"),
        pytest.param(bytes(64), "of no known kind", id="zeros"),
    ],
)
def test_what_is_not_examined_is_refused_by_its_name(data: bytes, kind: str) -> None:
    with pytest.raises(ExhibitRefused) as refused:
        read_exhibit(data, "evidence.jpg")
    assert str(refused.value).startswith(f"evidence.jpg is {kind}, but only JPEG, PNG, WEBP, TIFF")


def branded(data: bytes, major: bytes, compatible: bytes) -> bytes:
    """The same boxes behind another declaration of what they are."""
    length = int.from_bytes(data[:4], "big")
    brands = major + bytes(4) + compatible
    return struct.pack(">I4s", length, b"ftyp") + brands.ljust(length - 8, b"\0")[: length - 8] + data[length:]


@pytest.mark.parametrize(
    ("major", "compatible", "kind"),
    [
        (b"heic", b"mif1heic", "HEIF"),
        (b"mif1", b"mif1heic", "HEIF"),
        (b"avif", b"avifmif1", "AVIF"),
        (b"mif1", b"avifmif1", "AVIF"),
        (b"mif1", b"mif1avif", "AVIF"),
    ],
)
def test_heif_and_avif_are_told_apart_by_all_their_brands(major: bytes, compatible: bytes, kind: str) -> None:
    data = branded(encoded(photograph(), kind), major, compatible)
    assert read_exhibit(data).format == kind


def test_a_second_page_that_is_not_read_costs_the_first_nothing() -> None:
    file = io.BytesIO()
    with tifffile.TiffWriter(file) as writer:
        writer.write(np.full((3, 4), 77, dtype=np.uint8), metadata=None)
        writer.write(np.zeros((3, 4, 3), dtype=np.float64), photometric="rgb", metadata=None)
    result = read_exhibit(file.getvalue())
    assert (result.pixels == 77).all()
    assert result.warnings == ("The file holds 2 frames; only frame 1 is examined.",)


def test_a_tiff_whose_pages_go_round_in_a_circle_has_one() -> None:
    page = bytearray(painted("TIFF", "L", 77))
    (start,) = struct.unpack_from("<I", page, 4)
    (tags,) = struct.unpack_from("<H", page, start)
    struct.pack_into("<I", page, start + 2 + 12 * tags, start)
    assert read_exhibit(bytes(page)).warnings == ()
