"""What registration finds in a photo and in a reference is found once, and no registration changes by it."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest

from inference.planes import Planes
from inference.reference import pyramid
from inference.reference.edges import COARSE, FINE, MIDDLE, edge_strength
from inference.reference.geometry import frame_corners, scaling
from inference.reference.pyramid import EdgePyramid, PartPyramid
from inference.reference.reference import Reference
from inference.reference.registration import best_fit, register_best, register_both_ways

Pixels = np.ndarray


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    threads = cv2.getNumThreads()
    cv2.setNumThreads(1)
    yield
    cv2.setNumThreads(threads)


def photos(lettered: Any) -> dict[str, Pixels]:
    """Parts that fit well, fit the wrong way round, fit badly, and fit nothing."""
    genuine = lettered.photo("quorum/genuine", 50)
    return {
        "genuine": genuine,
        "mirrored": np.ascontiguousarray(genuine[:, ::-1]),
        "upside down": np.ascontiguousarray(genuine[::-1, ::-1]),
        "counterfeit, enlarged": cv2.resize(lettered.photo("alba/counterfeit", 51), None, fx=7.3, fy=7.3),
        "another part": lettered.photo("avova/genuine", 52),
        "noise": np.random.default_rng(0).integers(0, 256, (90, 140, 3), dtype=np.uint8),
    }


def forgotten(self: EdgePyramid, key: Hashable, make: Callable[[], Any]) -> Any:
    """The naive way: whoever asks has it made again."""
    return make()


def stated(part: Pixels, references: Sequence[Reference]) -> list[dict[str, Any]]:
    # Copies of the references, which have found nothing yet.
    fits, mirror = register_both_ways(Planes(part), [replace(reference) for reference in references])
    return [fit.stated() for fit in (*fits, mirror)]


@pytest.mark.parametrize("number", range(6))
@pytest.mark.parametrize("known", [1, 2])
def test_registrations_are_those_of_pyramids_that_keep_nothing(
    number: int, known: int, lettered: Any, tiny_references: tuple[Reference, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    part, references = [*photos(lettered).values()][number], tiny_references[-known:]
    kept = stated(part, references)
    monkeypatch.setattr(EdgePyramid, "_once", forgotten)
    assert kept == stated(part, references)


def test_landmarks_are_found_once_in_a_photo_its_mirror_image_and_a_reference(
    lettered: Any, tiny_references: tuple[Reference, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    found, search = [], pyramid.find_landmarks
    monkeypatch.setattr(pyramid, "find_landmarks", lambda smooth: found.append(smooth) or search(smooth))
    references = [replace(reference) for reference in tiny_references]
    for reference in references:
        assert reference.mirror_image.score < 1
    of_mirror_images = len(found)
    register_both_ways(Planes(lettered.photo("quorum/genuine", 50)), references)
    assert len(found) == of_mirror_images + 2
    register_best(lettered.photo("quorum/genuine", 51), references)
    assert len(found) == of_mirror_images + 3


@pytest.mark.parametrize("side", [COARSE, MIDDLE, FINE])
def test_a_photo_is_reduced_before_its_edges_are_taken(side: int) -> None:
    part = np.random.default_rng(1).integers(0, 256, (330, 600, 3), dtype=np.uint8)
    small = cv2.resize(part, (side, round(330 * side / 600)), interpolation=cv2.INTER_AREA)
    views = PartPyramid(Planes(part))
    assert np.array_equal(views.edges(side), edge_strength(small))
    assert np.array_equal(views.mirrored.edges(side), PartPyramid(Planes(part[:, ::-1].copy())).edges(side))
    assert np.allclose(views.scaling(side), scaling(side / 600, small.shape[0] / 330))
    assert np.allclose(views.scaling(side) @ views.scaling_up(side), np.eye(3))


def test_the_edges_of_a_reference_are_reduced_themselves() -> None:
    edges = np.random.default_rng(2).random((100, 300), np.float32)
    views = EdgePyramid(edges)
    assert views.shape == (100, 300)
    assert np.array_equal(views.edges(FINE), edges)
    assert np.array_equal(views.edges(COARSE), cv2.resize(edges, (112, 37), interpolation=cv2.INTER_AREA))
    assert np.array_equal(views.blurred(COARSE, 1.5), cv2.GaussianBlur(views.edges(COARSE), (0, 0), 1.5))
    assert views.edges(COARSE) is views.edges(COARSE)


def test_the_best_fit_is_that_of_registrations_one_by_one(
    lettered: Any, tiny_references: tuple[Reference, ...]
) -> None:
    for name in ("alba/genuine", "quorum/genuine"):
        part = lettered.photo(name, 53)
        scores = [register_best(part, [replace(reference)])[0].score for reference in tiny_references]
        assert best_fit(part, tiny_references) == int(np.argmax(scores))


@pytest.mark.parametrize("size", [(2976, 1850), (3552, 2208), (2701, 1679)])
def test_a_photo_of_megapixels_is_laid_where_its_every_pixel_lays_it(
    size: tuple[int, int], lettered: Any, tiny_references: tuple[Reference, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Above 1791 pixels edges are taken of a part that was reduced by a whole number first."""
    part = cv2.resize(lettered.photo("quorum/genuine", 54), size, interpolation=cv2.INTER_CUBIC)
    part = cv2.add(part, np.random.default_rng(0).integers(0, 9, (*part.shape[:2], 1), np.uint8).repeat(3, 2))
    near, near_mirror = register_both_ways(Planes(part), tiny_references)
    monkeypatch.setattr(Planes, "near", property(lambda self: np.ascontiguousarray(self.pixels), lambda *_: None))
    far, far_mirror = register_both_ways(Planes(part), tiny_references)
    for one, other in zip((*near, near_mirror), (*far, far_mirror), strict=True):
        assert one.series == other.series
        assert one.score == pytest.approx(other.score, abs=0.002)
    corners = [frame_corners(np.linalg.inv(fit.homography), tiny_references[1].mean.shape) for fit in (near[0], far[0])]
    assert np.abs(corners[0] - corners[1]).max() < 0.0002 * max(size)
