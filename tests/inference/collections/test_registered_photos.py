"""Photos in one frame: whether they lie on each other."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from inference.collections.collection import Collection
from inference.collections.examiner import CollectionExaminer
from inference.collections.registered_photos import LEAST_AGREEMENT, RegisteredPhotos, agreement
from inference.intake.exhibit import exhibit_from_pixels
from inference.request import Request


def laid(*shifts: int) -> RegisteredPhotos:
    """Photos of one drawing of bars at irregular places, each with its own noise and shifted."""
    rng = np.random.default_rng(0)
    drawing = np.full((60, 120, 3), 200, np.uint8)
    for left in (10, 17, 40, 62, 71, 99):
        drawing[15:45, left : left + 4] = 20
    photos = [np.roll(drawing, shift, axis=1) + rng.integers(0, 9, drawing.shape, np.uint8) for shift in shifts]
    return RegisteredPhotos.of_pixels(photos, [np.ones((60, 120), bool)] * len(photos))


@pytest.mark.parametrize(
    ("shifts", "kept"),
    [((0, 0, 0, 0, 0), [0, 1, 2, 3, 4]), ((0, 0, 11, 0, 0), [0, 1, 3, 4]), ((0, 26, 0, 0, 0, 11, 0), [0, 2, 3, 4, 6])],
    ids=["all", "one stray", "two strays"],
)
def test_photos_that_do_not_lie_on_the_others_are_strays(shifts: tuple[int, ...], kept: list[int]) -> None:
    photos = laid(*shifts)
    assert photos.agreeing(range(len(shifts))) == kept
    assert (photos.only(kept).edges == photos.edges[kept]).all()
    assert (photos.only(kept).pixels == photos.pixels[kept]).all()


def test_agreement_is_the_correlation_of_what_both_show() -> None:
    rng = np.random.default_rng(1)
    edges, others = (rng.random((20, 30)).astype(np.float32) for _ in range(2))
    seen = rng.random((20, 30)) < 0.6
    assert agreement(edges, others, seen) == pytest.approx(np.corrcoef(edges[seen], others[seen])[0, 1], abs=1e-5)
    assert agreement(edges, edges, seen) == pytest.approx(1)
    assert agreement(edges, others, np.zeros((20, 30), bool)) == -1


def test_a_part_whose_lines_lie_elsewhere_is_out_of_scope(
    examiner: CollectionExaminer, labels: Collection, lettered: Any
) -> None:
    found = examiner.examine(labels, Request(lettered("quorum/genuine", 40)))
    (check,) = [check for check in found.scope_checks if check.name == "agreement"]
    assert check.status == "ok"
    assert check.value > LEAST_AGREEMENT
    noise = exhibit_from_pixels(np.random.default_rng(0).integers(0, 256, (92, 148, 3), np.uint8), "noise.png")
    other = examiner.examine(labels, Request(noise))
    (check,) = [check for check in other.scope_checks if check.name == "agreement"]
    assert (check.status, other.outcome) == ("refuse", "out of scope")
    assert check.value < LEAST_AGREEMENT
