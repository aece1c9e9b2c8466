"""Transparent pixels: which ground they are laid on, and what is written down of it."""

from __future__ import annotations

import io

import numpy as np
import pytest
import tifffile
from PIL import Image

from inference.intake.exhibit import read_exhibit
from inference.records import Ground, Refusal, as_json
from tests.inference.intake.files import BLACK, GREEN, RED, SIZE, WHITE, encoded, painted

CREAM, PALE_YELLOW, SILVER, CHARCOAL, NAVY = (
    (255, 250, 225),
    (255, 255, 180),
    (176, 176, 176),
    (50, 50, 50),
    (10, 20, 90),
)
GREY = (176, 176, 176)
GROUNDS = {"white": WHITE, "black": BLACK, "grey": GREY}


def mark(*parts: tuple[float, tuple[int, ...]], around: tuple[int, int, int] = BLACK) -> Image.Image:
    """Columns of opaque colour, each of a share of the middle, on transparent pixels that carry a colour."""
    pixels = np.zeros((40, 120, 4), dtype=np.uint8)
    pixels[..., :3] = around
    left = 10
    for share, colour in parts:
        width = round(share * 100)
        pixels[10:30, left : left + width] = (*colour, 255) if len(colour) == 3 else colour
        left += width
    return Image.fromarray(pixels)


@pytest.mark.parametrize(
    ("parts", "ground"),
    [
        pytest.param([(1, BLACK)], "white", id="black"),
        pytest.param([(1, WHITE)], "black", id="white"),
        pytest.param([(1, CREAM)], "black", id="cream"),
        pytest.param([(1, PALE_YELLOW)], "black", id="pale yellow"),
        pytest.param([(1, SILVER)], "black", id="silver"),
        pytest.param([(1, CHARCOAL)], "white", id="charcoal"),
        pytest.param([(1, NAVY)], "white", id="navy"),
        pytest.param([(1, RED)], "white", id="red"),
        pytest.param([(1, (240, 90, 60))], "white", id="coral, plain enough on white"),
        pytest.param([(0.5, RED), (0.5, GREEN)], "white", id="two colours"),
        pytest.param([(0.5, BLACK), (0.5, WHITE)], "grey", id="black and white"),
        pytest.param([(0.9, BLACK), (0.1, WHITE)], "grey", id="black with a little white"),
        pytest.param([(0.1, BLACK), (0.9, WHITE)], "grey", id="white with a little black"),
        pytest.param([(0.99, BLACK), (0.01, WHITE)], "white", id="black with a stray pixel of white"),
        pytest.param([(0.5, WHITE), (0.5, RED)], "black", id="white and red"),
        pytest.param([(0.5, CREAM), (0.5, NAVY)], "black", id="cream and navy"),
        pytest.param([(1, (*WHITE, 40))], "black", id="thin white"),
        pytest.param([(0.5, BLACK), (0.5, (*WHITE, 3))], "white", id="black with a breath of white"),
    ],
)
@pytest.mark.parametrize("around", [BLACK, WHITE, RED], ids=["black", "white", "red"])
def test_a_mark_is_laid_on_the_ground_it_stands_out_from_most(
    parts: list[tuple[float, tuple[int, ...]]], ground: Ground, around: tuple[int, int, int]
) -> None:
    """Whatever colour the transparent pixels carry unseen."""
    result = read_exhibit(encoded(mark(*parts, around=around), "PNG"))
    assert (result.ground, result.ground_by) == (ground, "Assay")
    assert (result.pixels[0, 0] == GROUNDS[ground]).all()
    sentence = f"Transparent pixels were laid on {ground}, from which the picture stands out most."
    assert result.conversions == (sentence,)


def test_black_and_white_parts_lie_at_different_distances_from_grey() -> None:
    pixels = read_exhibit(encoded(mark((0.5, BLACK), (0.5, WHITE)), "PNG")).pixels.astype(int)
    black, white = (abs(pixels[20, x, 0] - pixels[0, 0, 0]) for x in (20, 100))
    assert min(black, white, abs(black - white)) > 64


@pytest.mark.parametrize("ground", GROUNDS)
@pytest.mark.parametrize("colour", [BLACK, WHITE, CREAM, RED])
def test_the_examiner_s_ground_stands(colour: tuple[int, int, int], ground: Ground) -> None:
    result = read_exhibit(encoded(mark((1, colour)), "PNG"), ground=ground)
    assert (result.ground, result.ground_by) == (ground, "examiner")
    assert (result.pixels[0, 0] == GROUNDS[ground]).all()
    assert (result.pixels[20, 60] == colour).all()
    assert result.conversions == (f"Transparent pixels were laid on {ground}, as the examiner chose.",)


