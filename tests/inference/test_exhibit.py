"""The intake: which files become exhibits, what is done to them on the way, and what is refused."""

from __future__ import annotations

import hashlib
import io
import re
import struct
import zlib
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import ExifTags, Image, ImageCms

from inference import exhibit
from inference.exhibit import ExhibitRefused, read_exhibit
from inference.records import Exhibit
from tests.inference.intake.files import GREEN, RED, SIZE, WHITE, encoded, painted, photograph

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


def same(first: Exhibit, second: Exhibit) -> bool:
    parts = ("name", "sha256", "size_bytes", "format", "mode", "exif", "conversions", "warnings")
    return all(getattr(first, part) == getattr(second, part) for part in parts) and np.array_equal(
        first.pixels, second.pixels
    )


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


# Where row 0 and column 0 of the stored picture lie in the upright one (EXIF 2.32, tag 0x0112).
FIRST_ROW_AND_COLUMN = {
    1: ("top", "left"),
    2: ("top", "right"),
    3: ("bottom", "right"),
    4: ("bottom", "left"),
    5: ("left", "top"),
    6: ("right", "top"),
    7: ("right", "bottom"),
    8: ("left", "bottom"),
}


def stored_with(orientation: int, upright: np.ndarray) -> np.ndarray:
    row, column = FIRST_ROW_AND_COLUMN[orientation]
    stored = upright.swapaxes(0, 1) if row in {"left", "right"} else upright
    stored = stored[::-1] if row in {"bottom", "right"} else stored
    return stored[:, ::-1] if column in {"bottom", "right"} else stored


@pytest.mark.parametrize("orientation", FIRST_ROW_AND_COLUMN)
@pytest.mark.parametrize(
    ("container", "options"),
    [
        pytest.param("JPEG", {"quality": 100, "subsampling": 0}, id="JPEG"),
        pytest.param("PNG", {}, id="PNG"),
        pytest.param("WEBP", {"lossless": True}, id="WEBP"),
        pytest.param("TIFF", {}, id="TIFF"),
        pytest.param("TIFF", {"compression": "tiff_lzw"}, id="compressed TIFF"),
    ],
)
def test_the_exif_orientation_is_applied(container: str, options: dict[str, object], orientation: int) -> None:
    upright = np.zeros((16, 24, 3), dtype=np.uint8)
    upright[:8, :8], upright[:8, -8:], upright[-8:, :8] = RED, GREEN, WHITE
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(np.ascontiguousarray(stored_with(orientation, upright)))
    result = read_exhibit(encoded(stored, container, exif=exif, **options))
    corners = result.pixels[[0, 0, -1, -1], [0, -1, 0, -1]]
    assert (np.abs(corners.astype(int) - [RED, GREEN, WHITE, (0, 0, 0)]) <= 3).all()
    assert result.pixels.shape == upright.shape
    assert container == "JPEG" or np.array_equal(result.pixels, upright)
    assert result.exif["Orientation"] == str(orientation)
    logged = [sentence for sentence in result.conversions if f"EXIF orientation {orientation}" in sentence]
    assert len(logged) == (orientation != 1)


def test_heif_is_named_and_refused_without_its_package() -> None:
    if "HEIF" in exhibit.FORMATS:
        pytest.skip("pillow-heif is installed")
    with pytest.raises(ExhibitRefused, match="once pillow-heif is installed"):
        read_exhibit(b"\0\0\0\x20ftypheic" + bytes(20))


def test_heif_is_read_with_its_package() -> None:
    heif = pytest.importorskip("pillow_heif")
    deep = io.BytesIO()
    heif.encode("RGB;16", SIZE, np.full((3, 4, 3), 65535, dtype=np.uint16).tobytes(), deep)
    result = read_exhibit(deep.getvalue())
    assert result.format == "HEIF"
    assert result.conversions == ("10-bit channels were reduced to 8 bits by the decoder.",)
    assert (result.pixels >= 253).all()


def test_what_the_file_states_of_itself_is_kept_as_text() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Software] = "Darkroom 3"
    exif[ExifTags.Base.Make] = "Lab\nCamera\0"
    exif[ExifTags.Base.ImageDescription] = "x" * 500
    details, position = exif.get_ifd(ExifTags.IFD.Exif), exif.get_ifd(ExifTags.IFD.GPSInfo)
    details[ExifTags.Base.DateTimeOriginal] = "2026:01:02 03:04:05"
    details[ExifTags.Base.MakerNote] = b"\x00\x01\x02"
    position[ExifTags.GPS.GPSLatitudeRef] = "N"
    position[ExifTags.GPS.GPSLatitude] = (52.0, 5.0, 30.5)
    result = read_exhibit(encoded(photograph(), "JPEG", exif=exif))
    assert result.exif == {
        "DateTimeOriginal": "2026:01:02 03:04:05",
        "GPSLatitude": "52.0, 5.0, 30.5",
        "GPSLatitudeRef": "N",
        "ImageDescription": "x" * 200,
        "Make": "LabCamera",
        "Software": "Darkroom 3",
    }
    assert list(result.exif) == sorted(result.exif)


def test_damaged_exif_costs_the_exif_and_nothing_else() -> None:
    intact = read_exhibit(encoded(photograph(), "JPEG"))
    damaged = read_exhibit(encoded(photograph(), "JPEG", exif=b"Exif\0\0no directory at all"))
    assert np.array_equal(damaged.pixels, intact.pixels)
    assert damaged.exif == {}
    assert damaged.warnings == ("The EXIF data is damaged and was ignored.",)


