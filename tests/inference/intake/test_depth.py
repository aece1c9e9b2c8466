"""Depths, sample formats and palettes: how stored values become 8 bits."""

from __future__ import annotations

import io
import struct

import cv2
import numpy as np
import pillow_heif
import pytest
from PIL import Image

from inference.intake.exhibit import ExhibitRefused, read_exhibit
from tests.inference.intake.files import GREEN, RED, SIZE, WHITE, encoded, painted, written_png

WIDTH, BITS, PHOTOMETRIC = 256, 258, 262  # tags of a TIFF

PALETTE = "Palette entries were replaced by their colours."
BILEVEL = "Black and white were written as 0 and 255."
GREY = "Grey was repeated in red, green and blue."
ALPHA = "Transparent pixels were laid on white, from which the picture stands out most."
DEEP = "16-bit channels were reduced to 8 bits by the decoder."
PLAIN_CMYK = "Colours were converted from CMYK to sRGB by the plain formula."
CIELAB = "Colours were converted from CIELAB to sRGB."


def palette_picture(**options: object) -> bytes:
    """Index 1, red, everywhere; index 0 is green."""
    image = Image.new("P", SIZE, 1)
    image.putpalette([*GREEN, *RED])
    return encoded(image, "PNG", **options)


@pytest.mark.parametrize(
    ("data", "mode", "colour", "tolerance", "conversions"),
    [
        pytest.param(painted("PNG", "1", 1), "1", WHITE, 0, (BILEVEL, GREY), id="black and white"),
        pytest.param(painted("PNG", "L", 100), "L", (100, 100, 100), 0, (GREY,), id="grey"),
        pytest.param(painted("PNG", "LA", (100, 0)), "LA", WHITE, 0, (GREY, ALPHA), id="transparent grey"),
        pytest.param(painted("PNG", "LA", (100, 128)), "LA", (177,) * 3, 1, (GREY, ALPHA), id="half grey"),
        pytest.param(palette_picture(), "P", RED, 0, (PALETTE,), id="palette"),
        pytest.param(palette_picture(transparency=1), "P", WHITE, 0, (PALETTE, ALPHA), id="palette, clear entry"),
        pytest.param(
            palette_picture(transparency=b"\xff\x80"),
            "P",
            (255, 127, 127),
            1,
            (PALETTE, ALPHA),
            id="palette, half entry",
        ),
        pytest.param(painted("PNG", "RGB", RED), "RGB", RED, 0, (), id="RGB"),
        pytest.param(painted("PNG", "RGB", RED, transparency=RED), "RGB", WHITE, 0, (ALPHA,), id="RGB, clear colour"),
        pytest.param(painted("PNG", "RGBA", (*RED, 255)), "RGBA", RED, 0, (), id="opaque red"),
        pytest.param(painted("PNG", "RGBA", (*RED, 0)), "RGBA", WHITE, 0, (ALPHA,), id="transparent red"),
        pytest.param(painted("WEBP", "RGBA", (*RED, 0), lossless=True), "RGBA", WHITE, 0, (ALPHA,), id="WEBP"),
        pytest.param(painted("TIFF", "RGBA", (0, 0, 0, 51)), "RGBA", (204,) * 3, 1, (ALPHA,), id="TIFF alpha"),
        pytest.param(painted("JPEG", "CMYK", (0, 255, 255, 0)), "CMYK", RED, 2, (PLAIN_CMYK,), id="CMYK JPEG"),
        pytest.param(painted("TIFF", "CMYK", (0, 255, 255, 0)), "CMYK", RED, 0, (PLAIN_CMYK,), id="CMYK TIFF"),
        pytest.param(painted("TIFF", "LAB", (128, 128, 128)), "LAB", (119,) * 3, 1, (CIELAB,), id="middle grey LAB"),
        pytest.param(painted("TIFF", "LAB", (138, 209, 198)), "LAB", RED, 6, (CIELAB,), id="red LAB"),
    ],
)
def test_a_stored_colour_is_shown_as_it_is_meant(
    data: bytes, mode: str, colour: float | tuple[float, ...], tolerance: int, conversions: tuple[str, ...]
) -> None:
    result = read_exhibit(data)
    assert result.mode == mode
    assert result.conversions == conversions
    assert result.pixels.shape == (3, 4, 3)
    assert np.abs(result.pixels.astype(int) - colour).max() <= tolerance


def test_cmyk_without_a_profile_says_that_its_colours_are_approximate() -> None:
    assert "approximate" in read_exhibit(painted("TIFF", "CMYK", (0, 255, 255, 0))).warnings[0]


def retagged(tiff: bytes, values: dict[int, int]) -> bytes:
    """A little-endian TIFF with other values in some tags of its first page."""
    patched = bytearray(tiff)
    (start,) = struct.unpack_from("<I", tiff, 4)
    (tags,) = struct.unpack_from("<H", tiff, start)
    for entry in range(start + 2, start + 2 + 12 * tags, 12):
        (tag,) = struct.unpack_from("<H", tiff, entry)
        if tag in values:
            struct.pack_into("<I", patched, entry + 8, values[tag])
    return bytes(patched)


@pytest.mark.parametrize(
    ("container", "dtype", "mode"),
    [("PNG", "<u2", "I;16"), ("TIFF", "<u2", "I;16"), ("TIFF", ">u2", "I;16B")],
    ids=["PNG", "TIFF", "big-endian TIFF"],
)
def test_a_16_bit_grey_ramp_is_scaled_and_not_clipped(container: str, dtype: str, mode: str) -> None:
    ramp = np.arange(65536).astype(dtype).reshape(256, 256)
    result = read_exhibit(encoded(Image.fromarray(ramp), container))
    assert result.mode == mode
    assert len(np.unique(result.pixels)) == 256
    assert np.array_equal(result.pixels[..., 1], np.rint(ramp / 257))
    assert result.conversions == ("Grey values were scaled to 8 bits, 65535 becoming 255.", GREY)


