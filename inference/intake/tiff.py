"""The layout of a TIFF's pixels by its tags, and whether Pillow decodes it correctly.

Pillow decodes some layouts to garbage without an error, and others into an error that reads like damage. So the
layout is read from the tags first. Tests prove against another decoder which layouts are decoded correctly; any
other is refused by name.
Tags: TIFF revision 6.0, section 8; TIFF technical notes for Adobe Photoshop; libtiff's tiff.h.
"""

from __future__ import annotations

import io
import struct
from dataclasses import dataclass
from typing import Any

from PIL import ExifTags, ImagePalette, TiffImagePlugin

from inference.intake.notes import ExhibitRefused, Notes, not_read

UNSIGNED, SIGNED, FLOAT = 1, 2, 3
WHITE_IS_ZERO, BLACK_IS_ZERO, RGB, PALETTE, CMYK, YCBCR, CIELAB = 0, 1, 2, 3, 5, 6, 8
UNSPECIFIED, MULTIPLIED, ALPHA = 0, 1, 2
RAW, OLD_JPEG, JPEG = 1, 6, 7
INK_SET, NOT_CMYK = 332, 2
REDUCED = 1  # in NewSubfileType: the picture is a smaller copy of another one in the file

_COLOURS = {
    WHITE_IS_ZERO: "grey",
    BLACK_IS_ZERO: "grey",
    RGB: "RGB",
    PALETTE: "palette",
    4: "transparency mask",
    CMYK: "CMYK",
    YCBCR: "YCbCr",
    CIELAB: "CIELAB",
    9: "ICC L*a*b*",
    10: "ITU L*a*b*",
    32803: "colour filter array",
    32844: "LogL",
    32845: "LogLuv",
    34892: "linear camera",
    51177: "depth",
}
_KINDS = {UNSIGNED: "", SIGNED: "signed ", FLOAT: "floating-point ", 4: "", 5: "complex ", 6: "complex "}
_COMPRESSIONS = {
    RAW: "uncompressed",
    2: "CCITT Huffman",
    3: "CCITT group 3",
    4: "CCITT group 4",
    5: "LZW",
    OLD_JPEG: "old-style JPEG",
    JPEG: "JPEG",
    8: "deflate",
    9: "JBIG",
    10: "JBIG",
    32766: "NeXT",
    32771: "uncompressed in words",
    32773: "PackBits",
    32809: "ThunderScan",
    32946: "deflate",
    33003: "JPEG 2000",
    33004: "JPEG 2000",
    33005: "JPEG 2000",
    34661: "JBIG",
    34676: "SGI LogL",
    34677: "SGI LogLuv",
    34712: "JPEG 2000",
    34887: "LERC",
    34892: "lossy JPEG",
    34925: "LZMA",
    50000: "Zstandard",
    50001: "WebP",
    50002: "JPEG XL",
    52546: "JPEG XL",
}
_DECODED = {RAW, 2, 3, 4, 5, OLD_JPEG, JPEG, 8, 32773, 32946, 34925, 50000}
_INSTEAD = "a PNG or as an 8-bit RGB TIFF with LZW compression"
_BIG_ENDIAN_BIGTIFF = b"MM\0+"  # of which Pillow reads half a header
_DEPTHS = {1, 2, 3, 4, 5, 6, 7, 8, 10, 12, 14, 16, 24, 32, 64, 128}
_CHANNELS = {WHITE_IS_ZERO: 1, BLACK_IS_ZERO: 1, RGB: 3, PALETTE: 1, CMYK: 4, YCBCR: 3, CIELAB: 3}

_ONE_OR_NONE = {(), (UNSPECIFIED,), (MULTIPLIED,), (ALPHA,)}
_EXTRA_READ: dict[tuple[int, int], set[tuple[int, ...]]] = {
    **{(colour, depth): {()} for colour in (WHITE_IS_ZERO, BLACK_IS_ZERO, PALETTE) for depth in (1, 2, 4)},
    **{(WHITE_IS_ZERO, depth): {()} for depth in (8, 16)},
    (BLACK_IS_ZERO, 8): {(), (ALPHA,)},
    **{(BLACK_IS_ZERO, depth): {()} for depth in (12, 16)},
    (RGB, 8): {(*first, *(UNSPECIFIED,) * more) for first in _ONE_OR_NONE for more in range(3)},
    (RGB, 16): _ONE_OR_NONE,
    (PALETTE, 8): {(), (UNSPECIFIED,), (ALPHA,)},
    (CMYK, 8): {(), (UNSPECIFIED,), (UNSPECIFIED, UNSPECIFIED)},
    (CMYK, 16): {()},
    (YCBCR, 8): {()},
    (CIELAB, 8): {()},
}
"""The extra samples that are read, by colour and depth."""

