"""Colours: by profile, chunk, box or tag, in sRGB in the end; what cannot be followed is warned of."""

from __future__ import annotations

import struct
import zlib
from collections.abc import Callable

import numpy as np
import pytest
from PIL import ExifTags, Image

from inference.intake.exhibit import read_exhibit
from tests.inference.intake.files import (
    GREEN,
    RED,
    encoded,
    painted,
    photograph,
    srgb_profile,
    swapped_profile,
    with_chunks,
    written_tiff,
)


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF"])
def test_an_embedded_profile_is_converted_to_srgb(container: str) -> None:
    result = read_exhibit(painted(container, "RGB", RED, icc_profile=swapped_profile()))
    assert np.abs(result.pixels.astype(int) - GREEN).max() <= 3
    assert len(result.conversions) == 1
    assert "embedded profile (sRGB built-in)" in result.conversions[0]


def test_the_profile_is_applied_before_transparency_is_composited() -> None:
    result = read_exhibit(painted("PNG", "RGBA", (*RED, 128), icc_profile=swapped_profile()))
    assert np.abs(result.pixels.astype(int) - (127, 255, 127)).max() <= 2
    assert len(result.conversions) == 2


def test_an_srgb_profile_changes_nothing_and_is_not_logged_as_a_conversion() -> None:
    result = read_exhibit(encoded(photograph(), "PNG", icc_profile=srgb_profile()))
    assert np.array_equal(result.pixels, np.asarray(photograph()))
    assert result.conversions == result.warnings == ()


@pytest.mark.parametrize(
    ("mode", "colour", "profile"),
    [("RGB", RED, b"no profile at all"), ("L", 90, srgb_profile()), ("CMYK", (9, 8, 7, 6), srgb_profile())],
    ids=["broken", "RGB profile of a grey picture", "RGB profile of a CMYK picture"],
)
def test_a_profile_that_does_not_fit_is_ignored_with_a_warning(
    mode: str, colour: float | tuple[float, ...], profile: bytes
) -> None:
    with_profile = read_exhibit(painted("TIFF", mode, colour, icc_profile=profile))
    without = read_exhibit(painted("TIFF", mode, colour))
    assert np.array_equal(with_profile.pixels, without.pixels)
    assert with_profile.conversions == without.conversions
    assert with_profile.warnings[0] == f"The embedded colour profile does not fit {mode} pixels and was ignored."


def colours() -> np.ndarray:
    """Some that every space can show, (N, 1, 3)."""
    return np.random.default_rng(11).integers(70, 190, (64, 1, 3)).astype(np.uint8)


def linear(levels: np.ndarray) -> np.ndarray:
    """The light of sRGB, by IEC 61966-2-1."""
    share = levels / 255
    return np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)


ADOBE = np.array([[0.71512, 0.28488, 0], [0, 1, 0], [0, 0.04116, 0.95884]])  # from linear sRGB, from its specification
P3 = np.array([[0.82246, 0.17754, 0], [0.03319, 0.96681, 0], [0.01708, 0.07240, 0.91052]])
BT2020 = np.array([[0.62740, 0.32928, 0.04331], [0.06910, 0.91954, 0.01136], [0.01639, 0.08801, 0.89559]])  # BT.2087


def srgb_levels(light: np.ndarray) -> np.ndarray:
    return 255 * np.where(light <= 0.0031308, 12.92 * light, 1.055 * light ** (1 / 2.4) - 0.055)


def adobe_levels(light: np.ndarray) -> np.ndarray:
    return 255 * (light @ ADOBE.T) ** (1 / 2.2)


def pq_levels(light: np.ndarray) -> np.ndarray:
    """ST 2084, the white of a page at 203 cd/m²."""
    raised = (light * 203 / 10_000) ** 0.1593017578125
    return 255 * ((0.8359375 + 18.8515625 * raised) / (1 + 18.6875 * raised)) ** 78.84375


def hlg_levels(light: np.ndarray) -> np.ndarray:
    """BT.2100 for a display of 1000 cd/m²."""
    shown = light * 0.203
    scene = shown * np.maximum(shown @ (0.2627, 0.6780, 0.0593), 1e-9)[..., None] ** (1 / 1.2 - 1)
    high = 0.17883277 * np.log(np.maximum(12 * scene - 0.28466892, 1e-9)) + 0.55991073
    return 255 * np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)


