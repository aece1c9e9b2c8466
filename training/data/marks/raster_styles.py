"""A drawing as the world shows it: chrome and enamel, glow, grounds of every colour, app icons, scans, signs.

Each style takes a drawing on white, as packages and `inference.trademark.framing` give it, and returns a picture of the
same mark. Training draws them anew each time; a built set holds some, so that each can be judged by itself.
"""

from __future__ import annotations

import colorsys
from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.degradations import blurred, jpeg, noisy, resized

Pixels = NDArray[np.uint8]
Plane = NDArray[np.float32]
Rng = np.random.Generator
Style = Callable[[Pixels, Rng], Pixels]

_TONES, _THINNEST = 50.0, 0.3
"""Levels between the tones of a drawing from which on they are kept apart, and how much of the lightest is drawn."""
_WHITE = np.array([255, 255, 255], np.float32)
_LIGHT = np.array([-0.6, -0.8], np.float32)
"""Where light comes from on raised marks, x and y: the upper left."""


def on_web(drawing: Pixels, rng: Rng, style: str = "") -> Pixels:
    """The mark in one of `STYLES` (any of them when left out), often compressed, uint8 (H', W', 3)."""
    picture = STYLES[style or str(rng.choice([*STYLES]))](_padded(drawing, rng.uniform(0.04, 0.2)), rng)
    if rng.random() < 0.3:
        picture = resized(picture, rng.uniform(0.4, 0.9))
    return jpeg(picture, rng.uniform(35, 95)) if rng.random() < 0.6 else picture


def _padded(drawing: Pixels, share: float) -> Pixels:
    edge = round(share * max(drawing.shape[:2]))
    return np.asarray(cv2.copyMakeBorder(drawing, edge, edge, edge, edge, cv2.BORDER_REPLICATE), np.uint8)


def _ink(drawing: Pixels) -> Plane:
    """How much of each pixel is drawn, 0 to 1 (H, W); in a drawing of several tones, lighter ones are drawn thinner."""
    white = drawing[0, 0].astype(np.int16)
    apart = np.abs(drawing - white).max(axis=2).astype(np.float32)
    alpha = np.clip(apart / max(0.6 * float(apart.max()), 1.0), 0, 1)
    darkness = np.abs(drawing.astype(np.float32).mean(axis=2) - float(white.mean()))
    low, high = np.quantile(darkness[alpha > 0.5], (0.05, 0.95)) if (alpha > 0.5).any() else (0.0, 0.0)
    if high - low < _TONES:
        return alpha
    return np.asarray(
        alpha * (_THINNEST + (1 - _THINNEST) * np.clip((darkness - low) / (high - low), 0, 1)), np.float32
    )


def _laid(colours: NDArray[np.floating], alpha: NDArray[np.floating], ground: NDArray[np.floating]) -> Pixels:
    """Colours (H, W, 3) or (3,) over a ground, 0 to 255, by alpha (H, W)."""
    mixed = alpha[..., None] * colours + (1 - alpha[..., None]) * ground
    return np.clip(np.round(mixed), 0, 255).astype(np.uint8)


def _colour(rng: Rng, lightness: tuple[float, float], most_saturated: float = 1.0) -> Plane:
    hls = rng.random(), rng.uniform(*lightness), rng.uniform(0, most_saturated)
    return np.array(colorsys.hls_to_rgb(*hls), np.float32) * np.float32(255)


def _ramp(shape: tuple[int, ...], rng: Rng) -> Plane:
    """From 0 to 1 across a picture, in any direction, (H, W)."""
    angle = rng.uniform(0, 2 * np.pi)
    rows, columns = np.mgrid[: shape[0], : shape[1]].astype(np.float32)
    along = columns * np.cos(angle) + rows * np.sin(angle)
    return np.asarray((along - along.min()) / max(float(np.ptp(along)), 1.0), np.float32)


def _bands(shape: tuple[int, ...], rng: Rng) -> Plane:
    """The dark horizon and bright sky that polished metal mirrors, 0 to 1 (H, W)."""
    stops = np.sort(rng.random(int(rng.integers(4, 8))))
    levels = rng.uniform(0.25, 1.0, len(stops))
    return np.interp(_ramp(shape, rng), stops, levels).astype(np.float32)


