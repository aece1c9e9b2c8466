"""Pictures in one block of memory: they read like a list of arrays."""

from __future__ import annotations

import numpy as np
import pytest

from training.data.pictures import Pictures

SHAPES = [(3, 5, 3), (1, 1, 3), (40, 7, 3), (3, 5, 3)]


@pytest.fixture
def listed() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 256, shape, np.uint8) for shape in SHAPES]


def test_pictures_are_those_of_a_list(listed: list[np.ndarray]) -> None:
    pictures = Pictures(iter(listed))
    assert len(pictures) == len(listed)
    assert all(np.array_equal(one, other) for one, other in zip(pictures, listed, strict=True))
    assert np.array_equal(pictures[-1], listed[-1])
    for part in (slice(1, 3), slice(2, 99), slice(None, None, 2)):
        assert [one.tolist() for one in pictures[part]] == [one.tolist() for one in listed[part]]
    for outside in (4, -5):
        with pytest.raises(IndexError):
            pictures[outside]


def test_a_picture_is_a_part_of_the_block(listed: list[np.ndarray]) -> None:
    pictures = Pictures(listed)
    assert np.shares_memory(pictures[2], pictures[2])
    assert pictures[2].flags.c_contiguous


def test_a_part_of_a_picture_is_kept_as_it_is_seen() -> None:
    wide = np.arange(60, dtype=np.uint8).reshape(4, 5, 3)
    assert np.array_equal(Pictures([wide[1:3, ::2]])[0], wide[1:3, ::2])


def test_there_may_be_none() -> None:
    assert len(Pictures([])) == 0
    assert Pictures([])[:5] == []