def chromaticities(*numbers: float) -> bytes:
    return struct.pack(">8I", *[round(100_000 * number) for number in numbers])


ADOBE_POINTS = (b"cHRM", chromaticities(0.3127, 0.3290, 0.64, 0.33, 0.21, 0.71, 0.15, 0.06))
SRGB_POINTS = (b"cHRM", chromaticities(0.3127, 0.3290, 0.64, 0.33, 0.30, 0.60, 0.15, 0.06))
SRGB_CHUNK = (b"sRGB", b"\0")
ICC = (b"iCCP", b"swapped\0\0" + zlib.compress(swapped_profile()))


def gamma(value: int) -> tuple[bytes, bytes]:
    return b"gAMA", struct.pack(">I", value)


def numbers(primaries: int, curve: int, matrix: int = 0, full: int = 1) -> tuple[bytes, bytes]:
    return b"cICP", bytes([primaries, curve, matrix, full])


@pytest.mark.parametrize(
    ("extra", "stored", "tolerance"),
    [
        pytest.param([gamma(100_000)], lambda light: 255 * light, 3, id="linear light"),
        pytest.param([gamma(55_556)], lambda light: 255 * light ** (1 / 1.8), 2, id="gamma 1.8, an old Macintosh"),
        pytest.param(
            [gamma(45_455), ADOBE_POINTS], lambda light: 255 * (light @ ADOBE.T) ** (1 / 2.2), 2, id="Adobe RGB"
        ),
        pytest.param([ADOBE_POINTS], lambda light: srgb_levels(light @ ADOBE.T), 2, id="primaries alone"),
        pytest.param([numbers(12, 13)], lambda light: srgb_levels(light @ P3.T), 2, id="Display P3"),
        pytest.param([numbers(9, 13)], lambda light: srgb_levels(light @ BT2020.T), 3, id="BT.2020 primaries"),
        pytest.param([numbers(1, 8)], lambda light: 255 * light, 3, id="linear, numbered"),
        pytest.param([numbers(1, 4)], lambda light: 255 * light ** (1 / 2.2), 2, id="gamma 2.2, numbered"),
        pytest.param([numbers(9, 16)], lambda light: pq_levels(light @ BT2020.T), 5, id="PQ"),
        pytest.param([numbers(9, 18)], lambda light: hlg_levels(light @ BT2020.T), 5, id="HLG"),
        pytest.param(
            [numbers(12, 13), ICC, SRGB_CHUNK], lambda light: srgb_levels(light @ P3.T), 2, id="cICP before all"
        ),
        pytest.param([SRGB_CHUNK, gamma(100_000)], srgb_levels, 0, id="sRGB before gamma"),
        pytest.param([gamma(45_455)], srgb_levels, 0, id="the gamma that writers of sRGB state"),
        pytest.param([gamma(45_455), SRGB_POINTS], srgb_levels, 0, id="sRGB in numbers"),
        pytest.param([numbers(1, 13)], srgb_levels, 0, id="sRGB, numbered"),
        pytest.param([numbers(2, 2)], srgb_levels, 0, id="unspecified"),
    ],
)
def test_the_colours_a_png_states_in_its_chunks_are_shown(
    extra: list[tuple[bytes, bytes]], stored: Callable[[np.ndarray], np.ndarray], tolerance: int
) -> None:
    meant = colours()
    pixels = np.rint(stored(linear(meant))).astype(np.uint8)
    result = read_exhibit(with_chunks(encoded(Image.fromarray(pixels), "PNG"), *extra))
    assert np.abs(result.pixels - meant.astype(int)).max() <= tolerance
    assert len(result.conversions) == (tolerance > 0)


def test_a_profile_goes_before_srgb_and_gamma() -> None:
    data = with_chunks(painted("PNG", "RGB", RED), ICC, SRGB_CHUNK, gamma(100_000))
    assert np.abs(read_exhibit(data).pixels.astype(int) - GREEN).max() <= 3