def _raised(alpha: Plane, width: float) -> Plane:
    """Light on the slopes of a raised mark, -1 to 1 (H, W); slopes are so many pixels wide."""
    height = cv2.GaussianBlur(cv2.distanceTransform((alpha > 0.5).astype(np.uint8), cv2.DIST_L2, 5), (0, 0), 0.7)
    height = np.minimum(height, width)
    slope = np.stack([cv2.Sobel(height, cv2.CV_32F, 1, 0, scale=0.25), cv2.Sobel(height, cv2.CV_32F, 0, 1, scale=0.25)])
    return np.clip(-np.tensordot(_LIGHT, slope, 1), -1, 1).astype(np.float32)


def _grain(shape: tuple[int, ...], rng: Rng, size: float) -> Plane:
    """Smooth noise of unit spread (H, W), its patches so many pixels wide."""
    noise = cv2.GaussianBlur(rng.standard_normal(shape[:2], dtype=np.float32), (0, 0), size)
    return np.asarray(noise / max(float(noise.std()), 1e-6), np.float32)


def _chrome(drawing: Pixels, rng: Rng) -> Pixels:
    alpha, side = _ink(drawing), max(drawing.shape[:2])
    metal = 255 * _bands(alpha.shape, rng)[..., None] * _tint(rng)
    metal = metal + 110 * _raised(alpha, rng.uniform(0.01, 0.04) * side)[..., None]
    return _laid(metal, alpha, _plain_ground(alpha.shape, rng))


def _tint(rng: Rng) -> Plane:
    """Silver mostly, else gold or a blued steel."""
    tints = (1, 1, 1), (1, 1, 1), (1, 0.86, 0.5), (0.82, 0.9, 1)
    return np.array(tints[int(rng.integers(4))], np.float32)


def _plain_ground(shape: tuple[int, ...], rng: Rng) -> Plane:
    kind = rng.random()
    colour = _WHITE if kind < 0.5 else _colour(rng, (0, 0.12)) if kind < 0.75 else _grey(rng)
    return np.broadcast_to(colour, (*shape, 3)).astype(np.float32)


def _grey(rng: Rng) -> Plane:
    return np.full(3, rng.uniform(0, 255), np.float32)


def _gradient(drawing: Pixels, rng: Rng) -> Pixels:
    ramp = _ramp(drawing.shape, rng)[..., None]
    colours = ramp * _colour(rng, (0.25, 0.6)) + (1 - ramp) * _colour(rng, (0.15, 0.5))
    return _laid(colours, _ink(drawing), _plain_ground(drawing.shape[:2], rng))


def _glow(drawing: Pixels, rng: Rng) -> Pixels:
    alpha, side = _ink(drawing), max(drawing.shape[:2])
    halo = cv2.GaussianBlur(alpha, (0, 0), rng.uniform(0.01, 0.04) * side)
    dark = np.broadcast_to(_colour(rng, (0, 0.15)), drawing.shape).astype(np.float32)
    lit = _laid(_colour(rng, (0.5, 0.8)), rng.uniform(0.4, 0.9) * halo, dark)
    return _laid(_colour(rng, (0.75, 1)), alpha, lit.astype(np.float32))


def _shadowed(drawing: Pixels, rng: Rng) -> Pixels:
    """The drawing in its colours, raised, with the shadow that it drops."""
    alpha, side = _ink(drawing), max(drawing.shape[:2])
    by = np.array([[1, 0, rng.uniform(0.01, 0.03) * side], [0, 1, rng.uniform(0.01, 0.03) * side]], np.float32)
    shadow = cv2.warpAffine(alpha, by, alpha.shape[::-1])
    shadow = cv2.GaussianBlur(shadow, (0, 0), rng.uniform(0.005, 0.02) * side)
    paper = _laid(np.zeros(3, np.float32), rng.uniform(0.2, 0.6) * shadow, np.full(drawing.shape, 255, np.float32))
    lit = drawing + 90 * _raised(alpha, rng.uniform(0.01, 0.05) * side)[..., None]
    return _laid(lit, alpha, paper.astype(np.float32))