def srgb_profile() -> bytes:
    return ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()


def swapped_profile() -> bytes:
    """SRGB with its red and green primaries exchanged, so that red is written where green is meant."""
    exchange = {b"rXYZ": b"gXYZ", b"gXYZ": b"rXYZ"}
    profile = bytearray(srgb_profile())
    for entry in range(132, 132 + 12 * int.from_bytes(profile[128:132], "big"), 12):
        name = bytes(profile[entry : entry + 4])
        profile[entry : entry + 4] = exchange.get(name, name)
    return bytes(profile)


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


@pytest.mark.parametrize(
    ("container", "reported"),
    [("PNG", "PNG"), ("WEBP", "WEBP"), ("TIFF", "TIFF"), ("MPO", "JPEG")],
    ids=["animated PNG", "animated WEBP", "multi-page TIFF", "multi-picture JPEG"],
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
    assert read_exhibit(data[: data.rindex(b"IEND") - 4]).warnings == ("The mark that ends the image data is missing.",)


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
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
        pytest.param(painted("GIF", "L", 0), "a GIF picture", id="GIF"),
        pytest.param(painted("PDF", "L", 0), "a PDF document", id="PDF"),
        pytest.param(b"\0\0\0\x20ftypavif" + bytes(20), "an AVIF picture", id="AVIF"),
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
    assert str(refused.value).startswith(f"evidence.jpg is {kind}, and only JPEG, PNG, WEBP, TIFF")


@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_half_a_file_is_refused(container: str) -> None:
    data = encoded(photograph(), container)
    with pytest.raises(ExhibitRefused, match=rf"^half\.bin is a {container} file that is .*; hand in an intact"):
        read_exhibit(data[: len(data) // 2], "half.bin")


def test_a_jpeg_without_its_end_is_refused_as_cut_short() -> None:
    with pytest.raises(ExhibitRefused, match="cut short") as refused:
        read_exhibit(encoded(photograph(), "JPEG")[:-20])
    assert isinstance(refused.value.__cause__, OSError)


def declared_png(width: int, height: int) -> bytes:
    """A PNG whose header promises more than it holds."""
    data = bytearray(painted("PNG", "1", 0))
    data[16:24] = struct.pack(">II", width, height)
    data[29:33] = struct.pack(">I", zlib.crc32(data[12:29]))
    return bytes(data)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encoded(Image.new("1", (9400, 9400)), "PNG"), id="88 million, whole"),
        pytest.param(encoded(Image.new("1", (8000, 7500)), "PNG"), id="60 million, whole"),
        pytest.param(declared_png(10_000, 10_000), id="100 million, declared"),
        pytest.param(declared_png(2**31 - 1, 2**31 - 1), id="all there are, declared"),
    ],
)
def test_a_decompression_bomb_is_refused_before_it_is_decoded(data: bytes) -> None:
    assert len(data) < 100_000
    with pytest.raises(ExhibitRefused, match="has more than 50 million pixels"):
        read_exhibit(data, "bomb.png")


def test_the_largest_picture_allowed_is_examined_and_one_pixel_more_is_not(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(exhibit, "MAX_PIXELS", 12)
    assert read_exhibit(painted("PNG", "L", 0)).pixels.shape == (3, 4, 3)
    with pytest.raises(ExhibitRefused, match="pixels"):
        read_exhibit(encoded(Image.new("L", (13, 1)), "PNG"))


def test_a_jpeg_of_repeated_scans_is_refused_before_it_is_decoded() -> None:
    data = encoded(photograph(), "JPEG", progressive=True)
    assert read_exhibit(data).warnings == ()
    last_scan = data[data.rindex(b"\xff\xda") : -2]
    with pytest.raises(ExhibitRefused, match="scans"):
        read_exhibit(data[:-2] + last_scan * 100 + data[-2:])


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
    files = [encoded(photograph(), container) for container in ("JPEG", "PNG", "WEBP", "TIFF", "BMP")] * 8
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(read_exhibit, files))
    assert all(same(result, read_exhibit(data)) for result, data in zip(together, files, strict=True))


@pytest.mark.filterwarnings("ignore")  # as in use: here Pillow's warnings would all end as refusals
@pytest.mark.parametrize("container", ["JPEG", "PNG", "WEBP", "TIFF", "BMP"])
def test_mutated_files_give_an_exhibit_or_a_refusal_in_one_sentence(container: str) -> None:
    rng = np.random.default_rng(2024)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    options = {} if container == "BMP" else {"exif": exif, "icc_profile": swapped_profile()}
    original = np.frombuffer(encoded(photograph(), container, **options), dtype=np.uint8)
    refusals, shapes = [], []
    for _ in range(150):
        mutant = original.copy()
        reach = len(mutant) if rng.random() < 0.5 else min(200, len(mutant))
        mutant[rng.integers(0, reach, rng.integers(1, 12))] = rng.integers(0, 256)
        kept = len(mutant) if rng.random() < 0.8 else rng.integers(1, len(mutant))
        try:
            result = read_exhibit(mutant[:kept].tobytes(), "mutant")
        except ExhibitRefused as refused:
            refusals.append(str(refused))
        else:
            shapes.append(result.pixels.shape)
    assert shapes
    assert refusals
    assert all(re.fullmatch(r"mutant [^\n]+\.", sentence) for sentence in refusals)
