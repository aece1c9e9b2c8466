"""The stack: each channel of a registered photo and its reference lies where `placement` says, and nothing else."""

from __future__ import annotations

from itertools import permutations
from typing import Any, get_args

import numpy as np
import pytest
from numpy.typing import NDArray

from inference.reference.channels import stacked
from inference.reference.difference import deviation
from inference.reference.edges import edge_strength, local_contrast
from inference.reference.reference import Reference
from inference.reference.stack import Channel, ReferenceStack

PHOTO_FIRST: tuple[Channel, Channel, Channel] = ("luminance", "edges", "genuine edges")
TRIPLES = list(permutations(get_args(Channel), 3))


def reference(height: int, width: int, seed: int = 0) -> Reference:
    rng = np.random.default_rng(seed)
    picture = rng.integers(0, 256, (height, width, 3), dtype=np.uint8)
    mean, spread = (rng.random((height, width), dtype=np.float32) * most for most in (1, 0.2))
    return Reference(f"{width} x {height}", picture, mean, spread, 0.5, 1, 1, 5)


def photo(height: int, width: int) -> NDArray[np.uint8]:
    return np.random.default_rng(1).integers(0, 256, (height, width, 3), dtype=np.uint8)


def channel_naively(channel: Channel, registered: NDArray[np.uint8], against: Reference) -> NDArray[Any]:
    edges = edge_strength(registered)
    away = deviation(edges, against)
    values = {
        "luminance": local_contrast(registered),
        "edges": 4 * edges - 1,
        "genuine edges": 4 * against.mean - 1,
        "difference": np.minimum(np.maximum(away / 2 - 1, -1), 3),
    }
    return values[channel]


@pytest.mark.parametrize(("height", "width"), [(64, 96), (59, 96), (64, 71), (33, 40), (1, 1)])
def test_every_channel_lies_where_the_placement_says(height: int, width: int) -> None:
    against, registered = reference(height, width), photo(height, width)
    covered = np.random.default_rng(2).random((height, width)) < 0.7
    for channels in (PHOTO_FIRST, ("difference", "genuine edges", "luminance")):
        stack = ReferenceStack(96, 64, channels)
        place = stack.placement(against)
        left, top = round(place.left * 96), round(place.top * 64)
        assert (place.width * 96, place.height * 64) == pytest.approx((width, height))
        assert (place.left * 96, place.top * 64) == pytest.approx((left, top))
        seen = stacked(stack, registered, covered, against)
        assert (seen.dtype, seen.shape) == (np.float32, (3, 64, 96))
        expected = np.zeros((3, 64, 96))
        for number, channel in enumerate(channels):
            values = channel_naively(channel, registered, against)
            for y, x in np.argwhere(covered):
                expected[number, top + y, left + x] = values[y, x]
        np.testing.assert_allclose(seen, expected, atol=1e-5)


@pytest.mark.parametrize(("height", "width"), [(64, 96), (60, 90), (59, 91)])
def test_a_reference_lies_in_the_middle(height: int, width: int) -> None:
    place = ReferenceStack(96, 64).placement(reference(height, width))
    assert abs(place.left - (1 - place.left - place.width)) * 96 <= 1
    assert abs(place.top - (1 - place.top - place.height)) * 64 <= 1


@pytest.mark.parametrize("channels", TRIPLES, ids=" ".join)
def test_channels_come_in_the_order_they_are_named(channels: tuple[Channel, Channel, Channel]) -> None:
    against, registered = reference(64, 96), photo(64, 96)
    seen = stacked(ReferenceStack(96, 64, channels), registered, np.ones((64, 96), bool), against)
    for plane, channel in zip(seen, channels, strict=True):
        np.testing.assert_allclose(plane, channel_naively(channel, registered, against), atol=1e-5)


def test_nothing_is_seen_of_a_photo_that_covers_nothing() -> None:
    stack, against = ReferenceStack(96, 64), reference(59, 96)
    assert not stacked(stack, photo(59, 96), np.zeros((59, 96), bool), against).any()


@pytest.mark.parametrize(
    ("shapes", "width", "height"),
    [
        ([(1, 1)], 32, 32),
        ([(32, 32)], 32, 32),
        ([(33, 32)], 32, 64),
        ([(59, 96), (61, 80)], 96, 64),
        ([(40, 97), (65, 30)], 128, 96),
        ([(448, 300)], 320, 448),
    ],
    ids=str,
)
def test_the_input_around_references_is_the_smallest_that_holds_them(
    shapes: list[tuple[int, int]], width: int, height: int
) -> None:
    references = tuple(reference(*shape) for shape in shapes)
    stack = ReferenceStack.around(references, PHOTO_FIRST)
    assert stack == ReferenceStack(width, height, PHOTO_FIRST)
    for each in references:
        assert stack.placement(each)
    for smaller in ((width - 32, height), (width, height - 32)):
        if min(smaller) >= 32:
            less = ReferenceStack(*smaller)
            with pytest.raises(ValueError, match="too large"):
                [less.placement(each) for each in references]


@pytest.mark.parametrize("shape", [(65, 96), (64, 97), (200, 200)], ids=str)
def test_a_reference_that_is_too_large_is_named(shape: tuple[int, int]) -> None:
    stack, large = ReferenceStack(96, 64), reference(*shape)
    for use in (lambda: stack.placement(large), lambda: stacked(stack, photo(*shape), np.ones(shape, bool), large)):
        with pytest.raises(ValueError, match=f"the reference {shape[1]} x {shape[0]} is too large"):
            use()


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((31, 64), "32 to 2048 pixels a side"),
        ((64, 0), "32 to 2048 pixels a side"),
        ((64, 64, ("edges", "edges", "luminance")), "each channel once"),
    ],
)
def test_a_stack_that_no_network_can_see_is_no_stack(arguments: tuple, words: str) -> None:
    with pytest.raises(ValueError, match=words):
        ReferenceStack(*arguments)