def _on_colour(drawing: Pixels, rng: Rng) -> Pixels:
    """In one light colour on a coloured ground."""
    ground = np.broadcast_to(_colour(rng, (0.15, 0.5)), drawing.shape).astype(np.float32)
    return _laid(_colour(rng, (0.85, 1)), _ink(drawing), ground)


def _on_black(drawing: Pixels, rng: Rng) -> Pixels:
    """As a light drawing on black, in grey or in its own colours."""
    if rng.random() < 0.5:
        return _laid(_colour(rng, (0.6, 1)), _ink(drawing), np.zeros(drawing.shape, np.float32))
    own = drawing.astype(np.float32)
    return _laid(own + (255 - own.max(axis=2, keepdims=True)) * 0.6, _ink(drawing), np.zeros_like(own))


def _on_texture(drawing: Pixels, rng: Rng) -> Pixels:
    """On a ground that varies: a gradient, fabric, brushed metal or wood."""
    ramp = _ramp(drawing.shape, rng)[..., None]
    ground = ramp * _colour(rng, (0.1, 0.9), 0.7) + (1 - ramp) * _colour(rng, (0.1, 0.9), 0.7)
    grain = _grain(drawing.shape, rng, rng.uniform(0.6, 3))
    if rng.random() < 0.5:
        grain = np.asarray(cv2.blur(grain, (1 + 2 * int(rng.integers(4, 12)), 1)), np.float32)
    ground = ground + rng.uniform(4, 18) * grain[..., None]
    light = float(ground.mean()) < 127
    ink = _colour(rng, (0.85, 1) if light else (0, 0.2))
    return _laid(ink, _ink(drawing), ground)


def _app_icon(drawing: Pixels, rng: Rng) -> Pixels:
    """Small on a glossy tile with rounded corners."""
    side = max(drawing.shape[:2])
    tile = _rounded(side, rng.uniform(0.15, 0.5))
    ramp = np.linspace(0, 1, side, dtype=np.float32)[:, None, None]
    colour = (1 - ramp) * _colour(rng, (0.35, 0.6)) + ramp * _colour(rng, (0.2, 0.45))
    gloss = (np.linspace(1, -1, side, dtype=np.float32)[:, None] > rng.uniform(-0.2, 0.3))[..., None] * 28
    light = _laid(_colour(rng, (0.9, 1)), _centred(_ink(drawing), side, rng.uniform(0.5, 0.72)), colour)
    return _laid(light + np.float32(gloss), tile, np.full((side, side, 3), 255, np.float32))


def _badge(drawing: Pixels, rng: Rng) -> Pixels:
    """Raised metal on a field of enamel within a metal rim: a car's badge, a crest."""
    side = max(drawing.shape[:2])
    radius = rng.uniform(0.2, 0.5)
    squeeze = rng.uniform(0.62, 1.0)
    whole, field = (_squeezed(_rounded(side, radius, inset), squeeze) for inset in (0, rng.uniform(0.04, 0.09)))
    metal = 255 * _bands((side, side), rng)[..., None] * _tint(rng)
    rim = metal + 90 * _raised(whole - field, 0.03 * side)[..., None]
    enamel = np.broadcast_to(_colour(rng, (0.05, 0.4)), (side, side, 3)).astype(np.float32)
    mark = _centred(_ink(drawing), side, 0.62 * squeeze)
    raised = metal + 100 * _raised(mark, 0.02 * side)[..., None]
    picture = _laid(rim, whole, _plain_ground((side, side), rng)).astype(np.float32)
    picture = _laid(enamel, field, picture).astype(np.float32)
    return _laid(raised, mark, picture)


