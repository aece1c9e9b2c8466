"""Printed parts as they lie on the table: paper, card, cloth and foil under flat ink."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.random import Generator

from training.data.rendered.lettering import Raster
from training.data.rendered.ornaments import guilloche_cover
from training.data.rendered.specification import PART_WIDTH, Print, Specification
from training.data.rendered.surfaces import (
    Surface,
    in_colour,
    mix,
    ramp,
    sheet_outline,
    smooth_noise,
    soiled_places,
    worn_places,
)


def printed_part(made: Specification, stock: Print, ink: Raster, rng: Generator) -> Surface:
    """One printed item; the randomness does not depend on the specification's values.

    Args:
        made: Its specification.
        stock: What it is printed on.
        ink: Signed distance to the edge of what is printed in the first ink (h, w).
        rng: Draws stock, wear and dirt.
    """
    shape = (made.height, PART_WIDTH)
    inside = sheet_outline(made)
    texture, creases = _texture(stock, shape, rng), _creases(shape, rng)
    rubbed, dirt = worn_places(shape, inside, rng), soiled_places(shape, rng)
    uneven = np.clip(smooth_noise(shape, 3, rng) + 0.6 * smooth_noise(shape, 12, rng), -2, 2)
    bows = 6 * smooth_noise(shape, 260, rng)

    relief = 2 * ramp(inside - 3, 3) + texture - 1.2 * creases + bows
    shade = 1 + 0.02 * smooth_noise(shape, 80, rng) + 0.05 * texture * (stock.stock == "cloth")
    colour = in_colour(np.clip(shade, 0.5, 1.3), stock.ground)
    metal: Raster = np.full(shape, 0.9 if stock.stock == "foil" else 0.0, np.float32)
    layers = []
    if made.pattern is not None:
        layers.append((stock.second, 0.7 * guilloche_cover(made.pattern, shape)))
    layers.append((made.finish, ramp(ink, stock.bleed)))
    worn = np.clip(0.8 * rubbed + 0.6 * creases, 0, 1)
    for printed, cover in layers:
        laid = np.clip(cover * (1 - stock.mottle * np.maximum(uneven, 0)) * (1 - worn), 0, 1)
        colour = mix(colour, printed, laid)
        metal = metal * (1 - laid)
    colour = mix(colour, tuple(min(1.0, 1.2 * c + 0.03) for c in stock.ground), 0.3 * worn)
    colour *= in_colour(1 - 0.4 * dirt)
    roughness = np.clip((0.25 if stock.stock in ("foil", "card") else 0.9) + 0.3 * worn + 0.2 * dirt, 0, 1)
    return Surface(np.asarray(relief, np.float32), colour, metal, np.asarray(roughness, np.float32), ramp(inside, 0.7))


def _texture(stock: Print, shape: tuple[int, int], rng: Generator) -> Raster:
    """Height of the stock's own grain."""
    fine, coarse = smooth_noise(shape, 2, rng), smooth_noise(shape, 7, rng)
    pitch = rng.uniform(2.2, 3.6)
    match stock.stock:
        case "paper":
            return 0.12 * fine + 0.10 * coarse
        case "card":
            return 0.05 * fine + 0.04 * coarse
        case "foil":
            return 0.02 * fine + 0.25 * smooth_noise(shape, 40, rng)
        case "cloth":
            y, x = np.mgrid[0 : shape[0], 0 : shape[1]].astype(np.float32)
            weave = np.sin(x * (np.pi / pitch)) * np.sin(y * (np.pi / pitch))
            return np.asarray(0.45 * weave + 0.15 * fine, np.float32)


def _creases(shape: tuple[int, int], rng: Generator) -> Raster:
    """Creases across the part, 0 to 1; most items have none."""
    lines = np.zeros(shape, np.uint8)
    for _ in range(int(rng.choice([0, 1, 3], p=[0.7, 0.2, 0.1]))):
        middle, angle = rng.uniform((0, 0), shape[::-1]), rng.uniform(0, np.pi)
        reach = np.array([np.cos(angle), np.sin(angle)]) * rng.uniform(60, 700)
        ends = [np.rint(16 * (middle + side * reach)).astype(int).tolist() for side in (-1, 1)]
        cv2.line(lines, ends[0], ends[1], int(rng.uniform(80, 255)), 1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(lines / np.float32(255), (0, 0), 0.8)
