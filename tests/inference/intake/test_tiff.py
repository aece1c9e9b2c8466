"""TIFFs of every layout: read as another decoder reads them, or refused by what they are."""

from __future__ import annotations

import io
import re
from itertools import product
from typing import Any

import numpy as np
import pytest
import tifffile
from PIL import Image

from inference.intake.exhibit import ExhibitRefused, read_exhibit
from inference.records import Exhibit
from tests.inference.intake.files import encoded, photograph, written_tiff

SIZE = 24, 40
GREY, ALPHA, MULTIPLIED, UNSTATED = "minisblack", "unassalpha", "assocalpha", "unspecified"
NAMED = re.compile(
    r"x\.tif (is a (TIFF of|BigTIFF in) .*, and that kind is not read, even if it is intact; save it as a PNG or"
    r"|has pixel values)"
)


def values(dtype: str, bits: int, samples: int) -> np.ndarray:
    """Samples over the whole range (H, W, samples), those of extra channels included."""
    drawn = np.random.default_rng(5).random((*SIZE, samples))
    kind = np.dtype(dtype).kind
    full = {"f": 1.0, "i": 2.0 ** (bits - 1) - 1, "u": 2.0**bits - 1}[kind]
    scaled = drawn * full if kind == "f" else np.floor(drawn * full)
    return np.minimum(scaled, full).astype(dtype)


def tiff(samples: np.ndarray, bits: int, **layout: Any) -> bytes:
    """What another encoder makes of samples (H, W, n)."""
    apart = layout.get("planarconfig") == "separate"
    ordered = np.moveaxis(samples, -1, 0) if apart else samples
    file = io.BytesIO()
    depth = {} if bits in (8, 16, 32, 64) else {"bitspersample": bits}
    tifffile.imwrite(file, ordered[..., 0] if samples.shape[-1] == 1 else ordered, metadata=None, **depth, **layout)
    return file.getvalue()


def multiplied(samples: np.ndarray) -> np.ndarray:
    share = samples[..., -1:].astype(np.float64) / np.iinfo(samples.dtype).max
    return np.concatenate([(samples[..., :-1] * share).astype(samples.dtype), samples[..., -1:]], axis=-1)


def expected(data: bytes, photometric: str, extra: tuple[str, ...], result: Exhibit) -> np.ndarray:
    """The picture (H, W, 3) of 0 to 255 as the other decoder and the plain formulas have it."""
    with tifffile.TiffFile(io.BytesIO(data)) as file:
        page = file.pages[0]
        stored, bits = page.asarray(), page.bitspersample
        apart = page.planarconfig == 2 and page.samplesperpixel > 1
    stored = np.moveaxis(stored, 0, -1) if apart else stored if stored.ndim == 3 else stored[..., None]
    if bits == 16 and stored.shape[-1] >= 3:
        stored, bits = stored >> 8, 8  # the upper 8 bits, as the record says
    scaled = stored * (255 if stored.dtype.kind == "f" else 255 / (2**bits - 1))
    if photometric == "separated":
        return (255 - scaled[..., :3]) * (255 - scaled[..., 3:4]) / 255
    colours = scaled[..., :3] if scaled.shape[-1] >= 3 else scaled[..., :1].repeat(3, axis=-1)
    if photometric == "miniswhite":
        colours = 255 - colours
    if extra[:1] in ((ALPHA,), (MULTIPLIED,)):
        assert result.ground is not None
        level = {"white": 255, "black": 0, "grey": 176}[result.ground]
        alpha = scaled[..., len(scaled[0, 0]) - len(extra)][..., None] / 255
        colours = colours * (1 if extra[0] == MULTIPLIED else alpha) + level * (1 - alpha)
    return colours


def read_or_refused(data: bytes) -> Exhibit | str:
    try:
        return read_exhibit(data, "x.tif")
    except ExhibitRefused as refused:
        return str(refused)


