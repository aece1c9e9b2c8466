"""What a file states of itself, and the orientation that it asks for."""

from __future__ import annotations

from PIL import ExifTags, Image, ImageFile

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


def orient(stored: ImageFile.ImageFile, container: str, notes: Notes) -> tuple[dict[str, str], Image.Image]:
    """What the file states of itself, and its pixels upright."""
    # Pillow's TIFF reader turns the picture itself while loading and then forgets the orientation;
    # a PNG may state its EXIF after the pixels.
    if container != "TIFF":
        stored.load()
    try:
        Image.Exif().load(stored.info.get("exif") or b"")  # fails where Pillow's JPEG reader keeps silent
        orientation = stored.getexif().get(ExifTags.Base.Orientation)
        exif = _stated(stored.getexif())
    except Exception:  # noqa: BLE001 - as any hostile bytes; but the pixels do not depend on these
        notes.warnings.append("The EXIF data is damaged and was ignored.")
        orientation, exif = None, {}
    stored.load()
    if orientation not in _TURNS:
        return exif, stored
    turn, words = _TURNS[orientation]
    notes.conversions.append(f"The picture was {words}, as its EXIF orientation {orientation} asks.")
    return exif, stored if container == "TIFF" else stored.transpose(turn)


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
