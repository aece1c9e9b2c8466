"""Files that nothing is wrong with: read in whatever form they come, or called by the kind that is not read."""

from __future__ import annotations

import zlib

import imagecodecs
import numpy as np
import pytest

from inference.intake.exhibit import ExhibitRefused, read_exhibit
from tests.inference.intake.files import RED, chunk, encoded, painted, photograph, srgb_profile, with_chunks


def with_process(jpeg: bytes, process: int, **header: int) -> bytes:
    """A JPEG that says of itself that it is of another process, depth or height."""
    place = jpeg.index(b"\xff\xc0")
    changed = bytearray(jpeg)
    changed[place + 1] = process
    changed[place + 4] = header.get("bits", 8)
    changed[place + 5 : place + 7] = header.get("height", 36).to_bytes(2, "big")
    return bytes(changed)


JPEG = encoded(photograph(), "JPEG")
BITMAP = encoded(photograph(), "BMP")


@pytest.mark.parametrize(
    ("data", "kind"),
    [
        (imagecodecs.jpeg8_encode(np.full((16, 16, 3), 2000, dtype=np.uint16), bitspersample=12), "a 12-bit JPEG"),
        (imagecodecs.ljpeg_encode(np.full((16, 16), 2000, dtype=np.uint16)), "a lossless JPEG"),
        (with_process(JPEG, 0xC1, bits=12), "a 12-bit JPEG"),
        (with_process(JPEG, 0xC3), "a lossless JPEG"),
        (with_process(JPEG, 0xC5), "a hierarchical JPEG"),
        (with_process(JPEG, 0xC9), "a JPEG with arithmetic coding"),
        (with_process(JPEG, 0xCA), "a JPEG with arithmetic coding"),
        (with_process(JPEG, 0xF7), "a JPEG-LS picture"),
        (with_process(JPEG, 0xC0, height=0), "a JPEG that states its height after its pixels"),
        (b"\x89PNG\r\n\x1a\n" + chunk(b"CgBI", bytes(4)) + painted("PNG", "RGB", RED)[8:], "a PNG in the variant of"),
        (BITMAP[:30] + b"\x05" + BITMAP[31:], "a BMP of a rare kind"),
    ],
)
def test_what_is_sound_but_not_read_is_called_that_and_not_damaged(data: bytes, kind: str) -> None:
    with pytest.raises(ExhibitRefused, match=f"^exhibit is {kind}.*, and that kind is not read") as refused:
        read_exhibit(data)
    assert "damaged" not in str(refused.value)


LONG = b"a long story " * 200_000


@pytest.mark.parametrize(
    "extra",
    [
        pytest.param((b"tEXt", b"Comment\0" + LONG), id="plain text"),
        pytest.param((b"zTXt", b"Comment\0\0" + zlib.compress(LONG)), id="packed text"),
        pytest.param((b"zTXt", b"Raw profile type xmp\0\0" + zlib.compress(LONG)), id="XMP as ImageMagick packs it"),
        pytest.param((b"iTXt", b"Comment\0\0\0\0\0" + LONG), id="text of the world"),
        pytest.param((b"iTXt", b"Comment\0\1\0\0\0" + zlib.compress(LONG)), id="packed text of the world"),
        pytest.param((b"zTXt", b"Comment\0\7" + LONG), id="text packed in an unknown way"),
        pytest.param((b"iCCP", b"a profile\0\0" + zlib.compress(srgb_profile().ljust(3_000_000, b"\0"))), id="profile"),
    ],
)
def test_a_png_with_long_texts_or_a_long_profile_is_read(extra: tuple[bytes, bytes]) -> None:
    result = read_exhibit(with_chunks(encoded(photograph(), "PNG"), extra))
    assert np.array_equal(result.pixels, np.asarray(photograph()))
    assert result.warnings == ()


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt"])
def test_long_texts_that_may_turn_the_picture_are_warned_of(kind: bytes) -> None:
    keyword = b"Raw profile type exif\0\0" if kind == b"zTXt" else b"XML:com.adobe.xmp\0\1\0\0\0"
    result = read_exhibit(with_chunks(encoded(photograph(), "PNG"), (kind, keyword + zlib.compress(LONG))))
    assert result.warnings == ("The file holds more text than is read; the text was ignored.",)


def test_an_orientation_in_the_texts_of_a_png_is_applied() -> None:
    xmp = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description tiff:Orientation="6"/></x:xmpmeta>'
    data = with_chunks(encoded(photograph(), "PNG"), (b"iTXt", b"XML:com.adobe.xmp\0\0\0\0\0" + xmp))
    assert read_exhibit(data).pixels.shape == (48, 36, 3)