SAMPLE_KINDS = [
    *(("u1", bits) for bits in (1, 2, 4, 6, 8)),
    *(("u2", bits) for bits in (10, 12, 14, 16)),
    *(("u4", bits) for bits in (24, 32)),
    *(("i1", 8), ("i2", 16), ("i4", 32)),
    *(("f2", 16), ("f4", 32), ("f8", 64)),
]
CHANNELS = [
    (GREY, 1, ()),
    ("miniswhite", 1, ()),
    (GREY, 2, (ALPHA,)),
    (GREY, 2, (MULTIPLIED,)),
    (GREY, 2, (UNSTATED,)),
    (GREY, 3, (UNSTATED, UNSTATED)),
    ("rgb", 3, ()),
    ("rgb", 4, (ALPHA,)),
    ("rgb", 4, (MULTIPLIED,)),
    ("rgb", 4, (UNSTATED,)),
    ("rgb", 5, (ALPHA, UNSTATED)),
    ("rgb", 5, (UNSTATED, UNSTATED)),
    ("separated", 3, ()),
    ("separated", 4, ()),
    ("separated", 5, (ALPHA,)),
    ("separated", 5, (UNSTATED,)),
    ("icclab", 3, ()),
]
COMPRESSIONS = [
    {},
    {"bigtiff": True},
    {"compression": "lzw"},
    {"compression": "lzw", "predictor": 2},
    {"compression": "deflate", "predictor": 2},
    {"compression": "deflate", "predictor": 3},
    {"compression": "packbits"},
    {"compression": "zstd"},
    {"compression": "lzma"},
    {"compression": "jpeg"},
    {"compression": "webp"},
    {"compression": "jpeg2000"},
]
READ = {
    *product([("u1", 1), ("u1", 2), ("u1", 4), ("u1", 8), ("u2", 16), ("f4", 32)], [(GREY, 1), ("miniswhite", 1)]),
    *product([("u1", 8), ("u2", 16)], [("rgb", 3), ("rgb", 4), ("separated", 4)]),
    *product([("u1", 8)], [(GREY, 2), ("rgb", 5), ("separated", 5)]),
}
"""Samples and channels of which most files are read."""


@pytest.mark.parametrize(("photometric", "samples", "extra"), CHANNELS)
@pytest.mark.parametrize(("dtype", "bits"), SAMPLE_KINDS)
def test_every_layout_is_read_as_it_is_meant_or_refused_by_name(
    dtype: str, bits: int, photometric: str, samples: int, extra: tuple[str, ...]
) -> None:
    drawn = values(dtype, bits, samples)
    if extra == (MULTIPLIED,) and dtype in {"u1", "u2"}:
        drawn = multiplied(drawn)
    read = 0
    for compression, order, tile, planes in product(
        COMPRESSIONS, "<>", (None, (16, 16)), ("contig", "separate") if samples > 1 else (None,)
    ):
        options = {"byteorder": order, "tile": tile, "photometric": photometric, **compression}
        options |= {"planarconfig": planes} if planes else {}
        options |= {"extrasamples": extra} if extra else {}
        try:
            data = tiff(drawn, bits, **options)
        except (ValueError, TypeError, NotImplementedError, RuntimeError, KeyError):
            continue  # no such file exists, as far as this encoder knows
        result = read_or_refused(data)
        if isinstance(result, str):
            assert NAMED.match(result), (result, options)
            continue
        read += 1
        loose = compression.get("compression") in {"jpeg", "webp"} or extra[:1] == (MULTIPLIED,)
        wrong = np.abs(np.clip(expected(data, photometric, extra, result), 0, 255) - result.pixels).max()
        assert wrong <= (4 if loose else 2 if extra or photometric == "separated" else 1), options
    assert bool(read) == (((dtype, bits), (photometric, samples)) in READ) or extra or bits in (12, 32)


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("width", [1, 7, 13, 33])
@pytest.mark.parametrize(
    ("dtype", "bits", "compression"),
    [
        *(("u1", bits, None) for bits in (1, 2, 4, 8)),
        ("u2", 12, None),
        ("u2", 16, None),
        ("f4", 32, None),
        ("u1", 8, "lzw"),
        ("u2", 16, "deflate"),
        ("u1", 8, "packbits"),
    ],
)
def test_rows_that_end_within_a_byte_and_strips_of_any_height_are_read(
    dtype: str, bits: int, compression: str | None, width: int, order: str
) -> None:
    drawn = values(dtype, bits, 1)[:19, :width]
    for rows in (1, 5, 19):
        data = tiff(drawn, bits, photometric=GREY, byteorder=order, rowsperstrip=rows, compression=compression)
        if (bits, order) == (12, ">"):
            with pytest.raises(ExhibitRefused, match="12-bit grey channel"):
                read_exhibit(data)
            continue
        full = 1.0 if dtype == "f4" else 2**bits - 1
        assert np.abs(drawn * (255 / full) - read_exhibit(data).pixels).max() <= 1