_READ_WITH_BITS_REVERSED = {
    (WHITE_IS_ZERO, 1),
    *((colour, depth) for colour in (BLACK_IS_ZERO, PALETTE) for depth in (1, 2, 4, 8)),
    (RGB, 8),
}


@dataclass(frozen=True)
class Layout:
    """How a TIFF packs its first picture, in numbers of its tags.

    Attributes:
        big_endian: Whether the bytes of a value run from the highest to the lowest.
        colour: PhotometricInterpretation.
        compression: Compression.
        bits: BitsPerSample, one a sample.
        kinds: SampleFormat, each that occurs.
        extra: ExtraSamples: 0 unspecified, 1 premultiplied alpha, 2 alpha.
        apart: Whether each sample has a plane of its own.
        bits_reversed: Whether the bits of a byte run from the lowest to the highest.
        other_inks: Whether it uses inks other than cyan, magenta, yellow and black.
    """

    big_endian: bool
    colour: int
    compression: int
    bits: tuple[int, ...]
    kinds: frozenset[int]
    extra: tuple[int, ...]
    apart: bool
    bits_reversed: bool
    other_inks: bool

    @classmethod
    def read(cls, data: bytes) -> Layout:
        """The layout of the first picture of a TIFF; wrong tags give a layout that is not known."""
        file = io.BytesIO(data)
        head = file.read(16 if data[2:3] == b"+" else 8)
        tags = TiffImagePlugin.ImageFileDirectory_v2(head)
        file.seek(tags.next)
        tags.load(file)
        compression = tags.get(ExifTags.Base.Compression, RAW)
        colour = YCBCR if compression == OLD_JPEG else tags.get(ExifTags.Base.PhotometricInterpretation, WHITE_IS_ZERO)
        samples = tags.get(ExifTags.Base.SamplesPerPixel, 3 if compression == OLD_JPEG else 1)
        bits = tags.get(ExifTags.Base.BitsPerSample, (1,))
        return cls(
            big_endian=head[:2] == b"MM",
            colour=colour,
            compression=compression,
            bits=bits * samples if len(bits) == 1 and 0 < samples < 100 else bits[:samples],
            kinds=frozenset(tags.get(ExifTags.Base.SampleFormat, (UNSIGNED,))),
            extra=tags.get(ExifTags.Base.ExtraSamples, ()),
            apart=tags.get(ExifTags.Base.PlanarConfiguration) == 2 and samples > 1,
            bits_reversed=tags.get(ExifTags.Base.FillOrder) == 2,
            other_inks=colour == CMYK and tags.get(INK_SET) == NOT_CMYK,
        )

    def __str__(self) -> str:
        depth = f"{self.bits[0]}-bit" if len(set(self.bits)) == 1 else f"{', '.join(map(str, self.bits))}-bit"
        inks = "ink" if self.other_inks else _COLOURS[self.colour]
        kind = "".join(sorted({_KINDS[kind] for kind in self.kinds}))
        count = len(self.bits)
        extra = f" ({len(self.extra)} of them extra)" if self.extra else ""
        planes = " in separate planes" if self.apart else ""
        order = f"{'big' if self.big_endian else 'little'}-endian{', bits reversed' if self.bits_reversed else ''}"
        samples = f"{count} {depth} {kind}{inks} channel{'s' if count > 1 else ''}{extra}{planes}"
        return f"a TIFF of {samples} ({_COMPRESSIONS[self.compression]}, {order})"

    @property
    def is_known(self) -> bool:
        """Whether all its values are defined; otherwise the tags are likely damaged."""
        return (
            self.colour in _COLOURS
            and self.compression in _COMPRESSIONS
            and bool(self.bits)
            and set(self.bits) <= _DEPTHS
            and self.kinds <= set(_KINDS)
            and len(self.extra) < len(self.bits)
        )

    @property
    def is_decoded_right(self) -> bool:
        """Whether Pillow decodes such pixels correctly."""
        if len(set(self.bits)) > 1 or len(self.kinds) > 1 or self.compression not in _DECODED or self.other_inks:
            return False
        depth, (kind,) = self.bits[0], self.kinds
        if depth == 32:
            return self._is_grey_of_32_bits(kind)
        without_tag = (self.colour, len(self.bits), self.extra) == (RGB, 4, ())
        own = 4 if without_tag else _CHANNELS.get(self.colour)
        return (
            kind == UNSIGNED
            and len(self.bits) - len(self.extra) == own
            and self.extra in _EXTRA_READ.get((self.colour, depth), ())
            and (not self.apart or self._has_planes_that_are_read(depth))
            and (not self.bits_reversed or (self.colour, depth) in _READ_WITH_BITS_REVERSED)
            and (depth != 12 or (self.compression == RAW and not self.big_endian))
            and ((self.colour, depth) != (WHITE_IS_ZERO, 16) or not self.big_endian)
            and (self.colour, self.compression) not in ((YCBCR, RAW), (CIELAB, JPEG), (PALETTE, JPEG))
            and (self.compression != JPEG or depth == 8)
        )

    def _is_grey_of_32_bits(self, kind: int) -> bool:
        """Whether it is readable 32-bit grey; libtiff swaps big-endian numbers, but Pillow takes them as stored."""
        colours = {FLOAT: (BLACK_IS_ZERO, WHITE_IS_ZERO), SIGNED: (BLACK_IS_ZERO,), UNSIGNED: (BLACK_IS_ZERO,)}
        in_order = not self.big_endian or (self.compression == RAW and kind != UNSIGNED)
        return in_order and len(self.bits) == 1 and self.colour in colours.get(kind, ())

    def _has_planes_that_are_read(self, depth: int) -> bool:
        """Whether its planes are read: Pillow reads 8-bit planes of its own modes, libtiff joins the others."""
        if self.colour not in (RGB, CMYK):
            return False
        if self.compression == RAW:
            return depth == 8 and self.extra in ((), (ALPHA,))
        return set(self.extra) <= {UNSPECIFIED} or len(self.bits) == 4


