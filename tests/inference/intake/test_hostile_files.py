"""Files that are cut, spoiled or made to do harm: an exhibit or one sentence, and never more work than is bounded."""

from __future__ import annotations

import re
import struct
import tracemalloc
import zlib

import numpy as np
import pytest
from PIL import ExifTags, Image

from inference.intake import exhibit
from inference.intake.exhibit import ExhibitRefused, read_exhibit
from tests.inference.intake.files import (
    encoded,
    painted,
    photograph,
    swapped_profile,
    with_chunks,
    written_tiff,
)


def read_or_refused(data: bytes) -> tuple[int, ...] | str:
    """The shape of the pixels, or why there are none."""
    try:
        return read_exhibit(data, "mutant").pixels.shape
    except ExhibitRefused as refused:
        return str(refused)


CONTAINERS = ["JPEG", "PNG", "WEBP", "TIFF", "BMP", "GIF", "HEIF", "AVIF"]


@pytest.mark.parametrize("container", CONTAINERS)
def test_half_a_file_is_refused(container: str) -> None:
    data = encoded(photograph(), container)
    with pytest.raises(ExhibitRefused, match=rf"^half\.bin is an? {container} file that is .*; hand in an intact"):
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


def declared_gif(width: int, height: int) -> bytes:
    data = bytearray(encoded(photograph(), "GIF"))
    data[6:10] = struct.pack("<HH", width, height)
    return bytes(data)


def declared_avif(side: int) -> bytes:
    """An AVIF whose main picture is said to be larger than it is."""
    data = encoded(photograph(), "AVIF")
    place = data.index(b"ispe") + 8
    return data[:place] + struct.pack(">II", side, side) + data[place + 8 :]


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(encoded(Image.new("1", (9400, 9400)), "PNG"), id="88 million, whole"),
        pytest.param(encoded(Image.new("1", (8000, 7500)), "PNG"), id="60 million, whole"),
        pytest.param(declared_png(10_000, 10_000), id="100 million, declared"),
        pytest.param(declared_gif(10_000, 10_000), id="100 million, a GIF"),
        pytest.param(declared_avif(10_000), id="100 million, AVIF"),
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


@pytest.mark.filterwarnings("ignore")  # as in use: here Pillow's warnings would all end as refusals
@pytest.mark.parametrize("container", CONTAINERS)
def test_mutated_files_give_an_exhibit_or_a_refusal_in_one_sentence(container: str) -> None:
    rng = np.random.default_rng(2024)
    exif = Image.Exif()
    exif[ExifTags.Base.Orientation] = 6
    options: dict[str, object] = {} if container in {"BMP", "GIF"} else {"exif": exif, "icc_profile": swapped_profile()}
    original = np.frombuffer(encoded(photograph(), container, **options), dtype=np.uint8)
    refusals, shapes = [], []
    for _ in range(150):
        mutant = original.copy()
        reach = len(mutant) if rng.random() < 0.5 else min(200, len(mutant))
        mutant[rng.integers(0, reach, rng.integers(1, 12))] = rng.integers(0, 256)
        kept = len(mutant) if rng.random() < 0.8 else rng.integers(1, len(mutant))
        outcome = read_or_refused(mutant[:kept].tobytes())
        (refusals if isinstance(outcome, str) else shapes).append(outcome)
    assert shapes
    assert refusals
    assert all(re.fullmatch(r"mutant [^\n]+\.", sentence) for sentence in refusals)


@pytest.mark.parametrize("kind", [b"zTXt", b"iTXt", b"iCCP"])
def test_a_chunk_that_would_fill_the_memory_is_not_inflated_to_the_end(kind: bytes) -> None:
    """Two hundred megabytes in two hundred thousand bytes."""
    packer = zlib.compressobj(9)
    packed = b"".join(packer.compress(bytes(10**6)) for _ in range(200)) + packer.flush()
    keyword = {b"zTXt": b"Raw profile type exif\0\0", b"iTXt": b"XML:com.adobe.xmp\0\1\0\0\0", b"iCCP": b"p\0\0"}[kind]
    data = with_chunks(encoded(photograph(), "PNG"), (kind, keyword + packed))
    tracemalloc.start()
    try:
        result = read_exhibit(data)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 50_000_000
    assert len(result.warnings) == 1
    assert "ignored" in result.warnings[0]


def test_texts_that_are_repeated_without_end_are_read_once() -> None:
    text = (b"zTXt", b"Raw profile type exif\0\0" + zlib.compress(bytes(900_000)))
    assert read_exhibit(with_chunks(encoded(photograph(), "PNG"), *[text] * 200)).warnings == ()


def test_a_gif_of_endless_frames_is_not_counted_to_the_end() -> None:
    data = encoded(Image.new("P", (2, 2)), "GIF")
    frame = data[data.index(b"\x2c", 13) : -1]
    result = read_exhibit(data[:-1] + frame * 50_000 + b"\x3b")
    assert result.warnings == ("The file holds at least 1000 frames; only frame 1 is examined.",)


@pytest.mark.parametrize("container", ["HEIF", "AVIF"])
def test_boxes_that_lie_about_their_length_cost_at_most_what_they_state(container: str) -> None:
    data = encoded(photograph(), container)
    for length in (0, 1, 7, 2**31, 2**32 - 1):
        for kind in (b"meta", b"iprp", b"ipco", b"ipma", b"pitm"):
            place = data.index(kind) - 4
            outcome = read_or_refused(data[:place] + struct.pack(">I", length) + data[place + 4 :])
            assert isinstance(outcome, tuple) or outcome.startswith("mutant is")


@pytest.mark.parametrize("tag", [256, 257, 258, 259, 262, 277, 278, 284, 317, 320, 338, 339])
@pytest.mark.parametrize("value", [0, 1, 2, 77, 65535, 2**32 - 1])
def test_a_tiff_with_any_value_in_any_tag_gives_an_exhibit_or_a_sentence(tag: int, value: int) -> None:
    tags = {256: [4], 257: [3], 258: [8], 259: [1], 262: [1], 277: [1], 278: [3], 284: [1], 317: [1], 339: [1]}
    stated = {**{name: ("I", of) for name, of in tags.items()}, tag: ("I", [value])}
    outcome = read_or_refused(written_tiff(bytes(range(12)), stated))
    assert isinstance(outcome, tuple) or re.fullmatch(r"mutant [^\n]+\.", outcome)


def test_a_heif_that_lies_about_its_size_is_refused() -> None:
    data = encoded(photograph(), "HEIF")
    place = data.index(b"ispe") + 8
    for side in (0, 1, 47, 10_000, 2**31):
        outcome = read_or_refused(data[:place] + struct.pack(">II", side, side) + data[place + 8 :])
        assert isinstance(outcome, str)
