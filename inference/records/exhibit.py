"""What is examined: a picture as it was handed in, and the crop of it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from typing import Literal, get_args

import numpy as np
from numpy.typing import NDArray

from inference.records.validation import Refusal, require

Turn = Literal[0, 90, 180, 270]
BoxChoice = Literal["whole picture", "examiner", "locator"]
Ground = Literal["white", "black", "grey"]
UNSTATED: dict[str, bool] = {"stated": False}


@dataclass(frozen=True)
class Crop:
    """The rectangle of an exhibit that is examined, in pixels of the upright picture.

    Attributes:
        x: Left edge, >= 0.
        y: Top edge, >= 0.
        width: At least 1.
        height: At least 1.
        turn: Degrees clockwise by which the cut-out is turned to stand upright.
    """

    x: int
    y: int
    width: int
    height: int
    turn: Turn = 0

    def __post_init__(self) -> None:
        require(self.x >= 0 and self.y >= 0, f"a crop starts inside the picture, not at ({self.x}, {self.y})")
        require(
            self.width >= 1 and self.height >= 1,
            f"a crop is at least 1 x 1, not {self.width} x {self.height}",
        )
        require(self.turn in get_args(Turn), f"a crop is turned by 0, 90, 180 or 270 degrees, not by {self.turn}")

    def __str__(self) -> str:
        rectangle = f"{self.x},{self.y},{self.width},{self.height}"
        return f"{rectangle},{self.turn}" if self.turn else rectangle

    @property
    def rectangle(self) -> tuple[int, int, int, int]:
        """Left, top, width and height, whatever its turn."""
        return self.x, self.y, self.width, self.height

    @classmethod
    def parse(cls, text: str) -> Crop:
        """The crop of a text: `x,y,w,h` in pixels, or `x,y,w,h,turn` with the turn in degrees clockwise.

        Raises:
            Refusal: if the text is not whole numbers that make a crop.
        """
        try:
            x, y, width, height, *turn = (int(part) for part in text.split(","))
            return cls(x, y, width, height, *turn)  # type: ignore[arg-type] # checked when it is made
        except (ValueError, TypeError) as error:
            msg = (
                f"The crop {text!r} is not four whole numbers x,y,w,h with a width and a height above 0; give these, "
                "and after them, for a turned crop, a turn of 90, 180 or 270 degrees clockwise."
            )
            raise Refusal(msg) from error


@dataclass(frozen=True)
class Exhibit:
    """One image as it was handed in, and the pixels that are examined.

    Attributes:
        name: File name as given, without folders.
        content: The file as it was handed in, at least one byte.
        sha256: Lower-case hex SHA-256 of the content.
        size_bytes: Length of the content.
        format: Container as detected from the bytes: JPEG, PNG, WEBP, TIFF, BMP, GIF, HEIF or AVIF.
        mode: Pillow's name of the stored pixel mode, before any conversion.
        exif: Metadata that the file states (tag name to text); unverified.
        conversions: Every change made between the stored pixels and `pixels`, in order, as sentences.
        warnings: Sentences that an examiner should know about the file, such as ignored frames or trailing bytes.
        pixels: uint8 (H, W, 3), upright, sRGB, read-only.
        ground: Ground under the transparent pixels; None if nothing is transparent.
        ground_by: Who chose that ground; None without one.
    """

    name: str
    content: bytes = field(repr=False, metadata=UNSTATED)
    sha256: str = field(init=False)
    size_bytes: int = field(init=False)
    format: str
    mode: str
    exif: dict[str, str]
    conversions: tuple[str, ...]
    warnings: tuple[str, ...]
    pixels: NDArray[np.uint8] = field(repr=False, metadata=UNSTATED)
    ground: Ground | None = None
    ground_by: Literal["Assay", "examiner"] | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "sha256", hashlib.sha256(self.content).hexdigest())
        object.__setattr__(self, "size_bytes", len(self.content))
        require(self.size_bytes >= 1, "a file has at least one byte")
        require(self.ground in (None, *get_args(Ground)), f"a ground is white, black or grey, not {self.ground}")
        require(
            self.ground_by in (None, "Assay", "examiner"),
            f"a ground is chosen by Assay or the examiner, not by {self.ground_by}",
        )
        require((self.ground is None) == (self.ground_by is None), "a ground and who chose it are stated together")
        require(
            self.pixels.dtype == np.uint8 and self.pixels.ndim == 3 and self.pixels.shape[2] == 3,
            f"pixels are uint8 (H, W, 3), not {self.pixels.dtype} {self.pixels.shape}",
        )
        self.pixels.setflags(write=False)

    @property
    def width(self) -> int:
        """Width of the upright picture in pixels."""
        return int(self.pixels.shape[1])

    @property
    def height(self) -> int:
        """Height of the upright picture in pixels."""
        return int(self.pixels.shape[0])

    def crop(self, crop: Crop | None) -> NDArray[np.uint8]:
        """The pixels of a crop, turned upright, (h, w, 3); all pixels without a crop.

        Raises:
            Refusal: if the crop does not lie inside the picture.
        """
        if crop is None:
            return self.pixels
        if crop.x + crop.width > self.width or crop.y + crop.height > self.height:
            msg = (
                f"The crop {crop} reaches outside {self.name} "
                f"({self.width} x {self.height} pixels); draw it inside the picture."
            )
            raise Refusal(msg)
        part = self.pixels[crop.y : crop.y + crop.height, crop.x : crop.x + crop.width]
        return np.ascontiguousarray(np.rot90(part, -crop.turn // 90)) if crop.turn else part


@dataclass(frozen=True)
class Detection:
    """One part that a locator detected in a picture.

    Attributes:
        part: Its kind, as the locator's card names it.
        score: Score of the locator, 0 to 1; it orders detections and is not a probability.
        crop: The proposed crop.
        close_up: Whether the part spans nearly all of the picture, so that the whole picture is proposed.
    """

    part: str
    score: float
    crop: Crop
    close_up: bool = False

    def __post_init__(self) -> None:
        require(0 <= self.score <= 1, f"a score lies between 0 and 1, not {self.score}")


@dataclass(frozen=True)
class Located:
    """The proposal from which an examination started, and the locator that made it.

    Attributes:
        find: The detection, under its name in reports.
        locator: Name of the locator.
        weights_sha256: SHA-256 of its weights file.
        card_sha256: SHA-256 of its card file.
    """

    find: Detection
    locator: str
    weights_sha256: str
    card_sha256: str


def chosen_by(crop: Crop | None, located: Located | None) -> BoxChoice:
    """Who chose the examined rectangle."""
    if crop is None:
        return "whole picture"
    if located is not None and located.find.crop.rectangle == crop.rectangle:
        return "locator"
    return "examiner"
