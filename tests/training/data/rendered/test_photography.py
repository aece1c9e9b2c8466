"""Photography: one distribution for all, and nothing of what is photographed decides what is drawn."""

from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from PIL import Image

from training.data.rendered.house import PARTS
from training.data.rendered.making import make_surface
from training.data.rendered.photography import CAMERAS, Photography, photograph
from training.data.rendered.surfaces import Surface
from training.data.rendered.typefaces import Typefaces


@pytest.fixture(scope="module")
def surfaces(typefaces: Typefaces) -> list[Surface]:
    """A genuine tag, the same one counterfeited plainly, and a tag of another leather."""
    first, second = PARTS["leather_tag"].series[:2]
    falsified = first.counterfeiters[1].falsify(first.specification, "plain", np.random.default_rng(0))
    return [
        make_surface("leather_tag", specification, typefaces, np.random.default_rng(1))
        for specification in (first.specification, falsified, second.specification)
    ]


def pixels(jpeg: bytes) -> np.ndarray:
    with Image.open(io.BytesIO(jpeg)) as photo:
        return np.asarray(photo.convert("RGB"), int)


@pytest.mark.parametrize("seed", range(4))
def test_chance_does_not_depend_on_the_surface(seed: int, surfaces: list[Surface]) -> None:
    states, photos = [], []
    for surface in surfaces:
        rng = np.random.default_rng(seed)
        photos.append(photograph(surface, rng))
        states.append(rng.bit_generator.state)
    assert states[0] == states[1] == states[2]
    genuine, counterfeit, _ = photos
    assert np.array_equal(genuine.homography, counterfeit.homography)
    assert genuine.size == counterfeit.size
    # Table, light and camera are the same ones: most of the photo is the same photo.
    assert (np.abs(pixels(genuine.jpeg) - pixels(counterfeit.jpeg)).max(axis=2) > 8).mean() < 0.1


def test_one_seed_gives_one_photo(surfaces: list[Surface]) -> None:
    first, again, other = (photograph(surfaces[0], np.random.default_rng(seed)).jpeg for seed in (3, 3, 4))
    assert first == again
    assert first != other


@pytest.mark.parametrize("seed", range(6))
def test_a_photo_is_a_cameras_jpeg_with_the_whole_part_in_it(seed: int, surfaces: list[Surface]) -> None:
    seen = Photography.draw(np.random.default_rng(seed))
    shot = photograph(surfaces[0], np.random.default_rng(seed))
    with Image.open(io.BytesIO(shot.jpeg)) as photo:
        assert (photo.format, photo.mode, photo.size) == ("JPEG", "RGB", shot.size)
    assert shot.size[0] == seen.camera.width
    height, width = surfaces[0].cover.shape
    corners = np.array([[(0, 0), (width, 0), (width, height), (0, height)]], np.float64)
    within = cv2.perspectiveTransform(corners, shot.homography)[0]
    assert (within >= 0).all()
    assert (within <= shot.size).all()
    area = cv2.contourArea(within.astype(np.float32)) / (shot.size[0] * shot.size[1])
    assert 0.2 < area < 0.95


def test_the_homography_says_where_the_part_is(surfaces: list[Surface]) -> None:
    """What is white on a black table lies where the homography has it."""
    plane = np.ones_like(surfaces[0].cover)
    white = Surface(plane * 0, np.stack([plane] * 3, 2), plane * 0, plane, surfaces[0].cover)
    for seed in range(30):
        seen = Photography.draw(np.random.default_rng(seed))
        if max(seen.ground_colour) < 0.1:
            break
    shot = photograph(white, np.random.default_rng(seed))
    expected = cv2.warpPerspective(white.cover, shot.homography, shot.size) > 0.5
    bright = pixels(shot.jpeg).mean(axis=2) > 130
    assert (bright == expected).mean() > 0.99


def test_circumstances_vary_within_what_is_stated() -> None:
    drawn = [Photography.draw(np.random.default_rng(seed)) for seed in range(800)]
    assert {seen.camera for seen in drawn} == set(CAMERAS)
    assert {seen.ground for seen in drawn} == {"cloth", "wood", "paper", "stone"}
    for camera in CAMERAS:
        qualities = {seen.quality for seen in drawn if seen.camera == camera}
        assert (min(qualities), max(qualities)) == camera.qualities
    for name, low, high in (
        ("filled", 0.74, 0.92),
        ("azimuth", 0, 360),
        ("elevation", 35, 65),
        ("exposure", 0.8, 1.2),
        ("vignette", 0, 0.35),
    ):
        values = [getattr(seen, name) for seen in drawn]
        assert low <= min(values) < low + 0.05 * (high - low), name
        assert high - 0.05 * (high - low) < max(values) <= high, name
    assert max(abs(angle) for seen in drawn for angle in seen.tilt) <= 14
    assert np.std([seen.rotation for seen in drawn]) == pytest.approx(4, rel=0.1)
    assert {seen.vignette > 0 for seen in drawn} == {True}
