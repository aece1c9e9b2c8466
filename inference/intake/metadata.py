"""The metadata of a file, and the orientation that it states."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from PIL import ExifTags, Image, ImageFile

from inference.intake.isobmff import MainPicture
from inference.intake.notes import Notes, as_text

# EXIF orientation: the transpose that puts the picture upright, and its name in a sentence.
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, "mirrored left to right"),
    3: (Image.Transpose.ROTATE_180, "rotated by 180 degrees"),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, "mirrored top to bottom"),
    5: (Image.Transpose.TRANSPOSE, "mirrored along the main diagonal"),
    6: (Image.Transpose.ROTATE_270, "rotated by 90 degrees clockwise"),
    7: (Image.Transpose.TRANSVERSE, "mirrored along the other diagonal"),
    8: (Image.Transpose.ROTATE_90, "rotated by 90 degrees counter-clockwise"),
}

# Tags on the layout of the file, which say nothing of the picture.
_LAYOUT_TAGS = frozenset(
    {
        ExifTags.Base.StripOffsets,
        ExifTags.Base.StripByteCounts,
        ExifTags.Base.TileOffsets,
        ExifTags.Base.TileByteCounts,
        ExifTags.Base.SubIFDs,
        ExifTags.Base.ExifOffset,
        ExifTags.Base.GPSInfo,
        ExifTags.Base.ExifInteroperabilityOffset,
    }
)


@dataclass(frozen=True)
class Metadata:
    """The metadata of a file, unverified.

    Attributes:
        texts: The printable tags, by name.
        tags: The tags of picture, camera and interoperability, by number.
    """

    texts: dict[str, str] = field(default_factory=dict)
    tags: dict[int, Any] = field(default_factory=dict)

    @property
    def orientation(self) -> int:
        """The EXIF orientation, 1 to 8; 1 (upright) if none is stated."""
        stated = self.tags.get(ExifTags.Base.Orientation)
        return stated if stated in _TURNS else 1

    @property
    def is_on_its_side(self) -> bool:
        """Whether width and height are exchanged when the picture is put upright."""
        return self.orientation >= 5  # from 5 on, stored rows run down


def read_metadata(stored: ImageFile.ImageFile, container: str, notes: Notes) -> Metadata:
    """The metadata of the file; empty, with a warning, if damaged."""
    # A TIFF is not loaded first: Pillow turns it while loading and forgets the orientation. All others are: a PNG may
    # state its EXIF after the pixels.
    if container != "TIFF":
        stored.load()
    try:
        Image.Exif().load(stored.info.get("exif") or b"")  # raises an error that Pillow's JPEG reader hides
        exif = stored.getexif()
        metadata = Metadata(_stated(exif), _numbered(exif))
    except Exception:  # noqa: BLE001 - hostile bytes raise anything; the pixels do not depend on them
        notes.warnings.append("The EXIF data is damaged and was ignored.")
        return Metadata()
    if container == "HEIF":
        return _as_heif_states(stored, metadata)
    return metadata


def _as_heif_states(stored: ImageFile.ImageFile, metadata: Metadata) -> Metadata:
    """The metadata with the EXIF orientation of a HEIF; the decoder hides it, since boxes turn the picture instead."""
    stated = stored.info.get("original_orientation")
    if stated is None:
        return metadata
    return replace(metadata, texts=dict(sorted({**metadata.texts, "Orientation": str(stated)}.items())))


def note_turn_by_boxes(main: MainPicture, metadata: Metadata, notes: Notes) -> None:
    """Record whether the decoder turned a HEIF; its boxes decide that, not its EXIF."""
    if main.is_turned:
        notes.conversions.append("The decoder turned the picture upright, as the boxes of the file state.")
    elif metadata.texts.get("Orientation", "1") != "1":
        notes.warnings.append(
            f"EXIF states the orientation {metadata.texts['Orientation']}, which in HEIF does not turn the picture."
        )


def upright(stored: ImageFile.ImageFile, container: str, metadata: Metadata, notes: Notes) -> Image.Image:
    """The picture turned upright by its orientation."""
    stored.load()
    if metadata.orientation == 1:
        return stored
    turn, words = _TURNS[metadata.orientation]
    notes.conversions.append(f"The picture was {words}, as its EXIF orientation {metadata.orientation} states.")
    return stored if container == "TIFF" else stored.transpose(turn)


def _numbered(exif: Image.Exif) -> dict[int, Any]:
    camera = exif.get_ifd(ExifTags.IFD.Exif)
    has_interoperability = ExifTags.Base.ExifInteroperabilityOffset in camera
    interoperability = exif.get_ifd(ExifTags.IFD.Interop) if has_interoperability else {}
    return {**interoperability, **camera, **dict(exif)}


def _stated(exif: Image.Exif) -> dict[str, str]:
    """The printable tags of the picture, the camera and its position, sorted by name."""
    directories = (
        (ExifTags.TAGS, exif),
        (ExifTags.TAGS, exif.get_ifd(ExifTags.IFD.Exif)),
        (ExifTags.GPSTAGS, exif.get_ifd(ExifTags.IFD.GPSInfo)),
    )
    stated = {
        names.get(tag, f"Tag {tag}"): as_text(value)
        for names, directory in directories
        for tag, value in directory.items()
        if tag not in _LAYOUT_TAGS
    }
    return {tag: text for tag, text in sorted(stated.items()) if text}