def check_layout(data: bytes, notes: Notes) -> None:
    """Refuse a TIFF whose pixels would not be decoded correctly, before they are decoded.

    Raises:
        ExhibitRefused: with the name of the layout, or as damaged if the tags make no known layout.
    """
    if data.startswith(_BIG_ENDIAN_BIGTIFF):
        raise not_read(notes.name, "a BigTIFF in big-endian order", _INSTEAD)
    layout = Layout.read(data)
    if not layout.is_known:
        msg = f"{notes.name} is a TIFF file whose tags on its pixels are damaged; hand in an intact copy."
        raise ExhibitRefused(msg)
    if not layout.is_decoded_right:
        raise not_read(notes.name, str(layout), _INSTEAD)


def note_layout(stored: Any, notes: Notes) -> None:
    """Warn of what the tags leave open, or mark as a copy."""
    tags = stored.tag_v2
    if tags.get(ExifTags.Base.NewSubfileType, 0) & REDUCED:
        notes.warnings.append("The file calls its first picture a reduced copy of another; the first is examined.")
    if ExifTags.Base.PhotometricInterpretation not in tags:
        notes.warnings.append("The file does not state whether zero is white or black; zero was taken as white.")
    ignored = sum(meaning == UNSPECIFIED for meaning in tags.get(ExifTags.Base.ExtraSamples, ()))
    if ignored:
        channels = "channel" if ignored == 1 else f"{ignored} channels"
        notes.warnings.append(f"The file holds a further {channels} without a stated meaning, which was ignored.")


def read_colour_map(stored: Any, notes: Notes) -> None:
    """Read a palette of 8-bit values as such; a TIFF palette has 16 bits, of which Pillow takes the upper 8."""
    colour_map = stored.tag_v2.get(ExifTags.Base.ColorMap, ())
    if stored.mode in ("P", "PA") and colour_map and 0 < max(colour_map) <= 255:
        stored.palette = ImagePalette.raw("RGB;L", bytes(colour_map))
        notes.conversions.append("The palette was read as 8-bit values, as none of it exceeds 255.")


def count_pages(data: bytes, limit: int) -> int:
    """Number of pages in the chain of directories, up to a limit; a chain that returns to a page ends there."""
    order = ">" if data.startswith(b"MM") else "<"
    big = data[2:4] in (b"+\0", b"\0+")
    first, count, entry, following = (8, "Q", 20, "Q") if big else (4, "H", 12, "I")
    seen: set[int] = set()
    try:
        (place,) = struct.unpack_from(order + following, data, first)
        while place and place not in seen and len(seen) < limit:
            (entries,) = struct.unpack_from(order + count, data, place)
            seen.add(place)
            (place,) = struct.unpack_from(order + following, data, place + struct.calcsize(count) + entry * entries)
    except (struct.error, OverflowError):  # a chain that leaves the file ends there
        pass
    return max(1, len(seen))