@pytest.mark.parametrize("compression", ["tiff_ccitt", "group3", "group4", "packbits", "tiff_lzw"])
@pytest.mark.parametrize("tags", [{}, {262: 0}, {266: 2}], ids=["plain", "white is zero", "bits reversed"])
def test_black_and_white_is_read_in_every_compression_of_a_fax(compression: str, tags: dict[int, int]) -> None:
    drawn = values("u1", 1, 1)[..., 0].astype(bool)
    result = read_exhibit(encoded(Image.fromarray(drawn), "TIFF", compression=compression, tiffinfo=tags))
    assert np.array_equal(result.pixels[..., 0], drawn * 255)


@pytest.mark.parametrize(("photometric", "samples"), [(1, 1), (2, 3)])
def test_reversed_bits_are_turned_round(photometric: int, samples: int) -> None:
    drawn = values("u1", 8, samples)
    height, width = SIZE
    tags = {256: [width], 257: [height], 258: [8] * samples, 262: [photometric], 266: [2], 277: [samples]}
    reversed_bits = np.packbits(np.unpackbits(drawn.reshape(-1, 1), axis=1)[:, ::-1], axis=1)
    result = read_exhibit(written_tiff(reversed_bits.tobytes(), {tag: ("H", of) for tag, of in tags.items()}))
    assert np.array_equal(result.pixels, np.broadcast_to(drawn, (*SIZE, 3)))


@pytest.mark.parametrize("subsampling", [(1, 1), (2, 1), (2, 2)])
@pytest.mark.parametrize("tile", [None, (16, 16)])
def test_a_jpeg_within_a_tiff_is_read(subsampling: tuple[int, int], tile: tuple[int, int] | None) -> None:
    file = io.BytesIO()
    picture = np.asarray(photograph())
    tifffile.imwrite(file, picture, photometric="rgb", compression="jpeg", subsampling=subsampling, tile=tile)
    assert (
        np.abs(read_exhibit(file.getvalue()).pixels - tifffile.imread(io.BytesIO(file.getvalue())).astype(int)).max()
        <= 6
    )


@pytest.mark.parametrize("compression", [None, "lzw", "deflate", "packbits"])
@pytest.mark.parametrize("order", "<>")
def test_ycbcr_without_jpeg_is_converted_or_refused(compression: str | None, order: str) -> None:
    picture = np.asarray(photograph().convert("YCbCr"))
    data = tiff(picture, 8, photometric="ycbcr", byteorder=order, compression=compression, subsampling=(1, 1))
    if compression is None:
        with pytest.raises(ExhibitRefused, match="3 8-bit YCbCr channels"):
            read_exhibit(data)
    else:
        assert np.abs(read_exhibit(data).pixels - np.asarray(photograph()).astype(int)).max() <= 3


@pytest.mark.parametrize("compression", [None, "lzw", "deflate"])
def test_signed_colour_axes_of_cielab_are_read(compression: str | None) -> None:
    axes = np.array([list(product((110, 128, 200), (-15, 0, 20), (-20, 0, 15)))], dtype=np.int16)
    result = read_exhibit(tiff(axes.astype(np.uint8), 8, photometric="cielab", compression=compression))
    assert np.abs(result.pixels - from_cielab(axes * [100 / 255, 1, 1])).max() <= 5  # steep near black


def from_cielab(axes: np.ndarray) -> np.ndarray:
    """To sRGB, 0 to 255, by CIE 15 with the white of D50, and IEC 61966-2-1 after Bradford's adaptation."""
    y = (axes[..., 0] + 16) / 116
    f = np.stack([y + axes[..., 1] / 500, y, y - axes[..., 2] / 200], axis=-1)
    xyz = np.where(f > 6 / 29, f**3, 3 * (6 / 29) ** 2 * (f - 4 / 29)) * (0.9642, 1, 0.8249)
    to_rgb = [
        [3.1338561, -1.6168667, -0.4906146],
        [-0.9787684, 1.9161415, 0.0334540],
        [0.0719453, -0.2289914, 1.4052427],
    ]
    linear = np.clip(xyz @ np.transpose(to_rgb), 0, 1)
    return 255 * np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize("bits", [1, 2, 4, 8])
