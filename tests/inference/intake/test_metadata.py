"""What a file states of itself, and the orientation it asks for."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ExifTags, Image

from inference.intake.exhibit import read_exhibit
from tests.inference.intake.files import (
    GREEN,
    RED,
    WHITE,
    encoded,
    photograph,
)

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


@pytest.mark.parametrize("orientation", FIRST_ROW_AND_COLUMN)
@pytest.mark.parametrize("container", ["HEIF", "AVIF"])
def test_a_picture_that_its_boxes_turn_is_turned_once(container: str, orientation: int) -> None:
    """Both encoders state the orientation in boxes and in EXIF."""
    upright = np.zeros((64, 96, 3), dtype=np.uint8)
    upright[:24, :24], upright[:24, -24:], upright[-24:, :24] = RED, GREEN, WHITE
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = orientation
    stored = Image.fromarray(np.ascontiguousarray(stored_with(orientation, upright)))
    stored.info["exif"] = exif.tobytes()
    options = {"exif": exif} if container == "AVIF" else {}
    result = read_exhibit(encoded(stored, container, quality=95, **options))
    corners = result.pixels[[4, 4, -5, -5], [4, -5, 4, -5]]
    assert (np.abs(corners.astype(int) - [RED, GREEN, WHITE, (0, 0, 0)]) <= 8).all()
    assert result.pixels.shape == upright.shape
    assert len(result.conversions) == (orientation != 1)
    assert result.exif.get("Orientation", "1") == str(orientation)
    assert result.warnings == ()


def test_an_orientation_that_only_exif_states_does_not_turn_heif_and_is_warned_of() -> None:
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    result = read_exhibit(encoded(photograph(), "HEIF", exif=exif))
    assert result.pixels.shape == (36, 48, 3)
    assert result.warnings == ("EXIF states the orientation 6, which in HEIF does not turn the picture.",)