@pytest.mark.parametrize("ground", [None, *GROUNDS])
@pytest.mark.parametrize(
    "data",
    [
        pytest.param(painted("PNG", "RGB", RED), id="without alpha"),
        pytest.param(painted("PNG", "RGBA", (*RED, 255)), id="with opaque alpha"),
        pytest.param(painted("WEBP", "RGBA", (*RED, 255), lossless=True), id="opaque WEBP"),
        pytest.param(painted("PNG", "RGB", RED, transparency=GREEN), id="with a clear colour that does not occur"),
    ],
)
def test_a_ground_changes_nothing_in_a_picture_without_transparency(data: bytes, ground: Ground | None) -> None:
    result = read_exhibit(data, ground=ground)
    assert (result.ground, result.ground_by, result.conversions) == (None, None, ())
    assert (result.pixels == RED).all()


def palette_picture(transparency: int | bytes) -> bytes:
    """Index 1, white, in the left half and index 0, green, in the right."""
    image = Image.new("P", SIZE, 0)
    image.putpalette([*GREEN, *WHITE])
    image.paste(1, (0, 0, 2, 3))
    return encoded(image, "PNG", transparency=transparency)


def with_clear_right_half(mode: str, colour: int | tuple[int, ...]) -> Image.Image:
    image = Image.new(mode, SIZE, colour)
    image.paste(0, (2, 0, 4, 3))
    return image


def tiff(colours: list[int], alpha: int, extra: str, dtype: str = "uint8") -> bytes:
    """A row of an opaque pixel of white and a pixel of the colours given."""
    full = np.iinfo(dtype).max
    pixels = np.array([[[full] * (len(colours) + 1), [*colours, alpha]]], dtype=dtype)
    file = io.BytesIO()
    tifffile.imwrite(
        file, pixels, photometric="rgb" if len(colours) == 3 else "minisblack", extrasamples=[extra], metadata=None
    )
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "first", "last"),
    [
        pytest.param(encoded(with_clear_right_half("RGBA", (*WHITE, 255)), "PNG"), 255, 0, id="RGBA PNG"),
        pytest.param(encoded(with_clear_right_half("LA", (255, 255)), "PNG"), 255, 0, id="LA PNG"),
        pytest.param(palette_picture(0), 255, 0, id="PNG palette with a clear entry"),
        pytest.param(palette_picture(b"\x00\x80"), 128, 0, id="PNG palette with a half clear entry"),
        pytest.param(encoded(with_clear_right_half("L", 255), "PNG", transparency=0), 255, 0, id="clear grey PNG"),
        pytest.param(encoded(with_clear_right_half("1", 1), "PNG", transparency=0), 255, 0, id="clear bit PNG"),
        pytest.param(
            encoded(with_clear_right_half("RGB", WHITE), "PNG", transparency=BLACK), 255, 0, id="clear colour PNG"
        ),
        pytest.param(
            encoded(Image.fromarray(np.array([[65535, 65534, 999]], dtype=np.uint16)), "PNG", transparency=999),
            255,
            0,
            id="clear value of 16 bits",
        ),
        pytest.param(
            encoded(with_clear_right_half("RGBA", (*WHITE, 255)), "WEBP", lossless=True), 255, 0, id="RGBA WEBP"
        ),
        pytest.param(tiff([255, 255, 255], 0, "unassalpha"), 255, 0, id="TIFF"),
        pytest.param(tiff([128, 128, 128], 128, "assocalpha"), 255, 128, id="TIFF, half white, multiplied"),
        pytest.param(tiff([255, 255, 255], 128, "unassalpha"), 255, 128, id="TIFF, half white, not multiplied"),
    ],
)
def test_every_way_to_be_transparent_is_understood(data: bytes, first: int, last: int) -> None:
    """White on transparent comes out as white on black, however the file says it."""
    result = read_exhibit(data)
    assert (result.ground, result.ground_by) == ("black", "Assay")
    assert (np.abs(result.pixels[0, 0].astype(int) - first) <= 1).all()
    assert (np.abs(result.pixels[0, -1].astype(int) - last) <= 1).all()


@pytest.mark.parametrize(("ground", "level"), [(None, 255), ("black", 0)])
def test_a_picture_of_nothing_but_transparency_is_warned_of(ground: Ground | None, level: int) -> None:
    result = read_exhibit(encoded(mark(), "PNG"), ground=ground)
    assert (result.pixels == level).all()
    assert result.warnings == ("Every pixel of the picture is transparent, so that nothing in it is visible.",)


def test_the_record_tells_the_ground_so_that_it_can_be_laid_again() -> None:
    data = encoded(mark((1, CREAM)), "PNG")
    for asked in (None, "grey"):
        stated = as_json(read_exhibit(data, ground=asked))
        again = read_exhibit(data, ground=stated["ground"])
        assert stated["ground_by"] == ("examiner" if asked else "Assay")
        assert np.array_equal(again.pixels, read_exhibit(data, ground=asked).pixels)


def test_an_unknown_ground_is_refused() -> None:
    with pytest.raises(Refusal, match="The ground 'pink' is not white, black or grey"):
        read_exhibit(encoded(mark((1, RED)), "PNG"), ground="pink")  # type: ignore[arg-type]