def test_the_gamma_of_a_grey_png_is_followed() -> None:
    result = read_exhibit(with_chunks(painted("PNG", "L", 55), gamma(100_000)))
    assert np.abs(result.pixels.astype(int) - 128).max() <= 1


@pytest.mark.parametrize(
    ("extra", "warning"),
    [
        ([gamma(0)], "impossible gamma"),
        ([gamma(2**32 - 1)], "impossible gamma"),
        ([gamma(45_455), (b"cHRM", chromaticities(*[0.3] * 8))], "impossible gamma or primaries"),
        ([(b"cHRM", bytes(32))], "impossible gamma or primaries"),
        ([(b"cHRM", b"\xff" * 32)], "impossible gamma or primaries"),
        ([numbers(77, 13)], "primaries 77 and curve 13 of H.273, which are not converted"),
        ([numbers(1, 17)], "primaries 1 and curve 17 of H.273, which are not converted"),
        ([numbers(1, 1)], "curve of television cameras"),
        ([numbers(1, 13, matrix=1)], "other than full-range RGB"),
        ([numbers(1, 13, full=0)], "other than full-range RGB"),
        ([ADOBE_POINTS], "primaries but no gamma"),
        ([(b"iCCP", b"broken\0\0" + b"not packed")], "colour profile is damaged"),
        ([numbers(9, 16)], "meant for a bright display"),
    ],
)
def test_what_cannot_be_followed_is_warned_of(extra: list[tuple[bytes, bytes]], warning: str) -> None:
    result = read_exhibit(with_chunks(painted("PNG", "RGB", (120, 90, 60)), *extra))
    assert len(result.warnings) == 1
    assert warning in result.warnings[0]


def exif_of(space: int | None = None, index: str | None = None, **tags: object) -> Image.Exif:
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = "Darkroom 3"
    details = exif.get_ifd(ExifTags.IFD.Exif)
    if space is not None:
        details[ExifTags.Base.ColorSpace] = space
    if index is not None:
        details[ExifTags.Base.ExifInteroperabilityOffset] = {1: index}
    for tag, value in tags.items():
        exif[int(tag[1:])] = value
    return exif


POINTS = {"t318": (0.3127, 0.3290), "t319": (0.64, 0.33, 0.21, 0.71, 0.15, 0.06)}


@pytest.mark.parametrize(
    ("exif", "is_adobe", "warning"),
    [
        pytest.param(exif_of(2), True, None, id="the number that many use"),
        pytest.param(exif_of(65535, "R03"), True, None, id="as DCF has it"),
        pytest.param(exif_of(None, "R03"), True, None, id="interoperability alone"),
        pytest.param(exif_of(1, "R98"), False, None, id="sRGB"),
        pytest.param(exif_of(1), False, None, id="sRGB by one tag"),
        pytest.param(exif_of(), False, None, id="nothing"),
        pytest.param(exif_of(1, "R03"), False, "sRGB in one tag and Adobe RGB in another", id="both"),
        pytest.param(exif_of(65535), False, "other than sRGB without naming them", id="uncalibrated"),
        pytest.param(exif_of(65535, "R98"), False, "other than sRGB without naming them", id="uncalibrated, R98"),
    ],
)
@pytest.mark.parametrize("container", ["JPEG", "WEBP", "PNG"])
def test_the_colour_space_of_exif_is_followed(
    container: str, exif: Image.Exif, is_adobe: bool, warning: str | None
) -> None:
    options = {"quality": 100, "lossless": True} if container == "WEBP" else {"quality": 100}
    data = painted(container, "RGB", (200, 100, 50), exif=exif, **options)
    result = read_exhibit(data)
    stored = np.array([200, 100, 50])
    adobe = srgb_levels(np.clip((stored / 255) ** 2.2 @ np.linalg.inv(ADOBE).T, 0, 1))
    expected = adobe if is_adobe else stored
    assert np.abs(result.pixels.astype(int) - expected).max() <= 4
    assert any("Adobe RGB" in sentence for sentence in result.conversions) == is_adobe
    assert [warning in sentence for sentence in result.warnings] == [True] * bool(warning)


def test_a_profile_goes_before_exif() -> None:
    data = painted("JPEG", "RGB", RED, exif=exif_of(2), icc_profile=swapped_profile(), quality=100, subsampling=0)
    assert np.abs(read_exhibit(data).pixels.astype(int) - GREEN).max() <= 5


