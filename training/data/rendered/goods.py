"""What parts are found on and beside: bags, belts, garments, and things that resemble a part and are none."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.random import Generator

from training.data.rendered.lettering import Raster
from training.data.rendered.specification import Colour
from training.data.rendered.surfaces import (
    Surface,
    in_colour,
    leather_grain,
    mix,
    ramp,
    rounded_rectangle,
    smooth_noise,
    soiled_places,
    worn_places,
)

Shape = tuple[int, int]
Make = Callable[[Shape, Generator], Surface]

_METALS: tuple[Colour, ...] = ((0.83, 0.58, 0.24), (0.72, 0.72, 0.74), (0.80, 0.52, 0.40), (0.22, 0.22, 0.24))
_TINTS: tuple[Colour, ...] = (
    *((1.0, 1.0, 1.0), (1.0, 0.97, 0.9), (1.0, 0.62, 0.32), (1.0, 0.5, 0.22), (1.0, 0.75, 0.5), (1.0, 0.22, 0.2)),
    *((0.35, 0.5, 1.0), (0.5, 1.0, 0.6), (1.0, 0.85, 0.3), (1.0, 0.5, 0.6), (0.6, 0.85, 1.0), (0.75, 0.5, 1.0)),
)
_WORDS = ("SIZE 38", "100% COTTON", "MADE WITH CARE", "SALE", "No. 2071", "DRY CLEAN", "OPEN", "FRAGILE", "KEEP DRY")
_FONTS = (cv2.FONT_HERSHEY_SIMPLEX, cv2.FONT_HERSHEY_DUPLEX, cv2.FONT_HERSHEY_TRIPLEX, cv2.FONT_HERSHEY_COMPLEX)


def bag(shape: Shape, rng: Generator) -> Surface:
    """The front of a leather bag, with a seam around it and, on some, a flap."""
    height, width = shape
    outline = rounded_rectangle(shape, height / 2 - 4, width / 2 - 4, rng.uniform(0.03, 0.2) * height)
    seams = [outline - rng.uniform(14, 34)]
    if rng.uniform() < 0.6:
        y, x = _centred(shape)
        dip = rng.uniform(0.02, 0.2) * height * (x / (width / 2)) ** 2
        flap = rng.uniform(-0.15, 0.25) * height - dip - y
        seams += [flap, flap - 18]
    return _leather(outline, seams, _dyed(rng), rng)


def belt(shape: Shape, rng: Generator) -> Surface:
    """A strap of leather with a seam along both edges."""
    outline = rounded_rectangle(shape, shape[0] / 2 - 3, shape[1] / 2 - 3, rng.uniform(4, shape[0] / 2))
    return _leather(outline, [outline - rng.uniform(7, 14)], _dyed(rng), rng)


def garment(shape: Shape, rng: Generator) -> Surface:
    """Woven cloth in folds, with a seam or two."""
    y, x = _centred(shape)
    pitch = rng.uniform(2.2, 4.5)
    weave = np.sin(x * (np.pi / pitch)) * np.sin(y * (np.pi / pitch))
    folds = rng.uniform(10, 60) * smooth_noise(shape, rng.uniform(120, 320), rng)
    relief = folds + 0.5 * weave + 0.3 * smooth_noise(shape, 3, rng)
    angle, place = rng.uniform(-0.2, 0.2), rng.uniform(-0.3, 0.3) * shape[1]
    seam = x * np.cos(angle) + y * np.sin(angle) - place
    relief = relief + 3 * ramp(6 - np.abs(seam), 3) - 3 * ramp(1.5 - np.abs(seam), 1)
    tone = in_colour(np.clip(1 + 0.10 * weave + 0.06 * smooth_noise(shape, 60, rng), 0.4, 1.6), _dyed(rng))
    return Surface(np.asarray(relief, np.float32), tone, *_matt(shape), np.ones(shape, np.float32))


def box(shape: Shape, rng: Generator) -> Surface:
    """The lid of a cardboard box, or a sheet of paper."""
    outline = rounded_rectangle(shape, shape[0] / 2 - 3, shape[1] / 2 - 3, 3)
    tone = in_colour(1 + 0.03 * smooth_noise(shape, 4, rng), _dyed(rng, 0.75))
    return Surface(3 * ramp(outline - 3, 3), tone, *_matt(shape), ramp(outline, 0.7))


def button(shape: Shape, rng: Generator) -> Surface:
    """A round button with two or four holes, of metal or horn."""
    radius, outline = _disc(shape)
    side = radius * rng.uniform(0.16, 0.24)
    angles = rng.uniform(0, np.pi) + np.arange(int(rng.choice([2, 4]))) * (np.pi if rng.uniform() < 0.4 else np.pi / 2)
    y, x = _centred(shape)
    holes = np.full(shape, -1e3, np.float32)
    for angle in angles:
        away = np.hypot(x - side * 1.5 * np.cos(angle), y - side * 1.5 * np.sin(angle))
        holes = np.maximum(holes, side * 0.7 - away)
    rim = 5 * ramp(outline - 4, 6) - 4 * ramp(outline - radius * 0.28, 6)
    relief = rim - 6 * ramp(holes, 2)
    metallic = rng.uniform() < 0.5
    tone = in_colour(1 - 0.85 * ramp(holes, 1.5), _METALS[int(rng.integers(4))] if metallic else _dyed(rng))
    return _solid(relief, tone, 0.9 if metallic else 0.0, 0.25 if metallic else 0.4, outline)


def coin(shape: Shape, rng: Generator) -> Surface:
    """A coin: a rim with ticks, a head, and letters around it."""
    radius, outline = _disc(shape)
    y, x = _centred(shape)
    away, angle = np.hypot(x, y), np.arctan2(y, x)
    ticks = ramp(np.sin(angle * 60) * 6, 3) * ramp(4 - np.abs(away - radius * 0.93), 2)
    head = smooth_noise(shape, radius * 0.5, rng) + 0.4 * smooth_noise(shape, radius * 0.15, rng)
    relief = 5 * ramp(outline - 3, 3) - 4 * ramp(outline - radius * 0.08, 3)
    relief = relief + 2 * ticks + 3 * np.clip(head, 0, 2) * ramp(radius * 0.6 - away, radius * 0.1)
    relief = relief + 2.5 * _lettered_ring(shape, radius, rng)
    return _solid(relief, in_colour(1 - 0.2 * ticks, _METALS[int(rng.integers(3))]), 0.95, 0.3, outline)


def sticker(shape: Shape, rng: Generator) -> Surface:
    """A paper sticker or price tag with words and bars of print."""
    outline = rounded_rectangle(shape, shape[0] / 2 - 3, shape[1] / 2 - 3, rng.uniform(0, shape[0] * 0.2))
    tone = in_colour(1 + 0.02 * smooth_noise(shape, 3, rng), _dyed(rng, 0.9))
    print_ = _words(shape, rng)
    if rng.uniform() < 0.4:
        x = np.arange(shape[1])
        bars = (np.repeat(rng.integers(0, 2, shape[1] // 3 + 1), 3)[: shape[1]] * (np.abs(x / shape[1] - 0.5) < 0.35))[
            None
        ]
        print_ = np.maximum(print_, bars * (np.arange(shape[0])[:, None] > 0.68 * shape[0]) * 1.0)
    tone = mix(tone, _dyed(rng, 0.1), print_.astype(np.float32) * 0.95)
    return Surface(1.5 * ramp(outline - 2, 2), tone, *_matt(shape, 0.6), ramp(outline, 0.7))


def woven_label(shape: Shape, rng: Generator) -> Surface:
    """A label of woven cloth with words in its thread, sewn on at both ends."""
    y, x = _centred(shape)
    outline = rounded_rectangle(shape, shape[0] / 2 - 3, shape[1] / 2 - 3, 3)
    ribs = np.sin(y * (np.pi / 2.2))
    sewn = ramp(2.5 - np.abs(np.abs(x) - shape[1] * 0.46), 1) * ramp(np.sin(y / 3) * 4, 2)
    tone = in_colour(1 + 0.12 * ribs, _dyed(rng))
    tone = mix(tone, _dyed(rng, 0.9), np.clip(_words(shape, rng) + sewn, 0, 1) * 0.9)
    return Surface(np.asarray(0.6 * ribs + 2 * sewn, np.float32), tone, *_matt(shape), ramp(outline, 0.7))


def rivet(shape: Shape, rng: Generator) -> Surface:
    """A domed rivet or press stud."""
    radius, outline = _disc(shape)
    y, x = _centred(shape)
    dome = rng.uniform(10, 40) * np.sqrt(np.clip(1 - (np.hypot(x, y) / radius) ** 2, 0, 1))
    return _solid(dome, in_colour(np.ones(shape, np.float32), _METALS[int(rng.integers(4))]), 0.95, 0.15, outline)


def ring(shape: Shape, rng: Generator) -> Surface:
    """A key ring: round wire."""
    radius, outline = _disc(shape)
    thickness = radius * rng.uniform(0.12, 0.22)
    wire = np.minimum(outline, thickness - outline)
    relief = np.sqrt(np.clip(wire * (thickness - wire), 0, None))
    return _solid(relief, in_colour(np.ones(shape, np.float32), _METALS[int(rng.integers(4))]), 0.95, 0.15, wire)


def zip_fastener(shape: Shape, rng: Generator) -> Surface:
    """A length of zip on its tape."""
    y, x = _centred(shape)
    outline = rounded_rectangle(shape, shape[0] / 2 - 2, shape[1] / 2 - 2, 2)
    teeth = ramp(shape[0] * 0.13 - np.abs(y), 2) * ramp(np.sin(x / 5) * 5, 2)
    tone = mix(in_colour(1 + 0.1 * smooth_noise(shape, 3, rng), _dyed(rng)), _METALS[int(rng.integers(4))], teeth)
    metal, roughness = np.asarray(0.9 * teeth, np.float32), np.asarray(1 - 0.75 * teeth, np.float32)
    return Surface(np.asarray(5 * teeth, np.float32), tone, metal, roughness, ramp(outline, 0.7))


LOOKALIKES: dict[str, tuple[Make, tuple[float, float]]] = {
    "button": (button, (1.0, 1.0)),
    "coin": (coin, (1.0, 1.0)),
    "sticker": (sticker, (0.35, 0.8)),
    "woven label": (woven_label, (0.25, 0.6)),
    "rivet": (rivet, (1.0, 1.0)),
    "ring": (ring, (1.0, 1.0)),
    "zip": (zip_fastener, (0.08, 0.2)),
}
"""What resembles a part and is none: how it is made, and its height over its width, least and greatest."""


def _leather(outline: Raster, seams: list[Raster], tone: Colour, rng: Generator) -> Surface:
    shape = outline.shape[0], outline.shape[1]
    relief, wear, smears = leather_grain(shape, rng), worn_places(shape, outline, rng), soiled_places(shape, rng)
    colour = in_colour(np.clip(1 + 0.1 * smooth_noise(shape, 90, rng) + 0.06 * relief, 0.5, 1.5), tone)
    thread = np.maximum.reduce([_stitched(seam, rng.uniform(11, 20)) for seam in seams])
    groove = np.maximum.reduce([ramp(5 - np.abs(seam), 4) for seam in seams])
    relief = relief + 6 * ramp(outline - 8, 8) - 1.5 * groove + 3 * thread
    worn = tuple(float(c) for c in np.minimum(np.array(tone) * 1.7 + 0.02, 1))
    colour = mix(mix(colour, worn, 0.7 * wear), _dyed(rng), thread) * in_colour(1 - 0.4 * smears)
    metal, roughness = _matt(shape, rng.uniform(0.7, 1))
    return Surface(np.asarray(relief, np.float32), colour, metal, roughness, ramp(outline, 0.7))


def _stitched(seam: Raster, length: float) -> Raster:
    """Thread along a seam (signed distance), in dashes; 0 to 1."""
    y, x = _centred((seam.shape[0], seam.shape[1]))
    down, across = np.gradient(seam)
    along = x * down - y * across  # constant across the seam, as good as arc length along a straight one
    return ramp(2.0 - np.abs(seam), 0.8) * ramp(np.sin(along * (2 * np.pi / length)) * 6 + 2, 2)


def _solid(relief: Raster, colour: Raster, metal: float, roughness: float, outline: Raster) -> Surface:
    flat = np.ones(outline.shape, np.float32)
    return Surface(np.asarray(relief, np.float32), colour, metal * flat, roughness * flat, ramp(outline, 0.7))


def _matt(shape: Shape, roughness: float = 1.0) -> tuple[Raster, Raster]:
    """Metal and roughness of what is no metal."""
    return np.zeros(shape, np.float32), np.full(shape, roughness, np.float32)


def _disc(shape: Shape) -> tuple[float, Raster]:
    y, x = _centred(shape)
    radius = min(shape) / 2 - 4
    return radius, np.asarray(radius - np.hypot(x, y), np.float32)


def _centred(shape: Shape) -> tuple[Raster, Raster]:
    y = np.arange(shape[0], dtype=np.float32)[:, None] - (shape[0] - 1) / 2
    x = np.arange(shape[1], dtype=np.float32)[None] - (shape[1] - 1) / 2
    return np.broadcast_to(y, shape), np.broadcast_to(x, shape)


def _dyed(rng: Generator, brightest: float = 0.5) -> Colour:
    """A colour goods are made in, linear RGB: mostly neutrals, browns and deep tones, now and then any."""
    value = rng.uniform(0.01, brightest)
    tint = np.array(_TINTS[int(rng.integers(len(_TINTS)))]) ** rng.uniform(0.3, 1.2) * rng.uniform(0.9, 1.1, 3)
    red, green, blue = np.clip(value * tint / tint.max(), 0, 1).tolist()
    return red, green, blue


def _words(shape: Shape, rng: Generator) -> Raster:
    """A line or three of print, 0 to 1."""
    ink = np.zeros(shape, np.uint8)
    lines = int(rng.integers(1, 4))
    font = _FONTS[int(rng.integers(len(_FONTS)))]
    for line in range(lines):
        text = _WORDS[int(rng.integers(len(_WORDS)))]
        (width, height), _ = cv2.getTextSize(text, font, 1.0, 2)
        scale = min(0.8 * shape[1] / width, 0.5 * shape[0] / lines / height)
        left = int((shape[1] - scale * width) / 2)
        base = int(shape[0] * (line + 0.75) / lines * 0.7)
        cv2.putText(ink, text, (left, base), font, scale, 255, max(1, round(2 * scale)), cv2.LINE_AA)
    return ink / np.float32(255)


def _lettered_ring(shape: Shape, radius: float, rng: Generator) -> Raster:
    """Letters around a coin, 0 to 1."""
    ink = np.zeros(shape, np.float32)
    y, x = _centred(shape)
    for angle in np.linspace(0, 2 * np.pi, int(rng.integers(14, 26)), endpoint=False):
        away = np.hypot(x - radius * 0.78 * np.cos(angle), y - radius * 0.78 * np.sin(angle))
        ink = np.maximum(ink, ramp(radius * rng.uniform(0.03, 0.06) - away, 1.5))
    return ink