@pytest.mark.parametrize("scale", [1, 256, 257], ids=["8-bit map", "16-bit map, lower half empty", "16-bit map"])
def test_a_palette_is_read_whatever_the_depth_of_its_map(bits: int, scale: int) -> None:
    rng = np.random.default_rng(bits)
    colours = rng.integers(0, 256, (2**bits, 3))
    colours[0] = 255
    indices = rng.integers(0, 2**bits, (9, 16))
    per_byte = 8 // bits
    parts = indices.reshape(9, -1, per_byte)
    packed = sum(parts[..., part] << (8 - bits * (part + 1)) for part in range(per_byte)).astype(np.uint8)
    tags = {256: [16], 257: [9], 258: [bits], 262: [3], 277: [1], 320: (colours.T * scale).ravel().tolist()}
    result = read_exhibit(written_tiff(packed.tobytes(), {tag: ("H", of) for tag, of in tags.items()}))
    assert np.array_equal(result.pixels, colours[indices])
    assert ("The palette was read as 8-bit values, as none of it exceeds 255." in result.conversions) == (scale == 1)


def grey_tiff(**tags: list[int]) -> bytes:
    stated = {256: [4], 257: [3], 258: [8], 262: [1], 277: [1]} | {int(tag[1:]): of for tag, of in tags.items()}
    return written_tiff(bytes(range(12)), {tag: ("H", of) for tag, of in stated.items() if of})


@pytest.mark.parametrize(
    ("data", "warning"),
    [
        (grey_tiff(t254=[1]), "The file calls its first picture a reduced copy of another; the first is examined."),
        (grey_tiff(t262=[]), "The file does not state whether zero is white or black; zero was taken as white."),
        (
            tiff(values("u1", 8, 4), 8, photometric="rgb", extrasamples=[UNSTATED]),
            "The file holds a further channel without a stated meaning, which was ignored.",
        ),
    ],
)
def test_what_the_tags_leave_open_is_warned_of(data: bytes, warning: str) -> None:
    assert warning in read_exhibit(data).warnings


@pytest.mark.parametrize(
    ("tags", "kind"),
    [
        ({"t262": [4]}, "a TIFF of 1 8-bit transparency mask channel"),
        ({"t262": [32803]}, "a TIFF of 1 8-bit colour filter array channel"),
        ({"t262": [34892]}, "a TIFF of 1 8-bit linear camera channel"),
        ({"t262": [2], "t258": [5, 6, 5], "t277": [3]}, "a TIFF of 3 5, 6, 5-bit RGB channels"),
        ({"t262": [5], "t258": [8] * 4, "t277": [4], "t332": [2]}, "a TIFF of 4 8-bit ink channels"),
        ({"t259": [34712]}, r"a TIFF of 1 8-bit grey channel \(JPEG 2000, little-endian\)"),
        ({"t259": [32809], "t258": [4]}, r"a TIFF of 1 4-bit grey channel \(ThunderScan, little-endian\)"),
        ({"t339": [5], "t258": [64]}, "a TIFF of 1 64-bit complex grey channel"),
    ],
)
def test_a_sound_tiff_of_a_rare_kind_is_called_by_it_and_not_damaged(tags: dict[str, list[int]], kind: str) -> None:
    with pytest.raises(ExhibitRefused, match=f"^exhibit is {kind}.*that kind is not read, even if it is intact"):
        read_exhibit(grey_tiff(**tags))


@pytest.mark.parametrize("tags", [{"t262": [77]}, {"t259": [12345]}, {"t258": [99]}, {"t339": [9]}])
def test_tags_that_mean_nothing_are_called_damaged(tags: dict[str, list[int]]) -> None:
    with pytest.raises(ExhibitRefused, match="tags on its pixels are damaged"):
        read_exhibit(grey_tiff(**tags))