def test_a_16_bit_grey_tiff_that_stores_white_as_zero_is_inverted() -> None:
    data = encoded(Image.fromarray(np.array([[0, 65535]], dtype=np.uint16)), "TIFF")
    result = read_exhibit(retagged(data, {PHOTOMETRIC: 0}))
    assert result.pixels[0, :, 0].tolist() == [255, 0]
    assert "inverted" in result.conversions[1]


def test_12_bit_grey_is_scaled_by_its_own_white() -> None:
    """Two pixels of 12 bits lie in the three bytes of a picture of three pixels of 8."""
    three_bytes = encoded(Image.fromarray(np.array([[0x80, 0x0F, 0xFF]], dtype=np.uint8)), "TIFF")
    result = read_exhibit(retagged(three_bytes, {WIDTH: 2, BITS: 12}))
    assert result.pixels[0, :, 0].tolist() == [128, 255]
    assert result.conversions[0] == "Grey values were scaled to 8 bits, 4095 becoming 255."


def test_only_the_clear_value_of_16_bit_grey_turns_white() -> None:
    values = np.array([[1000, 1001, 30000]], dtype=np.uint16)
    result = read_exhibit(encoded(Image.fromarray(values), "PNG", transparency=1000))
    assert result.pixels[0, :, 0].tolist() == [255, 4, 117]


@pytest.mark.parametrize("extension", [".png", ".tiff"])
def test_16_bit_colours_keep_their_upper_8_bits(extension: str) -> None:
    colours = np.random.default_rng(3).integers(0, 65536, (20, 30, 3), dtype=np.uint16)
    written, data = cv2.imencode(extension, colours[..., ::-1])
    assert written
    result = read_exhibit(data.tobytes())
    assert np.array_equal(result.pixels, colours >> 8)
    assert result.conversions == (DEEP,)


@pytest.mark.parametrize(
    ("dtype", "values", "expected"),
    [
        pytest.param(np.float32, [0, 0.2, 1], [0, 51, 255], id="fractions"),
        pytest.param(np.float32, [0, 1.5, 254.6], [0, 2, 255], id="bytes as floats"),
        pytest.param(np.float32, [0, 257, 65535], [0, 1, 255], id="words as floats"),
        pytest.param(np.int32, [0, 100, 255], [0, 100, 255], id="bytes as integers"),
        pytest.param(np.int32, [0, 25700, 65535], [0, 100, 255], id="words as integers"),
    ],
)
def test_grey_without_a_stated_range_is_read_on_the_smallest_usual_one(
    dtype: type, values: list[float], expected: list[int]
) -> None:
    result = read_exhibit(encoded(Image.fromarray(np.array([values], dtype=dtype)), "TIFF"))
    assert result.pixels[0, :, 0].tolist() == expected
    assert result.conversions[0].startswith("Grey values were scaled to 8 bits")


@pytest.mark.parametrize("odd", [-0.1, np.nan, np.inf, 65536])
def test_grey_values_that_nothing_explains_are_refused(odd: float) -> None:
    values = np.array([[0, 0.5, odd]], dtype=np.float32)
    with pytest.raises(ExhibitRefused, match="undefined or outside 0 to 65535"):
        read_exhibit(encoded(Image.fromarray(values), "TIFF"))


@pytest.mark.parametrize("channels", [1, 3, 4])
@pytest.mark.parametrize("dtype", ["u1", "u2"])
@pytest.mark.parametrize("interlaced", [False, True])
def test_a_png_is_read_in_either_order_of_its_rows(channels: int, dtype: str, interlaced: bool) -> None:
    drawn = np.random.default_rng(channels).integers(0, 2 ** (8 * int(dtype[1])), (11, 13, channels)).astype(dtype)
    drawn[..., 3:] = np.iinfo(dtype).max
    result = read_exhibit(written_png(drawn, interlaced))
    expected = drawn if dtype == "u1" else np.rint(drawn / 257) if channels == 1 else drawn >> 8
    assert np.array_equal(result.pixels, np.broadcast_to(expected[..., :3], (11, 13, 3)))
    assert any("8 bits" in sentence for sentence in result.conversions) == (dtype == "u2")


def test_a_clear_colour_of_16_bits_is_told_by_its_upper_8() -> None:
    drawn = np.full((4, 5, 3), 40_000, dtype=np.uint16)
    drawn[:2] = (1000, 2000, 3000)
    result = read_exhibit(written_png(drawn, interlaced=False, extra=[(b"tRNS", struct.pack(">3H", 1000, 2000, 3000))]))
    assert (result.ground, result.pixels[0, 0].tolist(), result.pixels[-1, -1].tolist()) == (
        "black",
        [0] * 3,
        [156] * 3,
    )
    assert result.warnings == ("The transparent colour was matched by the upper 8 of its 16 bits.",)


@pytest.mark.parametrize("bits", [10, 12])
def test_deep_heif_is_reduced_and_said_to_be(bits: int) -> None:
    deep = io.BytesIO()
    pillow_heif.options.SAVE_HDR_TO_12_BIT = bits == 12
    try:
        pillow_heif.encode("RGB;16", SIZE, np.full((3, 4, 3), 65535, dtype=np.uint16).tobytes(), deep)
    finally:
        pillow_heif.options.SAVE_HDR_TO_12_BIT = False
    result = read_exhibit(deep.getvalue())
    assert result.conversions == (f"{bits}-bit channels were reduced to 8 bits by the decoder.",)
    assert (result.pixels >= 253).all()
