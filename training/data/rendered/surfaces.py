"""Parts as they lie on the table, before light falls on them: relief, colour, and what kind of mirror they are."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.random import Generator

from training.data.rendered.lettering import Raster
from training.data.rendered.specification import PART_WIDTH, Leather, Metal, PartName, Specification

_TAG_INSET = 3.0
_STITCH_INSET = 21.0
_BUCKLE_BAR, _BUCKLE_SIDE = 104.0, 84.0


@dataclass(frozen=True)
class Surface:
    """A part before light falls on it; rasters float32 (h, w).

    Attributes:
        height: Relief in pixels.
        colour: Linear RGB, (h, w, 3).
        metal: How far it mirrors like a metal, in its own colour, 0 to 1.
        roughness: 0 where it mirrors sharply, 1 where it scatters.
        cover: 1 where the part is, 0 around it.
    """

    height: Raster
    colour: Raster
    metal: Raster
    roughness: Raster
    cover: Raster


def leather_tag(made: Specification, leather: Leather, lettering: Raster, rng: Generator) -> Surface:
    """One item of leather; `lettering` is the signed distance to the edge of what is stamped (h, w)."""
    shape = (made.height, PART_WIDTH)
    inside = sheet_outline(made)
    grain = leather_grain(shape, rng)
    thread, holes = _stitches(made, leather, rng)
    scuffs = worn_places(shape, inside, rng)
    scratches = _scratches(shape, rng, int(rng.integers(0, 5)), 0.9)
    dirt = soiled_places(shape, rng)

    pressed = ramp(lettering, 2.2)
    relief = grain * (1 - 0.65 * pressed) * (1 - 0.5 * scuffs) + 5 * ramp(inside - 6, 6) - made.depth * pressed
    relief += 3.2 * thread - 2.5 * holes - 0.8 * scratches

    dark, light = np.array(leather.dark), np.array(leather.light)
    tone = tuple((dark + (light - dark) * rng.uniform()).tolist())
    patches = 1 + 0.10 * smooth_noise(shape, 90, rng) + 0.04 * smooth_noise(shape, 14, rng) + 0.06 * grain
    colour = in_colour(np.clip(patches, 0.5, 1.5), tone)
    worn = tuple(float(c) for c in np.minimum(np.array(tone) * 1.7 + 0.02, 1))
    colour = mix(colour, worn, np.clip(0.75 * scuffs + 0.5 * scratches, 0, 1))
    # Foil does not reach the bottom of every pore, and rubs off in patches.
    rubbed = rng.uniform(0.05, 0.35) * np.clip(smooth_noise(shape, 26, rng) - 0.6, 0, 1)
    foil = ramp(lettering, 0.7) * np.clip(1.0 + 0.20 * grain - rubbed - 0.6 * scuffs, 0.15, 1)
    colour = mix(colour, made.finish, foil)
    colour = mix(colour, leather.thread, thread) * in_colour(1 - 0.7 * holes)
    colour *= in_colour(1 - 0.45 * dirt)
    metal = np.clip(made.gloss * foil * (1 - thread) * (1 - 0.6 * dirt), 0, 1)
    roughness = np.clip(0.95 - 0.65 * metal + 0.2 * dirt, 0, 1)
    return Surface(relief, colour, metal, roughness, ramp(inside, 0.7))


def metal_part(
    part: PartName, made: Specification, metal: Metal, lettering: Raster, outline: Raster, rng: Generator
) -> Surface:
    """One item of metal; `lettering` is the signed distance to the edge of what is engraved (h, w)."""
    shape = (made.height, PART_WIDTH)
    brushing = _brushing(shape, part, rng)
    orange_peel = 0.10 * smooth_noise(shape, 18, rng) + 0.5 * smooth_noise(shape, 110, rng)
    scratches = _scratches(shape, rng, int(rng.integers(4, 22)), 0.6)
    scuffs = worn_places(shape, outline, rng)
    dirt = soiled_places(shape, rng)

    engraved = ramp(lettering, 1.4)
    bevel = 9 * ramp(outline - 9, 10) + 3 * ramp(outline - 20, 26)
    if part == "round_label":
        bevel -= _rim_grooves(shape)
    relief = bevel + orange_peel - made.depth * engraved - 0.5 * scratches
    relief += (0.10 + 0.35 * metal.brushed) * brushing * (1 - 0.8 * engraved)

    tint = tuple(float(np.clip(c * rng.uniform(0.95, 1.05), 0, 1)) for c in metal.tint)
    colour = in_colour(1 + 0.05 * smooth_noise(shape, 130, rng), tint)
    # Patina and polish residue stay in the engraving.
    patina = rng.uniform(0.25, 0.6) * ramp(lettering - 0.5, 1.5)
    colour *= in_colour(1 - patina)
    metallic = 1 - 0.25 * patina
    if metal.enamel is not None:
        filled = ramp(lettering - 0.6, 0.9)
        colour = mix(colour, metal.enamel, filled)
        metallic = metallic * (1 - 0.85 * filled)
    grime = np.clip(dirt + 0.5 * scuffs * (outline > 0), 0, 1)
    colour *= in_colour(1 - 0.35 * grime)
    metallic = metallic * (1 - 0.35 * grime)
    roughness = np.clip(0.08 + 0.55 * metal.brushed + 0.3 * scuffs + 0.25 * dirt + 0.25 * engraved, 0, 1)
    return Surface(relief, colour, metallic.astype(np.float32), roughness.astype(np.float32), ramp(outline, 0.7))


def buckle_outline(made: Specification) -> Raster:
    """Distance to the edge of a frame: a rounded rectangle with a rounded opening for the strap."""
    shape = (made.height, PART_WIDTH)
    half_height, half_width = made.height / 2 - 4, PART_WIDTH / 2 - 4
    frame = rounded_rectangle(shape, half_height, half_width, made.corner)
    opening = rounded_rectangle(
        shape, half_height - _BUCKLE_BAR, half_width - _BUCKLE_SIDE, max(made.corner - 50, 14.0)
    )
    prong = rounded_rectangle(shape, 15.0, half_width - 30, 15.0)
    return np.maximum(np.minimum(frame, -opening), np.minimum(prong, frame))


def sheet_outline(made: Specification) -> Raster:
    """Distance to the edge of a flat part with rounded corners."""
    return rounded_rectangle(
        (made.height, PART_WIDTH), made.height / 2 - _TAG_INSET, PART_WIDTH / 2 - _TAG_INSET, made.corner
    )


def disc_outline(made: Specification) -> Raster:
    """Distance to the edge of a disc."""
    y, x = _centred((made.height, PART_WIDTH))
    return np.asarray(made.height / 2 - 6 - np.hypot(x, y), np.float32)


def _rim_grooves(shape: tuple[int, int]) -> Raster:
    """Two turned grooves and the domed middle of a round label."""
    y, x = _centred(shape)
    radius = np.hypot(x, y)
    grooves = sum(depth * np.exp(-(((radius - at) / 3.2) ** 2)) for at, depth in ((322.0, 3.0), (150.0, 2.4)))
    dome = -5 * np.clip(1 - (radius / 140) ** 2, 0, 1)
    return np.asarray(grooves + dome, np.float32)


def _centred(shape: tuple[int, int]) -> tuple[Raster, Raster]:
    y = np.arange(shape[0], dtype=np.float32)[:, None] - (shape[0] - 1) / 2
    x = np.arange(shape[1], dtype=np.float32) - (shape[1] - 1) / 2
    return y, x


def rounded_rectangle(shape: tuple[int, int], half_height: float, half_width: float, corner: float) -> Raster:
    """Signed distance in pixels to a centred rounded rectangle, positive inside, float32 (h, w)."""
    y, x = (np.abs(axis) for axis in _centred(shape))
    corner = min(corner, half_height, half_width)
    y, x = y - half_height + corner, x - half_width + corner
    outside = np.hypot(np.maximum(x, 0), np.maximum(y, 0)) + np.minimum(np.maximum(x, y), 0)
    return np.asarray(corner - outside, np.float32)


def ramp(distance: Raster, width: float) -> Raster:
    """0 to 1 over `width` pixels either side of an edge, smoothly; `distance` is positive inside."""
    t = np.clip(distance / (2 * width) + 0.5, 0, 1)
    return (t * t * (3 - 2 * t)).astype(np.float32)


def mix(ground: Raster, colour: tuple[float, ...], share: Raster) -> Raster:
    """A share of a colour over a ground (h, w, 3)."""
    return ground * in_colour(1 - share) + in_colour(share, colour)


def in_colour(plane: Raster, colour: tuple[float, ...] = (1, 1, 1)) -> Raster:
    """A plane in one colour, float32 (h, w, 3); several times faster than broadcasting along the last axis."""
    return cv2.merge([np.asarray(plane * np.float32(channel), np.float32) for channel in colour])


def smooth_noise(shape: tuple[int, int], cell: float, rng: Generator) -> Raster:
    """Smooth noise of about unit variance whose features are about `cell` pixels large, float32 (h, w)."""
    coarse = rng.standard_normal((int(shape[0] / cell) + 3, int(shape[1] / cell) + 3), np.float32)
    return cv2.resize(coarse, shape[::-1], interpolation=cv2.INTER_CUBIC)


def leather_grain(shape: tuple[int, int], rng: Generator) -> Raster:
    """Height of full-grain leather, about -1 to 1: pebbles between creases, on slower waves."""
    pitch = rng.uniform(7, 11)
    rows, columns = np.mgrid[0 : shape[0] : pitch, 0 : shape[1] : pitch]
    centres = np.stack([rows, columns]) + rng.uniform(-0.5, 0.5, (2, *rows.shape)) * pitch
    y, x = np.clip(np.rint(centres).astype(int), 0, np.array(shape)[:, None, None] - 1)
    elsewhere = np.ones(shape, np.uint8)
    elsewhere[y, x] = 0
    pebbles = 0.5 - cv2.distanceTransform(elsewhere, cv2.DIST_L2, 3) / pitch
    rough = 0.16 * smooth_noise(shape, 2.5, rng) + 0.22 * smooth_noise(shape, 6, rng)
    relief: Raster = rng.uniform(0.9, 1.6) * pebbles + rough + 0.5 * smooth_noise(shape, 60, rng)
    return cv2.GaussianBlur(relief, (0, 0), 0.8)


def _stitches(made: Specification, leather: Leather, rng: Generator) -> tuple[Raster, Raster]:
    """Cover of the thread and of the needle holes, 0 to 1, along a line inside the border."""
    inset, scale = _STITCH_INSET, 2
    width, height = PART_WIDTH - 2 * inset, made.height - 2 * inset
    radius = max(made.corner - inset + 6, 6.0)
    quarter = np.linspace(0, np.pi / 2, 24)
    arcs = [
        (x + radius * np.cos(quarter + turn), y + radius * np.sin(quarter + turn))
        for x, y, turn in (
            (inset + width - radius, inset + height - radius, 0.0),
            (inset + radius, inset + height - radius, np.pi / 2),
            (inset + radius, inset + radius, np.pi),
            (inset + width - radius, inset + radius, 1.5 * np.pi),
        )
    ]
    line = np.concatenate([np.stack(arc, 1) for arc in arcs])
    line = np.vstack([line, line[:1]])
    travelled = np.concatenate([[0], np.cumsum(np.hypot(*np.diff(line, axis=0).T))])
    count = int(travelled[-1] / leather.stitch)
    starts = (np.arange(count) + rng.uniform()) * travelled[-1] / count
    ends = starts + 0.72 * leather.stitch
    wobble = rng.normal(0, 0.5, (2, count, 2))
    points = [
        np.stack([np.interp(at % travelled[-1], travelled, line[:, axis]) for axis in (0, 1)], 1)
        for at in (starts, ends)
    ]
    threads, holes = np.zeros((2, made.height * scale, PART_WIDTH * scale), np.uint8)
    for start, end in zip(*np.rint((np.array(points) + wobble) * scale).astype(int), strict=True):
        cv2.line(threads, start.tolist(), end.tolist(), 255, round(4.0 * scale), cv2.LINE_AA)
        for hole in (start, end):
            cv2.circle(holes, hole.tolist(), round(3.0 * scale), 255, -1, cv2.LINE_AA)
    thread, hole = (
        cv2.GaussianBlur(
            cv2.resize(layer, (PART_WIDTH, made.height), interpolation=cv2.INTER_AREA) / np.float32(255), (0, 0), 0.9
        )
        for layer in (threads, holes)
    )
    return thread, hole * (1 - thread)


def _brushing(shape: tuple[int, int], part: PartName, rng: Generator) -> Raster:
    """Brush strokes of about unit variance: straight, or turned around the middle of a round label."""
    if part == "round_label":
        y, x = _centred(shape)
        radius, angle = np.hypot(x, y), np.arctan2(y, x)
        strokes = rng.standard_normal((40, 420), np.float32)
        rows = (angle / (2 * np.pi) + 0.5) * 38
        return cv2.remap(strokes, radius.astype(np.float32), rows.astype(np.float32), cv2.INTER_LINEAR)
    strokes = rng.standard_normal((shape[0], 24), np.float32)
    return cv2.resize(strokes, shape[::-1], interpolation=cv2.INTER_LINEAR)


def worn_places(shape: tuple[int, int], inside: Raster, rng: Generator) -> Raster:
    """Where the part is worn, 0 to 1: edges first, then patches; some items hardly at all."""
    wear = rng.uniform(0, 1) ** 2
    near_edge = np.exp(-np.maximum(inside, 0) / 9)
    patches = np.clip(smooth_noise(shape, 40, rng) + 0.5 * smooth_noise(shape, 7, rng) - 1.4, 0, 1)
    rough = 0.6 + 0.4 * smooth_noise(shape, 5, rng)
    return np.clip(wear * (near_edge * rough + 0.7 * patches), 0, 1).astype(np.float32)


def _scratches(shape: tuple[int, int], rng: Generator, count: int, strength: float) -> Raster:
    """Fine scratches, 0 to 1."""
    lines = np.zeros(shape, np.uint8)
    for _ in range(count):
        start = rng.uniform((0, 0), shape[::-1])
        angle, length = rng.uniform(0, np.pi), rng.exponential(60) + 10
        bend = rng.normal(0, 0.15)
        turns = np.linspace(0, 1, 6)
        along = np.stack([np.cos(angle + bend * turns), np.sin(angle + bend * turns)], 1) * (length * turns)[:, None]
        value = int(255 * strength * rng.uniform(0.3, 1))
        cv2.polylines(lines, [np.rint((start + along) * 16).astype(np.int32)], False, value, 1, cv2.LINE_AA, 4)
    return cv2.GaussianBlur(lines / np.float32(255), (0, 0), 0.6)


def soiled_places(shape: tuple[int, int], rng: Generator) -> Raster:
    """Smears and specks, 0 to 1; most items are nearly clean."""
    smear = np.clip(smooth_noise(shape, 70, rng) + 0.6 * smooth_noise(shape, 16, rng) - 1.3, 0, 1)
    specks = (rng.random(shape, np.float32) > 1 - 2.5e-4).astype(np.float32)
    specks = np.clip(6 * cv2.GaussianBlur(specks, (0, 0), 1.1), 0, 1)
    return np.clip(rng.uniform(0, 1) ** 2 * smear + 0.8 * specks, 0, 1).astype(np.float32)