def test_the_primaries_and_the_curve_of_a_tiff_are_followed() -> None:
    meant = colours()
    pixels = np.rint(255 * (linear(meant) @ ADOBE.T) ** (1 / 1.8)).astype(np.uint8)
    curve = np.rint(65535 * (np.arange(256) / 255) ** 1.8).astype(int).tolist()
    tags = {256: [1], 257: [64], 258: [8, 8, 8], 262: [2], 277: [3], 301: curve * 3}
    rationals = {318: [3127, 3290], 319: [6400, 3300, 2100, 7100, 1500, 600]}
    data = written_tiff(
        pixels.tobytes(),
        {
            **{tag: ("H", of) for tag, of in tags.items()},
            **{tag: ("R", [part for number in of for part in (number, 10_000)]) for tag, of in rationals.items()},
        },
    )
    result = read_exhibit(data)
    assert np.abs(result.pixels - meant.astype(int)).max() <= 2
    assert result.conversions == (
        "Colours were converted from the primaries and the curve that the tags state to sRGB.",
    )


@pytest.mark.parametrize("curve", [None, [0] * 256, [7, 8]], ids=["no curve", "black for all", "too short"])
def test_what_a_tiff_leaves_open_of_its_colours_is_warned_of(curve: list[int] | None) -> None:
    tags = {256: [1], 257: [1], 258: [8, 8, 8], 262: [2], 277: [3], **({301: curve} if curve else {})}
    points = [part for number in (6400, 3300, 2100, 7100, 1500, 600) for part in (number, 10_000)]
    data = written_tiff(b"\x50\x60\x70", {**{tag: ("H", of) for tag, of in tags.items()}, 319: ("R", points)})
    assert len(read_exhibit(data).warnings) == 1


def jpeg_with_parts(*numbered: tuple[int, int]) -> bytes:
    profile = swapped_profile()
    jpeg = painted("JPEG", "RGB", RED, quality=100, subsampling=0)
    third = len(profile) // 3 + 1
    parts = b""
    for number, count in numbered:
        part = b"ICC_PROFILE\0" + bytes([number, count]) + profile[(number - 1) * third : number * third]
        parts += b"\xff\xe2" + struct.pack(">H", len(part) + 2) + part
    return jpeg[:2] + parts + jpeg[2:]


def test_the_parts_of_a_profile_are_put_in_order() -> None:
    result = read_exhibit(jpeg_with_parts((3, 3), (1, 3), (2, 3)))
    assert np.abs(result.pixels.astype(int) - GREEN).max() <= 5


@pytest.mark.parametrize(
    "numbered",
    [
        [(1, 3), (3, 3)],
        [(2, 3)],
        [(1, 3), (2, 3), (2, 3)],
        [(1, 3), (2, 3), (3, 3), (3, 3)],
        [(1, 3), (2, 2), (3, 3)],
        [(1, 4), (2, 4), (3, 4)],
    ],
    ids=["the middle is missing", "one alone", "one twice", "one too many", "counts that differ", "one short"],
)
def test_a_profile_whose_parts_are_not_there_once_each_is_warned_of(numbered: list[tuple[int, int]]) -> None:
    result = read_exhibit(jpeg_with_parts(*numbered))
    assert np.abs(result.pixels.astype(int) - RED).max() <= 5
    assert len(result.warnings) == 1
    assert "colour profile is incomplete" in result.warnings[0]


@pytest.mark.parametrize("container", ["HEIF", "AVIF"])
def test_numbered_colours_of_heif_and_avif_are_followed(container: str) -> None:
    data = encoded(Image.new("RGB", (32, 32), (200, 100, 50)), container, quality=100)
    place = data.index(b"nclx") + 4
    wide = read_exhibit(data[:place] + struct.pack(">H", 12) + data[place + 2 :])
    assert read_exhibit(data).conversions == ()
    meant = srgb_levels(np.clip(linear(np.array([200, 100, 50])) @ np.linalg.inv(P3).T, 0, 1))
    assert np.abs(wide.pixels.astype(int) - meant).max() <= 8
    assert "primaries 12 and curve 13" in wide.conversions[0]