def _rounded(side: int, radius: float, inset: float = 0.0) -> Plane:
    """A square with rounded corners, or a disc from a radius of .5, as alpha (side, side)."""
    inner = 0.5 - inset
    at = (np.arange(side, dtype=np.float32) + 0.5) / side - 0.5
    corner = min(radius, inner)
    beyond = np.maximum(np.abs(at) - (inner - corner), 0)
    distance = np.hypot(beyond[:, None], beyond[None]) - corner
    return np.clip(0.5 - distance * side, 0, 1).astype(np.float32)


def _squeezed(plane: Plane, height: float) -> Plane:
    """As a square plane flattened about its middle."""
    side = len(plane)
    return np.asarray(
        cv2.warpAffine(plane, np.array([[1, 0, 0], [0, height, (1 - height) * side / 2]], np.float32), (side, side)),
        np.float32,
    )


def _centred(alpha: Plane, side: int, share: float) -> Plane:
    """A plane scaled to a share of a square's side and laid in its middle."""
    scale = share * side / max(alpha.shape)
    size = max(1, round(alpha.shape[1] * scale)), max(1, round(alpha.shape[0] * scale))
    small = cv2.resize(alpha, size, interpolation=cv2.INTER_AREA)
    square = np.zeros((side, side), np.float32)
    top, left = (side - size[1]) // 2, (side - size[0]) // 2
    square[top : top + size[1], left : left + size[0]] = small
    return square


def _scanned(drawing: Pixels, rng: Rng) -> Pixels:
    """Printed in black, photocopied: paper of a shade, ink that bleeds or breaks, dust."""
    side = max(drawing.shape[:2])
    alpha = cv2.GaussianBlur(_ink(drawing), (0, 0), rng.uniform(0.002, 0.006) * side)
    edge = 0.5 + rng.uniform(-0.2, 0.2) + 0.1 * _grain(alpha.shape, rng, 1.0)
    black = np.clip((alpha - edge) * rng.uniform(3, 12) + 0.5, 0, 1)
    paper = np.full(drawing.shape, rng.uniform(215, 255), np.float32) + 2 * _grain(alpha.shape, rng, 0.5)[..., None]
    picture = _laid(np.full(3, rng.uniform(0, 60), np.float32), black, paper)
    dust = rng.random(alpha.shape) < rng.uniform(0, 0.0005)
    picture[dust] = 90
    return picture


def _sign(drawing: Pixels, rng: Rng) -> Pixels:
    """Photographed on a wall or a shop front: oblique, unevenly lit, out of focus, noisy."""
    height, width = drawing.shape[:2]
    picture = _on_texture(drawing, rng) if rng.random() < 0.5 else _on_colour(drawing, rng)
    square = np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float32)
    moved = square + rng.uniform(-0.09, 0.09, (4, 2)).astype(np.float32) * max(width, height)
    there = cv2.getPerspectiveTransform(square, moved)
    oblique = cv2.warpPerspective(picture, there, (width, height), borderMode=cv2.BORDER_REPLICATE)
    light = 1 + rng.uniform(0.1, 0.4) * (_ramp(drawing.shape, rng) - 0.5)
    lit = np.clip(oblique * light[..., None], 0, 255).astype(np.uint8)
    return noisy(blurred(lit, rng.uniform(1, 5)), rng.uniform(1, 8), rng)


def _small(drawing: Pixels, rng: Rng) -> Pixels:
    """As few pixels as a favicon or a page's header has."""
    scale = rng.uniform(40, 80) / max(drawing.shape[:2])
    size = max(1, round(drawing.shape[1] * scale)), max(1, round(drawing.shape[0] * scale))
    return np.asarray(cv2.resize(drawing, size, interpolation=cv2.INTER_AREA), np.uint8)


STYLES: dict[str, Style] = {
    "chrome": _chrome,
    "gradient": _gradient,
    "glow": _glow,
    "relief": _shadowed,
    "coloured ground": _on_colour,
    "black ground": _on_black,
    "textured ground": _on_texture,
    "app icon": _app_icon,
    "badge": _badge,
    "scan": _scanned,
    "photo of a sign": _sign,
    "few pixels": _small,
}
"""From a drawing on white, uint8 (H, W, 3), and a generator to a picture of the same mark."""
