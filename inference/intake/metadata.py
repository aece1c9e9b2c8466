"""What a file states of itself, and the orientation that it asks for."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

from PIL import ExifTags, Image, ImageFile

from inference.intake.isobmff import MainPicture
from inference.intake.notes import Notes, as_text

# Orientation as EXIF numbers it: what puts the picture upright, in Pillow's words and in ours.
_TURNS = {
    2: (Image.Transpose.FLIP_LEFT_RIGHT, "mirrored left to right"),
    3: (Image.Transpose.ROTATE_180, "rotated by 180 degrees"),
    4: (Image.Transpose.FLIP_TOP_BOTTOM, "mirrored top to bottom"),
    5: (Image.Transpose.TRANSPOSE, "mirrored along the main diagonal"),
    6: (Image.Transpose.ROTATE_270, "rotated by 90 degrees clockwise"),
    7: (Image.Transpose.TRANSVERSE, "mirrored along the other diagonal"),
    8: (Image.Transpose.ROTATE_90, "rotated by 90 degrees counter-clockwise"),
}

# Tags that say where things lie in the file, and nothing of the picture.
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
    """What a file states of itself.

    Attributes:
        texts: The printable tags, by name.
        tags: The tags of the picture, the camera and the interoperability by their numbers.
    """

    texts: dict[str, str] = field(default_factory=dict)
    tags: dict[int, Any] = field(default_factory=dict)

    @property
    def orientation(self) -> int:
        """As EXIF numbers it; 1, upright, where nothing else is stated."""
        stated = self.tags.get(ExifTags.Base.Orientation)
        return stated if stated in _TURNS else 1

    @property
    def is_on_its_side(self) -> bool:
        """Whether width and height change places when the picture is put upright."""
        return self.orientation >= 5  # from there on, rows run down


def read_metadata(stored: ImageFile.ImageFile, container: str, notes: Notes) -> Metadata:
    """What the file states of itself; nothing, with a warning, where that is damaged."""
    # Pillow's TIFF reader turns the picture itself while loading and then forgets the orientation;
    # a PNG may state its EXIF after the pixels.
    if container != "TIFF":
        stored.load()
    try:
        Image.Exif().load(stored.info.get("exif") or b"")  # fails where Pillow's JPEG reader keeps silent
        exif = stored.getexif()
        metadata = Metadata(_stated(exif), _numbered(exif))
    except Exception:  # noqa: BLE001 - as any hostile bytes; but the pixels do not depend on these
        notes.warnings.append("The EXIF data is damaged and was ignored.")
        return Metadata()
    if container == "HEIF":
        return _as_heif_states(stored, metadata)
    return metadata


def _as_heif_states(stored: ImageFile.ImageFile, metadata: Metadata) -> Metadata:
    """With the orientation that the decoder hides from EXIF, since in HEIF boxes of its own turn the picture."""
    stated = stored.info.get("original_orientation")
    if stated is None:
        return metadata
    return replace(metadata, texts=dict(sorted({**metadata.texts, "Orientation": str(stated)}.items())))


def note_turn_by_boxes(main: MainPicture, metadata: Metadata, notes: Notes) -> None:
    """Write down whether the decoder turned a HEIF, which its boxes decide and EXIF does not."""
    if main.is_turned:
        notes.conversions.append("The picture was turned upright by the decoder, as the boxes of the file ask.")
    elif metadata.texts.get("Orientation", "1") != "1":
        notes.warnings.append(
            f"EXIF states the orientation {metadata.texts['Orientation']}, which in HEIF does not turn the picture."
        )


def upright(stored: ImageFile.ImageFile, container: str, metadata: Metadata, notes: Notes) -> Image.Image:
    """The pixels as the orientation asks."""
    stored.load()
    if metadata.orientation == 1:
        return stored
    turn, words = _TURNS[metadata.orientation]
    notes.conversions.append(f"The picture was {words}, as its EXIF orientation {metadata.orientation} asks.")
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
