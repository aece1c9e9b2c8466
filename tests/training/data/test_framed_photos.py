"""Framed photos: what training samples from them is what an examination sees, disturbed as the paper's loop does it."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torchvision.transforms.v2 import InterpolationMode
from torchvision.transforms.v2 import functional as transforms

from inference.fwd import Padding
from inference.preprocessing import Preprocessing, resize
from training.data.framed_photos import DETAIL, Normalisation, framed, lies_in, read_framed, sampled
from training.data.kag import disturb, source_columns, toss_coins
from training.data.variations import Variation

Pixels = NDArray[np.uint8]

CPU = torch.device("cpu")
SIZE = 80
PADDINGS: tuple[Padding, ...] = ("none", "black", "white", "gray", "random", "uniform")
SHAPES = {
    "square": (200, 200),
    "wide": (90, 330),
    "tall": (310, 120),
    "larger than any input": (900, 1300),
    "smaller than the input": (50, 63),
    "tiny": (9, 14),
    "odd": (161, 157),
    "a strip": (7, 240),
}
POINTS = ((-0.155, -0.155), (0.155, 0.155))


def photo(height: int, width: int, seed: int = 0) -> Pixels:
    """Light that falls off, lettering, an edge, and a little noise, as in a photo."""
    rng = np.random.default_rng(seed)
    picture = Image.new("RGB", (width, height), (178, 150, 118))
    draw = ImageDraw.Draw(picture)
    draw.rectangle((width * 0.08, height * 0.1, width * 0.92, height * 0.86), (206, 192, 160), (60, 44, 36), 3)
    draw.text((width / 2, height / 2), "ASSAY", (52, 30, 34), ImageFont.load_default(min(height, width / 4)), "mm")
    draw.ellipse((width * 0.7, height * 0.15, width * 0.85, height * 0.4), (150, 40, 60))
    light = np.linspace(0.8, 1.15, width)[None, :, None] * np.linspace(1.05, 0.9, height)[:, None, None]
    noise = cv2.GaussianBlur(rng.normal(0, 9, (height, width, 3)), (0, 0), 0.7)
    return (np.asarray(picture) * light + noise).clip(0, 255).astype(np.uint8)


def tails(degree: int) -> Tensor:
    return torch.zeros(1, degree, degree - 1, dtype=torch.bool)


def coins(degree: int, seed: int = 3) -> Tensor:
    return toss_coins(1, degree, torch.Generator().manual_seed(seed))


def seen(
    pixels: Pixels, preprocessing: Preprocessing, tosses: Tensor | None = None, varied: Variation | None = None
) -> Tensor:
    """One photo as a training sees it: grey levels (3, S, S)."""
    frame, placement = framed(pixels, preprocessing)
    return sampled(
        torch.from_numpy(frame)[None],
        torch.tensor([[placement.left, placement.top, placement.width, placement.height]]),
        source_columns(tails(2) if tosses is None else tosses),
        torch.tensor([(varied or Variation()).to_frame]),
    )[0]


def examined(pixels: Pixels, preprocessing: Preprocessing) -> Tensor:
    """The same as an examination sees it."""
    square, _ = preprocessing.frame(preprocessing.tone_and_scale(pixels))
    return torch.tensor(square).permute(2, 0, 1).float()


def grey_levels_apart(one: Tensor, other: Tensor) -> float:
    return float((one - other).abs().mean())


def shift_between(one: Tensor, other: Tensor) -> float:
    """By how many pixels two pictures are shifted, by least squares over their gradients."""
    first, second = (picture.mean(0).double().numpy() for picture in (one, other))
    gradients = np.stack([axis.ravel() for axis in np.gradient((first + second) / 2)], axis=1)
    return float(np.hypot(*np.linalg.lstsq(gradients, (first - second).ravel())[0]))


def test_the_shift_between_two_pictures_is_measured() -> None:
    """So that it is known to be found where there is one."""
    smooth = torch.tensor(cv2.GaussianBlur(photo(82, 80), (0, 0), 2)).permute(2, 0, 1).float()
    assert shift_between(smooth[:, 1:-1], (0.8 * smooth + 0.2 * smooth.roll(1, 1))[:, 1:-1]) == pytest.approx(0.2, 0.1)


# ---- what an examination sees


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_a_photo_lies_in_its_frame_where_it_lies_in_an_examinations(shape: tuple[int, int], padding: Padding) -> None:
    preprocessing, pixels = Preprocessing(SIZE, padding=padding), photo(*shape)
    frame, placement = framed(pixels, preprocessing)
    square, examined_at = preprocessing.frame(preprocessing.scale(pixels))
    assert placement == examined_at
    assert frame.shape == (DETAIL * SIZE, DETAIL * SIZE, 3)
    outside = np.ones((SIZE, SIZE), bool)
    outside[lies_in(placement, SIZE)] = False
    for row, column in product(range(DETAIL), repeat=2):
        assert np.array_equal(frame[row::DETAIL, column::DETAIL][outside], square[outside])


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("shape", SHAPES.values(), ids=SHAPES.keys())
def test_an_undisturbed_photo_is_what_an_examination_sees(shape: tuple[int, int], padding: Padding) -> None:
    preprocessing, pixels = Preprocessing(SIZE, padding=padding), photo(*shape)
    here, there = seen(pixels, preprocessing), examined(pixels, preprocessing)
    assert here.shape == there.shape
    assert grey_levels_apart(here, there) < 2.5
    assert shift_between(here, there) < 0.1


def test_photos_are_toned_and_framed_when_they_are_read(tmp_path: Path) -> None:
    preprocessing = Preprocessing(40, gamma=2.2, auto_contrast=1.0)
    pictures = [photo(60, 90), photo(90, 60, seed=1)]
    paths = [tmp_path / "wide.png", tmp_path / "tall.png"]
    for path, pixels in zip(paths, pictures, strict=True):
        Image.fromarray(pixels).save(path)
    frames, placements = read_framed(paths, preprocessing)
    for frame, placement, pixels in zip(frames, placements, pictures, strict=True):
        expected = framed(preprocessing.tone(pixels), preprocessing)
        assert np.array_equal(frame.numpy(), expected[0])
        assert placement == expected[1]


def test_a_batch_is_normalised_as_an_examination_normalises() -> None:
    preprocessing = Preprocessing(40)
    square = photo(40, 40)
    batch = Normalisation(preprocessing, CPU)(torch.from_numpy(square).permute(2, 0, 1)[None])
    assert np.array_equal(batch[0].numpy(), preprocessing.normalised(square))
    assert batch.is_contiguous(memory_format=torch.channels_last)


# ---- KAG


@pytest.mark.parametrize("padding", PADDINGS)
@pytest.mark.parametrize("degree", [2, 8, 20])
@pytest.mark.parametrize("name", [name for name in SHAPES if name != "a strip"])
def test_a_disturbed_photo_is_the_photo_disturbed_and_then_prepared(name: str, degree: int, padding: Padding) -> None:
    """Of the strip, two pixels high, nothing but its edges would be compared, which mix with the padding."""
    shape = SHAPES[name]
    preprocessing, pixels = Preprocessing(SIZE, padding=padding), photo(*shape)
    frame, placement = framed(pixels, preprocessing)
    rows, columns = lies_in(placement, len(frame))
    # A photo smaller than its frame is enlarged before, not after.
    height, width = max(rows.stop - rows.start, shape[0]), max(columns.stop - columns.start, shape[1])
    disturbed = resize(disturb(resize(pixels, width, height), degree, torch.Generator().manual_seed(3)), width, height)
    # Some paddings take their colour from the photo, which disturbances do not change here: they are left out.
    part = (slice(None), *lies_in(placement, SIZE))
    here, there = seen(pixels, preprocessing, coins(degree))[part], examined(disturbed, preprocessing)[part]
    intact = examined(pixels, preprocessing)[part]
    assert grey_levels_apart(here, there) < 6
    assert grey_levels_apart(here, intact) > 3.5 * grey_levels_apart(here, there)


def columns_by_the_loop(tosses: Tensor) -> list[list[int]]:
    """The algorithm of section 3.1 on the numbers of the columns."""
    rows = []
    for coins_of_row in tosses[0].tolist():
        columns = list(range(len(coins_of_row) + 1))
        for c, swap in enumerate(coins_of_row):
            if swap:
                columns[c], columns[c + 1] = columns[c + 1], columns[c]
        rows.append(columns)
    return rows


@pytest.mark.parametrize(
    ("shape", "degree"), [((80, 80), 2), ((80, 80), 20), ((40, 80), 20), ((80, 20), 10), ((120, 240), 8)], ids=str
)
def test_where_patches_are_whole_pixels_it_is_the_papers_loop(shape: tuple[int, int], degree: int) -> None:
    """But for the pixels along the seams, which two patches share."""
    preprocessing, pixels, tosses = Preprocessing(SIZE), photo(*shape), coins(degree)
    part = (slice(None), *lies_in(framed(pixels, preprocessing)[1], SIZE))
    plain, disturbed = seen(pixels, preprocessing)[part], seen(pixels, preprocessing, tosses)[part]
    height, width = (side // degree for side in plain.shape[1:])
    assert (height * degree, width * degree) == plain.shape[1:]
    inside = slice(1, -1) if width > 2 else slice(None)
    for row, columns in enumerate(columns_by_the_loop(tosses)):
        rows = slice(row * height, (row + 1) * height)
        for column, source in enumerate(columns):
            here, there = (one * width for one in (column, source))
            expected, found = plain[:, rows, there : there + width], disturbed[:, rows, here : here + width]
            assert torch.allclose(expected[..., inside], found[..., inside], atol=0.05)


@pytest.mark.parametrize("padding", [padding for padding in PADDINGS if padding != "none"])
@pytest.mark.parametrize("shape", [(90, 330), (310, 120)], ids=["wide", "tall"])
def test_padding_is_never_swapped(shape: tuple[int, int], padding: Padding) -> None:
    preprocessing, pixels = Preprocessing(SIZE, padding=padding), photo(*shape)
    rows, columns = lies_in(framed(pixels, preprocessing)[1], SIZE)
    # A pixel at the edge of the part is a mixture of both.
    around = torch.ones(SIZE, SIZE, dtype=torch.bool)
    around[max(rows.start - 1, 0) : rows.stop + 1, max(columns.start - 1, 0) : columns.stop + 1] = False
    square, disturbed = examined(pixels, preprocessing), seen(pixels, preprocessing, coins(8))
    assert around.any()
    assert torch.allclose(disturbed[:, around], square[:, around], atol=0.01)
    part = slice(None), slice(rows.start + 2, rows.stop - 2), slice(columns.start + 2, columns.stop - 2)
    assert grey_levels_apart(disturbed[part], square[part]) > 5


def roughness(picture: Tensor) -> float:
    return float((picture[:, :, 1:] - picture[:, :, :-1]).square().mean())


def inside(start: float, length: float) -> slice:
    """The whole pixels of a patch, without those along its seams."""
    return slice(int(start) + 3, int(start + length) - 2)


def patch(degree: int, size: int, row: int, column: int) -> tuple[slice, slice, slice]:
    """Where a patch lies."""
    cell = size / degree
    return slice(None), inside(row * cell, cell), inside(column * cell, cell)


@pytest.mark.parametrize("detail", ["noise", "lettering"])
def test_sharpness_does_not_tell_disturbed_photos_from_others(detail: str) -> None:
    """Though most patches move by a fraction of a pixel: those that stay are as sharp, on average."""
    noise = np.random.default_rng(0).integers(0, 256, (600, 600, 3), dtype=np.uint8)
    pixels, preprocessing, size = noise if detail == "noise" else photo(600, 600), Preprocessing(224), 224
    plain = seen(pixels, preprocessing)
    rough: dict[str, list[float]] = {"plain": [], "disturbed": []}
    for degree in (9, 11, 13, 17, 20):
        tosses = coins(degree)
        disturbed = seen(pixels, preprocessing, tosses)
        for row, columns in enumerate(columns_by_the_loop(tosses)):
            for column, source in enumerate(columns):
                here, there = (patch(degree, size, row, one) for one in (column, source))
                if column != source:
                    rough["disturbed"].append(roughness(disturbed[here]))
                    rough["plain"].append(roughness(plain[there]))
    assert np.mean(rough["disturbed"]) == pytest.approx(np.mean(rough["plain"]), rel=0.03)


# ---- one sampling for all


def by_hand(pixels: Pixels, preprocessing: Preprocessing, tosses: Tensor, varied: Variation) -> NDArray[np.float64]:
    """Each point of each pixel followed back to the frame, one by one: grey levels (3, S, S)."""
    frame, placement = framed(pixels, preprocessing)
    columns, degree, size = columns_by_the_loop(tosses), tosses.shape[1], preprocessing.size
    seen_here = np.zeros((3, size, size))
    turn = np.exp(-1j * np.deg2rad(varied.degrees))
    for row, column, (across, down) in product(range(size), range(size), POINTS):
        point = complex((column + 0.5 + across) / size, (row + 0.5 + down) / size) - (0.5 + 0.5j)
        point = (point - complex(varied.across, varied.down)) * turn / varied.scale + (0.5 + 0.5j)
        x, y = point.real, point.imag
        in_column, in_row = (x - placement.left) / placement.width, (y - placement.top) / placement.height
        if 0 <= in_column < 1 and 0 <= in_row < 1:
            place = int(in_column * degree)
            x += (columns[int(in_row * degree)][place] - place) * placement.width / degree
        seen_here[:, row, column] += bilinear(frame, x * len(frame) - 0.5, y * len(frame) - 0.5) / len(POINTS)
    for row, column in product(range(size), range(size)):
        point = complex((column + 0.5) / size, (row + 0.5) / size) - (0.5 + 0.5j)
        point = (point - complex(varied.across, varied.down)) * turn / varied.scale
        pixels_inside = (0.5 - max(abs(point.real), abs(point.imag))) * size
        covered = min(max(pixels_inside + 0.5, 0), 1)
        seen_here[:, row, column] = covered * seen_here[:, row, column] + (1 - covered) * 128
    return seen_here


def bilinear(frame: Pixels, x: float, y: float) -> NDArray[np.float64]:
    """The colour at a point, whose nearest pixels are repeated beyond the edge."""
    left, top, last = int(np.floor(x)), int(np.floor(y)), len(frame) - 1
    colour = np.zeros(3)
    for row, column in product((top, top + 1), (left, left + 1)):
        value = frame[min(max(row, 0), last), min(max(column, 0), last)].astype(float)
        colour += value * (1 - abs(x - column)) * (1 - abs(y - row))
    return colour


@pytest.mark.parametrize("padding", ["none", "gray", "uniform"])
@pytest.mark.parametrize("shape", [(40, 60), (60, 31), (20, 20), (6, 9)], ids=str)
@pytest.mark.parametrize(
    "varied",
    [
        pytest.param(Variation(), id="as it is"),
        pytest.param(Variation(degrees=4.3), id="turned"),
        pytest.param(Variation(across=0.04, down=-0.03), id="moved"),
        pytest.param(Variation(scale=0.92), id="reduced"),
        pytest.param(Variation(-3.7, -0.02, 0.033, 1.07), id="all of it"),
    ],
)
def test_a_batch_is_sampled_as_by_hand(varied: Variation, shape: tuple[int, int], padding: Padding) -> None:
    preprocessing, pixels, tosses = Preprocessing(12, padding=padding), photo(*shape), coins(5)
    expected = torch.from_numpy(by_hand(pixels, preprocessing, tosses, varied)).float()
    assert torch.allclose(seen(pixels, preprocessing, tosses, varied), expected, atol=0.05)


def test_each_photo_of_a_batch_is_sampled_as_if_it_were_alone() -> None:
    preprocessing = Preprocessing(40)
    pictures = [photo(*shape, seed=seed) for seed, shape in enumerate([(90, 330), (310, 120), (50, 63), (300, 300)])]
    tosses = [coins(8, seed) for seed in range(3)] + [tails(8)]
    varied = [Variation.drawn(torch.Generator().manual_seed(seed)) for seed in range(4)]
    made = [framed(pixels, preprocessing) for pixels in pictures]
    batch = sampled(
        torch.from_numpy(np.stack([frame for frame, _ in made])),
        torch.tensor([[at.left, at.top, at.width, at.height] for _, at in made]),
        source_columns(torch.cat(tosses)),
        torch.tensor([one.to_frame for one in varied]),
    )
    for together, pixels, toss, one in zip(batch, pictures, tosses, varied, strict=True):
        assert torch.equal(together, seen(pixels, preprocessing, toss, one))


@pytest.mark.parametrize(
    "varied",
    [
        pytest.param(Variation(degrees=5.0), id="turned clockwise"),
        pytest.param(Variation(degrees=-5.0), id="turned the other way"),
        pytest.param(Variation(across=0.04), id="moved to the right"),
        pytest.param(Variation(down=0.04), id="moved down"),
        pytest.param(Variation(scale=1.08), id="enlarged"),
        pytest.param(Variation(degrees=3.0, across=-0.025, down=0.0375, scale=0.93), id="all of it"),
    ],
)
def test_a_photo_is_varied_as_torchvision_varies_it(varied: Variation) -> None:
    preprocessing = Preprocessing(SIZE, padding="none")
    pixels = np.asarray(cv2.GaussianBlur(photo(160, 160), (0, 0), 4), np.uint8)
    moved: dict[str, Any] = {
        "angle": varied.degrees,
        "translate": [varied.across * SIZE, varied.down * SIZE],
        "scale": varied.scale,
        "shear": [0.0, 0.0],
        "interpolation": InterpolationMode.BILINEAR,
    }
    expected = transforms.affine(seen(pixels, preprocessing), fill=128, **moved)
    inside = transforms.affine(torch.ones(1, SIZE, SIZE), fill=0, **moved)[0]
    inside = torch.nn.functional.avg_pool2d(inside[None], 5, 1, 2)[0] > 0.999
    found = seen(pixels, preprocessing, varied=varied)
    assert (found - expected).abs()[:, inside].max() < 2.5
    assert grey_levels_apart(found[:, ~inside], expected[:, ~inside]) < 6
    assert grey_levels_apart(found, seen(pixels, preprocessing)) > 1
